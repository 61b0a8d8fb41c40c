import { type Log, openLog } from '../lib/index.ts'
import { type Contestant, type Result, check, compete, rate, rateNow } from './measure/contest.ts'
import { inDirectory } from './measure/disk.ts'
import { type Events, binanceEvents, described, orderEvents } from './measure/events.ts'
import { bytesOnDisk, copyRate, decodeBare, decodeWithCodec } from './measure/limits.ts'
import type { Goal } from './measure/statistics.ts'
import { Stores, contestants } from './measure/stores.ts'
import { rounds } from './options.ts'
import { everyone } from './peers/all.ts'
import { lmdbShapes } from './peers/lmdb.ts'
import type { Peer, Store } from './peers/peer.ts'
import { appendAll } from './peers/seglog.ts'

/** P5: every value, in order. */
export async function measure(): Promise<Result[]> {
  const results: Result[] = []
  for (const events of [orderEvents(), binanceEvents()]) if (events !== undefined) results.push(await replays(events))
  return results
}

function replays(events: Events): Promise<Result> {
  return withLog(events, async (log) => {
    const { values } = events
    const count = values.length
    const total = (await bytesOnDisk(values)).reduce((sum, length) => sum + length, 0)
    const stores = new Stores()
    for (const peer of everyone) await stores.add(peer, events)
    const goals = new Map<Peer, Goal>([[lmdbShapes, { atLeast: 1 }]])
    const result = await compete({
      target: 'P5',
      title: `replay, ${described(events)}`,
      unit: 'records a second, decoded; files in the page cache; seglog checks every CRC, lmdb and SQLite check nothing',
      rounds,
      contestants: [
        { name: 'seglog, for … of', role: 'ours', run: () => rateNow(count, () => use(log.read(), count)) },
        { name: 'seglog, for await … of', role: 'ours', run: () => rate(count, () => useLater(log, count)) },
        {
          name: 'seglog, in reverse',
          role: 'ours',
          run: () => rateNow(count, () => use(log.read({ reverse: true }), count)),
        },
        ...contestants(everyone, events, goals, async (peer, round) => {
          const store = await stores.of(peer, round)
          return rate(count, () => replay(store, count))
        }),
        ...decoders(values),
        { name: 'the same bytes, copied in memory', role: 'limit', run: () => copyRate(count, total) },
      ],
    })
    await stores.close()
    return result
  })
}

function decoders(values: readonly unknown[]): Contestant[] {
  return [
    { name: 'the decoder alone: cbor()', role: 'limit', run: decodeWithCodec(values) },
    { name: 'the decoder alone: cbor-x, with shapes', role: 'limit', run: decodeBare(values) },
  ]
}

/** A log of these events, opened anew, so that nothing is known but what the files say. */
export function withLog<R>({ values }: Events, body: (log: Log<unknown>, directory: string) => Promise<R>): Promise<R> {
  return inDirectory(async (directory) => {
    const written = await openLog(directory)
    await appendAll(written, values)
    await written.close()
    const log = await openLog(directory)
    try {
      return await body(log, directory)
    } finally {
      await log.close()
    }
  })
}

export function use(entries: Iterable<{ readonly value: unknown }>, count: number): void {
  let found = 0
  for (const { value } of entries) if (value !== undefined) found += 1
  check(found === count, 'every record was read')
}

async function useLater(log: Log<unknown>, count: number): Promise<void> {
  let found = 0
  for await (const { value } of log.read()) if (value !== undefined) found += 1
  check(found === count, 'every record was read')
}

async function replay(store: Store, count: number): Promise<void> {
  let found = 0
  await store.replay((value) => {
    if (value !== undefined) found += 1
  })
  check(found === count, 'every record was read')
}
