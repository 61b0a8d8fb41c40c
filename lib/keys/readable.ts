import { SeglogError } from '../../segments/errors.ts'
import type { Entry } from '../read/entry.ts'
import type { Reading } from '../read/reading.ts'
import type { SegmentRef } from '../read/segment-ref.ts'

const UNREADABLE: readonly string[] = ['CORRUPT', 'GAP', 'ARCHIVED', 'DECODE']

/** Whether an error says that a record cannot be read, and not that reading failed. */
export function isUnreadable(error: SeglogError): boolean {
  return UNREADABLE.includes(error.code)
}

/** All records of a segment that can be read, in order; `skipped` is told each one that cannot. */
export async function* readableRecords<T>(
  reading: Reading<T>,
  ref: SegmentRef,
  skipped: (sequence: number) => void,
): AsyncGenerator<Entry<T>, undefined> {
  let from = ref.firstSequence
  while (from <= ref.lastSequence) {
    try {
      for await (const entry of reading.read({ from, to: ref.lastSequence })) {
        from = entry.sequence + 1
        yield entry
      }
      return undefined
    } catch (error) {
      if (!(error instanceof SeglogError) || !isUnreadable(error)) throw error
      const next = Math.max(from, error.sequence ?? from) + 1
      for (let sequence = from; sequence < next; sequence++) skipped(sequence)
      from = next
    }
  }
  return undefined
}
