import { openLog } from '../lib/index.ts'
import { type Result, resultOf } from './measure/contest.ts'
import { bytesIn, inDirectory } from './measure/disk.ts'
import { type Events, binanceEvents, described, orderEvents } from './measure/events.ts'
import type { Goal } from './measure/statistics.ts'
import { contestants } from './measure/stores.ts'
import { everyone } from './peers/all.ts'
import { lmdbShapes } from './peers/lmdb.ts'
import type { Peer } from './peers/peer.ts'
import { appendAll } from './peers/seglog.ts'
import { sqlite } from './peers/sqlite.ts'

/** P10: bytes on disk for each record. Nothing here depends on time, so one round is enough. */
export async function measure(): Promise<Result[]> {
  const results: Result[] = []
  for (const events of [orderEvents(), binanceEvents()])
    if (events !== undefined) results.push(...(await sizes(events)))
  return results
}

async function sizes(events: Events): Promise<Result[]> {
  const own = await ownSizes(events)
  const others = await peerSizes(events)
  const result = (what: string, size: number, goals: ReadonlyMap<Peer, Goal>, more: [string, number][]): Result => {
    const ours = [[`seglog, ${what}`, size] as const, ...more]
    const rows = ours.map(([name]) => ({ name, role: 'ours' as const, run: () => 0 }))
    return resultOf(
      {
        target: 'P10',
        title: `bytes on disk, ${what}, ${described(events)}`,
        unit: 'bytes a record after closing',
        rounds: 1,
        contestants: [...rows, ...contestants(everyone, events, goals, () => 0)],
        notes: ['SQLite after a checkpoint of its WAL; lmdb with its free pages.'],
      },
      [...ours.map(([, figure]) => [figure]), ...everyone.map((peer) => others.get(peer) ?? [])],
    )
  }
  const ofLogs = new Map<Peer, Goal>([
    [lmdbShapes, { atMost: 1.25 }],
    [sqlite, { atMost: 0.55 }],
  ])
  const whole = new Map<Peer, Goal>([[lmdbShapes, { atMost: 1.35 }]])
  const alone = result('.log files', own.log, ofLogs, [['seglog, with the prepared segment, all zeros', own.all]])
  // A log without sidecars says nothing of what they cost.
  return own.sidecar === 0 ? [alone] : [alone, result('with sidecars', own.log + own.sidecar, whole, [])]
}

/** `all` has the segment that is prepared for what comes next; it is there once, however long the log is. */
function ownSizes({ values }: Events): Promise<{ log: number; sidecar: number; all: number }> {
  return inDirectory(async (directory) => {
    const log = await openLog(directory)
    await appendAll(log, values)
    log.roll()
    const { bytes } = log.stats()
    await log.close()
    const count = values.length
    return {
      log: bytes / count,
      sidecar: bytesIn(directory, /\.idx$/) / count,
      all: bytesIn(directory) / count,
    }
  })
}

async function peerSizes(events: Events): Promise<Map<Peer, number[]>> {
  const sizes = new Map<Peer, number[]>()
  for (const [index, peer] of everyone.entries()) {
    const row = contestants(everyone, events, new Map(), () => 0)[index]!
    if ('absent' in row) continue
    await inDirectory(async (directory) => {
      const store = await peer.open(directory, events.content)
      await store.append(events.values)
      await store.close()
      sizes.set(peer, [bytesIn(directory) / events.values.length])
    })
  }
  return sizes
}
