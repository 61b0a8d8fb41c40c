import { bytes, cbor, memoryEnvironment, openLog } from '../lib/index.ts'
import type { Log, OpenLogOptions } from '../lib/index.ts'
import { measureCommits } from './commits.ts'
import { type Events, binanceEvents, checksumOf, meanJsonBytes, orderEvents } from './events.ts'
import {
  type Contestant,
  check,
  compete,
  isQuick,
  printMachine,
  rate,
  rateNow,
  removeDirectory,
  temporaryDirectory,
} from './harness.ts'
import { bareShapesEncoder, frameLengths, noise, pieces, writeLater, writtenFile } from './raw.ts'

/** What appending costs: `npm run bench`. See bench/README.md for what the names mean. */

const MIB = 1024 * 1024
const rounds = isQuick ? 2 : 7

printMachine()
await measureCommits(orderEvents(isQuick ? 2_000 : 20_000).values, rounds)
for (const events of [orderEvents(), binanceEvents()]) if (events !== undefined) await measureAppend(events)
await measureBytes()

/** P2: as fast as possible, all durable at the end. */
async function measureAppend(events: Events): Promise<void> {
  const { values } = events
  const total = frameLengths(values).reduce((sum, length) => sum + length, 0)
  const inMiB = noise(MIB)
  const sum = checksumOf(values)
  const contestants: Contestant[] = [
    {
      name: 'seglog append, asked to wait when behind',
      run: (round) => appended(values, {}, round === 0 ? sum : undefined, appendAsAsked),
    },
    {
      name: 'seglog append, waiting after each 1,000',
      run: (round) => appended(values, {}, round === 0 ? sum : undefined, appendThousands),
    },
    {
      name: 'seglog append in memory (no disk)',
      run: () => appended(values, { environment: memoryEnvironment() }, undefined, appendAsAsked),
    },
    { name: 'the encoder alone (cbor(), guarded)', run: () => encodeAlone(values) },
    { name: 'cbor-x alone, with shapes', run: () => encodeBare(values) },
    { name: 'raw 1 MiB O_DSYNC writes, the same bytes', run: () => written(values.length, inMiB, total, 'flag') },
    { name: 'raw 1 MiB writes + fdatasync, the same bytes', run: () => written(values.length, inMiB, total, 'each') },
  ]
  const name = (index: number): string => contestants[index]!.name
  const [ours, thousands, memory, encoder, bare, flagged] = [name(0), name(1), name(2), name(3), name(4), name(5)]
  await compete({
    title: `P2 append, ${values.length.toLocaleString('en')} ${events.name} (${meanJsonBytes(events).toFixed(0)} B as JSON, ${(total / values.length).toFixed(0)} B a frame)`,
    unit: 'records a second, all durable at the end; writing starts in a new log',
    rounds,
    contestants,
    ratios: [
      { label: 'append / the encoder alone (target 0.65)', of: ours, to: encoder },
      { label: 'append / cbor-x alone', of: ours, to: bare },
      { label: 'append / raw writes (O_DSYNC)', of: ours, to: flagged },
      { label: 'append in memory / the encoder alone', of: memory, to: encoder },
      { label: 'waiting after each 1,000 / the encoder alone', of: thousands, to: encoder },
    ],
  })
}

type Appender = (log: Log<unknown>, values: readonly unknown[]) => Promise<void>

async function appendAsAsked(log: Log<unknown>, values: readonly unknown[]): Promise<void> {
  let n = 0
  for (const value of values) {
    log.append(value)
    // `stats` makes an object: one look in a hundred is enough to stay within memory.
    if (++n % 100 === 0 && log.stats().isBehind) await log.ready()
  }
  await log.sync()
}

async function appendThousands(log: Log<unknown>, values: readonly unknown[]): Promise<void> {
  let n = 0
  let before = Promise.resolve()
  for (const value of values) {
    log.append(value)
    if (++n % 1000 > 0) continue
    // One thousand is filled while the one before is on its way.
    await before
    before = log.sync()
  }
  await before
  await log.sync()
}

