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

/** Asks `hurriedAt` times whether there is time for zeros; then there is none any more. */
function fill(sim: SimulatedEnvironment, bytes: number, hurriedAt: number): void {
  const handle = sim.call({ do: 'open', path: '/log/a', access: 'create', durable: true })
  let asked = 0
  runNow(
    sim,
    fillAhead('/log/a', handle, bytes, () => ++asked > hurriedAt),
  )
}

const HALF = MIB / 2

describe('the file of a segment that is not used yet', () => {
  test.each([
    ['zeros in small pieces, each on disk before the next', 4 * MIB, Infinity, new Array<number>(8).fill(HALF)],
    ['the last piece is as long as it has to be', HALF + 8, Infinity, [HALF, 8]],
    ['the rest is a hole as soon as there is no time', 20 * MIB, 3, [HALF, HALF, HALF]],
    ['all of it is a hole where there never was', 64 * MIB, 0, []],
  ])('%s', (_, bytes, hurriedAt, pieces) => {
    const sim = world()
    fill(sim, bytes, hurriedAt)
    expect(sim.calls.trace.filter((call) => call.do === 'write').map((call) => call.length)).toEqual(pieces)
    sim.call({ do: 'syncDirectory', path: '/log' })
    const found = sim.crash(1, { unsynced: 'lost' }).files.read('/log/a')
    expect([found.length, found.some((byte) => byte !== 0)]).toEqual([bytes, false])
  })

  test('a call that took fewer is gone on from', () => {
    const sim = world()
    sim.calls.fault({ when: (call) => call.do === 'write', outcome: { bytes: 5000 } })
    fill(sim, 4 * MIB, Infinity)
    expect(sim.files.read('/log/a').length).toBe(4 * MIB)
  })

  test.each([
    ['write', Infinity],
    ['truncate', 2],
    ['sync', 2],
  ] as const)('a %s that fails leaves no file', (what, hurriedAt) => {
    const sim = world()
    sim.calls.fault({ when: (call) => call.do === what, outcome: 'ENOSPC' })
    expect(() => fill(sim, 16 * MIB, hurriedAt)).toThrow('ENOSPC')
    expect(sim.files.paths('/log')).toEqual([])
  })
})
