import { describe, expect, test } from 'vitest'
import type { Durability } from '../../segments/placer.ts'
import { Random } from '../../segments/env/random.ts'
import { type Subject, closeClean, expectRecords, on, record, subject } from './world/sim.ts'

const LEVELS: readonly Durability[] = ['synced', 'written', 'queued']

/** Appends in every way that the seed chooses, at levels out of `levels`; lets calls land now and then. */
async function busy(seed: number, levels: readonly Durability[], segmentBytes = 4096): Promise<Subject> {
  const it = await subject(seed, { durability: levels[0]!, segmentBytes })
  const { sim, log } = it
  const random = new Random(seed, 9)
  const next = (): Uint8Array => record(log.lastSequence + 1, 20 + random.below(500))
  for (let round = 0; round < 120; round++) {
    const durability = random.pick(levels)
    const kind = random.below(9)
    if (kind < 3) log.append(next(), { durability })
    else if (kind < 5) void log.commit(next(), { durability })
    else if (kind === 5) {
      const first = log.lastSequence + 1
      log.appendBatch([record(first), record(first + 1, 300), record(first + 2)], { durability })
    } else if (kind === 6) log.commitSync(next())
    else if (kind === 7) await sim.settle()
    else if (random.chance(1 / 2)) void log.durable(log.lastSequence)
    else log.roll()
    expect(it.env.breaches).toEqual([])
  }
  return it
}

describe('what a frame claims is durable when it is sent', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('every frame at every mix of levels claims no more, seed %i', async (seed) => {
    for (const levels of [['synced'], ['written'], ['queued'], LEVELS] as const) {
      const it = await busy(seed, levels)
      const count = it.log.lastSequence
      expect(await closeClean(it)).toBe('resolved')
      expect(it.env.durability.frames).toBeGreaterThanOrEqual(count)
      const after = await on(it.sim.crash(seed, { unsynced: 'lost' }))
      expect(after.log.recovery.end).toBe('closed')
      expectRecords(after.log, count)
      await closeClean(after)
    }
  })

  test('groups that follow a durable one claim it, so that a hole before them is seen', async () => {
    const it = await subject(1)
    for (let n = 1; n <= 20; n++) await it.sim.drive(it.log.commit(record(n)))
    expect(it.env.durability.claims).toBe(19)
    await closeClean(it)
  })

  test('groups that follow one written without a sync claim nothing of it', async () => {
    const it = await subject(1, { durability: 'written' })
    for (let n = 1; n <= 20; n++) await it.sim.drive(it.log.commit(record(n)))
    expect(it.env.durability.claims).toBe(0)
    await closeClean(it)
  })

  test('A9 a synchronous commit amid a flight sends two writes, the flight again and then its own', async () => {
    const it = await subject(1, {}, { trace: true })
    const { sim, log } = it
    await sim.drive(log.commit(record(1)))
    const release = sim.hold((call) => call.do === 'write')
    void log.commit(record(2))
    await sim.settle()
    const before = sim.calls.trace.length
    log.commitSync(record(3))
    const writes = sim.calls.trace.slice(before).filter((call) => call.do === 'write' && call.path.includes('segment'))
    expect(writes.map((call) => [call.mode, call.position, call.length])).toEqual([
      ['called', 392, 128],
      ['called', 520, 128],
    ])
    expect(log.highWatermark).toBe(3)
    release()
    await sim.settle()
    expect(log.stats().overtaken).toBe(1)
    expectRecords(log, 3)
    await closeClean(it)
  })
})

describe('A7 a roll at a weak level', () => {
  test.each(['written', 'queued'] as const)(
    'syncs the predecessor before the first write of the successor: %s',
    async (level) => {
      const it = await subject(1, { durability: level }, { trace: true })
      const { sim, log } = it
      for (let n = 1; n <= 29; n++) await sim.drive(log.commit(record(n)))
      await sim.settle()
      expect(log.highWatermark).toBe(0)
      log.append(record(30))
      await sim.settle()
      expect(log.highWatermark).toBe(29)
      const names = ['/log/segment-0000000001.log', '/log/segment-0000000002.log']
      const calls = sim.calls.trace.filter((call) => names.includes(call.path) && ['write', 'sync'].includes(call.do))
      const first = calls.findIndex((call) => call.path === names[1])
      expect(calls.slice(first - 1, first + 1).map((call) => [call.do, call.path])).toEqual([
        ['sync', names[0]],
        ['write', names[1]],
      ])
      const after = await on(sim.crash(1, { unsynced: 'lost' }))
      expectRecords(after.log, 29)
      await closeClean(after)
    },
  )

  test('syncs by itself as often as it was told', async () => {
    const it = await subject(1, { durability: 'written', syncIntervalMs: 50 })
    const { sim, log } = it
    await sim.drive(log.commit(record(1)))
    expect(log.highWatermark).toBe(0)
    await sim.advance(51)
    expect(log.highWatermark).toBe(1)
    await closeClean(it)
  })
})
