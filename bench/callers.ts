import { openLog } from '../lib/index.ts'
import { type Contestant, type Result, check, compete, rate } from './measure/contest.ts'
import { inDirectory } from './measure/disk.ts'
import { orderEvents } from './measure/events.ts'
import { amount, rounds } from './options.ts'

const MANY = 64

/** P3: callers that each await their commit share groups. */
export async function measure(): Promise<Result[]> {
  const { values } = orderEvents(amount(64_000, 12_000))
  const result = await compete({
    target: 'P3',
    title: 'callers that each await commit, order events',
    unit: 'records a second, all callers together',
    rounds,
    contestants: [
      { name: `${MANY} callers`, role: 'ours', run: () => calls(MANY, values) },
      { name: '8 callers', role: 'ours', run: () => calls(8, values.slice(0, amount(16_000, 4_000))) },
      {
        name: 'one caller',
        role: 'ours',
        goal: { atLeast: 15 },
        run: () => calls(1, values.slice(0, amount(4_000, 1_000))),
      } satisfies Contestant,
    ],
  })
  return [result]
}

function calls(callers: number, values: readonly unknown[]): Promise<number> {
  return inDirectory(async (directory) => {
    const log = await openLog(directory)
    const figure = await rate(values.length, async () => {
      let next = 0
      const call = async (): Promise<void> => {
        while (next < values.length) await log.commit(values[next++])
      }
      await Promise.all(Array.from({ length: callers }, call))
    })
    check(log.highWatermark === values.length, 'all records are durable')
    await log.close()
    return figure
  })
}
