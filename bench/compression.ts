import { type Log, type OpenLogOptions, json, openLog } from '../lib/index.ts'
import {
  type Absent,
  type Contestant,
  type Result,
  check,
  compete,
  rate,
  rateNow,
  resultOf,
} from './measure/contest.ts'
import { inDirectory, removeDirectory, temporaryDirectory } from './measure/disk.ts'
import { type Events, binanceEvents, described, orderEvents } from './measure/events.ts'
import { canCompress } from '../segments/format/compression.ts'
import { COMPRESSION } from '../segments/format/layout.ts'
import { rounds } from './options.ts'
import { appendAll } from './peers/seglog.ts'

type Options = OpenLogOptions<unknown>

const CODECS: readonly (readonly [string, Options])[] = [
  ['cbor()', {}],
  ['json()', { codec: json() }],
]

const SETTINGS: readonly (readonly [string, Options])[] = [
  ['none', {}],
  ['deflate', { compression: 'deflate' }],
  ['deflate, from 1 B on', { compression: 'deflate', compressionBytesMin: 1 }],
  ['brotli', { compression: 'brotli' }],
  ['brotli, from 1 B on', { compression: 'brotli', compressionBytesMin: 1 }],
  ['zstd', { compression: 'zstd' }],
]

/** What compression costs, and what it gains. */
export async function measure(): Promise<Result[]> {
  const results: Result[] = []
  for (const events of [orderEvents(), binanceEvents()]) {
    if (events === undefined) continue
    results.push(await sizes(events))
    results.push(await appends(events))
    results.push(await replays(events))
  }
  return results
}

/** Nothing here depends on time, so one round is enough. */
async function sizes(events: Events): Promise<Result> {
  const rows = CODECS.flatMap(([codec, first]) =>
    SETTINGS.map(([name, second]) => ({ name: `${codec}, ${name}`, options: { ...first, ...second } })),
  )
  const figures: number[][] = []
  for (const { options } of rows) figures.push(isAbsent(options) ? [] : [await bytesOfEach(events, options)])
  const contestants = rows.map(({ name, options }) => contestant(name, options, () => 0))
  const title = `bytes on disk, ${described(events)}`
  return resultOf({ target: 'compression', title, unit: 'bytes a record', rounds: 1, contestants }, figures)
}

function appends(events: Events): Promise<Result> {
  const { values } = events
  return compete({
    target: 'compression',
    title: `append, ${described(events)}, cbor()`,
    unit: 'records a second, all durable at the end; each begins with a new log',
    rounds,
    contestants: SETTINGS.map(([name, options]) => contestant(name, options, () => appendRate(values, options))),
  })
}

async function replays(events: Events): Promise<Result> {
  const { values } = events
  const logs = new Map<Options, Log<unknown>>()
  const directories: string[] = []
  for (const [, options] of SETTINGS) {
    if (isAbsent(options)) continue
    const directory = temporaryDirectory()
    directories.push(directory)
    const written = await openLog(directory, options)
    await appendAll(written, values)
    await written.close()
    logs.set(options, await openLog(directory))
  }
  const result = await compete({
    target: 'compression',
    title: `replay, ${described(events)}, cbor()`,
    unit: 'records a second, decoded; files in the page cache',
    rounds,
    contestants: SETTINGS.map(([name, options]) =>
      contestant(name, options, () => replayRate(logs.get(options)!, values.length)),
    ),
  })
  for (const log of logs.values()) await log.close()
  directories.forEach(removeDirectory)
  return result
}

function contestant(name: string, options: Options, run: () => Promise<number> | number): Contestant | Absent {
  return isAbsent(options) ? { name, role: 'ours', absent: 'this Node does not have it' } : { name, role: 'ours', run }
}

function isAbsent({ compression = 'none' }: Options): boolean {
  return compression !== 'none' && !canCompress(COMPRESSION[compression])
}

function bytesOfEach({ values }: Events, options: Options): Promise<number> {
  return inDirectory(async (directory) => {
    const log = await openLog(directory, options)
    await appendAll(log, values)
    const { bytes } = log.stats()
    await log.close()
    return bytes / values.length
  })
}

function appendRate(values: readonly unknown[], options: Options): Promise<number> {
  return inDirectory(async (directory) => {
    const log = await openLog(directory, options)
    const figure = await rate(values.length, () => appendAll(log, values))
    await log.close()
    return figure
  })
}

function replayRate(log: Log<unknown>, count: number): number {
  let seen = 0
  const figure = rateNow(count, () => {
    for (const { value } of log.read()) if (value !== undefined) seen += 1
  })
  check(seen === count, 'all records are read')
  return figure
}
