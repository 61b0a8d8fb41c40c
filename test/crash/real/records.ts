import { isDeepStrictEqual } from 'node:util'
import type { Log } from '../../../lib/index.ts'

/** Of logs that roll soon. */
export const SMALL_SEGMENT_BYTES = 64 * 1024
/** Where any content will do. */
export const ANY_SEED = 17

/** A record that says of itself who wrote it, where it belongs, and in which batch. */
export interface Sample {
  readonly sequence: number
  /** The process that wrote it, counted from 1: what comes back from the dead has an older one than its place. */
  readonly life: number
  /** First and last record of its batch; itself where there is none. */
  readonly from: number
  readonly to: number
  readonly text: string
  readonly late?: Readonly<Record<string, number>>
}

/** What the log must hold, as far as processes before have told. */
export interface Expected {
  readonly seed: number
  /** Last record when each life began, in order: life 1 first. A life that never got so far has undefined. */
  readonly beganAfter: readonly (number | undefined)[]
  readonly acknowledged: number
}

/** A fraction from 0 to 1, the same for the same numbers. */
export function fraction(...numbers: readonly number[]): number {
  let state = 0x9e3779b9
  for (const number of numbers) {
    state = Math.imul(state ^ number, 0x85ebca6b)
    state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35)
    state ^= state >>> 16
  }
  return (state >>> 0) / 2 ** 32
}

export function sample(seed: number, life: number, sequence: number, from = sequence, to = sequence): Sample {
  const size = fraction(seed, life, sequence, 1)
  const length = size < 0.9 ? Math.floor(size * 600) : Math.floor(size * size * 6000)
  const letter = String.fromCharCode(97 + Math.floor(fraction(seed, life, sequence, 2) * 26))
  const text = `${sequence}:`.padEnd(length, letter)
  const shape = Math.floor(fraction(seed, life, sequence, 3) * 60)
  // Few records have a shape of their own, and it may come late: its definition goes out before it.
  return shape < 6
    ? { sequence, life, from, to, text, late: { [`k${shape}`]: sequence } }
    : { sequence, life, from, to, text }
}

/** What is wrong with a log: empty when all that was acknowledged is there once, in order, as written, batches whole. */
export function problemsOf(log: Log<Sample>, expected: Expected): string[] {
  const { seed, beganAfter, acknowledged } = expected
  const problems: string[] = []
  const last = log.highWatermark
  if (last < acknowledged) problems.push(`ends at ${last}, ${acknowledged} were acknowledged`)
  let sequence = 0
  let life = 0
  for (const entry of log.read({ from: 1 })) {
    sequence += 1
    for (let next = life + 1; next <= beganAfter.length; next++) {
      const began = beganAfter[next - 1]
      if (began !== undefined && began < sequence) life = next
    }
    const { value } = entry
    const { from, to } = value
    if (entry.sequence !== sequence) problems.push(`record ${entry.sequence} at place ${sequence}`)
    if (from > sequence || to < sequence || to > last) problems.push(`${sequence} of ${last} is of batch ${from}-${to}`)
    if (!isDeepStrictEqual(value, sample(seed, life, sequence, from, to))) {
      problems.push(`record ${sequence} of life ${life} is ${JSON.stringify(value).slice(0, 120)}`)
    }
    if (problems.length > 5) return problems
  }
  if (sequence !== last) problems.push(`reading ends at ${sequence}, the log at ${last}`)
  return problems
}
