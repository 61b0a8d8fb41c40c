import type { Scan } from '../segments/stretches.ts'

/** A part of a segment with valid frames only. */
export interface Piece {
  readonly start: number
  readonly end: number
}

/** Records without a gap, in one or more pieces: between these nothing is missing but control frames. */
export interface SalvageRun {
  readonly pieces: readonly Piece[]
  readonly firstSequence: number
  readonly lastSequence: number
}

/**
 * Pure: which records of a segment are taken, as runs without a gap. `after`: the last record that was taken before; what
 * is not behind it is there twice. `end`: where what is accepted ends. `proven`: the last record that is proven; a batch at the
 * very end that has lost its end is none where its records are not.
 */
export function runsOf(scan: Scan, end: number, after: number, proven: number): SalvageRun[] {
  const runs: SalvageRun[] = []
  let last = after
  const accepted = scan.stretches.filter((stretch) => stretch.start < end && stretch.end > stretch.start)
  for (const [index, stretch] of accepted.entries()) {
    // In front of a hole a batch may have lost its end: what is left of it is proven, and kept.
    const isUnfinished = index === accepted.length - 1 && stretch.lastSeen > proven
    const lastSequence = isUnfinished ? stretch.lastSequence : stretch.lastSeen
    const piece = { start: stretch.start, end: isUnfinished ? stretch.wholeEnd : stretch.end }
    if (lastSequence < stretch.firstSequence || stretch.firstSequence <= last) {
      // Control frames alone, or records that were taken already: what they define may be needed all the same.
      if (piece.end > piece.start) runs.push({ pieces: [piece], firstSequence: last + 1, lastSequence: last })
      continue
    }
    const before = runs.at(-1)
    if (before !== undefined && before.lastSequence + 1 === stretch.firstSequence) {
      runs[runs.length - 1] = { ...before, pieces: [...before.pieces, piece], lastSequence }
    } else runs.push({ pieces: [piece], firstSequence: stretch.firstSequence, lastSequence })
    last = lastSequence
  }
  return runs
}
