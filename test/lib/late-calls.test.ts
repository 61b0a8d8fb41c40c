import { describe, expect, test } from 'vitest'
import { closeClean, expectRecords, on, record, type Subject, subject } from './world/sim.ts'

/**
 * Commits and synchronous commits mixed, over several rolls; one started call is held back meanwhile, and let go at some
 * moment. Returns how many calls were started.
 */
async function mixed(held: number, released: 'soon' | 'after rolls' | 'in close', seed: number): Promise<Subject> {
  const it = await subject(seed, {}, { landing: seed === 0 ? 'prompt' : 'seeded' })
  const { sim, env, log } = it
  const before = env.started
  const release = sim.hold(() => env.started - before === held)
  const commits: Promise<number>[] = []
  let n = 0
  const commit = (): void => void commits.push(log.commit(record(++n, 300)))
  const commitSync = (): void => expect(log.commitSync(record(++n, 300))).toBe(n)
  for (let round = 0; round < 8; round++) {
    for (let i = 0; i < 3; i++) commit()
    await sim.settle()
    commit()
    if (round % 2 === 1) {
      commitSync()
      expect(log.highWatermark).toBe(n)
      if (released === 'soon') release()
    }
    for (let i = 0; i < 4; i++) commitSync()
    if (round % 3 === 2) await sim.settle()
    expect(env.breaches).toEqual([])
  }
  if (released === 'after rolls') release()
  else if (released === 'in close') {
    const closing = log.close()
    await sim.advance(500)
    expect(env.breaches).toEqual([])
    release()
    await sim.drive(closing)
  }
  await sim.drive(Promise.all(commits))
  if (released !== 'in close') expectRecords(log, n)
  return it
}

describe('C22 a call held back across synchronous ones does no harm', () => {
  for (const released of ['soon', 'after rolls', 'in close'] as const) {
    test.each([0, 1, 2])(`whichever call is held back and let go ${released}, seed %i`, async (seed) => {
      const free = await mixed(0, released, seed)
      const count = free.env.started
      expect(count).toBeGreaterThan(60)
      let late = 0
      // Every third one where the rest is in order, some for each way in which the rest mixes.
      for (let held = 1 + seed; held <= count; held += seed === 0 ? 3 : 7) {
        const it = await mixed(held, released, seed)
        expect(await closeClean(it)).toBe('resolved')
        late += it.log.stats().overtaken
        const after = await on(it.sim.crash(held, { unsynced: 'lost' }))
        expect(after.log.recovery.end).toBe('closed')
        expectRecords(after.log, it.log.lastSequence)
        await closeClean(after)
      }
      expect(late).toBeGreaterThan(5)
    })
  }
})
