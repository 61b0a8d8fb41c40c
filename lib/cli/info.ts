import { type Survey, survey } from '../../recovery/verify-survey.ts'
import type { SealedLine } from '../../segments/format/manifest.ts'
import type { ChainHead } from '../../segments/chain.ts'
import { SeglogError } from '../../segments/errors.ts'
import type { ReadOnlyReport } from '../look.ts'
import type { ReadOnlyLog } from '../read-only.ts'
import { later } from '../read/later.ts'
import { type Command, EXIT, type ExitCode, type Request } from './command.ts'
import { openForReading } from './entries.ts'
import { printFindings, rangesText } from './findings.ts'
import type { Cell } from './printer.ts'
import { countText, headText, quoted, sizeText, timeText } from './text.ts'

/** Segments that people are shown; programs get all. */
const SEGMENTS_SHOWN = 12

export const info: Command = {
  name: 'info',
  summary: 'tell what a log holds and how it stands, without reading all of it',
  operands: ['directory'],
  options: { head: { help: 'print the head of the hash chain and nothing else, for seglog verify --expect' } },
  notes: ['Changes nothing, and runs beside the process that writes. Records are not checked: see seglog verify.'],
  examples: [
    ['seglog info ./orders', 'its records, segments, anchors, cursors, and who writes'],
    ['seglog info ./orders --head > orders.head', 'the head of its hash chain, to be kept elsewhere'],
    ['seglog info ./orders --json | jq .highWatermark', 'one figure for a script'],
  ],
  async run(request) {
    const { env } = request.world
    const directory = env.absolute(request.operands[0]!)
    const { log } = await openForReading(request)
    try {
      if (request.options.has('head')) return printHead(request, log)
      const seen = await later(env, survey(directory))
      const facts = factsOf(directory, log, seen)
      return print(request, facts, segmentsOf(seen), log.report)
    } finally {
      await log.close()
    }
  },
}

function printHead({ out, operands }: Request, log: ReadOnlyLog<unknown>): ExitCode {
  const head = log.head()
  if (head === undefined) {
    const message = 'the log has no hash chain, so it has no head. Whether it has one is settled when it is made.'
    throw new SeglogError('INVALID_ARGUMENT', message, { file: operands[0]! })
  }
  out.object({ type: 'head', ...head })
  out.line(headText(head))
  return EXIT.sound
}

interface SegmentFacts {
  readonly ordinal: number
  readonly state: 'archived' | 'sealed' | 'active' | 'prepared' | 'missing'
  readonly from?: number
  readonly to?: number
  readonly bytes: number
  readonly lastTimestampNs?: string
  readonly damaged?: true
  readonly place?: string
}

type Facts = ReturnType<typeof factsOf>

function factsOf(directory: string, log: ReadOnlyLog<unknown>, seen: Survey) {
  const { logId, createdAt, options, keys, anchors, cursors, run } = seen.manifest
  const { status, writer, end, unproven, lost } = log.report
  const { firstSequence, highWatermark } = log
  return {
    directory,
    logId,
    createdAt,
    ...{ status, writer, end, run },
    ...{ firstSequence, highWatermark, unproven, lost, head: headOf(log) },
    options,
    ...{ keys, anchors, cursors },
    manifest: seen.manifestFrom,
  }
}

/** Undefined where the log has no chain, or damage stands at its end: then the rest is told all the same. */
function headOf(log: ReadOnlyLog<unknown>): ChainHead | undefined {
  try {
    return log.head()
  } catch (error) {
    if (error instanceof SeglogError && error.code !== 'IO') return undefined
    throw error
  }
}

function chainText(chain: string, head: ChainHead | undefined): string {
  return head === undefined ? `${chain}; its end cannot be read` : `${chain}, head ${headText(head)}`
}

