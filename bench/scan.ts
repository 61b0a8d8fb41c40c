import { type Result, check, compete, rateNow } from './measure/contest.ts'
import { described, orderEvents } from './measure/events.ts'
import { rounds } from './options.ts'
import { use, withLog } from './replay.ts'

/** P6: no value is asked for, so none is decoded. */
export async function measure(): Promise<Result[]> {
  const events = orderEvents()
  const count = events.values.length
  const result = await withLog(events, (log) =>
    compete({
      target: 'P6',
      title: `scan of sequences, ${described(events)}`,
      unit: 'records a second, every CRC checked',
      rounds,
      contestants: [
        {
          name: 'seglog, sequences only',
          role: 'ours',
          ownGoal: { atLeast: 5_000_000 },
          run: () =>
            rateNow(count, () => {
              let sum = 0
              for (const { sequence } of log.read()) sum += sequence
              check(sum === (count * (count + 1)) / 2, 'every sequence was met once')
            }),
        },
        {
          name: 'seglog, values too (P5)',
          role: 'ours',
          goal: { atLeast: 2.2 },
          run: () => rateNow(count, () => use(log.read(), count)),
        },
      ],
    }),
  )
  return [result]
}
