import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Arrivals, Times, isMet, median, ratios, spreadOf, verdictOf } from '../../bench/measure/statistics.ts'

function times(...each: number[]): Times {
  const found = new Times(1)
  each.forEach((time) => found.add(time))
  return found
}

describe('figures of rounds', () => {
  it.each([
    [[7], 7],
    [[9, 1], 5],
    [[10, 9, 2], 9],
    [[100, 9, 80, 1], 44.5],
    [[3, 3, 3, 1000, 3], 3],
  ])('the median of %j is %d', (figures, expected) => {
    expect(median(figures)).toBe(expected)
  })

  it('no figures have no median', () => {
    expect(() => median([])).toThrow('needs a figure')
  })

  it('the spread is from the lowest to the highest, and leaves the figures in their order', () => {
    const figures = [10, 9, 100]
    expect(spreadOf(figures)).toEqual({ median: 10, lowest: 9, highest: 100 })
    expect(figures).toEqual([10, 9, 100])
  })

  it('a ratio is taken within its round, so a slow round slows both sides of it', () => {
    expect(ratios([200, 20, 300], [100, 10, 100])).toEqual([2, 2, 3])
  })

  it('a ratio needs both sides', () => {
    expect(() => ratios([1, 2], [1])).toThrow('both sides')
  })

  it.each([
    [1.25, { atLeast: 1.25 }, true],
    [1.24, { atLeast: 1.25 }, false],
    [1.1, { atMost: 1.1 }, true],
    [1.11, { atMost: 1.1 }, false],
  ])('%d against %j: met is %s', (figure, goal, expected) => {
    expect(isMet(figure, goal)).toBe(expected)
  })

  it.each([
    [[2, 2], 'met'],
    [[2, 0.5], 'undecided'],
    [[0.5, 0.5], 'not met'],
    [[2, 2, 2, 2, 2, 2, 0.5], 'met'],
    [[2, 2, 2, 2, 2, 0.5, 0.5], 'undecided'],
    [[2, 2, 0.5, 0.5, 0.5, 0.5, 0.5], 'undecided'],
    [[2, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5], 'not met'],
  ])('rounds %j against at least 1 are %s', (figures, expected) => {
    expect(verdictOf(figures, { atLeast: 1 })).toBe(expected)
  })
})

describe('times', () => {
  it('a percentile is the nearest rank', () => {
    const hundred = times(...Array.from({ length: 100 }, (_, n) => 100 - n))
    expect([0.5, 0.9, 0.99, 0.999, 1].map((share) => hundred.percentile(share))).toEqual([50, 90, 99, 100, 100])
    expect(times(5).percentile(0.5)).toBe(5)
    expect(times(1, 2, 3, 4).percentile(0.5)).toBe(2)
    expect(times(1, 2, 3, 4, 5, 6, 7, 8, 9, 10).percentile(0.1)).toBe(1)
    expect(() => times().percentile(0.5)).toThrow('needs a time')
  })

  it('a percentile is the smallest time that so many do not exceed', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 1000 }),
        (each, perMille) => {
          const found = times(...each).percentile(perMille / 1000)
          const share = (limit: number): number => each.filter((time) => time <= limit).length * 1000
          expect(share(found)).toBeGreaterThanOrEqual(perMille * each.length)
          expect(share(found - 1)).toBeLessThan(perMille * each.length)
        },
      ),
    )
  })

  it('two of twenty thousand are seen above p99.99 and not below', () => {
    const found = times(...Array.from({ length: 19_998 }, () => 1), 500)
    found.add(400)
    const shares = [0.999, 0.9999, 0.99995, 1]
    expect(shares.map((share) => found.percentile(share))).toEqual([1, 1, 400, 500])
  })

  it('times that come after a percentile was asked for count in the next', () => {
    const found = times(3, 1)
    expect(found.highest).toBe(3)
    found.add(2)
    found.addAll(times(9, 0.5))
    expect([found.count, found.percentile(0.5), found.highest]).toEqual([5, 2, 9])
  })

  it('the histogram has each time in the step it belongs to, and shows where there are none', () => {
    expect(times(0, 0.5, 1, 1.9, 2, 3.9, 33).steps()).toEqual([
      { from: 0, to: 1, count: 2 },
      { from: 1, to: 2, count: 2 },
      { from: 2, to: 4, count: 2 },
      { from: 4, to: 8, count: 0 },
      { from: 8, to: 16, count: 0 },
      { from: 16, to: 32, count: 0 },
      { from: 32, to: 64, count: 1 },
    ])
  })

  it('the histogram loses nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e7, noNaN: true }), { maxLength: 50 }), (each) => {
        const steps = times(...each).steps()
        expect(steps.reduce((sum, { count }) => sum + count, 0)).toBe(each.length)
        for (const { from, to, count } of steps) {
          expect(each.filter((time) => time >= from && time < to)).toHaveLength(count)
        }
        for (let n = 1; n < steps.length; n++) expect(steps[n]!.from).toBe(steps[n - 1]!.to)
      }),
    )
  })
})

describe('an open loop', () => {
  /** Calls that take no time, but for one stall that holds up everything from `stallAt` on. */
  function run(rate: number, count: number, stallAt: number, stallMs: number): Times {
    const arrivals = new Arrivals(1000, rate, count)
    const found = new Times()
    let stalled = false
    for (let now = 1000; !arrivals.isOver; now += 0.25) {
      if (!stalled && now >= 1000 + stallAt) {
        stalled = true
        now += stallMs
      }
      for (let due = arrivals.takeDue(now); due !== undefined; due = arrivals.takeDue(now)) found.add(now - due)
    }
    return found
  }

  it('each call is due at its time, none before', () => {
    const arrivals = new Arrivals(50, 1000, 3)
    expect(arrivals.takeDue(49.9)).toBeUndefined()
    expect(arrivals.takeDue(50)).toBe(50)
    expect(arrivals.takeDue(50.9)).toBeUndefined()
    expect([arrivals.takeDue(60), arrivals.takeDue(60)]).toEqual([51, 52])
    expect(arrivals.isOver).toBe(true)
    expect(arrivals.takeDue(1e9)).toBeUndefined()
  })

  it('a stall of 100 ms at 1,000 a second is felt by the hundred calls that were due meanwhile, not by one', () => {
    const found = run(1000, 1000, 500, 100)
    expect(found.count).toBe(1000)
    expect(found.percentile(0.89)).toBeLessThan(1)
    // Of the hundred late ones the first waited all of it, the one in the middle half.
    expect(found.highest).toBeGreaterThan(99)
    expect(found.percentile(0.95)).toBeGreaterThan(49)
    expect(found.percentile(0.95)).toBeLessThan(52)
    expect(
      found
        .steps()
        .filter(({ from }) => from >= 1)
        .reduce((sum, { count }) => sum + count, 0),
    ).toBeGreaterThan(97)
  })

  it('times count from when a call was due, so they do not drift however many there are', () => {
    const found = run(30_000, 30_000, 1e9, 0)
    expect(found.highest).toBeLessThan(0.26)
  })
})