function segmentsOf({ manifest, unsealed, proven }: Survey): SegmentFacts[] {
  const sealed = manifest.segments.filter((line) => line.state !== 'open')
  const done = sealed.map((line: SealedLine): SegmentFacts => {
    const {
      ordinal,
      state,
      firstSequence: from,
      lastSequence: to,
      dataBytes: bytes,
      lastTimestamp,
      damaged,
      place,
    } = line
    const more = { ...(damaged === undefined ? {} : { damaged }), ...(place === undefined ? {} : { place }) }
    return { ordinal, state, from, to, bytes, lastTimestampNs: lastTimestamp, ...more }
  })
  const open = unsealed.filter(({ line }) => line === undefined || line.state === 'open')
  const others = open.map(({ ordinal, size, header }): SegmentFacts => {
    if (header === undefined) return { ordinal, state: 'missing', bytes: 0 }
    if (header.found !== 'header') return { ordinal, state: 'prepared', bytes: size }
    const from = header.header.firstSequence
    const to = proven?.ordinal === ordinal ? proven.sequence : undefined
    return { ordinal, state: 'active', from, ...(to === undefined ? {} : { to }), bytes: size }
  })
  return [...done, ...others].sort((a, b) => a.ordinal - b.ordinal)
}

function print(request: Request, facts: Facts, segments: readonly SegmentFacts[], report: ReadOnlyReport): ExitCode {
  const { out, operands } = request
  const { findings } = report
  out.object({ type: 'log', ...facts, segments })
  out.facts(describe(facts, segments))
  out.line()
  const shown = segments.slice(-SEGMENTS_SHOWN)
  const hidden = segments.length - shown.length
  out.table(['segment', 'state', 'first', 'last', 'size', 'last written'], shown.map(rowOf))
  if (hidden > 0) out.line(`… and ${hidden} before them`)
  printFindings(out, facts.directory, findings, findings.length)
  const isDamaged = findings.some(({ code }) => code === 'CORRUPT' || code === 'GAP')
  if (isDamaged || facts.lost.length > 0) out.line(`next: seglog verify ${quoted(operands[0]!)}`)
  return isDamaged ? EXIT.damaged : EXIT.sound
}

const WRITERS: Readonly<Record<Facts['writer'], string>> = {
  alive: 'at work',
  dead: 'dead; its lock is still there',
  free: 'none',
  unknown: 'unknown; see seglog lock',
}

function describe(facts: Facts, segments: readonly SegmentFacts[]): (readonly [string, Cell | undefined])[] {
  const { firstSequence, highWatermark, lost, unproven, run, anchors, options, head } = facts
  const count = highWatermark - firstSequence + 1
  const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0)
  const newest = anchors.at(-1)
  const kinds = Object.entries(facts.keys).map(
    ([kind, found]) => `${kind} (${'path' in found ? found.path.join('.') : `version ${found.version}`})`,
  )
  const cursors = Object.entries(facts.cursors).map(([name, { sequence }]) => `${name} at ${sequence}`)
  return [
    ['log', facts.logId],
    ['made', timeText(BigInt(facts.createdAt))],
    ['run', run === null ? undefined : `${run.instance}/${run.run}, ${facts.status}`],
    ['writer', WRITERS[facts.writer]],
    ['end', facts.end],
    ['records', count === 0 ? 'none' : `${count}: ${firstSequence} to ${highWatermark}`],
    ['unproven', unproven > 0 ? `${unproven} more, of which nothing proves that they were acknowledged` : undefined],
    ['lost', lost.length > 0 ? rangesText(lost) : undefined],
    ['size', `${sizeText(bytes)} in ${countText(segments.length, 'segment')}`],
    ['codec', options.codec],
    ['chain', options.chain === 'none' ? undefined : chainText(options.chain, head)],
    ['compression', options.compression === 'none' ? undefined : options.compression],
    ['keys', kinds.length > 0 ? kinds.join(', ') : undefined],
    ['anchors', newest && `${anchors.length}; the newest as of ${newest.sequence}: ${newest.ref}`],
    ['cursors', cursors.length > 0 ? cursors.join(', ') : undefined],
    ['manifest', facts.manifest === 'newest' ? undefined : facts.manifest],
  ]
}

function rowOf({ ordinal, state, from, to, bytes, lastTimestampNs, damaged, place }: SegmentFacts): Cell[] {
  const isEmpty = from !== undefined && to !== undefined && to < from
  const time = lastTimestampNs === undefined || isEmpty ? '' : timeText(BigInt(lastTimestampNs))
  const more = (damaged ? ', damaged' : '') + (place === undefined ? '' : ` in ${place}`)
  return [ordinal, state + more, isEmpty ? '' : (from ?? ''), isEmpty ? '' : (to ?? ''), sizeText(bytes), time]
}
