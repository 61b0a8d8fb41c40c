import { compressionMember, compressionOf } from '../segments/compression.ts'
import { DIGEST_START } from '../segments/format/checksum.ts'
import { FRAMES_START } from '../segments/format/layout.ts'
import type { Manifest, SealedLine } from '../segments/format/manifest.ts'
import { headAtEnd } from '../segments/chain-end.ts'
import { type Scan, hasFrames } from '../segments/stretches.ts'
import { type Decision, decide } from './decide.ts'
import type { Finding, Inspection, SegmentEvidence } from './evidence.ts'

/** What an inspected log is to become; nothing of it is done yet. */
export interface RecoveryPlan {
  readonly decision: Decision
  /** Whether any frame of the tail is accepted, be it a record or not. */
  readonly accepted: boolean
  /** The segment that the decision is about: the last used one, or the one that is used next. */
  readonly tail: SegmentEvidence | undefined
  readonly tailOrdinal: number
  /** Last record before the tail, and its time. */
  readonly sequenceBefore: number
  readonly timeBefore: bigint
  /** Used segments before the tail, whose sealing is to be finished. */
  readonly unsealed: readonly SealedLine[]
  /** What is behind the tail: a spare, or what is left of one. */
  readonly behind: readonly SegmentEvidence[]
  readonly findings: readonly Finding[]
}

/** Pure: from what was found to what is to be done. */
export function planRecovery(inspection: Inspection, manifest: Manifest, sameBoot: boolean): RecoveryPlan {
  const { segments } = inspection
  const findings: Finding[] = []
  const tailIndex = segments.findLastIndex((segment) => segment.role === 'used')
  const lastSealed = segments.findLastIndex((segment) => segment.line !== undefined && segment.line.state !== 'open')
  const next = Math.max(tailIndex, lastSealed + 1)
  const tail = tailIndex > lastSealed ? segments[tailIndex] : segments[next]
  const tailOrdinal = tail?.ordinal ?? (segments[lastSealed]?.ordinal ?? 0) + 1
  const before = segments.filter((segment) => segment.ordinal < tailOrdinal)
  const unsealed = before
    .filter((segment) => segment.role === 'used')
    .map((segment) =>
      sealUnsealed(
        segment,
        segments.find((each) => each.ordinal === segment.ordinal + 1),
        findings,
        manifest,
      ),
    )
  const previous = later(unsealed.at(-1), lastSealedLine(before))
  for (const segment of before) {
    if (segment.role === 'sealed' || segment.role === 'used' || segment.line?.state === 'sealed') continue
    const message = segment.role === 'missing' ? 'a segment is missing' : 'nothing in this segment can be read'
    findings.push({ code: 'GAP', message, file: segment.path })
  }
  const isUsed = tail?.role === 'used'
  const sequenceBefore = (isUsed && tail.key ? tail.key.firstSequence : sequenceAfter(manifest, previous)) - 1
  const shorter = isUsed && tail.header?.found === 'header' && tail.size < tail.header.header.segmentBytes
  if (shorter)
    findings.push({
      code: 'CORRUPT',
      message: 'the active segment is shorter than its header says',
      file: tail.path,
      offset: tail.size,
    })
  const slotExact = sameBoot && inspection.slot?.epoch === manifest.epoch && inspection.manifestFrom === 'newest'
  const decision = decide({
    ordinal: tailOrdinal,
    scan: (isUsed ? tail.scan : undefined) ?? { stretches: [], holes: [], claimedEnd: 0 },
    sequenceBefore,
    proven: inspection.proven,
    closed: inspection.closed,
    slotExact,
    traceOfGroup:
      (isUsed && tail.scan !== undefined && !hasFrames(tail.scan)) ||
      segments.some((segment) => segment.ordinal >= tailOrdinal && segment.role === 'dirty'),
    fileHarmed: isUsed && (shorter || tail.header?.found !== 'header'),
    missing: tail?.role === 'missing' || segments.some((each) => each.ordinal > tailOrdinal && each.role === 'missing'),
  })
  // A header that a power cut tore off an unacknowledged first group is no damage.
  const proof = inspection.proven
  const isProven = tail?.scan !== undefined && tail.scan.claimedEnd > FRAMES_START
  if (isUsed && (isProven || (proof?.ordinal === tailOrdinal && proof.offset > 0))) reportHeader(tail, findings)
  if (decision.verdict === 'damaged' || decision.verdict === 'corrupt') reportHoles(tail, decision, findings)
  return {
    decision,
    accepted: isUsed && (decision.sequence > sequenceBefore || holdsWhole(tail.scan, decision)),
    tail,
    tailOrdinal,
    sequenceBefore,
    timeBefore: BigInt(previous?.lastTimestamp ?? 0),
    unsealed,
    behind: segments.filter((segment) => segment.ordinal > tailOrdinal),
    findings,
  }
}

