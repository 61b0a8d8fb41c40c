import { describe, expect, test } from 'vitest'
import { TIME_DELTA_LIMIT } from '../../segments/format/layout.ts'
import { Timeline, nanoseconds } from '../../segments/timeline.ts'

/** A timeline over a clock that a test sets, and the whole timestamps that records would get. */
class Clock {
  ms: number
  readonly line: Timeline
  private started = false

  constructor(ms: number, floor = 0n) {
    this.ms = ms
    this.line = new Timeline(floor, { nowMs: () => this.ms })
  }

  /** The timestamp of the next record, as the first frame of a segment and all wide ones hold it. */
  next(given?: bigint): bigint {
    const delta = this.line.nextDelta(given)
    if (!this.started) this.line.start(given)
    const whole = !this.started || delta >= TIME_DELTA_LIMIT
    this.started = true
    if (whole) return this.line.takeWhole(delta, given)
    this.line.take(delta)
    return this.line.base + BigInt(delta)
  }
}

const DAY_MS = 86_400_000

describe('timestamps of a segment', () => {
  test('a fraction of a millisecond becomes whole nanoseconds', () => {
    const cases = [
      [0, 0n],
      [1.5, 1_500_000n],
      [1_700_000_000_000.25, 1_700_000_000_000_250_000n],
    ] as const
    for (const [ms, ns] of cases) expect(nanoseconds(ms)).toBe(ns)
  })

  test('A18 a clock that goes back, by years too, gives the last timestamp until it has caught up', () => {
    const clock = new Clock(1000)
    expect(clock.next()).toBe(1_000_000_000n)
    for (const ms of [999, 0, -5, -(50 * 365 * DAY_MS), 1000]) {
      clock.ms = ms
      expect(clock.next()).toBe(1_000_000_000n)
      expect(clock.line.last).toBe(1_000_000_000n)
    }
    clock.ms = 1001
    expect(clock.next()).toBe(1_001_000_000n)
  })

  test('A18 no timestamp of a new segment lies before the last of the one before', () => {
    const clock = new Clock(5, 9_000_000n)
    expect(clock.line.last).toBe(9_000_000n)
    expect(clock.next()).toBe(9_000_000n)
    clock.ms = 10
    expect(clock.next()).toBe(10_000_000n)
    expect(() => new Clock(5, 9_000_000n).next(8_999_999n)).toThrow(expect.objectContaining({ code: 'OUT_OF_ORDER' }))
  })

  test('A18 given timestamps are kept to the nanosecond, equal ones too, and earlier ones are refused', () => {
    const clock = new Clock(1)
    const base = 1_700_000_000_000_000_001n
    for (const given of [base, base, base + 1n, base + 10n ** 9n]) expect(clock.next(given)).toBe(given)
    expect(() => clock.line.nextDelta(base)).toThrow(
      expect.objectContaining({ code: 'OUT_OF_ORDER', expected: `at least ${base + 10n ** 9n}`, found: base }),
    )
    clock.ms = 2
    expect(clock.next()).toBe(base + 10n ** 9n)
  })

  test('deltas that do not fit are whole, exact up to 2^64 - 1, and stay in order when the clock goes back', () => {
    const clock = new Clock(1000)
    const base = clock.next()
    const limit = base + BigInt(TIME_DELTA_LIMIT)
    for (const given of [limit - 1n, limit, limit + 1n, 2n ** 63n + 1n, 2n ** 64n - 2n, 2n ** 64n - 1n]) {
      expect(clock.next(given)).toBe(given)
      expect(clock.line.last).toBe(given)
    }
    clock.ms = 5
    expect(clock.next()).toBe(2n ** 64n - 1n)
    expect(() => clock.line.nextDelta(2n ** 64n - 2n)).toThrow(expect.objectContaining({ code: 'OUT_OF_ORDER' }))
  })

  test('a clock that goes on for more than 78 hours goes on in whole timestamps', () => {
    const clock = new Clock(1000)
    clock.next()
    clock.ms = 1000 + 10 * DAY_MS
    expect(clock.next()).toBe(nanoseconds(clock.ms))
    clock.ms -= 1
    expect(clock.next()).toBe(nanoseconds(clock.ms + 1))
    clock.ms += 5
    expect(clock.next()).toBe(nanoseconds(clock.ms))
  })

  test('a mark takes everything back, the base too', () => {
    const clock = new Clock(1000)
    const unused = clock.line.mark()
    clock.line.start(7n * 10n ** 12n)
    clock.line.takeWhole(0, 7n * 10n ** 12n)
    clock.line.reset(unused)
    expect(clock.line.last).toBe(0n)
    expect(clock.next()).toBe(1_000_000_000n)
    const mark = clock.line.mark()
    clock.next(2n ** 60n)
    clock.line.reset(mark)
    expect(clock.line.last).toBe(1_000_000_000n)
    expect(clock.next(1_000_000_001n)).toBe(1_000_000_001n)
  })

  test('a segment that is gone on with keeps its base', () => {
    const clock = new Clock(0)
    clock.line.resume(1_000_000_000n, 3_000_000_000n)
    expect(clock.line.last).toBe(3_000_000_000n)
    clock.ms = 2999
    expect(clock.line.nextDelta(undefined)).toBe(2_000_000_000)
    clock.ms = 3001
    expect(clock.line.nextDelta(undefined)).toBe(2_001_000_000)
  })
})
