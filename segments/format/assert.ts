/** For our own mistakes, never for bytes from a disk or arguments of a caller. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new Error(`seglog: broken invariant: ${invariant}`)
}
