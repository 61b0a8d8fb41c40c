import { type Steps, step } from './env/steps.ts'
import type { SegmentHandles, SegmentPlan } from './segment.ts'
import { fillAhead } from './segment-files.ts'
import { roundUp } from './space.ts'

/** How far a spare has come. Naming can be done again by anyone; filling cannot be taken over. */
type Phase = 'filling' | 'filled' | 'naming' | 'ready' | 'failed'

export interface Spare {
  plan: SegmentPlan
  readonly temporary: string
  phase: Phase
  handles: SegmentHandles | undefined
  /** Whether its name is on disk: from then on a manifest may list it. */
  named: boolean
  /** Whether records are there that are to be written to it. */
  awaited: boolean
  /** Why its zeros could not be written. */
  failure: unknown
  /** Not wanted any more; only ever set before naming began, so it never gets a name. */
  dropped: boolean
}

/** Each segment may be this many times as long as the one before, up to the configured length. */
const GROWTH = 4

/** The plan of a segment that comes after another, or in its place: long enough for `bytes`, as far as `bytesMax` allows. */
export function planAfter(
  current: SegmentPlan,
  ordinal: number,
  bytes: number,
  bytesMax: number,
  salt: number,
): SegmentPlan {
  const grown = Math.min(bytesMax, current.segmentBytes * GROWTH)
  return { ordinal, salt, segmentBytes: Math.max(grown, Math.min(bytesMax, roundUp(bytes))) }
}

export function newSpare(plan: SegmentPlan, temporary: string): Spare {
  return {
    plan,
    temporary,
    phase: 'filling',
    handles: undefined,
    named: false,
    awaited: false,
    failure: undefined,
    dropped: false,
  }
}

/** Makes the file of a spare, all zeros, under its temporary name; `isHurried` says that there is no time to write them. */
export function* filling(spare: Spare, isHurried: () => boolean): Steps<void> {
  const { temporary: path, plan } = spare
  const handle = yield* step({ do: 'open', path, access: 'create', durable: true })
  yield* fillAhead(path, handle, plan.segmentBytes, () => spare.awaited || isHurried())
}

/** Notes that records are there that are to be written to it. */
export function awaited(spare: Spare): SegmentPlan {
  spare.awaited = true
  return spare.plan
}

/** What could not begin, as steps that say so, so that the caller hears of it as of any other failure. */
export function* refused(error: unknown): Steps<void> {
  throw error
}
