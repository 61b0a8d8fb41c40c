import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { type Log, SeglogError, openLog } from '../../../lib/index.ts'
import { ANY_SEED, SMALL_SEGMENT_BYTES, type Sample, sample } from './records.ts'

/** The second thread: does what the first one asks, one word after another, and answers each. */
export interface ThreadData {
  readonly directory: string
}

/** The log, or why not. */
export async function attempt(directory: string): Promise<Log<Sample> | string> {
  try {
    return await openLog<Sample>(directory, { segmentBytes: SMALL_SEGMENT_BYTES })
  } catch (error) {
    return error instanceof SeglogError ? error.message : String(error)
  }
}

export function append(log: Log<Sample>): Promise<number> {
  return log.commit(sample(ANY_SEED, 1, log.lastSequence + 1))
}

let log: Log<Sample> | undefined

async function answer(word: string, directory: string): Promise<string> {
  if (word === 'open') {
    const opened = await attempt(directory)
    if (typeof opened === 'string') return opened
    log = opened
    return `opened ${log.lastSequence}`
  }
  if (word === 'commit') return `committed ${await append(log!)}`
  if (word === 'close') {
    await log!.close()
    return 'closed'
  }
  // `write on`, until the thread is ended.
  for (;;) parentPort!.postMessage(`committed ${await append(log!)}`)
}

function serve(port: MessagePort, { directory }: ThreadData): void {
  port.on('message', (word: string) => void answer(word, directory).then((said) => port.postMessage(said)))
}

if (parentPort !== null && workerData !== null) serve(parentPort, workerData as ThreadData)
