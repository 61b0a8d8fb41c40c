import type { Handle } from '../segments/env/environment.ts'
import type { Steps } from '../segments/env/steps.ts'
import { newerFormat } from '../segments/errors.ts'
import { compressionOf } from '../segments/compression.ts'
import { withFileIfThere } from '../segments/files.ts'
import type { ChainName } from '../segments/format/chain.ts'
import { type HeaderFinding, type SegmentHeader, decodeHeader } from '../segments/format/header.ts'
import { CHAIN, COMPRESSION, FRAMES_START, KIND, UNIT } from '../segments/format/layout.ts'
import type { Manifest, SealedLine } from '../segments/format/manifest.ts'
import { SegmentScanner } from '../segments/scan.ts'
import type { Scan } from '../segments/stretches.ts'
import { WINDOW_BYTES, WINDOW_BYTES_MAX } from '../segments/window.ts'
import { ownHeader, readHead } from './inspect-segments.ts'
import type { ChainCheck } from './verify-chain.ts'
import { Findings, type Missing, checkPayload, explainHole, range } from './verify-findings.ts'
import type { Watch } from './verify-progress.ts'
import type { PlaceSums } from './verify-sidecar.ts'
import type { Unsealed } from './verify-survey.ts'

/** What a verification carries along. */
export interface Verification {
  readonly manifest: Manifest
  readonly watch: Watch
  readonly findingsMax: number
  /** Of archived ones without their log all that is there was durable once, and none was ever active here. */
  readonly of: 'log' | 'segments'
  /** Valid records that were seen. */
  records: number
  /** Undefined in a log without a chain. */
  readonly chain: ChainCheck | undefined
}

/** A segment of which it is known beforehand what it must hold: from its line, or from the header of its successor. */
export interface WholeSegment {
  readonly ordinal: number
  readonly path: string
  readonly salt: number
  readonly firstSequence: number
  readonly lastSequence: number
  readonly dataBytes: number
  /** Last hash of its chain. */
  readonly head: string
  /** Undefined where it is not that of all frames: in a segment that was sealed with damage inside. */
  readonly digest: number | undefined
  readonly baseTimestamp: bigint | undefined
  /** As in its line; undefined where the line does not tell. */
  readonly compression: number | undefined
  /** The line of the segment before it. */
  readonly before: SealedLine | undefined
  /** Told where each record stands. */
  readonly places?: PlaceSums
}

/** Checks a segment against what it must hold. */
export function* checkWhole(verification: Verification, segment: WholeSegment): Steps<Findings> {
  const findings = new Findings(verification.findingsMax)
  verification.watch.enter(segment.dataBytes)
  const { path, firstSequence, lastSequence } = segment
  const isThere = yield* withFileIfThere(path, (handle) => checkThere(verification, segment, handle, findings))
  if (isThere !== true) {
    verification.chain?.lose()
    findings.add({ code: 'GAP', message: 'a segment is missing', file: path, ...range(firstSequence, lastSequence) })
  }
  return findings
}

function* checkThere(
  verification: Verification,
  segment: WholeSegment,
  handle: Handle,
  findings: Findings,
): Steps<true> {
  yield* checkOpened(verification, segment, handle, findings)
  return true
}

