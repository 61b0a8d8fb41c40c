import { afterEach, describe, expect, test, vi } from 'vitest'
import * as sound from '../../lib/testing.ts'
import type { Command, Environment, ExploreOptions, LogSetup } from '../../lib/testing.ts'
import * as modules from './mutated-modules.ts'
import * as mutants from './mutants.ts'
import { damagedRecord, staleBytes, takenAlong } from './named-cases.ts'

/**
 * The tests must be able to fail: each bug of this list, planted, is caught within seconds, and the same search without it
 * finds nothing. `docs/promises.md` has the table of what catches what.
 */
type Door = typeof sound
type Search = Omit<ExploreOptions<Command>, 'seed'> & { readonly setup?: Partial<LogSetup> }

/** For each of two seeds. */
const LIMIT_MS = 4_000
const size = 40
const commits: readonly Command[] = [
  { do: 'commit', size, wait: true },
  { do: 'commit', size, wait: false },
  { do: 'commit', size, wait: true },
  { do: 'read', how: 'now' },
  { do: 'commit', size: 300, wait: true },
  { do: 'commit', size: 300, wait: true },
]
const unsynced: readonly Command[] = [
  { do: 'commit', size: 400, level: 'written', wait: true },
  { do: 'commit', size, level: 'written', wait: true },
  { do: 'commit', size, level: 'written', wait: true },
  { do: 'sync', wait: true },
  { do: 'commit', size: 300, level: 'written', wait: true },
]
const claims: readonly Command[] = [
  { do: 'commit', size: 300, level: 'written', wait: true },
  { do: 'commit', size: 40, level: 'written', wait: true },
  { do: 'commit', size: 40, level: 'written', wait: true },
]
const watching: readonly Command[] = [
  { do: 'hold', of: 'write' },
  { do: 'commit', size, wait: false },
  { do: 'pause', ms: 1 },
  { do: 'read', how: 'now' },
]
const following: readonly Command[] = [
  { do: 'commit', size, level: 'written', wait: true },
  { do: 'commit', size, level: 'written', wait: true },
  { do: 'follow', from: 'the first' },
  { do: 'pause', ms: 1 },
  { do: 'sync', wait: true },
  { do: 'close-and-open' },
]
const batches = [1, 2, 3, 4].map((): Command => ({ do: 'batch', sizes: [20, 300, 100], how: 'wait' }))
const reopened: readonly Command[] = [
  { do: 'commit', size, wait: true },
  { do: 'close-and-open' },
  { do: 'commit', size, wait: true },
]
const compressed = [1, 2].flatMap((): Command[] => [{ do: 'commitSync', size: 300 }, { do: 'roll' }])

const archiving: readonly Command[] = [
  { do: 'commitSync', size: 400 },
  { do: 'commitSync', size: 400 },
  { do: 'pause', ms: 1 },
  { do: 'archive', quarters: 2, to: 'the log', wait: true },
]
const copying: readonly Command[] = [
  { do: 'commit', size: 400, wait: true },
  { do: 'copy', wait: true },
]
const salvaging: readonly Command[] = [
  { do: 'batch', sizes: [8, 8, 8, 400], how: 'wait' },
  { do: 'commit', size: 400, wait: true },
  { do: 'pause', ms: 1 },
  { do: 'salvage', rot: 33 },
]

const searches: Record<string, Search> = {
  commits: { commands: commits },
  unsynced: { commands: unsynced },
  watching: { commands: watching },
  following: { commands: following },
  batches: { commands: batches, outcomes: 6 },
  reopened: { commands: reopened },
  'equal sizes behind a tear': { commands: unsynced, outcomes: 6, setup: { goingOn: [{ do: 'commitSync', size }] } },
  claims: { commands: claims, outcomes: 12, nested: 0 },
  archiving: { commands: archiving, every: 5, outcomes: 0, nested: 0 },
  copying: { commands: copying, every: 5, outcomes: 0, nested: 0 },
  salvaging: { commands: salvaging, every: 5, outcomes: 0, nested: 0 },
  compressed: { commands: compressed, every: 5, outcomes: 0, nested: 0, setup: { compressions: ['deflate'] } },
  'short writes': { commands: commits, faults: [{ bytes: 100 }] },
  'failed syncs': { commands: unsynced, faults: ['sync-fails-and-drops-dirty-pages'] },
  'failed reads': { commands: commits, faults: ['EIO'] },
}

/** How many calls it takes to make a new log: the search begins where the commands do. */
async function callsToOpen(): Promise<number> {
  const env = sound.simulate(1)
  await env.drive(sound.openSimulated(env, { directory: '/log', segmentBytes: 1024, values: sound.BYTE_VALUES }))
  return env.calls.count
}

