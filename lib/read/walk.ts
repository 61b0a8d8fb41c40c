import type { Steps } from '../../segments/env/steps.ts'
import type { Entry } from './entry.ts'

/** A walk over records that touches no file by itself, so that one body is driven now or later. */
export interface Walk<T> {
  /** The record that comes next. */
  readonly sequence: number
  /** The next entry; `fill` when bytes are missing, `end` after the last. Throws where a record cannot be read. */
  next(): Entry<T> | 'fill' | 'end'
  /** Fetches what `next` lacks; then `next` is asked again. */
  fill(): Steps<void>
  /**
   * A read of what comes next, to be driven while what is in memory is consumed, and over before the next `fill` or
   * `close`; undefined where there is nothing to read, or perhaps nobody who wants it.
   */
  ahead(): Steps<void> | undefined
  /** Goes on up to a later end, reading so many bytes at once. */
  extend(to: number, readBytes: number): void
  /** Closes what is open. */
  close(): Steps<void>
}
