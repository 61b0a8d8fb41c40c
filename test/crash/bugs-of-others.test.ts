import { expect, test } from 'vitest'
import * as sound from '../../lib/testing.ts'
import { type Command, explore, LogSubject, type SimulatedEnvironment, type TraceEntry } from '../../lib/testing.ts'
import { FRAME } from '../../segments/format/layout.ts'
import {
  after,
  frameAt,
  fresh,
  garbage,
  large,
  open,
  overwrite,
  record,
  refused,
  segment,
  shorten,
  SIZE,
  synced,
  traced,
  walk,
  written,
} from './few-records.ts'
import { staleBytes } from './named-cases.ts'

/** Bugs that other logs had, from the end of `reliability.md`; each as a case that this one passes. */

const reopen: Command = { do: 'close-and-open' }

test('etcd #5230: a process killed in the middle of a write into a preallocated segment starts again', async () => {
  const ends = new Set<number>()
  for (let seed = 0; seed < 60; seed++) {
    const { env, log } = await fresh(seed)
    log.commitSync(record())
    env.calls.dieAt(env.calls.count + 1, 'during')
    expect(() => log.commitSync(record())).toThrow()
    expect(env.dead).toBe(true)
    const next = await open(env.kill(seed))
    expect(walk(next).error).toBeUndefined()
    ends.add(next.lastSequence)
  }
  expect([...ends].sort()).toEqual([1, 2])
})

test('etcd #6378: of two appends before one sync, the second reached the disk and the first did not', async () => {
  const env = (await after([synced, written, written])).crash(1, { unsynced: 'kept' })
  overwrite(env, segment(1), frameAt(1), new Uint8Array(FRAME.size + SIZE))
  const log = await open(env)
  expect(walk(log)).toEqual({ sequences: [1], error: undefined })
  expect(log.recovery).toMatchObject({ end: 'ambiguous', cut: { from: 2, to: 3 } })
})

test('etcd #11488: a tail torn with garbage instead of zeros is cut', async () => {
  const env = (await after([synced, written])).crash(1, { unsynced: 'kept' })
  overwrite(env, segment(1), frameAt(1) + 8, garbage(SIZE))
  const log = await open(env)
  expect(walk(log)).toEqual({ sequences: [1], error: undefined })
  expect(log.recovery.cut).toMatchObject({ offset: frameAt(1), from: 2 })
})

test('etcd #14370: nothing is acknowledged before its sync', async () => {
  const { env, log } = await fresh()
  const release = env.hold((call) => call.do === 'write')
  let acknowledged = false
  const commit = log.commit(record()).then(() => (acknowledged = true))
  await env.settle()
  expect([acknowledged, log.highWatermark]).toEqual([false, 0])
  release()
  await env.drive(commit)
  expect(log.highWatermark).toBe(1)
})

test('RocksDB PR 7701, Memgraph PR 4528: what follows a shortened file is never read in its place', async () => {
  for (const [name, commands] of [
    ['sealed', [large, large, large, reopen]],
    ['not sealed yet', [large, large, large]],
  ] as const) {
    const env = (await after(commands)).crash(1)
    shorten(env, segment(1), frameAt(0) + 8)
    const log = await open(env)
    expect(log.lastSequence, name).toBe(3)
    expect(log.recovery.findings.length, name).toBeGreaterThan(0)
    expect(walk(log).sequences, name).toEqual([])
    expect(walk(log).error, name).toMatch(/GAP|CORRUPT/)
    expect(log.get(3)?.sequence, name).toBe(3)
  }
})

test('RocksDB PR 2495: the result of a sync is not ignored', async () => {
  const { env, log } = await fresh()
  await env.drive(log.commit(record(), { durability: 'written' }))
  env.calls.fault({ when: (call) => call.do === 'sync', outcome: 'EIO' })
  expect(await refused(() => env.drive(log.sync()))).toBe('IO')
  expect(log.highWatermark).toBe(0)
})

test('Pebble PR 580: frames of an earlier life of a file never return', async () => {
  await staleBytes(sound)
})