function* checkOpened(
  verification: Verification,
  segment: WholeSegment,
  handle: Handle,
  findings: Findings,
): Steps<void> {
  const { path, salt, firstSequence, lastSequence, dataBytes } = segment
  const { size, head } = yield* readHead(handle)
  const header = ownHeader(decodeHeader(head), verification.manifest.logId, segment.ordinal)
  if (header.found === 'newer') throw newerFormat(path)
  if (header.found === 'header' && header.header.salt !== salt) {
    const message = 'this is not the file that was sealed under this name'
    verification.chain?.lose()
    findings.add({ code: 'GAP', message, file: path, ...range(firstSequence, lastSequence) })
    return
  }
  const end = Math.min(size, dataBytes)
  const holes = new HoleList(verification.findingsMax, lastSequence)
  let records = 0
  const { chain } = verification
  const key = { salt, firstSequence, baseTimestamp: segment.baseTimestamp ?? baseOf(header) }
  const told = segment.compression ?? compressionOf(undefined, verification.manifest.options)
  const place = { path, compression: header.found === 'header' ? header.header.compression : told }
  chain?.enter({ ...segment, header, baseTimestamp: key.baseTimestamp }, findings)
  const noteBare = (units: Uint32Array): void => {
    records += units.length
    segment.places?.addAll(units)
  }
  const scan = yield* new SegmentScanner(handle, end, key, FRAMES_START, {
    frame: (decoder, at, sequence) => {
      if (decoder.kind === KIND.record) {
        records += 1
        segment.places?.add(at / UNIT)
      }
      const original = checkPayload(place, decoder, at, sequence, findings)
      chain?.frame(decoder, at, sequence, original)
    },
    // Nothing in one can be wrong by itself, but that it lacks the hash that it should have.
    bareRecords: chain === undefined ? noteBare : undefined,
    windowBytesMax: chain === undefined && place.compression === COMPRESSION.none ? WINDOW_BYTES_MAX : WINDOW_BYTES,
    hole: (hole, before, after) => holes.add({ hole, from: before + 1, to: (after ?? lastSequence + 1) - 1 }),
  }).run('search')
  if (scan.unknownAt !== undefined) throw newerFormat(path)
  verification.records += records
  if (records === 0 && header.found === 'foreign') {
    const message = 'this is a file of another log'
    chain?.lose()
    findings.add({ code: 'GAP', message, file: path, ...range(firstSequence, lastSequence) })
    return
  }
  checkHeader(verification.manifest, segment, header, findings)
  const isShort = size < dataBytes
  const trailing = isShort && holes.last?.hole.end === end ? holes.takeLast() : undefined
  for (const missing of holes.list) yield* explainHole(path, handle, key, missing, findings)
  findings.count += holes.uncounted
  const problem = checkEnd(segment, scan, holes, isShort ? size : undefined, trailing?.from)
  if (problem !== undefined) findings.add({ ...problem, file: path })
  chain?.leave(segment.head, dataBytes)
}

/** Holes up to a number; of those beyond only the count is kept. */
class HoleList {
  readonly list: Missing[] = []
  uncounted = 0
  last: Missing | undefined
  private readonly max: number
  private readonly lastSequence: number

  constructor(max: number, lastSequence: number) {
    this.max = max
    this.lastSequence = lastSequence
  }

  add(missing: Missing): void {
    this.last = missing
    if (this.list.length < this.max) this.list.push(missing)
    else this.uncounted += 1
  }

  takeLast(): Missing | undefined {
    const { last } = this
    if (this.list.at(-1) === last) this.list.pop()
    else this.uncounted -= 1
    return last
  }

  get isEmpty(): boolean {
    return this.last === undefined
  }

  /** Whether the last record is lost in the last hole, so that the end needs no finding of its own. */
  get reachesEnd(): boolean {
    return this.last !== undefined && this.last.to === this.lastSequence && this.last.from <= this.last.to
  }
}

function baseOf(header: HeaderFinding): bigint | undefined {
  return header.found === 'header' ? header.header.baseTimestamp : undefined
}

function checkHeader(manifest: Manifest, segment: WholeSegment, finding: HeaderFinding, findings: Findings): void {
  const { path } = segment
  if (finding.found !== 'header') {
    const message = `the header of a segment cannot be read (${finding.found})`
    findings.add({ code: 'CORRUPT', message, file: path, offset: 0 })
    return
  }
  const wrong = wrongField(manifest, segment, finding.header)
  if (wrong === undefined) return
  const message = `the header of a segment says another ${wrong} than the manifest`
  findings.add({ code: 'CORRUPT', message, file: path, offset: 0 })
}

