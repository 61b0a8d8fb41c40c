import { crc32 } from 'node:zlib'
import { openLog } from '../lib/index.ts'
import { type Result, check, compete, rate, rateNow } from './measure/contest.ts'
import { removeDirectory } from './measure/disk.ts'
import { type Events, binanceEvents, byteRecords, noise, orderEvents, smallRecords } from './measure/events.ts'
import { copyRate } from './measure/limits.ts'
import { amount, rounds } from './options.ts'
import { sealedLog } from './open.ts'
import { BYTES } from './peers/seglog.ts'

const GB = 1e9

/** P13: how fast a log is verified. The goal is one of bytes, and each frame has its price, so small ones are the harder. */
export async function measure(): Promise<Result[]> {
  const bytes = amount(200_000_000, 10_000_000)
  const small = Math.floor(bytes / 44)
  const results = [await verified('small records', small, smallRecords(small))]
  for (const [events, each] of [
    [orderEvents(), 88],
    [binanceEvents(), 224],
    [byteRecords(256, 4096), 4120],
  ] as const) {
    if (events === undefined) continue
    const times = Math.ceil(bytes / (each * events.values.length))
    results.push(
      await verified(events.name, times * events.values.length, repeated(events.values, times), events.content),
    )
  }
  return results
}

function* repeated(values: readonly unknown[], times: number): Iterable<unknown> {
  for (let n = 0; n < times; n++) yield* values
}

async function verified(
  name: string,
  count: number,
  values: Iterable<unknown>,
  content: Events['content'] = 'values',
): Promise<Result> {
  const options = content === 'bytes' ? BYTES : {}
  const { directory, bytes } = await sealedLog(values, options)
  const log = await openLog(directory, options)
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
