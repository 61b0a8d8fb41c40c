import type { Environment } from '../../segments/env/environment.ts'
import type { Entry } from '../read/entry.ts'
import type { ReadOnlyLog } from '../read-only.ts'
import { type Command, EXIT } from './command.ts'
import { RAW, VALUE_NOTES, openForReading, printEntry } from './entries.ts'
import { Interrupted } from './world.ts'

const COUNT = 10

export const tail: Command = {
  name: 'tail',
  summary: 'print the last records, and those that follow',
  operands: ['directory'],
  options: {
    follow: { short: 'f', help: 'go on with each record as it becomes durable, until Ctrl-C' },
    lines: { value: 'count', short: 'n', help: `how many of the last records come first; ${COUNT} unless told` },
    raw: RAW,
  },
  notes: [...VALUE_NOTES, 'Works beside the process that writes, and also before and after it lives.'],
  examples: [
    ['seglog tail ./orders', `the last ${COUNT} records`],
    ['seglog tail -f -n 0 ./orders', 'only what comes from now on'],
    ['seglog tail -f --json ./orders | jq .value.price', 'one member of each value, live'],
  ],
  async run(request) {
    const { options, out, world } = request
    const count = options.whole('lines', 0) ?? COUNT
    const { log, values } = await openForReading(request)
    try {
      const last = log.highWatermark
      const from = Math.max(log.firstSequence, last - count + 1)
      for await (const entry of log.read({ from, to: last })) printEntry(request, values, entry)
      await out.flush()
      if (!options.has('follow')) return EXIT.sound
      for await (const entry of follow(world.env, log, last + 1, world.signal)) {
        printEntry(request, values, entry)
        await out.flush()
      }
    } catch (error) {
      // Following has no other end.
      if (!(error instanceof Interrupted && options.has('follow'))) throw error
    } finally {
      await log.close()
    }
    return EXIT.sound
  },
}

/** How long nothing is looked at where no change is told. */
const PATIENCE_MS = 250

async function* follow<T>(
  env: Environment,
  log: ReadOnlyLog<T>,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<Entry<T>, undefined> {
  for (let next = from; ;) {
    signal.throwIfAborted()
    const last = log.highWatermark
    for await (const entry of log.read({ from: next, to: last })) yield entry
    next = Math.max(next, last + 1)
    await pause(env, signal)
  }
}

function pause(env: Environment, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = env.after(PATIENCE_MS, done)
    signal.addEventListener('abort', done)
  })
}
