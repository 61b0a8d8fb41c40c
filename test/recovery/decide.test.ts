import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { type Decision, type TailEvidence, decide } from '../../recovery/decide.ts'
import type { Position } from '../../segments/format/slots.ts'
import { FRAMES_START } from '../../segments/format/layout.ts'
import type { Stretch } from '../../segments/stretches.ts'
import { A, A_LOOSE, B, B_LOOSE, BEFORE, C, LOOSE, ORDINAL, evidence } from './evidence.ts'

const at = (offset: number, sequence: number, ordinal = ORDINAL): Position => ({ ordinal, offset, sequence })

const ROWS: readonly (readonly [fact: string, evidence: TailEvidence, expected: Partial<Decision>])[] = [
  [
    'closed: the mark stands where the frames end',
    evidence([A], 'zeros', { closed: at(400, 12), proven: at(400, 12) }),
    { row: 'closed', verdict: 'sound', end: 400, sequence: 12, copy: false },
  ],
  [
    'closed: a segment without a record',
    evidence([], 'zeros', { closed: at(0, 10), proven: at(0, 10) }),
    { row: 'closed', verdict: 'sound', end: FRAMES_START, sequence: BEFORE, copy: false },
  ],
  [
    'closed, but the header is damaged: copied all the same',
    evidence([A], 'zeros', { closed: at(400, 12), proven: at(400, 12), fileHarmed: true }),
    { row: 'clean-end', verdict: 'sound', end: 400, copy: true },
  ],
  [
    'closed, and frames are gone since: never shorter',
    evidence([A], 'zeros', { closed: at(480, 14), proven: at(480, 14) }),
    { row: 'proven-missing', verdict: 'corrupt', lost: [{ from: 13, to: 14 }] },
  ],
  [
    'clean end, all of it proven: stays where it is',
    evidence([A], 'zeros', { proven: at(400, 12) }),
    { row: 'clean-end', verdict: 'sound', end: 400, copy: false },
  ],
  [
    'clean end beyond what is proven: copied before anyone relies on it',
    evidence([A], 'zeros', { proven: at(300, 11) }),
    { row: 'clean-end', verdict: 'sound', end: 400, sequence: 12, copy: true },
  ],
  [
    'bytes behind the end that no proof covers, with an exact slot: a tear',
    evidence([A], 'bytes behind', { proven: at(400, 12), slotExact: true }),
    { row: 'torn-tail', verdict: 'torn', end: 400, sequence: 12, copy: true },
  ],
  [
    'the same after a power cut: a tear or damage of the last group',
    evidence([A], 'bytes behind', { proven: at(400, 12) }),
    { row: 'torn-tail', verdict: 'ambiguous', end: 400, copy: true },
  ],
  [
    'an unfinished batch',
    evidence([A_LOOSE], 'zeros', { proven: at(400, 12), slotExact: true }),
    { row: 'torn-tail', verdict: 'torn', end: 400, sequence: 12, copy: true },
  ],
  [
    'an unfinished batch that is proven: its acknowledged end is missing',
    evidence([A_LOOSE], 'zeros', { proven: at(520, 15) }),
    { row: 'proven-missing', verdict: 'corrupt', end: 400, sequence: 12, lost: [{ from: 13, to: 15 }] },
  ],
  [
    'a header alone, or bytes that are nothing: a first group left a trace',
    evidence([], 'zeros', { traceOfGroup: true }),
    { row: 'torn-tail', verdict: 'ambiguous', end: FRAMES_START, sequence: BEFORE },
  ],
  [
    'frames behind a hole, of the same group: writes that overtook a lost one',
    evidence([A, B], 'zeros', { claimedEnd: 400 }),
    { row: 'overtaken', verdict: 'ambiguous', end: 400, sequence: 12, lost: [], copy: true },
  ],
  [
    'frames behind a hole of zeros: as behind any other',
    evidence([A, B], 'zero holes', { proven: at(400, 12), slotExact: true }),
    { row: 'overtaken', verdict: 'torn', end: 400, copy: true },
  ],
  [
    'frames behind a hole at the very start: nothing of them is accepted',
    evidence([B], 'zeros', {}),
    { row: 'overtaken', verdict: 'ambiguous', end: FRAMES_START, sequence: BEFORE, lost: [] },
  ],
  [
    'frames behind a hole, of a later group: they prove the hole',
    evidence([A, B], 'zeros', { claimedEnd: 560 }),
    { row: 'hole-in-proven', verdict: 'damaged', end: 700, sequence: 17, lost: [{ from: 13, to: 14 }], copy: true },
  ],
  [
    'a proven hole, and everything up to the end proven: sealed where it stands',
    evidence([A, B], 'zeros', { claimedEnd: 560, proven: at(700, 17) }),
    { row: 'hole-in-proven', verdict: 'damaged', end: 700, copy: false },
  ],
  [
    'a proven hole at the very start',
    evidence([B], 'zeros', { claimedEnd: 560 }),
    { row: 'hole-in-proven', verdict: 'damaged', end: 700, lost: [{ from: 11, to: 14 }] },
  ],
  [
    'an unfinished batch of a later group proves what is before it, and is cut itself',
    evidence([A, B_LOOSE], 'zeros', { claimedEnd: 700, proven: at(700, 17) }),
    { row: 'hole-in-proven', verdict: 'damaged', end: 700, sequence: 17, copy: true },
  ],
  [
    'a proven hole and then one that nothing proves: accepted up to the second',
    evidence([A, B, C], 'zeros', { claimedEnd: 560 }),
    { row: 'hole-in-proven', verdict: 'damaged', end: 700, sequence: 17, lost: [{ from: 13, to: 14 }], copy: true },
  ],
  [
    'the slot names a place beyond all frames',
    evidence([A], 'zeros', { proven: at(700, 17) }),
    { row: 'proven-missing', verdict: 'corrupt', end: 400, sequence: 12, lost: [{ from: 13, to: 17 }] },
  ],
  [
    'the slot names a record that no frame holds, at the same place',
    evidence([A], 'zeros', { proven: at(400, 13) }),
    { row: 'proven-missing', verdict: 'corrupt', lost: [{ from: 13, to: 13 }] },
  ],
  [
    'the slot names a later segment that is not there',
    evidence([A], 'zeros', { proven: at(300, 18, ORDINAL + 1) }),
    { row: 'segment-missing', verdict: 'corrupt', lost: [{ from: 13, to: 18 }] },
  ],
  [
    'the slot names a later segment, of which nothing was used',
    evidence([A], 'zeros', { proven: at(0, 12, ORDINAL + 1) }),
    { row: 'clean-end', verdict: 'sound', end: 400 },
  ],
  [
    'the slot names an earlier segment',
    evidence([A], 'zeros', { proven: at(800, 10, ORDINAL - 1) }),
    { row: 'clean-end', verdict: 'sound', end: 400, copy: true },
  ],
  [
    'a listed segment is missing',
    evidence([A], 'zeros', { proven: at(400, 12), missing: true }),
    { row: 'segment-missing', verdict: 'corrupt', end: 400 },
  ],
]

