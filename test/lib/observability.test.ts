import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, describe, expect, it } from 'vitest'
import type { ArchiveMessage, CommitMessage, FailureMessage, RecoveryMessage, RollMessage } from '../../lib/index.ts'
import type { SeglogError } from '../../segments/errors.ts'
import { DIR, fill, item, machine, open } from '../recovery/world.ts'

/** Messages of a channel; listened to until the test ends. */
function listen<M>(name: string): M[] {
  const heard: M[] = []
  const listener = (message: unknown): void => void heard.push(message as M)
  subscribe(name, listener)
  stops.push(() => unsubscribe(name, listener))
  return heard
}

const stops: (() => void)[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

describe('channels (E5)', () => {
  it('tell of an opening, of commits with their size and latency, of rolls, of archiving', async () => {
    const recoveries = listen<RecoveryMessage>('seglog:recovery')
    const commits = listen<CommitMessage>('seglog:commit')
    const rolls = listen<RollMessage>('seglog:roll')
    const archives = listen<ArchiveMessage>('seglog:archive')
    const env = machine()
    const log = await open(env)
    expect(recoveries).toEqual([{ directory: DIR, report: log.recovery }])
    await env.drive(Promise.all([log.commit(item(1)), log.commit(item(2)), log.commit(item(3))]))
    fill(log, 4)
    log.roll()
    fill(log, 5)
    await env.settle()
    expect(commits.map(({ lastSequence, records }) => [lastSequence, records])).toEqual([
      [3, 3],
      [4, 1],
      [5, 1],
    ])
    expect(commits.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(log.stats().bytes)
    for (const { directory, latencyMs } of commits) {
      expect(directory).toBe(DIR)
      expect(latencyMs).toBeGreaterThanOrEqual(0)
    }
    expect(rolls).toEqual([{ directory: DIR, ordinal: 2, firstSequence: 5 }])
    expect(log.stats()).toMatchObject({ rolls: 1, groups: 3, syncs: 3 })
    const report = await env.drive(log.archiveBefore(5))
    expect(archives).toEqual([{ directory: DIR, report }])
    await env.drive(log.close())
  })

  it('tell of a failure once, with its error', async () => {
    const failures = listen<FailureMessage>('seglog:failure')
    const env = machine()
    const log = await open(env)
    fill(log, 1)
    env.calls.fault({ when: (call) => call.do === 'write', outcome: 'EIO', times: 1e9 })
    expect(() => log.commitSync(item(2))).toThrow('IO')
    expect(() => log.commitSync(item(2))).toThrow('FAILED')
    expect(failures).toMatchObject([{ directory: DIR, error: { code: 'IO' } }])
    await env.drive(log.close()).catch(() => undefined)
  })

  it('whose listener appends are refused it, and the commit they tell of is not harmed', async () => {
    const refusals: unknown[] = []
    const env = machine()
    const log = await open(env)
    const listener = (): void => {
      for (const append of [
        () => log.append(item(99)),
        () => log.commitBatchSync([item(99), item(98)]),
        () => log.roll(),
      ]) {
        try {
          refusals.push(append())
        } catch (error) {
          refusals.push((error as SeglogError).code)
        }
      }
    }
    subscribe('seglog:commit', listener)
    stops.push(() => unsubscribe('seglog:commit', listener))
    expect([log.commitSync(item(1)), log.commitSync(item(2)), log.commitSync(item(3))]).toEqual([1, 2, 3])
    await env.drive(log.commit(item(4)))
    expect(new Set(refusals)).toEqual(new Set(['INVALID_ARGUMENT']))
    expect(refusals).toHaveLength(4 * 3)
    expect(Array.from(log.read(), ({ value }) => value)).toEqual([1, 2, 3, 4].map((n) => item(n)))
    await env.drive(log.close())
  })

  it('a group that was sent before anybody listened has no latency, and those after it have', async () => {
    const env = machine()
    const log = await open(env)
    const release = env.hold((call) => call.do === 'write')
    const first = log.commit(item(1))
    await env.settle()
    const commits = listen<CommitMessage>('seglog:commit')
    release()
    await env.drive(first)
    await env.drive(log.commit(item(2)))
    expect(commits.map(({ latencyMs }) => typeof latencyMs)).toEqual(['undefined', 'number'])
    await env.drive(log.close())
  })
})

describe('the histogram of commit latency (E5)', () => {
  it('counts groups from the first call on', async () => {
    const env = machine()
    const log = await open(env)
    fill(log, 3)
    const latency = log.commitLatency()
    expect(latency.count).toBe(0)
    fill(log, 10)
    expect(latency.count).toBe(7)
    expect(latency.max).toBeGreaterThan(0)
    expect(log.commitLatency()).toBe(latency)
    await env.drive(log.close())
  })

  it('while nobody listens no clock is read for it', async () => {
    const env = machine()
    const log = await open(env)
    fill(log, 1)
    let reads = 0
    const clock = env.monotonicMs.bind(env)
    env.monotonicMs = () => {
      reads += 1
      return clock()
    }
    fill(log, 20)
    expect(reads).toBe(0)
    log.commitLatency()
    fill(log, 21)
    expect(reads).toBe(2)
    await env.drive(log.close())
  })
})
