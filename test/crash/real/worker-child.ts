import { once } from 'node:events'
import type { Log } from '../../../lib/index.ts'
import { say, settingsOf } from './children.ts'
import type { Sample } from './records.ts'
import { startThread } from './threads.ts'
import { type ThreadData, append, attempt } from './worker-thread.ts'

/** Two threads of one process that want the same directory. */
export interface WorkerSettings {
  readonly directory: string
}

async function lead({ directory }: WorkerSettings): Promise<void> {
  const worker = startThread('worker-thread.ts', { directory } satisfies ThreadData)
  const ask = async (word: string): Promise<string> => {
    worker.postMessage(word)
    return ((await once(worker, 'message')) as [string])[0]
  }

  let log = (await attempt(directory)) as Log<Sample>
  await append(log)
  say('worker while main holds', await ask('open'))
  await append(log)
  await log.close()
  say('worker after main closed', await ask('open'))
  say('worker writes', await ask('commit'))
  say('main while worker holds', await attempt(directory))
  say('worker closes', await ask('close'))
  log = (await attempt(directory)) as Log<Sample>
  say('main after worker closed', `${log.recovery.end} ${await append(log)}`)
  await log.close()

  // A thread that is ended in the middle of its writes, without a word.
  await ask('open')
  let acknowledged = 0
  worker.on('message', (word: string) => (acknowledged = Number(word.slice('committed '.length))))
  worker.postMessage('write on')
  while (acknowledged < 40) await new Promise((resolve) => setImmediate(resolve))
  await worker.terminate()
  say('acknowledged', acknowledged)
  const after = await attempt(directory)
  say('main after the worker was ended', typeof after === 'string' ? after : after.recovery.end)
  if (typeof after !== 'string') await after.close()
}

await lead(settingsOf<WorkerSettings>())
