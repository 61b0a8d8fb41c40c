import { describe, expect, test } from 'vitest'
import { runNow } from '../../segments/env/steps.ts'
import { type SimulatedEnvironment, simulate } from '../../segments/env/simulated.ts'
import { fillAhead } from '../../segments/segment-files.ts'

const MIB = 1024 * 1024

function world(): SimulatedEnvironment {
  const sim = simulate(1, { trace: true })
  sim.files.makeDirectory('/log')
  return sim
}

function fill(sim: SimulatedEnvironment, bytes: number): void {
  const handle = sim.call({ do: 'open', path: '/log/a', access: 'create', durable: true })
  runNow(
    sim,
    fillAhead('/log/a', handle, bytes, () => true),
  )
}

describe('zeros for a segment', () => {
  test.each([
    [4096, [4096]],
    [8 * MIB, [8 * MIB]],
    [64 * MIB, [64 * MIB]],
    [16 * MIB + 8, [16 * MIB, 8]],
  ])('%i bytes are written in as few calls as there can be, and are durable', (bytes, calls) => {
    const sim = world()
    fill(sim, bytes)
    expect(sim.calls.trace.filter((call) => call.do === 'write').map((call) => call.length)).toEqual(calls)
    sim.call({ do: 'syncDirectory', path: '/log' })
    const found = sim.crash(1, { unsynced: 'lost' }).files.read('/log/a')
    expect([found.length, found.some((byte) => byte !== 0)]).toEqual([bytes, false])
  })

  test('ahead of need they are small pieces, each on disk before the next, until somebody waits: the rest is one call', () => {
    const sim = world()
    const handle = sim.call({ do: 'open', path: '/log/a', access: 'create', durable: true })
    let asked = 0
    runNow(
      sim,
      fillAhead('/log/a', handle, 20 * MIB, () => ++asked > 3),
    )
    const half = MIB / 2
    const writes = sim.calls.trace.filter((call) => call.do === 'write')
    expect(writes.map((call) => call.length)).toEqual([half, half, half, 16 * MIB, 2.5 * MIB])
    expect(sim.files.read('/log/a').length).toBe(20 * MIB)
  })

  test('a call that took fewer is gone on from', () => {
    const sim = world()
    sim.calls.fault({ when: (call) => call.do === 'write', outcome: { bytes: 5 * MIB } })
    fill(sim, 16 * MIB)
    expect(sim.files.read('/log/a').length).toBe(16 * MIB)
  })

  test('a call that fails leaves no file', () => {
    const sim = world()
    sim.calls.fault({ when: (call) => call.do === 'write', outcome: 'ENOSPC' })
    expect(() => fill(sim, 16 * MIB)).toThrow('ENOSPC')
    expect(sim.files.paths('/log')).toEqual([])
  })
})
