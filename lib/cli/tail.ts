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
      for await (const entry of log.follow({ from: last + 1, signal: world.signal })) {
        printEntry(request, values, entry)
        await out.flush()
      }
    } catch (error) {
      // Following has no other end.
      if (!(options.has('follow') && world.signal.reason instanceof Interrupted)) throw error
    } finally {
      await log.close()
    }
    return EXIT.sound
  },
}