describe('the table: each row', () => {
  it.each(ROWS)('%s', (_, found, expected) => {
    expect(decide(found)).toMatchObject(expected)
  })
})

/** What must be there, said plainly: bytes of this segment, and records up to a number. */
function required({ scan, proven }: TailEvidence): { readonly bytes: number; readonly records: number } {
  const claimed = scan.stretches.length > 0 ? scan.claimedEnd : FRAMES_START
  const speaksOfUs = proven !== undefined && proven.ordinal === ORDINAL
  const bytes = Math.max(claimed, speaksOfUs ? proven.offset : 0)
  return { bytes, records: proven !== undefined && proven.ordinal >= ORDINAL ? proven.sequence : 0 }
}

/** The expected answer, from the sentences of docs/recovery.md and not from the code. */
function expectation(found: TailEvidence): { readonly verdict: string; readonly end: number } {
  const { bytes, records } = required(found)
  const reaches = (end: number, sequence: number): boolean => end >= bytes && sequence >= records
  const { stretches, holes } = found.scan
  const whole = stretches[0]?.start === FRAMES_START ? stretches[0] : undefined
  const end = whole?.wholeEnd ?? FRAMES_START
  const sequence = whole?.lastSequence ?? BEFORE
  const lastEnd = stretches.at(-1)?.wholeEnd ?? FRAMES_START
  const { proven } = found
  const laterIsUsed = proven !== undefined && proven.ordinal > ORDINAL && proven.offset > 0
  if (found.missing || laterIsUsed) return { verdict: 'corrupt', end: lastEnd }
  if (reaches(end, sequence)) {
    const isAlone = stretches.length === (whole ? 1 : 0) && (whole?.end ?? FRAMES_START) === end
    if (isAlone && holes.length === 0 && !found.traceOfGroup) return { verdict: 'sound', end }
    return { verdict: found.slotExact && end === bytes ? 'torn' : 'ambiguous', end }
  }
  const tail = stretches.find((each) => reaches(each.wholeEnd, each.lastSequence))
  return tail ? { verdict: 'damaged', end: tail.wholeEnd } : { verdict: 'corrupt', end: lastEnd }
}

