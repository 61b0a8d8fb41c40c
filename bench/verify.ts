import { crc32 } from 'node:zlib'
import { openLog } from '../lib/index.ts'
import { type Result, check, compete, rate, rateNow } from './measure/contest.ts'
import { removeDirectory } from './measure/disk.ts'
import { noise, orderEvents, smallRecords } from './measure/events.ts'
import { copyRate } from './measure/limits.ts'
import { amount, rounds } from './options.ts'
import { sealedLog } from './open.ts'

const GB = 1e9

/** P13: how fast a log is verified. The goal is one of bytes, so it is harder where they are many small frames. */
export async function measure(): Promise<Result[]> {
  const small = amount(5_000_000, 200_000)
  const orders = orderEvents()
  const times = amount(8, 1)
  return [
    await verified('small records', small, smallRecords(small)),
    await verified('order events', times * orders.values.length, repeated(orders.values, times)),
  ]
}

function* repeated(values: readonly unknown[], times: number): Iterable<unknown> {
  for (let n = 0; n < times; n++) yield* values
}

async function verified(name: string, count: number, values: Iterable<unknown>): Promise<Result> {
  const { directory, bytes } = await sealedLog(values)
  const log = await openLog(directory)
  const piece = noise(1024 * 1024)
  const result = await compete({
    target: 'P13',
    title: `verify, ${(bytes / GB).toFixed(2)} GB of ${name}, ${(bytes / count).toFixed(0)} B on disk each`,
    unit: 'GB a second; files in the page cache',
    rounds,
    contestants: [
      {
        name: 'seglog verify',
        role: 'ours',
        ownGoal: { atLeast: 0.5 },
        run: () =>
          rate(bytes / GB, async () => {
            const { isSound, records } = await log.verify()
            check(isSound && records === count, 'all records are sound')
          }),
      },
      {
        name: 'seglog, scan of sequences (P6)',
        role: 'ours',
        run: () =>
          rateNow(bytes / GB, () => {
            for (const { sequence } of log.read()) void sequence
          }),
      },
      {
        name: "CRC-32 of as many bytes, zlib's, at once",
        role: 'limit',
        run: () =>
          rateNow(bytes / GB, () => {
            for (let left = bytes; left > 0; left -= piece.length) crc32(piece)
          }),
      },
      { name: 'as many bytes, copied in memory', role: 'limit', run: () => copyRate(bytes / GB, bytes) },
    ],
  })
  await log.close()
  removeDirectory(directory)
  return result
}
