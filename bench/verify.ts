import { crc32 } from 'node:zlib'
import { openLog } from '../lib/index.ts'
import { type Absent, type Contestant, type Result, compete } from './measure/contest.ts'
import { removeDirectory } from './measure/disk.ts'
import { noise } from './measure/events.ts'
import { copyRate } from './measure/limits.ts'
import { amount, rounds } from './options.ts'
import { sealedLog } from './open.ts'

const GB = 1e9

/** P13: how fast a log is verified. */
export async function measure(): Promise<Result[]> {
  const { directory, bytes } = await sealedLog(amount(5_000_000, 200_000))
  const log = await openLog(directory)
  const { verify } = log as { verify?: () => Promise<unknown> }
  const name = 'seglog verify'
  const ours: Contestant | Absent =
    verify === undefined
      ? { name, role: 'ours', absent: 'not there yet' }
      : { name, role: 'ours', ownGoal: { atLeast: 0.5 }, run: () => gigabytes(bytes, () => verify.call(log)) }
  const piece = noise(1024 * 1024)
  const result = await compete({
    target: 'P13',
    title: `verify, ${(bytes / GB).toFixed(2)} GB of small records`,
    unit: 'GB a second; files in the page cache',
    rounds,
    contestants: [
      ours,
      {
        name: 'seglog, scan of sequences (P6)',
        role: 'ours',
        run: () =>
          gigabytes(bytes, () => {
            for (const { sequence } of log.read()) void sequence
          }),
      },
      {
        name: "CRC-32 of as many bytes, zlib's, at once",
        role: 'limit',
        run: () =>
          gigabytes(bytes, () => {
            for (let left = bytes; left > 0; left -= piece.length) crc32(piece)
          }),
      },
      { name: 'as many bytes, copied in memory', role: 'limit', run: () => copyRate(bytes / GB, bytes) },
    ],
  })
  await log.close()
  removeDirectory(directory)
  return [result]
}

async function gigabytes(bytes: number, body: () => unknown): Promise<number> {
  const start = performance.now()
  await body()
  return bytes / GB / ((performance.now() - start) / 1000)
}