/** Whether a frame that ends a batch, which need not be a record, lies in what is accepted. */
function holdsWhole(scan: Scan | undefined, decision: Decision): boolean {
  return scan?.stretches.some((each) => each.wholeEnd > each.start && each.wholeEnd <= decision.end) ?? false
}

/** The next sequence. Those given up at the very end count as used: they were acknowledged, and are not given twice. */
function sequenceAfter(manifest: Manifest, previous: SealedLine | undefined): number {
  return Math.max(previous?.lastSequence ?? 0, ...manifest.lost.map((range) => range.to)) + 1
}

function lastSealedLine(segments: readonly SegmentEvidence[]): SealedLine | undefined {
  const line = segments.findLast((segment) => segment.line !== undefined && segment.line.state !== 'open')?.line
  return line?.state === 'open' ? undefined : line
}

/** A segment whose sealing failed may stand before one that is sealed. */
function later(a: SealedLine | undefined, b: SealedLine | undefined): SealedLine | undefined {
  return (a?.ordinal ?? 0) > (b?.ordinal ?? 0) ? a : b
}

/** Each damaged place, also where no record stood there: a dictionary frame takes the values of its shape along. */
function reportHoles(tail: SegmentEvidence | undefined, decision: Decision, findings: Finding[]): void {
  for (const hole of tail?.scan?.holes ?? []) {
    if (hole.start >= decision.end) continue
    const message = `${hole.end - hole.start} bytes in the acknowledged part are damaged (${hole.finding})`
    findings.push({ code: 'CORRUPT', message, file: tail!.path, offset: hole.start })
  }
  const first = tail?.scan?.stretches[0]
  if (tail?.header?.found === 'header' || first === undefined || first.end > first.start) return
  const message = 'the base of the times in this segment is lost with its header and first frame'
  findings.push({ code: 'CORRUPT', message, file: tail!.path, offset: 0 })
}

function reportHeader(segment: SegmentEvidence, findings: Finding[]): void {
  if (segment.header?.found === 'header') return
  const message = 'the header of a used segment cannot be read'
  findings.push({ code: 'CORRUPT', message, file: segment.path, offset: 0 })
}

/** The line of a segment whose successor is in use: the successor's header proves how long it is. */
function sealUnsealed(
  segment: SegmentEvidence,
  successor: SegmentEvidence | undefined,
  findings: Finding[],
  { options }: Manifest,
): SealedLine {
  reportHeader(segment, findings)
  const scan = segment.scan!
  const header = segment.header?.found === 'header' ? segment.header.header : undefined
  const after = successor?.header?.found === 'header' ? successor.header.header : undefined
  const told = after?.predecessor?.ordinal === segment.ordinal ? after.predecessor : undefined
  const first = scan.stretches[0]
  const last = scan.stretches.at(-1)
  const firstSequence = segment.key!.firstSequence
  const dataBytes = told?.bytes ?? last?.wholeEnd ?? segment.size
  const lastSequence = after === undefined ? (last?.lastSequence ?? firstSequence - 1) : after.firstSequence - 1
  const isWhole = first !== undefined && first.wholeEnd === dataBytes && first.lastSequence === lastSequence
  if (!isWhole) {
    const from = (first?.lastSequence ?? firstSequence - 1) + 1
    const message = 'a segment that its successor proves whole is damaged'
    findings.push({
      code: 'CORRUPT',
      message,
      file: segment.path,
      offset: first?.wholeEnd ?? 0,
      from,
      to: lastSequence,
    })
  }
  return {
    state: 'sealed',
    ordinal: segment.ordinal,
    salt: segment.key!.salt,
    firstSequence,
    lastSequence,
    dataBytes,
    digest: (isWhole ? undefined : told?.digest) ?? last?.digest ?? DIGEST_START,
    head: told?.head ?? headAtEnd(scan.stretches, dataBytes),
    baseTimestamp: String(header?.baseTimestamp ?? scan.baseTimestamp),
    lastTimestamp: String(last?.lastTimestamp ?? scan.baseTimestamp),
    ...compressionMember(header?.compression ?? compressionOf(segment.line, options)),
    ...(isWhole ? {} : { damaged: true as const }),
  }
}
