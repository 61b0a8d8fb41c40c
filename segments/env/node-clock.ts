/** How long the two clocks may drift apart before they are compared again. */
const COMPARE_AFTER_MS = 1000

/**
 * Wall time with a fraction: the monotonic clock and a distance. It is asked once per record, and reading one clock is
 * cheaper than two. `Date.now()` gives whole milliseconds, so it says "between this and the next": the distance is
 * changed only by as much as that demands, which gives no steps while the clocks agree and follows a jump in a second.
 */
export function wallClock(monotonicMs: () => number, wholeWallMs: () => number): () => number {
  let comparedAt = -Infinity
  let distance = 0
  return () => {
    const monotonic = monotonicMs()
    if (monotonic - comparedAt >= COMPARE_AFTER_MS) {
      const wall = wholeWallMs()
      const guess = monotonic + distance
      if (guess < wall) distance += wall - guess
      else if (guess > wall + 1) distance -= guess - (wall + 1)
      comparedAt = monotonic
    }
    return monotonic + distance
  }
}
