import { SeglogError } from '../../segments/errors.ts'
import type { Entry } from '../read/entry.ts'
import type { ReadOptions } from '../read/range.ts'
import type { SequenceRange } from '../../segments/format/manifest.ts'
import { Advised, type Command, EXIT, type ExitCode, type Options, type Request, UsageError } from './command.ts'
import {
  ARCHIVED,
  type OpenedLog,
  RAW,
  VALUE_NOTES,
  openArchivedForReading,
  openForReading,
  printEntry,
} from './entries.ts'
import { lookupRange, parseKey } from './keys.ts'
import { quoted } from './text.ts'
import { keysError } from './writing.ts'
import type { World } from './world.ts'

export const cat: Command = {
  name: 'cat',
  summary: 'print records',
  operands: ['directory'],
  options: {
    from: { value: 'sequence', help: 'first record' },
    to: { value: 'sequence', help: 'last record' },
    since: { value: 'time', help: 'nothing before this time: 2026-01-31T09:30:00Z, or 90s, 15m, 6h, 2d ago' },
    reverse: { help: 'from the last record to the first' },
    limit: { value: 'count', short: 'n', help: 'most records to print' },
    key: {
      value: 'kind=value',
      help: 'only records with this key; 17 is a text, a number or a bigint, 0x17 also bytes',
    },
    raw: RAW,
    archived: ARCHIVED,
  },
  notes: [
    ...VALUE_NOTES,
    'Only durable records are printed. At a damaged record it stops, and says how to go on behind it.',
  ],
  examples: [
    ['seglog cat ./orders --from 100 --to 120', 'these records'],
    ['seglog cat ./orders --reverse -n 5', 'the last five, the last one first'],
    ['seglog cat ./orders --key orderId=O-17', 'all that has this key'],
    ['seglog cat ./orders --since 15m --json | jq .value', 'values of the last quarter of an hour'],
    ['seglog cat ./cold --archived', 'what was archived to ./cold'],
  ],
  async run(request) {
    if (request.options.has('archived')) return catArchived(request)
    const opened = await openForReading(request)
    const { log } = opened
    try {
      const range = rangeOf(request)
      const key = request.options.text('key')
      if (key !== undefined && !opened.values.isKnown) throw keysError(opened.values.codec.name)
      const entries = key === undefined ? log.read(range) : lookupRange(log, parseKey(key), range)
      await printAll(request, opened, entries)
    } catch (error) {
      throw goingOn(request, log.report.lost, error)
    } finally {
      await log.close()
    }
    return EXIT.sound
  },
}

async function catArchived(request: Request): Promise<ExitCode> {
  if (request.options.text('key') !== undefined) throw new UsageError('--key needs a log: its tables stay with it')
  const opened = openArchivedForReading(request)
  const { log } = opened
  try {
    await printAll(request, opened, log.read({ ...rangeOf(request) }))
  } catch (error) {
    throw goingOn(request, [], error)
  } finally {
    await log.close()
  }
  return EXIT.sound
}

async function printAll(
  request: Request,
  { values }: Pick<OpenedLog, 'values'>,
  entries: AsyncIterable<Entry<unknown>> | Iterable<Entry<unknown>>,
): Promise<void> {
  const { out, world } = request
  for await (const entry of entries) {
    printEntry(request, values, entry)
    if (!out.isFull) continue
    await out.flush()
    await turn(world)
    world.signal.throwIfAborted()
  }
}

/** Lets the event loop run, which hears of Ctrl-C: a walk by key does not. */
function turn({ env }: World): Promise<void> {
  return new Promise((resolve) => env.defer(resolve))
}

function rangeOf({ options, world }: Request): ReadOptions {
  const from = options.whole('from', 1)
  const to = options.whole('to', 0)
  const limit = options.whole('limit', 1)
  const since = options.text('since')
  return {
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(limit === undefined ? {} : { limit }),
    ...(since === undefined ? {} : { fromTime: timeOf(since, world.env.nowMs()) }),
    reverse: options.has('reverse'),
  }
}

const MS_PER: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const NANOSECONDS_PER_MS = 1_000_000n

/** Nanoseconds since 1970 of a time as it is typed: a date, or how long ago. */
function timeOf(text: string, nowMs: number): bigint {
  const ago = /^(\d+)([smhd])$/.exec(text)
  const ms = ago === null ? Date.parse(text) : nowMs - Number(ago[1]) * MS_PER[ago[2]!]!
  if (Number.isFinite(ms) && ms >= 0) return BigInt(Math.floor(ms)) * NANOSECONDS_PER_MS
  throw new UsageError(`--since takes a time such as 2026-01-31T09:30:00Z, or 90s, 15m, 6h, 2d, not "${text}"`)
}

/** Where a record stopped the walk, the next thing to type goes on behind it. */
function goingOn({ operands, options }: Request, ranges: readonly SequenceRange[], error: unknown): unknown {
  if (!(error instanceof SeglogError) || error.sequence === undefined) return error
  if (error.code !== 'CORRUPT' && error.code !== 'GAP') return error
  const { sequence } = error
  // Of a segment that is missing the error says which records it had.
  const gone = error.code === 'GAP' && error.expected !== undefined ? [error.expected as SequenceRange] : []
  const lost = [...ranges, ...gone].find(({ from, to }) => from <= sequence && sequence <= to)
  const { from, to } = lost ?? { from: sequence, to: sequence }
  return new Advised(error, `seglog cat ${quoted(operands[0]!)} ${onward(options, from, to)}`)
}

function onward(options: Options, from: number, to: number): string {
  const archived = options.has('archived') ? '--archived ' : ''
  return archived + (options.has('reverse') ? `--reverse --to ${from - 1}` : `--from ${to + 1}`)
}