async function search(
  door: Door,
  name: string,
  wrap?: (env: Environment) => Environment,
  withinMs = LIMIT_MS,
): Promise<void> {
  const { setup, ...options } = searches[name]!
  const subject = new door.LogSubject({ ...setup, ...(wrap ? { wrap } : {}) })
  const from = await callsToOpen()
  for (const seed of [1, 2]) {
    await door.explore(subject, { from, nested: 1, shrinkMs: 500, withinMs, ...options, seed })
  }
}

/** Runs the search until it fails; says what it found, and how soon. */
async function caught(run: () => Promise<void>): Promise<string> {
  const started = performance.now()
  try {
    await run()
  } catch (error) {
    const { name, message } = error as Error
    if (name !== 'CaseFailed' && name !== 'NamedCaseFailed') throw error
    return `caught in ${Math.round(performance.now() - started)} ms: ${message.split('\n')[0]}`
  }
  throw new Error('this bug was not caught')
}

const wrapped: readonly (readonly [string, string, (env: Environment) => Environment])[] = [
  ['skips the data sync', 'commits', (env) => new mutants.SkipsDataSync(env)],
  ['skips the directory sync', 'commits', (env) => new mutants.SkipsDirectorySync(env)],
  ['skips the sync of the names of archived segments', 'archiving', (env) => new mutants.SkipsArchiveSync(env)],
  ['acknowledges before the sync', 'commits', (env) => new mutants.AcknowledgesBeforeSync(env)],
  ['retries a failed sync', 'failed syncs', (env) => new mutants.RetriesFailedSync(env)],
  ['ignores a short write', 'short writes', (env) => new mutants.IgnoresShortWrites(env)],
  ['takes a read error for the end', 'failed reads', (env) => new mutants.TakesReadErrorsForTheEnd(env)],
]

const mutated: readonly (readonly [string, string, () => Promise<Door>])[] = [
  ['goes on behind stale bytes', 'equal sizes behind a tear', modules.trustsThePageCache],
  ['reports as durable on opening what was not synced again', 'unsynced', modules.neverCopies],
  ['trusts the page cache after a failed sync', 'failed syncs', modules.trustsThePageCache],
  ['drops the check that a batch has its end', 'batches', modules.dropsTheBatchEnd],
  ['moves the high-watermark before the sync', 'watching', modules.movesTheWatermarkEarly],
  ['lets a follower see what is only written', 'following', modules.followsBeyondTheWatermark],
  ['takes an unfinished copy for a log', 'copying', modules.takesAnUnfinishedCopyForALog],
  ['stops at the first damage', 'salvaging', modules.stopsAtTheFirstDamage],
  ['forgets how a segment is compressed', 'compressed', modules.forgetsHowASegmentIsCompressed],
  ['writes the manifest in place', 'reopened', modules.writesTheManifestInPlace],
  ['lets a frame prove more than was durable', 'claims', modules.provesTooMuch],
]

afterEach(() => {
  vi.resetModules()
})

describe('a planted bug is caught: the log', () => {
  test.each(wrapped)('%s', async (name, by, wrap) => {
    console.log(`${name}: by the explorer (${by}), ${await caught(() => search(sound, by, wrap))}`)
  })

  test.each(mutated)('%s', async (name, by, door) => {
    const mutant = await door()
    console.log(`${name}: by the explorer (${by}), ${await caught(() => search(mutant, by))}`)
  })

  test('ignores the salt', async () => {
    const mutant = await modules.ignoresTheSalt()
    console.log(`ignores the salt: by a named case, ${await caught(() => staleBytes(mutant))}`)
  })

  test('lets each sync of the directory answer for itself alone', async () => {
    const mutant = await modules.letsSyncsAnswerAlone()
    console.log(
      `lets each sync of the directory answer alone: by a named case, ${await caught(() => takenAlong(mutant))}`,
    )
  })

  test('treats a flipped bit as a torn tail', async () => {
    const mutant = await modules.callsDamageTorn()
    console.log(`treats a flipped bit as a torn tail: by a named case, ${await caught(() => damagedRecord(mutant))}`)
  })
})

describe('and without a bug the same search finds nothing', () => {
  test.each(Object.keys(searches))('%s', async (name) => {
    await expect(search(sound, name, undefined, LIMIT_MS / 4)).resolves.toBeUndefined()
  })

  test('named cases', async () => {
    await staleBytes(sound)
    await damagedRecord(sound)
    await takenAlong(sound)
  })
})
