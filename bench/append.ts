import { type Log, memoryEnvironment, openLog } from '../lib/index.ts'
import { type Contest, check, rate } from './measure/contest.ts'
import { inDirectory } from './measure/disk.ts'
import { type Events, binanceEvents, described, orderEvents } from './measure/events.ts'
import { bytesOnDisk, copyRate, encodeBare, encodeWithCodec, writtenLater } from './measure/limits.ts'
import type { Goal } from './measure/statistics.ts'
import { appendRate, contestants } from './measure/stores.ts'
import { rounds } from './options.ts'
import { durabilityNotes, everyone } from './peers/all.ts'
import { lmdbShapes } from './peers/lmdb.ts'
import type { Peer } from './peers/peer.ts'
import { appendAll, seglog } from './peers/seglog.ts'

/** P2: as fast as possible, all durable at the end. */
export const contests = [orderEvents, binanceEvents].map((eventsOf) => async () => {
  const events = eventsOf()
  return events && appends(events)
})

async function appends(events: Events): Promise<Contest> {
  const { values } = events
  const count = values.length
  const total = (await bytesOnDisk(values)).reduce((sum, length) => sum + length, 0)
  const goals = new Map<Peer, Goal>([[lmdbShapes, { atLeast: 1.25 }]])
  return {
    target: 'P2',
    title: `append, ${described(events)}, ${(total / count).toFixed(0)} B on disk`,
    unit: 'records a second, all durable at the end; each store is new and has taken as many before',
    rounds,
    contestants: [
      { name: 'seglog append', role: 'ours', run: (round) => appendRate(seglog, events, round) },
      { name: 'seglog append, a sync for each 1,000', role: 'ours', run: () => thousands(events) },
      { name: 'seglog append in memory, no disk', role: 'ours', run: () => inMemory(events) },
      ...contestants(everyone, events, goals, (peer, round) => appendRate(peer, events, round)),
      { name: 'the encoder alone: cbor()', role: 'limit', run: () => encodeWithCodec(values) },
      {
        // The target was set by the package, and a codec of ours that gets faster must not make it harder.
        name: 'the encoder alone: cbor-x, with shapes',
        role: 'limit',
        goal: { atLeast: 0.65 },
        run: () => encodeBare(values),
      },
      {
        name: 'the same bytes, 1 MiB O_DSYNC writes over zeros',
        role: 'limit',
        run: () => writtenLater(count, total, 'flag', 'zeros'),
      },
      {
        name: 'the same bytes, 1 MiB writes + fdatasync, growing',
        role: 'limit',
        run: () => writtenLater(count, total, 'each', 'nothing'),
      },
      { name: 'the same bytes, copied in memory', role: 'limit', run: () => copyRate(count, total) },
    ],
    notes: durabilityNotes([seglog, ...everyone]),
  }
}

function thousands({ values }: Events): Promise<number> {
  return inDirectory(async (directory) => {
    const log = await openLog(directory)
    await appendThousands(log, values)
    const figure = await rate(values.length, () => appendThousands(log, values))
    check(log.highWatermark === 2 * values.length, 'all records are durable')
    await log.close()
    return figure
  })
}

async function appendThousands(log: Log<unknown>, values: readonly unknown[]): Promise<void> {
  let n = 0
  let before = Promise.resolve()
  for (const value of values) {
    log.append(value)
    if (++n % 1000 > 0) continue
    // One thousand is filled while the one before is on its way.
    await before
    before = log.sync()
  }
  await before
  await log.sync()
}

async function inMemory({ values }: Events): Promise<number> {
  const log = await openLog('/bench', { environment: memoryEnvironment() })
  await appendAll(log, values)
  const figure = await rate(values.length, () => appendAll(log, values))
  await log.close()
  return figure
}
