import { FRAMES_START } from '../segments/format/layout.ts'
import type { Position } from '../segments/format/slots.ts'
import { type Scan, type Stretch, emptyStretch } from '../segments/stretches.ts'

/** All that the decision about the end of a log rests on. */
export interface TailEvidence {
  readonly ordinal: number
  readonly scan: Pick<Scan, 'stretches' | 'holes' | 'claimedEnd'>
  /** Last record before this segment. */
  readonly sequenceBefore: number
  /** What slots, manifests and the mark of a clean close say is durable; the furthest of them. */
  readonly proven: Position | undefined
  /** The newest manifest says that the log was closed, and where. */
  readonly closed: Position | undefined
  /** Whether the slot is known to be exact: the machine did not go down since it was written. */
  readonly slotExact: boolean
  /** The header could not be read, or the file is shorter than it says: sound frames, to be copied all the same. */
  readonly fileHarmed: boolean
  /** A first group left a trace and no frame, here or in a segment behind: a header alone, or bytes that are nothing. */
  readonly traceOfGroup: boolean
  /** A segment that is listed and not sealed is not there, this one or one behind it: it may have held anything. */
  readonly missing: boolean
}

/**
 * `sound`: all bytes are accounted for. `torn`: what was never acknowledged is cut. `ambiguous`: the same, but it cannot
 * be told from damage of the last group. `damaged`: acknowledged records are lost inside, those behind them are not.
 * `corrupt`: acknowledged records are lost, and nothing behind them proves how many.
 */
export type Verdict = 'sound' | 'torn' | 'ambiguous' | 'damaged' | 'corrupt'

/**
 * Row of the table in `docs/recovery.md` by which it was decided.
 */
export type Row =
  'closed' | 'clean-end' | 'torn-tail' | 'overtaken' | 'hole-in-proven' | 'proven-missing' | 'segment-missing'

export interface Decision {
  readonly row: Row
  readonly verdict: Verdict
  /** Where the segment ends from now on, and its last record. */
  readonly end: number
  readonly sequence: number
  /** Which stretches are accepted: the first one, or all up to the last. */
  readonly stretch: Stretch
  /** Whether accepted bytes must be copied into a new file before anyone may rely on them. */
  readonly copy: boolean
  /** Acknowledged records that are gone: what lies between stretches, and what is proven beyond the end. */
  readonly lost: readonly { readonly from: number; readonly to: number }[]
}

/** The table of `docs/recovery.md`: from what was found to what it means. Pure; nothing is read or written. */
export function decide(evidence: TailEvidence): Decision {
  const { scan, ordinal, closed } = evidence
  const first = firstStretch(evidence)
  const last = scan.stretches.at(-1) ?? first
  const proven = provenHere(evidence)

  if (proven.elsewhere || evidence.missing) return lossy('segment-missing', evidence, last, proven.sequence)
  if (first.wholeEnd >= proven.offset && first.lastSequence >= proven.sequence) {
    const isLast = last === first && scan.holes.length === 0 && first.end === first.wholeEnd
    const rest = !isLast || evidence.traceOfGroup
    const closedAt = closed?.ordinal === ordinal ? closed.offset || FRAMES_START : undefined
    if (closedAt === first.wholeEnd && !evidence.fileHarmed && !rest) return accept('closed', 'sound', first, false)
    // What no proof covers may be in the page cache only: it is copied, so that it is durable before anyone is told.
    const copy = evidence.fileHarmed || first.wholeEnd > proven.offset
    if (!rest) return accept('clean-end', 'sound', first, copy)
    const certain = evidence.slotExact && first.wholeEnd === proven.offset
    return accept(last === first ? 'torn-tail' : 'overtaken', certain ? 'torn' : 'ambiguous', first, true)
  }
  // The first stretch that reaches the proven end; what lies behind a hole after it was never acknowledged.
  const reach = scan.stretches.find((each) => each.wholeEnd >= proven.offset && each.lastSequence >= proven.sequence)
  if (reach !== undefined) {
    return {
      row: 'hole-in-proven',
      verdict: 'damaged',
      end: reach.wholeEnd,
      sequence: reach.lastSequence,
      stretch: reach,
      copy: evidence.fileHarmed || reach.wholeEnd > proven.offset || hasRest(scan, reach),
      lost: gapsBetween(evidence, reach),
    }
  }
  return lossy('proven-missing', evidence, last, proven.sequence)
}

/** The frames from the first place on; none where what stands there is no frame, whatever follows. */
function firstStretch({ scan, sequenceBefore }: TailEvidence): Stretch {
  const found = scan.stretches[0]
  return found?.start === FRAMES_START ? found : emptyStretch(FRAMES_START, sequenceBefore + 1, 0n)
}

interface ProvenHere {
  readonly offset: number
  readonly sequence: number
  /** A later segment is proven used, and it is not here. */
  readonly elsewhere: boolean
}

function provenHere(evidence: TailEvidence): ProvenHere {
  const { proven, scan, ordinal } = evidence
  const claimed = scan.stretches.length > 0 ? scan.claimedEnd : FRAMES_START
  if (proven === undefined || proven.ordinal < ordinal || proven.offset === 0) {
    const before = proven === undefined || proven.ordinal < ordinal
    return { offset: claimed, sequence: before ? 0 : proven.sequence, elsewhere: false }
  }
  if (proven.ordinal > ordinal) return { offset: claimed, sequence: proven.sequence, elsewhere: proven.sequence > 0 }
  return { offset: Math.max(claimed, proven.offset), sequence: proven.sequence, elsewhere: false }
}

function accept(row: Row, verdict: Verdict, stretch: Stretch, copy: boolean): Decision {
  return { row, verdict, end: stretch.wholeEnd, sequence: stretch.lastSequence, stretch, copy, lost: [] }
}

/** All that is sound stays readable; what is missing is named as far as anything tells. */
function lossy(row: Row, evidence: TailEvidence, last: Stretch, provenSequence: number): Decision {
  const lost = gapsBetween(evidence, last)
  const to = Math.max(provenSequence, last.lastSeen)
  if (to > last.lastSequence) lost.push({ from: last.lastSequence + 1, to })
  return { row, verdict: 'corrupt', end: last.wholeEnd, sequence: last.lastSequence, stretch: last, copy: true, lost }
}

function hasRest(scan: TailEvidence['scan'], last: Stretch): boolean {
  const end = Math.max(scan.stretches.at(-1)?.end ?? 0, scan.holes.at(-1)?.end ?? 0)
  return end > last.wholeEnd
}

function gapsBetween({ scan, sequenceBefore }: TailEvidence, until: Stretch): { from: number; to: number }[] {
  const gaps: { from: number; to: number }[] = []
  let before = sequenceBefore
  for (const stretch of scan.stretches) {
    if (stretch.firstSequence > before + 1) gaps.push({ from: before + 1, to: stretch.firstSequence - 1 })
    if (stretch === until) break
    before = stretch.lastSeen
  }
  return gaps
}
