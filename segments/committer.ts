import type { Environment } from './env/environment.ts'
import { runLater, runNow } from './env/steps.ts'
import { type SeglogError, failedError, wrapSystemError } from './errors.ts'
import type { CommitterCounts, CommitterHooks } from './committer-hooks.ts'
import type { Position } from './format/slots.ts'
import type { BufferPool, Group } from './group.ts'
import { laggingBehind, segmentsOf, syncSegments, writeGroup } from './group-steps.ts'
import type { Segment } from './segment.ts'
import type { SlotsFile } from './slots-file.ts'

/**
 * Sends groups to disk in order, one at a time off the thread, and is the only place where the high-watermark moves.
 * A group is sent when the one before it is durable (or was not to be): so its frames may claim that.
 */
export class Committer {
  position: Position
  /** Hash of the frame at `position`; undefined in a log without a chain. */
  head: Buffer | undefined
  failure: SeglogError | undefined
  readonly counts: CommitterCounts = { groups: 0, syncs: 0, bytes: 0, overtaken: 0 }
  /** Bytes in closed groups that are not on their way back yet. */
  backlogBytes = 0
  private readonly env: Environment
  private readonly slots: SlotsFile
  private readonly pool: BufferPool
  private readonly hooks: CommitterHooks
  private readonly queue: Group[] = []
  private inFlight: Group | undefined
  /** Groups that were written without a sync, in order; the next sync covers them. */
  private unsynced: Group[] = []
  private syncWanted = false
  private syncing = false
  private scheduled = false
  private idleWaiters: (() => void)[] = []

  constructor(env: Environment, slots: SlotsFile, pool: BufferPool, position: Position, hooks: CommitterHooks) {
    this.env = env
    this.slots = slots
    this.pool = pool
    this.position = position
    this.hooks = hooks
  }

  /** Takes a group that gets no more frames. */
  enqueue(group: Group): void {
    this.queue.push(group)
    this.backlogBytes += group.length
    this.pump()
  }

  /** Sends what was filled after this turn of the event loop, so that callers of one turn share a group. */
  schedule(): void {
    if (this.scheduled || this.busy || this.failure !== undefined) return
    this.scheduled = true
    // A method of its own, not a closure here: that would take memory at each call, and each append comes by.
    this.sendSoon()
  }

  private sendSoon(): void {
    this.env.defer(() => {
      this.scheduled = false
      if (this.queue.length === 0) this.takeFilling()
      this.pump()
    })
  }

  /** Makes everything queued and in flight durable before it returns, on this thread. */
  flushNow(): void {
    if (this.failure !== undefined) throw failedError(this.failure)
    try {
      const late = this.inFlight
      if (late !== undefined && !late.overtaken) {
        this.writeNow(late)
        late.overtaken = true
        this.counts.overtaken += 1
      }
      this.takeFilling()
      for (let group = this.queue[0]; group !== undefined; group = this.queue[0]) {
        if (group.segment.handles === undefined) this.hooks.needSegmentNow(group)
        this.writeNow(group)
        this.queue.shift()
        this.release(group)
      }
      if (this.unsynced.length > 0) this.syncNow()
      this.syncWanted = false
    } catch (error) {
      throw this.fail(error)
    }
  }

  /** Resolves when nothing is in flight or queued; at once when the writer has failed and no call is outstanding. */
  whenIdle(done: () => void): void {
    this.idleWaiters.push(done)
    this.tellIdle()
  }

  /** All groups that are not durable yet, in order. */
  *pending(): Iterable<Group> {
    yield* this.unsynced
    if (this.inFlight !== undefined && !this.inFlight.overtaken) yield this.inFlight
    yield* this.queue
  }

  /** Sees to it that what was written without a sync gets one. */
  syncWritten(): void {
    if (this.unsynced.length === 0 || this.failure !== undefined) return
    this.syncWanted = true
    this.schedule()
  }

  /** Fails the writer for good: everyone who waits is told, nothing is retried. */
  fail(cause: unknown): SeglogError {
    if (this.failure !== undefined) return this.failure
    const error = wrapSystemError(cause, 'writing the log')
    this.failure = error
    const filling = this.hooks.takeFilling()
    const groups = [...this.pending(), ...(filling ? [filling] : [])]
    for (const group of groups) {
      group.written?.reject(error)
      group.durable?.reject(error)
    }
    // No call holds the buffers of queued groups; that of the group in flight stays until its callback.
    for (const group of this.queue.splice(0)) this.release(group)
    this.unsynced = []
    this.hooks.failed(error)
    this.tellIdle()
    return error
  }

  /** Whether a call is with the thread pool. */
  private get busy(): boolean {
    return this.inFlight !== undefined || this.syncing
  }

  private takeFilling(): void {
    const group = this.hooks.takeFilling()
    if (group === undefined) return
    this.queue.push(group)
    this.backlogBytes += group.length
  }

