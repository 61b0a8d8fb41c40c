import { describe, expect, test } from 'vitest'
import { closeClean, expectRecords, on, record, type Subject, subject } from './world/sim.ts'

type Moment = 'soon' | 'after rolls' | 'in close'

/**
 * Commits and synchronous commits mixed, over several rolls; these of the started calls are held back meanwhile, and let go
 * at some moment, the last one first. Returns how many calls were started.
 */
async function mixed(held: readonly number[], released: Moment, seed: number): Promise<Subject> {
  const it = await subject(seed, {}, { landing: seed === 0 ? 'prompt' : 'seeded' })
  const { sim, env, log } = it
  const before = env.started
  const releases = held.map((number) => sim.hold(() => env.started - before === number))
  const release = (): void => releases.reverse().forEach((letGo) => letGo())
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

/** Closes the log and opens it after a power cut: all is there. Returns how many groups were overtaken. */
async function expectSound(it: Subject, seed: number): Promise<number> {
  expect(await closeClean(it)).toBe('resolved')
  const after = await on(it.sim.crash(seed, { unsynced: 'lost' }))
  expect(after.log.recovery.end).toBe('closed')
  expectRecords(after.log, it.log.lastSequence)
  await closeClean(after)
  return it.log.stats().overtaken
}

describe('C22 a call held back across synchronous ones does no harm', () => {
  for (const released of ['soon', 'after rolls', 'in close'] as const) {
    test.each([0, 1, 2])(`whichever call is held back and let go ${released}, seed %i`, async (seed) => {
      const free = await mixed([], released, seed)
      const count = free.env.started
      expect(count).toBeGreaterThan(60)
      let late = 0
      // Every third one where the rest is in order, some for each way in which the rest mixes.
      for (let held = 1 + seed; held <= count; held += seed === 0 ? 3 : 7) {
        const it = await mixed([held], released, seed)
        late += await expectSound(it, held)
      }
      expect(late).toBeGreaterThan(5)
    })

    test(`whichever two calls are held back and let go ${released}`, async () => {
      const { env } = await mixed([], released, 0)
      let late = 0
      for (let first = 1, pair = 0; first <= env.started; first += 4) {
        // Near ones, which meet in one roll or one update of a manifest, and far ones.
        for (const apart of [1, 2, [3, 5, 8, 13, 21, 34][pair % 6]!]) {
          const it = await mixed([first, first + apart], released, pair++ % 3)
          late += await expectSound(it, first)
        }
      }
      expect(late).toBeGreaterThan(20)
    })
  }
})
