import { closeSync } from 'node:fs'
import { openLog } from '../lib/index.ts'
import { type Contestant, type Result, compete } from './measure/contest.ts'
import { inDirectory } from './measure/disk.ts'
import { noise } from './measure/events.ts'
import { type Before, fillFile, openFile, writeAt } from './measure/limits.ts'
import { Times, median } from './measure/statistics.ts'
import { figure } from './measure/tables.ts'
import { amount, rounds } from './options.ts'

/** A16 and A17: a roll is not felt, and a prepared segment is as good as a file that was written before. */
export async function measure(): Promise<Result[]> {
  return [await rolling(), await overwriting(256), await overwriting(4096)]
}

/** Records of 1 KB; a segment of 256 KiB holds 240 of them. */
async function rolling(): Promise<Result> {
  const count = amount(6_000, 1_000)
  const value = noise(1000).toString('hex').slice(0, 1000)
  const all = new Map<string, Times>()
  const contestant = (name: string, segmentBytes: number, filler: number): Contestant => ({
    name,
    role: 'ours',
    ...(filler > 0 && { goal: { atMost: 3 } }),
    run: (round) =>
      inDirectory(async (directory) => {
        const log = await openLog<string>(directory, { segmentBytes })
        // Segments grow up to 64 MiB: 1, 4, 16. After these the next one begins to be made at half of 64.
        const large = noise(500_000).toString('hex')
        for (let n = 0; n < filler; n++) await log.commit(large)
        const times = new Times(count)
        for (let n = 0; n < count; n++) {
          const start = performance.now()
          await log.commit(value)
          const time = (performance.now() - start) * 1000
          times.add(time)
          if (round > 0) of(name).add(time)
        }
        await log.close()
        return times.percentile(0.999)
      }),
  })
  const of = (name: string): Times => {
    if (!all.has(name)) all.set(name, new Times())
    return all.get(name)!
  }
  const result = await compete({
    target: 'A16',
    title: `p99.9 of commit, ${count.toLocaleString('en')} records of 1 KB, one caller`,
    unit: 'microseconds',
    rounds,
    contestants: [
      contestant('with a roll every 240 records', 256 * 1024, 0),
      contestant('in one segment', 64 * 1024 * 1024, 23),
    ],
  })
  const shares = [0.5, 0.99, 0.999, 0.9999, 1]
  const rows = [...all].map(([name, times]) => [name, ...shares.map((share) => figure(times.percentile(share)))])
  return {
    ...result,
    tables: [{ head: ['all rounds, microseconds', 'p50', 'p99', 'p99.9', 'p99.99', 'highest'], rows }],
  }
}

function overwriting(length: number): Promise<Result> {
  const count = amount(2_000, 300)
  const from = noise(length)
  return compete({
    target: 'A17',
    title: `sync cost on a prepared segment, ${length} B`,
    unit: 'median microseconds of an O_DSYNC write off the thread, one by one; raw files, not the log itself',
    rounds,
    contestants: [
      { name: 'zero-filled, as a prepared segment', role: 'limit', run: () => writes('zeros', from, count) },
      {
        name: 'overwriting a written file',
        role: 'limit',
        goal: { atMost: 1.1 },
        run: () => writes('bytes', from, count),
      },
      { name: 'a growing file', role: 'limit', run: () => writes('nothing', from, count) },
    ],
  })
}

function writes(before: Before, from: Buffer, count: number): Promise<number> {
  return inDirectory(async (directory) => {
    const { length } = from
    const file = `${directory}/raw`
    fillFile(file, count * length, before)
    const handle = openFile(file, 'flag')
    const found: number[] = []
    for (let n = 0; n < count; n++) {
      const start = performance.now()
      await writeAt(handle, from, length, n * length)
      found.push((performance.now() - start) * 1000)
    }
    closeSync(handle)
    return median(found)
  })
}