function wrongField(manifest: Manifest, segment: WholeSegment, header: SegmentHeader): string | undefined {
  const { before, baseTimestamp } = segment
  const { predecessor } = header
  const told = predecessor?.ordinal === before?.ordinal ? predecessor : undefined
  const fields: Readonly<Record<string, boolean>> = {
    'first sequence': header.firstSequence === segment.firstSequence,
    'base timestamp': baseTimestamp === undefined || header.baseTimestamp === baseTimestamp,
    codec: header.codec === manifest.options.codec,
    compression: segment.compression === undefined || header.compression === segment.compression,
    chain: header.chain === CHAIN[manifest.options.chain as ChainName],
    'end of its predecessor': told === undefined || before === undefined || told.bytes === before.dataBytes,
    'digest of its predecessor':
      told === undefined || before === undefined || before.damaged === true || told.digest === before.digest,
  }
  return Object.keys(fields).find((name) => !fields[name])
}

/** What is wrong with the end of a segment, unless a hole has said so; `size` is given where the file is too short. */
function checkEnd(
  segment: WholeSegment,
  scan: Scan,
  holes: HoleList,
  size: number | undefined,
  cutFrom: number | undefined,
): { readonly code: 'CORRUPT' | 'GAP'; readonly message: string; readonly offset: number } | undefined {
  const { dataBytes, lastSequence } = segment
  const last = scan.stretches.at(-1)!
  const lost = range(cutFrom ?? last.lastSeen + 1, lastSequence)
  if (size !== undefined) {
    return { code: 'GAP', message: `a segment is ${size} bytes long instead of ${dataBytes}`, offset: size, ...lost }
  }
  if (holes.reachesEnd) return undefined
  if (last.end < dataBytes) {
    return { code: 'CORRUPT', message: `${dataBytes - last.end} bytes at the end are zeros`, offset: last.end, ...lost }
  }
  if (last.lastSeen !== lastSequence) {
    const message = `a segment ends with record ${last.lastSeen} instead of ${lastSequence}`
    return { code: 'CORRUPT', message, offset: last.end, ...lost }
  }
  if (last.wholeEnd < last.end) {
    return { code: 'CORRUPT', message: 'the last batch of a segment has no end', offset: last.wholeEnd }
  }
  if (!holes.isEmpty || segment.digest === undefined || last.digest === segment.digest) return undefined
  return { code: 'CORRUPT', message: 'these are not the frames that were sealed (their digest differs)', offset: 0 }
}

/** What its own line or the header of a used successor says of a segment; undefined where neither says anything. */
export function wholeOf(
  segment: Unsealed,
  successor: Unsealed | undefined,
  firstSequence: number,
  before: SealedLine | undefined,
): WholeSegment | undefined {
  const { line: own } = segment
  if (own?.state === 'sealed') return { ...wholeAsListed(own), path: segment.path, before }
  if (successor?.header?.found !== 'header') return undefined
  const { predecessor, firstSequence: nextFirst } = successor.header.header
  if (predecessor?.ordinal !== segment.ordinal) return undefined
  const { header, line } = segment
  const salt = header?.found === 'header' ? header.header.salt : line?.salt
  if (salt === undefined) return undefined
  return {
    ordinal: segment.ordinal,
    path: segment.path,
    salt,
    firstSequence,
    lastSequence: nextFirst - 1,
    dataBytes: predecessor.bytes,
    digest: predecessor.digest,
    head: predecessor.head,
    baseTimestamp: header?.found === 'header' ? header.header.baseTimestamp : undefined,
    compression: line?.compression === undefined ? undefined : compressionOf(line, {}),
    before,
  }
}

/** What the line of a sealed segment says of it. */
export function wholeAsListed(line: SealedLine): Omit<WholeSegment, 'path' | 'before'> {
  return {
    ...line,
    digest: line.damaged ? undefined : line.digest,
    baseTimestamp: BigInt(line.baseTimestamp),
    compression: compressionOf(line, {}),
  }
}
