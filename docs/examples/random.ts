/** Numbers that look random and are the same for the same seed (mulberry32). */
export interface Random {
  /** At least 0, below 1. */
  fraction(): number
  /** An integer from `from` to `to`, both included. */
  integer(from: number, to: number): number
}

export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const fraction = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return { fraction, integer: (from, to) => from + Math.floor(fraction() * (to - from + 1)) }
}