/** Appends all, and compares what is read back when `expected` is given; that is not timed. */
async function appended(
  values: readonly unknown[],
  options: OpenLogOptions<unknown>,
  expected: { count: number; crc: number } | undefined,
  append: Appender,
): Promise<number> {
  const directory = options.environment === undefined ? temporaryDirectory() : '/bench'
  const log = await openLog(directory, options)
  const figure = await rate(values.length, () => append(log, values))
  check(log.highWatermark === values.length, 'all records are durable')
  if (expected !== undefined) {
    const found = checksumOf(valuesOf(log))
    check(found.count === expected.count && found.crc === expected.crc, 'what is read back is what was appended')
  }
  await log.close()
  if (options.environment === undefined) removeDirectory(directory)
  return figure
}

function encodeAlone(values: readonly unknown[]): number {
  const encoder = cbor().encoder([])
  let length = 0
  const figure = rateNow(values.length, () => {
    for (const value of values) {
      length += encoder.encode(value).length
      encoder.takeDefinitions()
    }
  })
  check(length > 0, 'something was encoded')
  return figure
}

function encodeBare(values: readonly unknown[]): number {
  const encoder = bareShapesEncoder()
  let length = 0
  const figure = rateNow(values.length, () => {
    for (const value of values) length += encoder.encode(value).length
  })
  check(length > 0, 'something was encoded')
  return figure
}

/** The same bytes into a file that was filled with zeros, which is not timed. */
async function written(count: number, from: Buffer, total: number, sync: 'each' | 'flag'): Promise<number> {
  const directory = temporaryDirectory()
  const file = `${directory}/raw`
  writtenFile(file, total, 0)
  const figure = await rate(count, () => writeLater(file, from, pieces(total, from.length), sync))
  removeDirectory(directory)
  return figure
}

/** P4: records of 4 KiB that are bytes already. */
async function measureBytes(): Promise<void> {
  const count = isQuick ? 4_096 : 32_768
  const record = noise(4096)
  const total = count * record.length
  const inMiB = noise(MIB)
  const raw = (name: string, sync: 'each' | 'flag'): Contestant => ({
    name,
    run: async () => ((await written(count, inMiB, total, sync)) * record.length) / MIB,
  })
  const growing: Contestant = {
    name: 'raw 1 MiB writes + fdatasync, growing',
    run: async () => {
      const directory = temporaryDirectory()
      writtenFile(`${directory}/raw`, 0, 0)
      const figure = await rate(total / MIB, () => writeLater(`${directory}/raw`, inMiB, pieces(total, MIB), 'each'))
      removeDirectory(directory)
      return figure
    },
  }
  const zeroFirst: Contestant = {
    name: 'raw zero fill, then 1 MiB writes + fdatasync',
    run: async () => {
      const directory = temporaryDirectory()
      const figure = await rate(total / MIB, async () => {
        writtenFile(`${directory}/raw`, total, 0)
        await writeLater(`${directory}/raw`, inMiB, pieces(total, MIB), 'each')
      })
      removeDirectory(directory)
      return figure
    },
  }
  const ours = (name: string, options: OpenLogOptions<Uint8Array>): Contestant => ({
    name,
    run: async (round) => {
      const directory = temporaryDirectory()
      const log = await openLog<Uint8Array>(directory, { codec: bytes(), ...options })
      const figure = await rate(total / MIB, async () => {
        for (let n = 1; n <= count; n++) {
          log.append(record)
          if (n % 10 === 0 && log.stats().isBehind) await log.ready()
        }
        await log.sync()
      })
      if (round === 0) {
        let found = 0
        for (const { value } of log.read()) if (record.equals(value)) found += 1
        check(found === count, 'what is read back is what was appended')
      }
      await log.close()
      removeDirectory(directory)
      return figure
    },
  })
  const inFile = 'raw 1 MiB writes + fdatasync, zero-filled before'
  await compete({
    title: `P4 bytes() records of 4 KiB, ${total / MIB} MiB`,
    unit: 'MiB a second, all durable at the end; what seglog fills with zeros meanwhile is part of its time',
    rounds: isQuick ? 2 : 5,
    contestants: [
      ours('seglog append', {}),
      raw(inFile, 'each'),
      raw('raw 1 MiB O_DSYNC writes, zero-filled before', 'flag'),
      growing,
      zeroFirst,
    ],
    ratios: [
      { label: 'append / raw, zero-filled before (target 0.70)', of: 'seglog append', to: inFile },
      { label: 'append / raw, growing', of: 'seglog append', to: growing.name },
      { label: 'append / raw with the zero fill', of: 'seglog append', to: zeroFirst.name },
    ],
  })
}

function* valuesOf(log: Log<unknown>): Iterable<unknown> {
  for (const { value } of log.read()) yield value
}
