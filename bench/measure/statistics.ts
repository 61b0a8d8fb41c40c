/** The arithmetic of the tables, without any clock or file; `test/bench/statistics.test.ts` checks it. */

export interface Spread {
  readonly median: number
  readonly lowest: number
  readonly highest: number
}

export function spreadOf(figures: readonly number[]): Spread {
  return { median: median(figures), lowest: Math.min(...figures), highest: Math.max(...figures) }
}

export function median(figures: readonly number[]): number {
  if (figures.length === 0) throw new Error('a median needs a figure')
  const sorted = Float64Array.from(figures).sort()
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

/**
 * `of` divided by `to`, round by round, so that what slows the machine for one round slows both sides of its ratio. The
 * median of these ratios is steadier than the ratio of the medians.
 */
export function ratios(of: readonly number[], to: readonly number[]): number[] {
  if (of.length !== to.length) throw new Error('a ratio needs both sides of each round')
  return of.map((figure, round) => figure / to[round]!)
}

export type Goal = { readonly atLeast: number } | { readonly atMost: number }

export function isMet(figure: number, goal: Goal): boolean {
  return 'atLeast' in goal ? figure >= goal.atLeast : figure <= goal.atMost
}

export type Verdict = 'met' | 'undecided' | 'not met'

/** What of the rounds must agree: of two both, of seven six. */
const AGREEING = 0.75

/** A goal is met, or not, when most rounds say so; a median that noise has put on one side decides nothing. */
export function verdictOf(figures: readonly number[], goal: Goal): Verdict {
  const share = figures.filter((figure) => isMet(figure, goal)).length / figures.length
  if (share >= AGREEING) return 'met'
  return share <= 1 - AGREEING ? 'not met' : 'undecided'
}

/** Times of many calls, all of them kept, so that percentiles are exact and no call is folded into another. */
export class Times {
  #times: Float64Array
  #count = 0
  #isSorted = true

  /** `capacity` is how many are expected; it grows beyond. */
  constructor(capacity = 1024) {
    this.#times = new Float64Array(Math.max(1, capacity))
  }

  get count(): number {
    return this.#count
  }

  add(time: number): void {
    if (this.#count === this.#times.length) {
      const larger = new Float64Array(this.#times.length * 2)
      larger.set(this.#times)
      this.#times = larger
    }
    this.#times[this.#count++] = time
    this.#isSorted = false
  }

  addAll(others: Times): void {
    for (let n = 0; n < others.#count; n++) this.add(others.#times[n]!)
  }

  /** The smallest time that `share` (above 0, up to 1) of all times do not exceed: the nearest rank. */
  percentile(share: number): number {
    if (this.#count === 0) throw new Error('a percentile needs a time')
    const rank = Math.ceil(share * this.#count - 1e-9)
    return this.#sorted()[Math.min(this.#count, Math.max(1, rank)) - 1]!
  }

  get highest(): number {
    return this.percentile(1)
  }

  /** How many times lie in each step from 2^n up to 2^(n+1), from the first step that has any to the last. */
  steps(): Step[] {
    const steps: Step[] = []
    for (const time of this.#sorted()) {
      const from = time < 1 ? 0 : 2 ** Math.floor(Math.log2(time))
      const to = from === 0 ? 1 : from * 2
      const last = steps.at(-1)
      if (last?.from === from) last.count += 1
      else steps.push(...emptySteps(last?.to, from), { from, to, count: 1 })
    }
    return steps
  }

  #sorted(): Float64Array {
    const times = this.#times.subarray(0, this.#count)
    if (!this.#isSorted) times.sort()
    this.#isSorted = true
    return times
  }
}

export interface Step {
  readonly from: number
  readonly to: number
  count: number
}

/** The steps between two others that hold nothing, so that a gap is seen as one. */
function emptySteps(start: number | undefined, end: number): Step[] {
  const steps: Step[] = []
  for (let from = start ?? end; from < end; from *= 2) steps.push({ from, to: from * 2, count: 0 })
  return steps
}

/**
 * When calls are due that come at a fixed rate, whatever became of those before: an open loop. Times count from here and
 * not from when a call was made, so that a stall is felt by all who would have come meanwhile (else it counts once: the
 * "coordinated omission" of Gil Tene).
 */
export class Arrivals {
  readonly #start: number
  readonly #gap: number
  readonly #count: number
  #next = 0

  /** `start` in milliseconds, `rate` in calls a second, `count` calls in all. */
  constructor(start: number, rate: number, count: number) {
    this.#start = start
    this.#gap = 1000 / rate
    this.#count = count
  }

  get isOver(): boolean {
    return this.#next >= this.#count
  }

  /** When the next call that is due by `now` was due, in milliseconds; undefined when none is. */
  takeDue(now: number): number | undefined {
    if (this.isOver) return undefined
    const due = this.#start + this.#next * this.#gap
    if (due > now) return undefined
    this.#next += 1
    return due
  }
}
