import { openLog } from '../lib/index.ts'
import { type Result, check, compete, rate, rateNow } from './measure/contest.ts'
import { inDirectory } from './measure/disk.ts'
import { type Events, described, orderEvents } from './measure/events.ts'
import { bytesOnDisk, writtenNow } from './measure/limits.ts'
import { contestants } from './measure/stores.ts'
import { amount, rounds } from './options.ts'
import { durabilityNotes, everyone } from './peers/all.ts'
import type { Peer } from './peers/peer.ts'

/** Commits of each round before the clock starts: a sequencer commits all day, and compiles its code once. */
const WARMUP = 1_000

/** P1: one record at a time, each on disk before the next. */
export async function measure(): Promise<Result[]> {
  const events = orderEvents(amount(5_000, 1_000))
  const lengths = await bytesOnDisk(events.values)
  const result = await compete({
    target: 'P1',
    title: `commit one by one, ${described(events)}`,
    unit: 'records a second, each synced before the next',
    rounds,
    contestants: [
      { name: 'seglog commitSync', role: 'ours', run: () => commitSync(events) },
      { name: 'seglog commit, awaited', role: 'ours', run: () => commit(events) },
      {
        name: 'write + fdatasync of the same bytes, on this thread',
        role: 'limit',
        goal: { atLeast: 0.88 },
        run: () => writtenNow(lengths, 'each'),
      },
      {
        name: 'O_DSYNC write of the same bytes, on this thread',
        role: 'limit',
        run: () => writtenNow(lengths, 'flag'),
      },
      ...contestants(everyone, events, new Map(), (peer) => commitEach(peer, events)),
    ],
    notes: [
      `Each store has taken ${WARMUP} commits before the clock starts.`,
      'The raw files were filled with zeros before, as a prepared segment is; the fill is not timed.',
      ...durabilityNotes(everyone),
    ],
  })
  return [result]
}

function commitSync({ values }: Events): Promise<number> {
  return inDirectory(async (directory) => {
    const log = await openLog(directory)
    for (const value of values.slice(0, WARMUP)) log.commitSync(value)
    const figure = rateNow(values.length, () => {
      for (const value of values) log.commitSync(value)
    })
    check(log.highWatermark === WARMUP + values.length, 'all records are durable')
    await log.close()
    return figure
  })
}

function commit({ values }: Events): Promise<number> {
  return inDirectory(async (directory) => {
    const log = await openLog(directory)
    for (const value of values.slice(0, WARMUP)) await log.commit(value)
    const figure = await rate(values.length, async () => {
      for (const value of values) await log.commit(value)
    })
    await log.close()
    return figure
  })
}

function commitEach(peer: Peer, { values, content }: Events): Promise<number> {
  return inDirectory(async (directory) => {
    const store = await peer.open(directory, content)
    for (const value of values.slice(0, WARMUP)) await store.commit(value)
    const figure = await rate(values.length, async () => {
      for (const value of values) {
        const done = store.commit(value)
        if (done !== undefined) await done
      }
    })
    await store.close()
    return figure
  })
}
