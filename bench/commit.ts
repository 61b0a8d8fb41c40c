import { setTimeout } from 'node:timers/promises'
import { openLog } from '../lib/index.ts'
import { type Contest, check, rate, rateNow } from './measure/contest.ts'
import { inDirectory } from './measure/disk.ts'
import { type Events, described, orderEvents } from './measure/events.ts'
import { bytesOnDisk, writtenNow } from './measure/limits.ts'
import { contestants } from './measure/stores.ts'
import { amount, rounds } from './options.ts'
import { durabilityNotes, everyone } from './peers/all.ts'
import type { Peer } from './peers/peer.ts'
import { appendAll } from './peers/seglog.ts'

/**
 * What each store takes before the clock starts, because a sequencer commits all day: the values so many times over, then
 * so many commits, and time for what that leaves to do in the background, such as preparing a segment.
 */
const FILLED = 3
const WARMUP = amount(1_000, 200)
const SETTLE_MS = amount(500, 50)

/** P1: one record at a time, each on disk before the next. */
export const contests = [commits]

async function commits(): Promise<Contest> {
  const events = orderEvents(amount(5_000, 500))
  const lengths = await bytesOnDisk(events.values)
  return {
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
      `Before the clock starts each store has taken ${FILLED * events.values.length} records at once and ${WARMUP} one by one, and half a second to settle.`,
      'The raw files were filled with zeros before, as a prepared segment is; the fill is not timed.',
      ...durabilityNotes(everyone),
    ],
  }
}

function commitSync({ values }: Events): Promise<number> {
  return inDirectory(async (directory) => {
    const log = await openLog(directory)
    for (let n = 0; n < FILLED; n++) await appendAll(log, values)
    for (const value of values.slice(0, WARMUP)) log.commitSync(value)
    await setTimeout(SETTLE_MS)
    const figure = rateNow(values.length, () => {
      for (const value of values) log.commitSync(value)
    })
    check(log.highWatermark === WARMUP + (FILLED + 1) * values.length, 'all records are durable')
    await log.close()
    return figure
  })
}

function commit({ values }: Events): Promise<number> {
  return inDirectory(async (directory) => {
    const log = await openLog(directory)
    for (let n = 0; n < FILLED; n++) await appendAll(log, values)
    for (const value of values.slice(0, WARMUP)) await log.commit(value)
    await setTimeout(SETTLE_MS)
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
    for (let n = 0; n < FILLED; n++) await store.append(values)
    for (const value of values.slice(0, WARMUP)) await store.commit(value)
    await setTimeout(SETTLE_MS)
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