test('Pebble PR 107: the zero tail of a preallocated file is no damage', async () => {
  const full: Command = { do: 'fill', short: 0, how: 'wait' }
  for (const commands of [[], [synced], [full], [full, { do: 'roll' } as const, full]]) {
    const log = await open((await after(commands)).crash(1, { unsynced: 'lost' }))
    expect(log.recovery).toMatchObject({ end: 'clean', cut: undefined, findings: [] })
    expect(walk(log).error).toBeUndefined()
  }
})

test('LevelDB #195: a manifest is removed only after the name of its successor is durable', async () => {
  const { trace } = (await traced([large, large, large, large, reopen, large])).calls
  const removed = trace.filter((call) => call.do === 'unlink' && call.path.includes('/manifest-'))
  expect(removed.length).toBeGreaterThan(2)
  for (const unlink of removed) {
    // Updates may overlap: a still newer one may have its name already, and not durably.
    const isSuccessor = ({ to }: TraceEntry): boolean =>
      to !== undefined && to > unlink.path && to.includes('/manifest-')
    const successors = trace.filter((call) => call.index < unlink.index && isSuccessor(call))
    expect(successors.some((rename) => isBetween(trace, rename, unlink, 'syncDirectory'))).toBe(true)
  }
})

test('Kafka-3968: the name of a segment is durable before its first frame', async () => {
  const { trace } = (await traced([large, large, large, { do: 'commitSync', size: 400 }])).calls
  const named = trace.filter((call) => call.do === 'rename' && call.to?.includes('/segment-'))
  expect(named.length).toBeGreaterThan(3)
  for (const rename of named) {
    const first = trace.find((call) => call.do === 'write' && call.path === rename.to)
    if (first) expect(isBetween(trace, rename, first, 'syncDirectory')).toBe(true)
  }
})

test('Kafka-10101: recovery names what it accepts as durable only after a sync', async () => {
  const env = (await traced([synced, written])).kill(1)
  await open(env)
  const { trace } = env.calls
  const slot = trace.find((call) => call.do === 'write' && call.path.endsWith('/durable'))!
  const copy = trace.find((call) => call.do === 'rename' && call.to === segment(1))!
  expect(isBetween(trace, { index: 0 }, copy, 'sync')).toBe(true)
  expect(isBetween(trace, copy, slot, 'syncDirectory')).toBe(true)
})

test('NATS #7549, narwhal PR 269: one flipped bit in a sealed segment costs one record, and says so', async () => {
  const commands: Command[] = [synced, synced, synced, { do: 'roll' }, synced, reopen]
  const env = (await after(commands)).crash(1)
  env.files.flip(segment(1), (frameAt(1) + FRAME.size + 3) * 8)
  const log = await open(env)
  expect(log.lastSequence).toBe(4)
  expect(walk(log)).toEqual({ sequences: [1], error: 'CORRUPT' })
  expect(await refused(() => log.get(2))).toBe('CORRUPT')
  expect([1, 3, 4].map((sequence) => log.get(sequence)?.sequence)).toEqual([1, 3, 4])
})

test('NATS #7556: damaged metadata never deletes data', async () => {
  const log = await after([large, large, large, reopen, large])
  const used = usedSegments(log)
  for (const path of log.files.paths('/log').filter((each) => /manifest-|durable/.test(each))) {
    for (let byte = 0; byte < Math.min(200, log.files.read(path).length); byte += 7) {
      const env = log.clone(byte)
      env.files.syncAll()
      env.files.flip(path, byte * 8)
      const code = await open(env).then(
        (opened) => opened.lastSequence,
        (error: { code: string }) => error.code,
      )
      expect([4, 'CORRUPT', 'UNSUPPORTED_FORMAT']).toContain(code)
      expect(usedSegments(env)).toEqual(used)
    }
  }
})

test('BookKeeper #2220, PostgreSQL 2012: a garbage length is neither believed nor allocated', async () => {
  for (const length of [0, 1, 2, 0x7fffff, 0x800000, 0xffffff]) {
    const env = (await traced([synced, written])).crash(1, { unsynced: 'kept' })
    const units = [length & 0xff, (length >>> 8) & 0xff, length >>> 16]
    overwrite(env, segment(1), frameAt(1) + FRAME.at.units, Uint8Array.from(units))
    const log = await open(env)
    expect(walk(log)).toEqual({ sequences: [1], error: undefined })
    for (const { do: what, length: bytes } of env.calls.trace) if (what === 'read') expect(bytes).toBeLessThan(9_000)
  }
})

