import type { Steps } from '../../segments/env/steps.ts'
import { SeglogError } from '../../segments/errors.ts'
import type { RandomReads } from './random-reads.ts'
import type { LogView } from './view.ts'

/** Finds records by time: whole segments by what is listed of them, then single records by halving. */
export class TimeSeek<T> {
  private readonly view: LogView
  private readonly random: RandomReads<T>

  constructor(view: LogView, random: RandomReads<T>) {
    this.view = view
    this.random = random
  }

  /**
   * The first record from `from` to `to` that may be at or after a time, of several at that time the first; `to + 1` where
   * there is none. Records that cannot be read count only where a later one that can lies before the time: so a walk from
   * there meets them, and leaves nothing out.
   */
  *first(time: bigint, from: number, to: number): Steps<number> {
    // All before `low` lie before the time, none from `high` on does as far as can be read.
    let low = from
    let high = to + 1
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2)
      const before = yield* this.before(time, middle, high)
      if (before === undefined) high = middle
      else low = before + 1
    }
    if (low > to) return to + 1
    // What could not be read a moment ago, because another process was at work there, may be by now.
    const before = yield* this.before(time, low, low + 1)
    return before === undefined ? low : yield* this.first(time, before + 1, to)
  }

  /** A record at or after `sequence` that lies before the time, where the first readable one below `end` does. */
  private *before(time: bigint, sequence: number, end: number): Steps<number | undefined> {
    for (let at = sequence; at < end; at++) {
      try {
        const { identity, lastSequence } = yield* this.view.segmentOf(at)
        if (identity !== undefined && identity.lastTimestamp < time) return lastSequence
        if (identity !== undefined && identity.baseTimestamp >= time) return undefined
        return (yield* this.random.get(at)).timestampNs < time ? at : undefined
      } catch (error) {
        if (!(error instanceof SeglogError && UNREADABLE.has(error.code))) throw error
      }
    }
    return undefined
  }
}

const UNREADABLE: ReadonlySet<string> = new Set(['CORRUPT', 'GAP', 'ARCHIVED'])
