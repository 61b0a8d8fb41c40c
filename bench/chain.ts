import { type Log, type OpenLogOptions, openLog } from '../lib/index.ts'
import { ChainHasher, chainStart } from '../segments/format/chain.ts'
import { KIND } from '../segments/format/layout.ts'
import { type Contestant, type Result, check, compete, rate, rateNow } from './measure/contest.ts'
import { inDirectory, removeDirectory, temporaryDirectory } from './measure/disk.ts'
import { type Events, described, orderEvents } from './measure/events.ts'
import { rounds } from './options.ts'
import { appendAll } from './peers/seglog.ts'

type Options = OpenLogOptions<unknown>

const SETTINGS: readonly (readonly [string, Options])[] = [
  ['none', {}],
  ['sha256', { chain: 'sha256' }],
]

/** About what an order event takes in `cbor()`. */
const PAYLOAD_BYTES = 60

/** What the hash chain costs. */
export async function measure(): Promise<Result[]> {
  const events = orderEvents()
  return [await appends(events), ...(await reads(events))]
}

function appends(events: Events): Promise<Result> {
  const { values } = events
  return compete({
    target: 'chain',
    title: `append, ${described(events)}`,
    unit: 'records a second, all durable at the end; each begins with a new log',
    rounds,
    contestants: [
      ...SETTINGS.map(([name, options]): Contestant => ({
        name,
        role: 'ours',
        run: () => appendRate(values, options),
      })),
      { name: 'the hashes alone', role: 'limit', run: () => hashRate(values.length) },
    ],
  })
}

async function reads(events: Events): Promise<Result[]> {
  const { values } = events
  const logs: (readonly [string, Log<unknown>])[] = []
  const directories: string[] = []
  for (const [name, options] of SETTINGS) {
    const directory = temporaryDirectory()
    directories.push(directory)
    const log = await openLog(directory, options)
    await appendAll(log, values)
    logs.push([name, log])
  }
  const contestants = (run: (log: Log<unknown>) => Promise<number> | number): Contestant[] =>
    logs.map(([name, log]) => ({ name, role: 'ours', run: () => run(log) }))
  const unit = 'records a second; files in the page cache'
  const common = { target: 'chain', unit, rounds }
  const replay = contestants((log) => replayRate(log, values.length))
  const verified = contestants((log) => verifyRate(log, values.length))
  const results = [
    await compete({ ...common, title: `replay, ${described(events)}`, contestants: replay }),
    await compete({ ...common, title: `verify, ${described(events)}`, contestants: verified }),
  ]
  for (const [, log] of logs) await log.close()
  directories.forEach(removeDirectory)
  return results
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

function verifyRate(log: Log<unknown>, count: number): Promise<number> {
  return rate(count, async () => {
    const { isSound, records } = await log.verify()
    check(isSound && records === count, 'all records are sound')
  })
}

function hashRate(count: number): number {
  const payload = Buffer.alloc(PAYLOAD_BYTES, 1)
  const head = chainStart('00'.repeat(16))
  const hasher = new ChainHasher()
  return rateNow(count, () => {
    for (let sequence = 1; sequence <= count; sequence++) {
      const link = { kind: KIND.record, flags: 0, sequence, timeDelta: sequence, timestamp: undefined }
      hasher.next(head, link, payload, 0, payload.length)
    }
  })
}
