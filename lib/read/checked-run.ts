import { SEGMENT_BYTES_MAX } from '../../segments/format/layout.ts'
import { PIECE_BYTES, bareRecords, looksBare } from '../../segments/format/bare-records.ts'
import type { Window } from '../../segments/window.ts'

/** A run of fewer is not worth the copy of a piece; then so many frames are looked at one by one before the next try. */
const RECORDS_MIN = 8
const FRAMES_BETWEEN = 32

/**
 * Short records without extensions that stand one after the other in a window and were checked at once, in order and
 * each with its checksums: a walk then only takes them. A record of 88 bytes costs 36 ns so, where one that is looked at
 * by itself costs 120.
 */
export class CheckedRun {
  /** Where it ends in the segment. */
  private end = 0
  private pieceBytes: number = PIECE_BYTES.first
  private between = 0

  /** The window is read into anew. */
  forget(): void {
    this.end = 0
  }

  /**
   * Whether the record at `at`, of which the window holds the header, is one of them and has this sequence; checks what
   * follows from there where nobody has yet. `bytesAhead`: of frames that the walk may still come to.
   */
  holds(window: Window, at: number, sequence: number, salt: number, bytesAhead: number): boolean {
    if (at < this.end) return true
    if (this.between === 0) return this.check(window, at, sequence, salt, bytesAhead)
    this.between -= 1
    return false
  }

  private check(window: Window, at: number, sequence: number, salt: number, bytesAhead: number): boolean {
    const start = at - window.start
    if (!looksBare(window.block, start)) return false
    const bare = window.start + window.length <= SEGMENT_BYTES_MAX ? bareRecords(bytesAhead) : undefined
    this.between = FRAMES_BETWEEN
    if (bare === undefined) return false
    const limit = Math.min(window.length, start + this.pieceBytes)
    const count = bare.take(window.block, start, limit, at, salt, sequence, 0)
    if (count > 0) this.end = bare.end
    // It ended where the piece or the window does: what follows may be more of them.
    if (count >= RECORDS_MIN || bare.isAtLimit) this.between = 0
    this.pieceBytes = count >= RECORDS_MIN ? Math.min(PIECE_BYTES.most, this.pieceBytes * 4) : PIECE_BYTES.first
    return count > 0
  }
}
