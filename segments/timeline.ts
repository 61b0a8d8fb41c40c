import { SeglogError } from './errors.ts'
import { TIME_DELTA_LIMIT } from './format/layout.ts'

/** Milliseconds since 1970, with a fraction. */
export interface Clock {
  nowMs(): number
}

/** Where a timeline stood, to go back to. */
export interface TimeMark {
  readonly lastDelta: number
  readonly lastWide: bigint
  readonly based: boolean
}

/**
 * Timestamps of one segment, in order: never one before the last, whatever the clock does. They are counted from the
 * segment's base as numbers, because a BigInt per record would cost more than its checksum.
 */
export class Timeline {
  /** Nanoseconds; has no meaning until `based`. */
  base = 0n
  private based = false
  private baseMs = 0
  /** Nanoseconds of the last record since the base: exact for 104 days; longer ones are only compared with the limit. */
  private lastDelta = 0
  /** The last timestamp, where its delta does not fit into a frame. */
  private lastWide = 0n
  private readonly floor: bigint
  private readonly clock: Clock

  /** `floor`: no timestamp of this segment lies before it. */
  constructor(floor: bigint, clock: Clock) {
    this.floor = floor
    this.clock = clock
  }

  /** Goes on in a segment that has records. */
  resume(base: bigint, last: bigint): void {
    this.setBase(base)
    this.lastDelta = Number(last - base)
    this.lastWide = last
  }

  /** Fixes the base at the first record of a segment; returns it. */
  start(given: bigint | undefined): bigint {
    this.setBase(this.notBefore(this.floor, given))
    return this.base
  }

  /** Time of the last record, or what the first cannot be before. */
  get last(): bigint {
    if (!this.based) return this.floor
    return this.lastDelta >= TIME_DELTA_LIMIT ? this.lastWide : this.base + BigInt(this.lastDelta)
  }

  /** Nanoseconds since the base for the next record, at `given` or now; nothing is noted yet. */
  nextDelta(given: bigint | undefined): number {
    if (given === undefined) {
      return this.based ? Math.max(this.lastDelta, Math.round((this.clock.nowMs() - this.baseMs) * 1e6)) : 0
    }
    if (given < this.last) {
      throw new SeglogError('OUT_OF_ORDER', 'a timestamp lies before that of the record before it', {
        expected: `at least ${this.last}`,
        found: given,
      })
    }
    return this.based ? Number(given - this.base) : 0
  }

  /** Notes a delta from `nextDelta` as the last, and gives its whole timestamp. */
  takeWhole(delta: number, given: bigint | undefined): bigint {
    this.lastWide = delta < TIME_DELTA_LIMIT ? this.base + BigInt(delta) : this.notBefore(this.last, given)
    this.lastDelta = delta
    return this.lastWide
  }

  /** Notes a delta from `nextDelta` as the last. */
  take(delta: number): void {
    this.lastDelta = delta
  }

  mark(): TimeMark {
    return { lastDelta: this.lastDelta, lastWide: this.lastWide, based: this.based }
  }

  reset(mark: TimeMark): void {
    this.lastDelta = mark.lastDelta
    this.lastWide = mark.lastWide
    this.based = mark.based
  }

  private setBase(base: bigint): void {
    this.base = base
    this.baseMs = milliseconds(base)
    this.lastDelta = 0
    this.based = true
  }

  private notBefore(floor: bigint, given: bigint | undefined): bigint {
    const time = given ?? nanoseconds(this.clock.nowMs())
    return time > floor ? time : floor
  }
}

const NS_PER_MS = 1_000_000n

/** A clock's milliseconds with their fraction as whole nanoseconds. */
export function nanoseconds(ms: number): bigint {
  const whole = Math.floor(ms)
  return BigInt(whole) * NS_PER_MS + BigInt(Math.round((ms - whole) * 1e6))
}

function milliseconds(ns: bigint): number {
  return Number(ns / NS_PER_MS) + Number(ns % NS_PER_MS) / 1e6
}
