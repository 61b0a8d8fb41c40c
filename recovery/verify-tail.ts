import type { Handle } from '../segments/env/environment.ts'
import { type Steps, step } from '../segments/env/steps.ts'
import { compressionOf } from '../segments/compression.ts'
import { newerFormat } from '../segments/errors.ts'
import { withFileIfThere } from '../segments/files.ts'
import type { FrameDecoder } from '../segments/format/frame.ts'
import { COMPRESSION, FRAMES_START } from '../segments/format/layout.ts'
import type { SealedLine } from '../segments/format/manifest.ts'
import { type SegmentKey, SegmentScanner } from '../segments/scan.ts'
import { type Hole, type Scan, hasFrames } from '../segments/stretches.ts'
import { WINDOW_BYTES } from '../segments/window.ts'
import { type Decision, decide } from './decide.ts'
import { Findings, checkPayload, explainHole, range } from './verify-findings.ts'
import type { Verification } from './verify-segments.ts'
import type { Survey, Unsealed } from './verify-survey.ts'

/** The end of a log, as far as it was checked. */
export interface CheckedTail {
  readonly findings: Findings
  /** Where what is accepted of it ends, and the last record there; undefined where nothing in this segment was used. */
  readonly decision: Decision | undefined
  readonly scan: Scan | undefined
  readonly key: SegmentKey
}

/**
 * Checks the segment that is being written, or was when its writer ended. What proves a hole to be damage must have been
 * read before the hole was: beside a writer at work a frame may be missing now, and a later one that proves it be there a
 * moment after. So where one look finds damage a second one decides, and only by what the first one proved.
 */
export function* checkTail(
  verification: Verification,
  survey: Survey,
  tail: Unsealed,
  nextSequence: number,
  before: SealedLine | undefined,
): Steps<CheckedTail> {
  const { path, header, line } = tail
  const key: SegmentKey =
    header?.found === 'header'
      ? header.header
      : { salt: line?.salt ?? 0, firstSequence: nextSequence, baseTimestamp: undefined }
  const findings = new Findings(verification.findingsMax)
  verification.watch.enter(tail.size)
  const checked = yield* withFileIfThere(path, (handle) =>
    checkOpened(verification, survey, tail, handle, key, before, findings),
  )
  if (checked !== undefined) {
    verification.records += countRecords(checked)
    return checked
  }
  findings.add({ code: 'GAP', message: 'a segment is missing', file: path })
  return { findings, decision: undefined, scan: undefined, key }
}

function* checkOpened(
  verification: Verification,
  survey: Survey,
  tail: Unsealed,
  handle: Handle,
  key: SegmentKey,
  before: SealedLine | undefined,
  findings: Findings,
): Steps<CheckedTail> {
  const first = yield* look(handle, tail, key)
  if (first === undefined) return shortened(tail.path, key, findings)
  const isActive = verification.of === 'log'
  const provenEnd = isActive ? first.claimedEnd : tail.size
  const decided = decideTail(survey, tail, key, first, provenEnd)
  if (!isUsed(tail, first)) return { findings, decision: undefined, scan: undefined, key }
  if (!isDamaged(decided)) {
    if (isActive) noteHeader(survey, tail, first, findings)
    yield* checkFrames(verification, tail, handle, key, first, decided, before, findings)
    return { findings, decision: decided, scan: first, key }
  }
  const second = yield* look(handle, tail, key)
  if (second === undefined) return shortened(tail.path, key, findings)
  const decision = decideTail(survey, tail, key, second, provenEnd)
  if (isActive) noteHeader(survey, tail, second, findings)
  if (isDamaged(decision)) yield* explain(tail, handle, key, second, decision, findings)
  yield* checkFrames(verification, tail, handle, key, second, decision, before, findings)
  return { findings, decision, scan: second, key }
}

/** Reads what is accepted once more, for payloads and hashes: a scan that keeps places has no eye for them. */
function* checkFrames(
  { chain, manifest }: Verification,
  { ordinal, path, header, line }: Unsealed,
  handle: Handle,
  key: SegmentKey,
  { baseTimestamp }: Scan,
  { end }: Decision,
  before: SealedLine | undefined,
  findings: Findings,
): Steps<void> {
  const told = header?.found === 'header' ? header.header.compression : compressionOf(line, manifest.options)
  if (told === COMPRESSION.none && chain === undefined) return
  const place = { path, compression: told }
  const finding = header ?? { found: 'zeros' }
  chain?.enter({ ordinal, path, header: finding, firstSequence: key.firstSequence, baseTimestamp, before }, findings)
  const frame = (decoder: FrameDecoder, at: number, sequence: number): void => {
    const original = checkPayload(place, decoder, at, sequence, findings)
    chain?.frame(decoder, at, sequence, original)
  }
  const watcher = { frame, hole: () => undefined, windowBytesMax: WINDOW_BYTES }
  yield* new SegmentScanner(handle, end, key, FRAMES_START, watcher).run('search')
  chain?.leave(undefined, end)
}

