import type { Handle } from '../../segments/env/environment.ts'
import { type Steps, step } from '../../segments/env/steps.ts'
import { hasCode } from '../../segments/errors.ts'
import { missingFile } from './read-errors.ts'
import type { SegmentRef } from './segment-ref.ts'
import type { LogView } from './view.ts'

/**
 * Opens the file of a segment for a walk, which asks for this record. A file that was moved away after the view was asked is
 * not missing: the view says where it is by now. Throws GAP where no regular file is there.
 */
export function* openToRead(view: LogView, ref: SegmentRef, sequence: number): Steps<Handle> {
  try {
    return yield* step({ do: 'open', path: ref.path, access: 'read' })
  } catch (error) {
    if (!['ENOENT', 'ELOOP', 'EINVAL'].some((code) => hasCode(error, code))) throw error
    yield* view.segmentOf(sequence)
    throw missingFile(ref, sequence, error)
  }
}