  /** Sends the next group of the queue, unless one is with the thread pool; also called when a segment became ready. */
  pump(): void {
    if (this.busy || this.failure !== undefined) return
    if (this.syncWanted && this.unsynced.length > 0) {
      this.sendSync()
      return
    }
    const group = this.queue[0]
    if (group === undefined) return
    if (group.segment.handles === undefined) {
      this.hooks.needSegment(group)
      return
    }
    this.queue.shift()
    this.send(group)
  }

  private send(group: Group): void {
    const lagging = laggingBehind(group, this.unsynced)
    const covered = this.unsynced.findLast((earlier) => lagging.includes(earlier.segment))
    const segments = [group.segment, ...lagging]
    for (const segment of segments) segment.outstanding += 1
    this.inFlight = group
    group.sent = true
    this.hooks.sending(group)
    runLater(this.env, writeGroup(group, lagging, 'later'), (error) => {
      if (error) this.fail(error)
      else if (this.failure === undefined) this.guarded(() => this.landed(group, covered))
      this.inFlight = undefined
      this.release(group)
      this.afterFlight(segments)
    })
  }

  /** A sync of its own, for groups that were written without one. */
  private sendSync(): void {
    const covered = this.unsynced[this.unsynced.length - 1]!
    const segments = segmentsOf(this.unsynced)
    for (const segment of segments) segment.outstanding += 1
    this.syncWanted = false
    this.syncing = true
    runLater(this.env, syncSegments(segments, 'later'), (error) => {
      if (error) this.fail(error)
      else if (this.failure === undefined) this.guarded(() => this.advanceTo(covered))
      this.syncing = false
      this.afterFlight(segments)
    })
  }

  private afterFlight(segments: readonly Segment[]): void {
    for (const segment of segments) leave(segment)
    // What is closed already goes out at once: a caller who was waiting for room may fill for milliseconds before the
    // event loop turns again, and the disk would be idle meanwhile (measured: 40 of 320 ms of a burst).
    this.pump()
    this.schedule()
    this.tellIdle()
  }

  private landed(group: Group, covered: Group | undefined): void {
    if (group.overtaken) return
    if (group.synced) {
      this.advance(group)
    } else {
      if (covered !== undefined) this.advanceTo(covered)
      this.wrote(group)
    }
  }

  /** A sync covered this group; a synchronous commit may have been there first. */
  private advanceTo(group: Group): void {
    if (this.unsynced.includes(group)) this.advance(group)
  }

  private guarded(body: () => void): void {
    try {
      body()
    } catch (error) {
      this.fail(error)
    }
  }

  private writeNow(group: Group): void {
    const lagging = segmentsOf(this.unsynced)
    group.sent = true
    this.hooks.sending(group)
    runNow(this.env, writeGroup(group, lagging, 'now'))
    this.advance(group)
  }

  private syncNow(): void {
    const last = this.unsynced[this.unsynced.length - 1]!
    runNow(this.env, syncSegments(segmentsOf(this.unsynced), 'now'))
    this.advance(last)
  }

  private wrote(group: Group): void {
    this.countGroup(group)
    this.unsynced.push(group)
    group.isWritten = true
    group.written?.resolve()
    if (group.durable !== undefined) this.syncWritten()
    this.hooks.wrote()
  }

  /** The one place where state moves after success. The slot comes first: when it throws, nobody was told. */
  private advance(group: Group): void {
    const { segment } = group
    this.slots.write(segment.plan.ordinal, group.end, group.lastSequence)
    this.position = { ordinal: segment.plan.ordinal, offset: group.end, sequence: group.lastSequence }
    this.head = group.head
    segment.durableEnd = group.end
    const at = this.unsynced.indexOf(group)
    const covered = at < 0 ? this.unsynced : this.unsynced.slice(0, at + 1)
    this.unsynced = at < 0 ? [] : this.unsynced.slice(at + 1)
    this.counts.syncs += 1
    for (const earlier of covered) {
      earlier.segment.durableEnd = Math.max(earlier.segment.durableEnd, earlier.end)
      if (earlier !== group) earlier.durable?.resolve()
    }
    if (at < 0) this.countGroup(group)
    group.written?.resolve()
    group.durable?.resolve()
    this.hooks.advanced(group)
  }

  private countGroup(group: Group): void {
    this.counts.groups += 1
    this.counts.bytes += group.length
  }

  /** Gives a buffer back; not while a call may still hold it. */
  private release(group: Group): void {
    this.backlogBytes -= group.length
    this.pool.give(group.buffer)
    group.buffer = EMPTY
    if (this.failure === undefined) this.hooks.released()
  }

  private tellIdle(): void {
    if (this.busy || (this.failure === undefined && this.queue.length > 0)) return
    const waiters = this.idleWaiters
    this.idleWaiters = []
    for (const done of waiters) done()
  }
}

const EMPTY = Buffer.alloc(0)

function leave(segment: Segment): void {
  segment.outstanding -= 1
  if (segment.outstanding === 0) segment.whenQuiet?.()
}