/** Undefined where the file became shorter meanwhile: a writer sealed it. */
function* look(handle: Handle, tail: Unsealed, key: SegmentKey): Steps<Scan | undefined> {
  let scan: Scan
  try {
    scan = yield* new SegmentScanner(handle, tail.size, key).run('search')
  } catch (error) {
    if ((yield* step({ do: 'size', handle })) < tail.size) return undefined
    throw error
  }
  if (scan.unknownAt !== undefined) throw newerFormat(tail.path)
  return scan
}

/** Makes that it is looked at once more; then it is sealed, or has been cut by somebody. */
function shortened(path: string, key: SegmentKey, findings: Findings): CheckedTail {
  findings.add({ code: 'CORRUPT', message: 'a segment became shorter while it was read', file: path })
  return { findings, decision: undefined, scan: undefined, key }
}

function isUsed(tail: Unsealed, scan: Scan): boolean {
  return tail.header?.found === 'header' || hasFrames(scan)
}

function isDamaged({ verdict }: Decision): boolean {
  return verdict === 'damaged' || verdict === 'corrupt'
}

export function decideTail(survey: Survey, tail: Unsealed, key: SegmentKey, scan: Scan, claimedEnd: number): Decision {
  return decide({
    ordinal: tail.ordinal,
    scan: { ...scan, claimedEnd },
    sequenceBefore: key.firstSequence - 1,
    proven: survey.proven,
    closed: survey.closed,
    slotExact: true,
    fileHarmed: false,
    traceOfGroup: false,
    missing: false,
  })
}

/** A header that a power cut tore off an unacknowledged first group is no damage; one whose frames are proven is. */
function noteHeader(survey: Survey, tail: Unsealed, scan: Scan, findings: Findings): void {
  const { proven } = survey
  const { path, header, size } = tail
  if (header?.found === 'header') {
    if (size >= header.header.segmentBytes || survey.closed !== undefined) return
    const message = 'the active segment is shorter than its header says'
    findings.add({ code: 'CORRUPT', message, file: path, offset: size })
    return
  }
  const isProven = scan.claimedEnd > FRAMES_START || (proven?.ordinal === tail.ordinal && proven.offset > 0)
  if (!isProven) return
  findings.add({ code: 'CORRUPT', message: 'the header of a used segment cannot be read', file: path, offset: 0 })
}

/** Each hole in what is accepted, and what is proven and missing behind it. */
function* explain(
  tail: Unsealed,
  handle: Handle,
  key: SegmentKey,
  scan: Scan,
  decision: Decision,
  findings: Findings,
): Steps<void> {
  const { path } = tail
  const end = scan.holes.at(-1)
  for (const hole of scan.holes) {
    const before = scan.stretches.findLast((stretch) => stretch.start < hole.start || stretch.end <= hole.start)
    const after = scan.stretches.find((stretch) => stretch.start >= hole.end && stretch !== before)
    const isBehind = hole.start >= decision.end
    if (isBehind && decision.verdict === 'damaged') break
    const from = (before?.lastSeen ?? key.firstSequence - 1) + 1
    const to = after === undefined || isBehind ? lastLost(decision, from) : after.firstSequence - 1
    yield* explainHole(path, handle, key, { hole, from, to }, findings)
    if (isBehind) return
  }
  if (decision.verdict !== 'corrupt' || isLastLost(end, decision)) return
  const from = decision.sequence + 1
  const message = 'acknowledged records are missing at the end of the log'
  const lost = range(from, lastLost(decision, from))
  findings.add({ code: 'CORRUPT', message, file: path, offset: decision.end, ...lost })
}

function lastLost(decision: Decision, from: number): number {
  return Math.max(from - 1, decision.lost.at(-1)?.to ?? 0)
}

function isLastLost(hole: Hole | undefined, decision: Decision): boolean {
  return hole !== undefined && hole.start >= decision.end
}

function countRecords({ decision, scan }: CheckedTail): number {
  if (decision === undefined || scan === undefined) return 0
  const accepted = scan.stretches.filter((stretch) => stretch.start < decision.end)
  return accepted.reduce((sum, { firstSequence, lastSequence }) => sum + lastSequence - firstSequence + 1, 0)
}
