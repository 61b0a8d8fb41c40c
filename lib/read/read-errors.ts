import { SeglogError } from '../../segments/errors.ts'
import type { FrameFinding } from '../../segments/format/frame.ts'
import type { SegmentRef } from './segment-ref.ts'

export function damaged(
  ref: SegmentRef,
  offset: number | undefined,
  sequence: number,
  finding: FrameFinding,
): SeglogError {
  if (finding === 'unknown') {
    const message = `record ${sequence} was written by a newer version of seglog. Read it with that version.`
    return new SeglogError('UNSUPPORTED_FORMAT', message, { file: ref.path, sequence, ...(offset ? { offset } : {}) })
  }
  const message = `record ${sequence} is damaged. "seglog verify" lists all damage, "seglog salvage" exports what is sound.`
  return new SeglogError('CORRUPT', message, {
    file: ref.path,
    sequence,
    ...(offset === undefined ? {} : { offset }),
    expected: 'a valid frame',
    found: finding,
  })
}

export function misplaced(ref: SegmentRef, offset: number, sequence: number, found: number): SeglogError {
  const message = `record ${found} stands where record ${sequence} should be`
  return new SeglogError('CORRUPT', message, { file: ref.path, offset, sequence, expected: sequence, found })
}

/** A segment that is listed and whose file is not there; `expected` are the records that it had. */
export function missingFile(ref: SegmentRef, sequence: number, cause: unknown): SeglogError {
  const message = `the segment of records ${ref.firstSequence} to ${ref.lastSequence} is missing`
  const expected = { from: ref.firstSequence, to: ref.lastSequence }
  return new SeglogError('GAP', message, { file: ref.path, sequence, expected, cause })
}
