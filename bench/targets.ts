import type { Contest, Result } from './measure/contest.ts'

interface Target {
  readonly measure?: () => Promise<Result[]>
  /** Contests whose contestants have a process each; undefined is what such a one gives whose events are not there. */
  readonly contests?: readonly (() => Promise<Contest | undefined>)[]
}

/** Each target and the file that measures it, in the order of the tables. */
export const TARGETS: ReadonlyMap<string, () => Promise<Target>> = new Map<string, () => Promise<Target>>([
  ['P1', () => import('./commit.ts')],
  ['P2', () => import('./append.ts')],
  ['P3', () => import('./callers.ts')],
  ['P4', () => import('./bytes.ts')],
  ['P5', () => import('./replay.ts')],
  ['P6', () => import('./scan.ts')],
  ['P7', () => import('./read.ts')],
  ['P8', () => import('./open.ts')],
  ['P9', () => import('./crash.ts')],
  ['P10', () => import('./size.ts')],
  ['P11', () => import('./latency.ts')],
  ['P12', () => import('./memory.ts')],
  ['P13', () => import('./verify.ts')],
  ['compression', () => import('./compression.ts')],
  ['chain', () => import('./chain.ts')],
  ['rolls', () => import('./rolls.ts')],
  ['follow', () => import('./follow.ts')],
  ['growth', () => import('./growth.ts')],
])