test('DuckDB PR 14785, Kuzu PR 5852: what is appended behind a torn tail is there after the next start', async () => {
  const env = (await after([synced, written])).crash(1, { unsynced: 'kept' })
  overwrite(env, segment(1), frameAt(1) + 8, garbage(SIZE))
  const log = await open(env)
  for (let count = 0; count < 3; count++) log.commitSync(record())
  const next = await open(env.crash(1))
  expect(walk(next)).toEqual({ sequences: [1, 2, 3, 4], error: undefined })
})

test('WiredTiger #1775, weaviate PR 12006: a crash in the very first start leaves a log that starts', async () => {
  const moments = ['before', 'during', 'after'] as const
  await explore(new LogSubject(), { seed: 1775, commands: [], moments, every: 2, outcomes: 1, nested: 1 })
})

test('proton PR 1229: a log that filled the disk starts again, also while it is full', async () => {
  const { env, log } = await fresh()
  const looker = env.clone(1)
  const used = env.files.paths('/log').map((path) => looker.call({ do: 'stat', path })?.allocated ?? 0)
  env.capacity = used.reduce((sum, bytes) => sum + bytes, 0) + 8192
  let acknowledged = 0
  const code = await refused(async () => {
    for (;;) acknowledged = await env.drive(log.commit(record()))
  })
  expect(code).toBe('DISK_FULL')
  expect(acknowledged).toBeGreaterThan(5)
  for (let life = 0, at = env; life < 3; life++) {
    at = at.crash(life)
    if (life > 0) at.capacity = Infinity
    const found = await open(at).then(
      (opened) => opened.lastSequence,
      (error: { code: string }) => error.code,
    )
    expect(found === 'DISK_FULL' ? life : found).toBeGreaterThanOrEqual(found === 'DISK_FULL' ? 0 : acknowledged)
    if (life > 0) expect(found).toBeGreaterThanOrEqual(acknowledged)
  }
})

test('yugabyte #33816: after a failed sync nothing is acknowledged any more, and nothing is lost', async () => {
  const { env, log } = await fresh()
  log.commitSync(record())
  await env.drive(log.commit(record(), { durability: 'written' }))
  env.calls.fault({ when: (call) => call.do === 'sync', outcome: 'sync-fails-and-drops-dirty-pages' })
  expect(await refused(() => env.drive(log.sync()))).toBe('IO')
  expect(await refused(() => log.commitSync(record()))).toBe('FAILED')
  expect(await refused(() => env.drive(log.sync()))).toBe('FAILED')
  // The page cache shows the second record; the disk does not hold it.
  const next = await open(env.kill(1))
  const { lastSequence } = next
  expect((await open(env.crash(1, { unsynced: 'lost' }))).lastSequence).toBe(lastSequence)
})

test('SQLite, the WAL-reset bug: a reader that began before rolls and sealings reads what it was shown', async () => {
  const { env, log } = await fresh()
  for (let count = 0; count < 5; count++) log.commitSync(new Uint8Array(300).fill(count + 1))
  const reader = log.read()[Symbol.asyncIterator]()
  const first = await env.drive(reader.next())
  const seen = first.done ? [] : [first.value.sequence]
  for (let count = 0; count < 5; count++) await env.drive(log.commit(new Uint8Array(300).fill(99)))
  await env.advance(1000)
  for (let turn = await env.drive(reader.next()); !turn.done; turn = await env.drive(reader.next())) {
    const { sequence, value } = turn.value
    expect((value as Uint8Array)[0]).toBe(sequence)
    seen.push(sequence)
  }
  expect(seen).toEqual([1, 2, 3, 4, 5])
})

function usedSegments({ files }: SimulatedEnvironment): string[] {
  const segments = files.paths('/log').filter((path) => path.startsWith('/log/segment-'))
  return segments.filter((path) => files.read(path).some((byte) => byte !== 0))
}

/** Whether such a call was performed after one and before the other. */
function isBetween(
  trace: readonly TraceEntry[],
  from: Pick<TraceEntry, 'index'>,
  to: TraceEntry,
  what: TraceEntry['do'],
): boolean {
  return trace.some((call) => call.do === what && call.index > from.index && call.index < to.index)
}
