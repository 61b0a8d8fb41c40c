import type { SeglogError } from './errors.ts'
import type { Group } from './group.ts'

/** What the committer asks of those around it, and tells them. */
export interface CommitterHooks {
  /** The group being filled, to be sent now; undefined when there is none. */
  readonly takeFilling: () => Group | undefined
  /** A group waits for its segment's file: starts it if nobody did, then `pump` is called. */
  readonly needSegment: (group: Group) => void
  /** The same on this thread: the segment is ready when this returns, or it throws. */
  readonly needSegmentNow: (group: Group) => void
  /** A group is handed to the system, perhaps for the second time. */
  readonly sending: (group: Group) => void
  /** A group became durable. */
  readonly advanced: (group: Group) => void
  /** A group was written, and nothing was synced. */
  readonly wrote: () => void
  /** Bytes left the queue. */
  readonly released: () => void
  /** The writer failed for good; called once. */
  readonly failed: (error: SeglogError) => void
}

/** Who measures what a writer does. */
export interface WriterObserver {
  /** Whether somebody is being told of a commit: a listener that appended then would meet a group half way through. */
  readonly isTelling: boolean
  sending(group: Group): void
  /** `bytes`: of all groups so far. */
  advanced(group: Group, bytes: number): void
  failed(error: SeglogError): void
}

export interface CommitterCounts {
  groups: number
  syncs: number
  bytes: number
  /** Groups that a synchronous commit wrote again. */
  overtaken: number
}
