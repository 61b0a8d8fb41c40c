/** How long the two clocks may drift apart before they are compared again. */
const COMPARE_AFTER_MS = 1000

/** The clocks of a process, in milliseconds: one that never goes back, with a fraction, and whole ones since 1970. */
interface Clocks {
  monotonicMs(): number
  wallMs(): number
}

const { hrtime } = process

const SYSTEM_CLOCKS: Clocks = {
  // 32 ns, where `performance.now` takes 60: 4 % of an append.
  monotonicMs: () => {
    const [seconds, nanoseconds] = hrtime()
    return seconds * 1e3 + nanoseconds / 1e6
  },
  wallMs: () => Date.now(),
}

/**
 * Wall time with a fraction: the monotonic clock and a distance. It is asked once per record, and reading one clock is
 * cheaper than two. `wallMs` gives whole milliseconds, so it says "between this and the next": the distance is changed only
 * by as much as that demands, which gives no steps while the clocks agree and follows a jump in a second.
 *
 * A class and not a closure: a closure of its own for each log is another function to the compiler, which then throws away
 * what it made for the log before.
 */
export class WallClock {
  private readonly clocks: Clocks
  private comparedAt = -Infinity
  private distance = 0

  constructor(clocks: Clocks = SYSTEM_CLOCKS) {
    this.clocks = clocks
  }

  nowMs(): number {
    const monotonic = this.clocks.monotonicMs()
    if (monotonic - this.comparedAt >= COMPARE_AFTER_MS) {
      const wall = this.clocks.wallMs()
      const guess = monotonic + this.distance
      if (guess < wall) this.distance += wall - guess
      else if (guess > wall + 1) this.distance -= guess - (wall + 1)
      this.comparedAt = monotonic
    }
    return monotonic + this.distance
  }
}
