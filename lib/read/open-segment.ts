import type { Handle } from '../../segments/env/environment.ts'
import { type Steps, step } from '../../segments/env/steps.ts'
import { hasCode } from '../../segments/errors.ts'
import { missingFile } from './read-errors.ts'
import type { SegmentRef } from './segment-ref.ts'

/** Opens the file of a segment for a walk, which asks for this record; throws GAP where no regular file is there. */
export function* openToRead(ref: SegmentRef, sequence: number): Steps<Handle> {
  try {
    return yield* step({ do: 'open', path: ref.path, access: 'read' })
  } catch (error) {
    if (!['ENOENT', 'ELOOP', 'EINVAL'].some((code) => hasCode(error, code))) throw error
    throw missingFile(ref, sequence, error)
  }
}
