import { once } from 'node:events'
import { openLog } from '../../../lib/index.ts'
import { say, settingsOf } from './children.ts'
import type { FollowedByThread, FollowThreadData } from './follow-thread.ts'
import { ANY_SEED, SMALL_SEGMENT_BYTES, type Sample, sample } from './records.ts'
import { startThread } from './threads.ts'

/** Writes while a thread of this process reads and follows; lets the thread end by itself. */
const { directory, before, last } = settingsOf<FollowThreadData>()
const log = await openLog<Sample>(directory, { segmentBytes: SMALL_SEGMENT_BYTES })
const next = (): Sample => sample(ANY_SEED, 1, log.lastSequence + 1)
while (log.lastSequence < before) log.append(next())
await log.sync()
const worker = startThread('follow-thread.ts', { directory, before, last } satisfies FollowThreadData)
const ended = once(worker, 'exit')
await once(worker, 'message')
const told = once(worker, 'message') as Promise<[FollowedByThread]>
while (log.lastSequence < last) {
  if (log.lastSequence % 5 === 0) log.commitSync(next())
  else await log.commit(next())
}
say('followed', (await told)[0])
say('thread ended', (await ended)[0])
say('main goes on', await log.commit(next()))
await log.close()
