import type { TailEvidence } from '../../recovery/decide.ts'
import { type Hole, type Stretch, emptyStretch } from '../../segments/stretches.ts'
import { FRAMES_START } from '../../segments/format/layout.ts'

/** Evidence about a segment of ordinal 5 after record 10, made from sentences instead of files. */

export const ORDINAL = 5
export const BEFORE = 10

interface StretchDraft {
  readonly start: number
  readonly first: number
  /** End and last record of its last whole batch; absent where it has none. */
  readonly whole?: readonly [end: number, sequence: number]
  /** Frames of an unfinished batch behind that. */
  readonly loose?: readonly [end: number, lastSeen: number]
}

export function stretch({ start, first, whole, loose }: StretchDraft): Stretch {
  const made = emptyStretch(start, first, 0n)
  if (whole) [made.wholeEnd, made.lastSequence] = whole
  made.end = made.wholeEnd
  made.lastSeen = made.lastSequence
  if (loose) [made.end, made.lastSeen] = loose
  return made
}

/** What lies behind the last frame; `zero holes`: zeros, and between the stretches there is nothing else either. */
export type Behind = 'zeros' | 'bytes behind' | 'zero holes'

/** Holes between stretches, from the first place on, and perhaps one behind the last. */
function holesAround(stretches: readonly Stretch[], behind: Behind): Hole[] {
  if (behind === 'zero holes') return []
  const holes: Hole[] = []
  let at = FRAMES_START
  for (const each of stretches) {
    if (each.start > at) holes.push(hole(at, each.start))
    at = each.end
  }
  if (behind === 'bytes behind') holes.push(hole(at, at + 40))
  return holes
}

function hole(start: number, end: number): Hole {
  return { start, end, finding: 'invalid', zeroSectors: false }
}

/** Nothing known but the frames: no slot, no mark, an unclean end. */
export function evidence(
  stretches: readonly Stretch[],
  behind: Behind,
  more: Partial<Omit<TailEvidence, 'scan'>> & { readonly claimedEnd?: number } = {},
): TailEvidence {
  const { claimedEnd = FRAMES_START, ...others } = more
  return {
    ordinal: ORDINAL,
    scan: { stretches, holes: holesAround(stretches, behind), claimedEnd },
    sequenceBefore: BEFORE,
    proven: undefined,
    closed: undefined,
    slotExact: false,
    fileHarmed: false,
    traceOfGroup: false,
    missing: false,
    ...others,
  }
}

/** Records 11 and 12 in frames up to 400, from the first place on. */
export const A = stretch({ start: FRAMES_START, first: 11, whole: [400, 12] })
/** The same, and two frames of a batch that has no end. */
export const A_LOOSE = stretch({ start: FRAMES_START, first: 11, whole: [400, 12], loose: [480, 14] })
/** One frame of a batch that has no end. */
export const LOOSE = stretch({ start: FRAMES_START, first: 11, loose: [320, 11] })
/** Records 15 to 17 behind a hole. */
export const B = stretch({ start: 560, first: 15, whole: [700, 17] })
export const B_LOOSE = stretch({ start: 560, first: 15, whole: [700, 17], loose: [760, 18] })
/** Records 20 and 21 behind another hole. */
export const C = stretch({ start: 820, first: 20, whole: [900, 21] })
