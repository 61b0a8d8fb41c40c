import fs from 'node:fs'
import { openLog } from '../lib/index.ts'
import type { Log } from '../lib/index.ts'
import {
  type Contestant,
  check,
  compete,
  isQuick,
  median,
  quantile,
  rate,
  rateNow,
  removeDirectory,
  temporaryDirectory,
} from './harness.ts'
import { type Sync, frameLengths, noise, write, writeNow, writtenFile } from './raw.ts'

const MIB = 1024 * 1024

/** What is waited for, record by record: P1, P3, A16, A17. */
export async function measureCommits(values: readonly unknown[], rounds: number): Promise<void> {
  await measureSync(values.slice(0, isQuick ? 500 : 2_000), rounds)
  await measureCallers(values, rounds)
  await measureRolls(rounds)
  await measureOverwriting(rounds)
}

/** P1: one by one on this thread. */
async function measureSync(values: readonly unknown[], rounds: number): Promise<void> {
  const lengths = frameLengths(values)
  const raw = (name: string, sync: Sync, before: number): Contestant => ({
    name,
    run: () =>
      inDirectory((directory) => {
        writtenFile(`${directory}/raw`, MIB, before)
        const from = noise(4096)
        return rateNow(values.length, () => writeNow(`${directory}/raw`, from, lengths, sync))
      }),
  })
  const ours: Contestant = {
    name: 'seglog commitSync',
    run: () =>
      inLog({}, (log) => {
        const figure = rateNow(values.length, () => {
          for (const value of values) log.commitSync(value)
        })
        check(log.highWatermark === values.length, 'all records are durable')
        return figure
      }),
  }
  const contestants = [
    ours,
    raw('raw write + fdatasync, zero-filled', 'each', 0),
    raw('raw O_DSYNC write, zero-filled', 'flag', 0),
  ]
  await compete({
    title: `P1 commitSync one by one, ${values.length.toLocaleString('en')} order events`,
    unit: 'records a second, each synced before the next',
    rounds,
    contestants,
    ratios: [
      { label: 'commitSync / write + fdatasync (target 0.88)', of: ours.name, to: contestants[1]!.name },
      { label: 'commitSync / O_DSYNC write', of: ours.name, to: contestants[2]!.name },
    ],
  })
}

/** P3: many callers share groups. */
async function measureCallers(values: readonly unknown[], rounds: number): Promise<void> {
  const many = 64
  const callers = (count: number, records: readonly unknown[]): Contestant => ({
    name: `${count} ${count === 1 ? 'caller' : 'callers'}`,
    run: () =>
      inLog({}, (log) =>
        rate(records.length, async () => {
          let next = 0
          const call = async (): Promise<void> => {
            while (next < records.length) await log.commit(records[next++])
          }
          await Promise.all(Array.from({ length: count }, call))
          check(log.highWatermark === records.length, 'all records are durable')
        }),
      ),
  })
  const one = callers(1, values.slice(0, isQuick ? 500 : 3_000))
  const crowd = callers(many, values)
  await compete({
    title: 'P3 callers that each await commit',
    unit: 'records a second',
    rounds,
    contestants: [crowd, one],
    ratios: [{ label: '64 callers / one caller (target 15)', of: crowd.name, to: one.name }],
  })
}

/** A16: what a roll does to those who wait. Records of 1 KiB; a segment of 256 KiB holds 240 of them. */
async function measureRolls(rounds: number): Promise<void> {
  const count = isQuick ? 1_000 : 6_000
  const value = noise(1000).toString('hex').slice(0, 1000)
  const times = new Map<string, number[]>()
  const latencies = async (name: string, log: Log<string>, round: number): Promise<number> => {
    const found: number[] = []
    for (let n = 0; n < count; n++) {
      const start = performance.now()
      await log.commit(value)
      found.push((performance.now() - start) * 1000)
    }
    if (round > 0) times.set(name, [...(times.get(name) ?? []), ...found])
    return quantile(found, 0.999)
  }
  const rolling: Contestant = {
    name: 'with a roll every 240 records',
    run: (round) => inLog({ segmentBytes: 256 * 1024 }, (log) => latencies(rolling.name, log as Log<string>, round)),
  }
  const steady: Contestant = {
    name: 'in one segment',
    run: (round) =>
      inLog({}, async (log) => {
        // Segments grow up to 64 MiB: 1, 4, 16. After these the next one begins to be made at half of 64.
        const filler = noise(500_000).toString('hex')
        for (let n = 0; n < 23; n++) await log.commit(filler)
        return latencies(steady.name, log as Log<string>, round)
      }),
  }
  await compete({
    title: `A16 p99.9 of commit, ${count.toLocaleString('en')} records of 1 KB, one caller`,
    unit: 'µs',
    rounds,
    contestants: [rolling, steady],
    ratios: [{ label: 'with rolls / without (target at most 3)', of: rolling.name, to: steady.name }],
  })
  for (const [name, found] of times) {
    const shares = [0.5, 0.99, 0.999, 0.9999].map((share) => `p${share * 100} ${quantile(found, share).toFixed(0)}`)
    console.log(`\nAll rounds, ${name}: ${shares.join(', ')}, highest ${Math.max(...found).toFixed(0)} µs.`)
  }
}

/** A17: a prepared segment is as good as a file that was written before. */
async function measureOverwriting(rounds: number): Promise<void> {
  const count = isQuick ? 300 : 2_000
  const from = noise(4096)
  const lengths = [256, 4096]
  const raw = (name: string, length: number, fill: number | 'growing'): Contestant => ({
    name: `${name}, ${length} B`,
    run: () =>
      inDirectory(async (directory) => {
        const file = `${directory}/raw`
        writtenFile(file, fill === 'growing' ? 0 : count * length, fill === 'growing' ? 0 : fill)
        return latency(file, from, length, count)
      }),
  })
  const contestants = lengths.flatMap((length) => [
    // The bytes that a segment holds before its first use, and the way a group is written.
    raw('zero-filled, as a prepared segment', length, 0),
    raw('overwriting a written file', length, 0x5a),
    raw('growing file', length, 'growing'),
  ])
  await compete({
    title: 'A17 sync cost on a prepared segment: O_DSYNC writes off the thread, one by one',
    unit: 'median µs a write',
    rounds,
    contestants,
    ratios: lengths.map((length) => ({
      label: `prepared / overwriting, ${length} B (target at most 1.10)`,
      of: `zero-filled, as a prepared segment, ${length} B`,
      to: `overwriting a written file, ${length} B`,
    })),
  })
}

async function latency(file: string, from: Buffer, length: number, count: number): Promise<number> {
  const handle = fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_DSYNC)
  const found: number[] = []
  for (let n = 0; n < count; n++) {
    const start = performance.now()
    await write(handle, from, length, n * length)
    found.push((performance.now() - start) * 1000)
  }
  fs.closeSync(handle)
  return median(found)
}

async function inDirectory<R>(body: (directory: string) => Promise<R> | R): Promise<R> {
  const directory = temporaryDirectory()
  try {
    return await body(directory)
  } finally {
    removeDirectory(directory)
  }
}

async function inLog<R>(
  options: { readonly segmentBytes?: number },
  body: (log: Log<unknown>) => Promise<R> | R,
): Promise<R> {
  return inDirectory(async (directory) => {
    const log = await openLog(directory, options)
    try {
      return await body(log)
    } finally {
      await log.close()
    }
  })
}
