import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { openReadOnly } from '../../../lib/index.ts'
import { ANY_SEED, type Sample, sample } from './records.ts'

/** A reader in a thread of the process that writes: opens, says so, reads, follows up to `last`, and is done. */
export interface FollowThreadData {
  readonly directory: string
  /** So many records are there when the thread begins. */
  readonly before: number
  readonly last: number
}

export interface FollowedByThread {
  readonly writer: string
  /** Whether at least those before were read. */
  readonly readAll: boolean
  /** Records in order, each as it was written. */
  readonly followed: number
}

async function follow(port: MessagePort, { directory, before, last }: FollowThreadData): Promise<void> {
  const reader = await openReadOnly<Sample>(directory)
  port.postMessage('open')
  let read = 0
  for (const { sequence } of reader.read()) read += sequence === read + 1 ? 1 : 0
  let followed = 0
  for await (const { sequence, value } of reader.follow()) {
    const isRight = sequence === followed + 1 && value.text === sample(ANY_SEED, 1, sequence).text
    if (!isRight) break
    followed += 1
    if (sequence === last) break
  }
  await reader.close()
  port.postMessage({ writer: reader.report.writer, readAll: read >= before, followed } satisfies FollowedByThread)
}

if (parentPort !== null && workerData !== null) void follow(parentPort, workerData as FollowThreadData)