const FRAMES: readonly (readonly Stretch[])[] = [
  [],
  [A],
  [A_LOOSE],
  [LOOSE],
  [B],
  [B_LOOSE],
  [A, B],
  [A_LOOSE, B],
  [LOOSE, B_LOOSE],
  [A, B_LOOSE],
  [A, B, C],
  [A_LOOSE, B_LOOSE, C],
]
const CLAIMS = [FRAMES_START, 300, 400, 480, 560, 700, 820, 1000]
const PROVEN = [
  undefined,
  at(800, 10, ORDINAL - 1),
  at(0, 10),
  at(0, 12),
  at(FRAMES_START, 10),
  at(300, 11),
  at(400, 12),
  at(400, 13),
  at(480, 14),
  at(700, 17),
  at(900, 21),
  at(1000, 23),
  at(0, 12, ORDINAL + 1),
  at(0, 17, ORDINAL + 1),
  at(320, 18, ORDINAL + 1),
]
const CLOSED = [undefined, at(0, 10), at(400, 12), at(700, 17), at(300, 9, ORDINAL - 1)]
const BEHIND = ['zeros', 'bytes behind', 'zero holes'] as const
const FLAGS = [false, true]
function* everyEvidence(): Iterable<TailEvidence> {
  for (const stretches of FRAMES)
    for (const behind of BEHIND)
      for (const claimedEnd of CLAIMS)
        for (const proven of PROVEN)
          for (const closed of CLOSED)
            for (const slotExact of FLAGS)
              for (const fileHarmed of FLAGS)
                for (const traceOfGroup of FLAGS)
                  for (const missing of FLAGS)
                    yield evidence(stretches, behind, {
                      claimedEnd,
                      proven,
                      closed,
                      slotExact,
                      fileHarmed,
                      traceOfGroup,
                      missing,
                    })
}

/** Calls `check` for each evidence; the first that fails is shown with what was decided. */
function forEvery(check: (found: TailEvidence, decision: Decision) => boolean): void {
  let count = 0
  for (const found of everyEvidence()) {
    const decision = decide(found)
    count += 1
    if (!check(found, decision)) expect.fail(inspect({ found, decision, expected: expectation(found) }, { depth: 6 }))
  }
  expect(count).toBe(FRAMES.length * BEHIND.length * CLAIMS.length * PROVEN.length * CLOSED.length * 16)
}

const isLoss = ({ verdict }: Decision): boolean => verdict === 'damaged' || verdict === 'corrupt'

describe('the table: every combination', () => {
  it('decides as the sentences of the table say', () =>
    forEvery((found, decision) => {
      const expected = expectation(found)
      return decision.verdict === expected.verdict && decision.end === expected.end
    }))

  it('never cuts a proven byte or record, except where it says corrupt', () =>
    forEvery((found, { verdict, end, sequence }) => {
      const { bytes, records } = required(found)
      return verdict === 'corrupt' || (end >= bytes && sequence >= records)
    }))

  it('ends where a whole batch ends, never beyond the frames', () =>
    forEvery(({ scan }, { end, sequence, stretch }) => {
      const known = scan.stretches.some((each) => each.wholeEnd === end && each.lastSequence === sequence)
      const nothing = end === FRAMES_START && sequence === BEFORE
      return (known || nothing) && stretch.wholeEnd === end && stretch.lastSequence === sequence
    }))

  it('accepts nothing behind a hole, except where it says so', () =>
    forEvery(({ scan }, decision) => isLoss(decision) || scan.holes.every((hole) => hole.start >= decision.end)))

  it('copies where frames stay behind the end, so that they cannot come back', () =>
    forEvery(({ scan }, { copy, end }) => copy || scan.stretches.every((each) => each.end <= end)))

  it('calls a tail torn only where an exact slot proves that the cut part was never acknowledged', () =>
    forEvery((found, { verdict, end }) => verdict !== 'torn' || (found.slotExact && end === required(found).bytes)))

  it('leaves bytes where they are only where each of them is proven, and nothing is behind them', () =>
    forEvery((found, { row, verdict, end, copy }) => {
      if (copy) return true
      const { scan, closed } = found
      const rest = scan.holes.some((hole) => hole.end > end) || scan.stretches.some((each) => each.end > end)
      if (row === 'closed') {
        const isMarked = closed?.ordinal === ORDINAL && (closed.offset || FRAMES_START) === end
        return isMarked && verdict === 'sound' && !found.fileHarmed && !rest
      }
      return (
        (verdict === 'sound' || verdict === 'damaged') && !found.fileHarmed && end === required(found).bytes && !rest
      )
    }))

  it('names each acknowledged record that is gone, and none that is there', () =>
    forEvery((found, decision) => {
      if (!isLoss(decision)) return decision.lost.length === 0
      const { stretches } = found.scan
      const isHeld = (n: number): boolean =>
        stretches.some((each) => each.wholeEnd <= decision.end && each.firstSequence <= n && n <= each.lastSequence)
      const isNamed = (n: number): boolean => decision.lost.some(({ from, to }) => from <= n && n <= to)
      const ends = Math.max(required(found).records, decision.sequence)
      for (let n = BEFORE + 1; n <= ends; n++) {
        const isLoose = stretches.some((each) => each.lastSequence < n && n <= each.lastSeen && n <= decision.sequence)
        if (!isLoose && isHeld(n) === isNamed(n)) return false
      }
      return decision.lost.every(({ from, to }, index) => from <= to && from > (decision.lost[index - 1]?.to ?? BEFORE))
    }))
})
