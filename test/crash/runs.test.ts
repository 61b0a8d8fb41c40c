import { describe, expect, test } from 'vitest'
import { bytes } from '../../lib/codecs/bytes.ts'
import { type Store, openStoreWith } from '../../lib/store.ts'
import { type FaultOutcome, explore } from '../../lib/testing.ts'
import { type SimulatedEnvironment, simulate } from '../../segments/env/simulated.ts'
import { type Command, RunsSubject } from './runs-subject.ts'

/** One run that ends, one that has everything, one that is left. */
const COMMANDS: readonly Command[] = [
  { do: 'start' },
  { do: 'append', count: 14 },
  { do: 'anchor' },
  { do: 'cursor' },
  { do: 'append', count: 3 },
  { do: 'anchor' },
  { do: 'seal', status: 'ended' },
  { do: 'start' },
  { do: 'append', count: 2 },
  { do: 'cursor' },
]

describe('a crash at each call of start, anchor, cursor, seal and sweep', () => {
  test('loses nothing that was acknowledged, and no sealed run runs again', { timeout: 600_000 }, async () => {
    const done = await explore(new RunsSubject(), { seed: 1, commands: COMMANDS, outcomes: 1, nested: 1, every: 2 })
    expect(done.cases).toBeGreaterThan(200)
  })

  const outcomes: FaultOutcome[] = ['EIO', 'ENOSPC', 'done-but-reported-failed']
  test.each(outcomes)('whichever call meets %s', { timeout: 600_000 }, async (outcome) => {
    const options = { seed: 2, commands: COMMANDS, faults: [outcome], every: 1 }
    const done = await explore(new RunsSubject(), options)
    expect(done.cases).toBeGreaterThan(50)
  })
})

/** A seal syncs that directory twice: behind its manifest, and when it lets its lock go. */
describe.each([
  ['could not be synced, nor that its lock was gone', 'EIO', 2],
  ['was forgotten by a sync that failed', 'sync-fails-and-drops-dirty-pages', 1],
] as const)('a run whose seal was told as failed, because the name of its last manifest %s', (_, outcome, times) => {
  const store = (env: SimulatedEnvironment): Store<Uint8Array> =>
    openStoreWith<Uint8Array>('/store', { codec: bytes(), segmentBytes: 4096, environment: env }, 4096)

  const status = async (env: SimulatedEnvironment): Promise<string | undefined> =>
    (await env.drive(store(env).list())).find(({ name }) => name === 'desk/r-1')?.status

  /** A machine on which the run says that it is ended. */
  async function halfSealed(): Promise<SimulatedEnvironment> {
    const env = simulate(1)
    const log = await env.drive(store(env).startRun('desk', 'r-1'))
    await env.drive(log.commit(new Uint8Array(10)))
    env.calls.fault({ when: (call) => call.do === 'syncDirectory' && call.path.endsWith('r-1'), outcome, times })
    await expect(env.drive(log.seal('ended'))).rejects.toMatchObject({ code: 'IO' })
    const next = env.kill(1)
    expect(await status(next)).toBe('ended')
    return next
  }

  const afterPowerCut = (env: SimulatedEnvironment): Promise<string | undefined> =>
    status(env.crash(1, { unsynced: 'lost' }))

  test('is sealed for good once a sweep says so', async () => {
    const env = await halfSealed()
    expect(await env.drive(store(env).recover())).toMatchObject([{ outcome: 'sealed', status: 'ended' }])
    expect(await afterPowerCut(env)).toBe('ended')
  })

  test('is sealed for good once it is the parent of a run', async () => {
    const env = await halfSealed()
    const log = await env.drive(store(env).startRun('desk', 'r-2'))
    expect(log.run?.parent).toBe('r-1')
    expect(await afterPowerCut(env)).toBe('ended')
  })
})
