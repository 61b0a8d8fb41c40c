import type { Environment } from './env/environment.ts'
import type { Steps } from './env/steps.ts'
import type { SegmentHandles, SegmentPlan } from './segment.ts'
import { fillAtOnce, fillWithZeros } from './segment-files.ts'

/** How far a spare has come. Naming can be done again by anyone; filling cannot be taken over. */
type Phase = 'filling' | 'filled' | 'naming' | 'ready' | 'failed'

/**
 * How zeros are written. `in pieces`: ahead of need, so that a commit meets at most one piece in the queue of the disk.
 * `at once`: records wait for them in memory, perhaps in a loop that lets no other step begin: the file is made on this
 * thread (some 30 microseconds) and all zeros are one call, which goes on beside that loop.
 */
export type Pace = 'in pieces' | 'at once'

export interface Spare {
  plan: SegmentPlan
  readonly temporary: string
  phase: Phase
  handles: SegmentHandles | undefined
  /** Why its zeros could not be written. */
  failure: unknown
  /** Not wanted any more; only ever set before naming began, so it never gets a name. */
  dropped: boolean
}

export function newSpare(plan: SegmentPlan, temporary: string): Spare {
  return { plan, temporary, phase: 'filling', handles: undefined, failure: undefined, dropped: false }
}

/** Makes the file of a spare, all zeros, under its temporary name. */
export function filling(env: Environment, { temporary: path, plan }: Spare, pace: Pace): Steps<void> {
  if (pace === 'in pieces') return fillWithZeros(path, plan.segmentBytes)
  try {
    return fillAtOnce(path, env.call({ do: 'open', path, access: 'create', durable: true }), plan.segmentBytes)
  } catch (error) {
    return refused(error)
  }
}

/** What could not begin, as steps that say so, so that the caller hears of it as of any other failure. */
function* refused(error: unknown): Steps<void> {
  throw error
}
