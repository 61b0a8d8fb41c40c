import { Allocator } from './allocator.ts'
import { SegmentChain, headText } from './chain.ts'
import { closeSegment, openSegment } from './segment-files.ts'
import type { Committer } from './committer.ts'
import type { Environment } from './env/environment.ts'
import { runLater, runNow } from './env/steps.ts'
import { releaseSpace } from './ending.ts'
import { wrapSystemError } from './errors.ts'
import { Filling, type FillingContext, type PayloadEncoder } from './filling.ts'
import { FRAMES_START } from './format/layout.ts'
import type { SegmentLine } from './format/manifest.ts'
import { segmentName } from './format/names.ts'
import type { Position } from './format/slots.ts'
import { GROUP_BYTES, type Group } from './group.ts'
import { type LogIdentity, rewriteHeader } from './group-header.ts'
import type { ManifestStore } from './manifest-store.ts'
import { Sealer, whenQuiet } from './sealing.ts'
import { Segment, type SegmentPlan } from './segment.ts'
import type { SidecarStore } from './sidecar-store.ts'
import { TrailWriter } from './trail-writer.ts'

/** What recovery hands over: a log whose every accepted byte is durable. */
export interface WriterStart {
  readonly identity: LogIdentity
  readonly position: Position
  readonly manifests: ManifestStore
  readonly sidecars: SidecarStore
  /** The segment to go on in; `end` 0 when it is not used yet. */
  readonly active: Segment
  /** A prepared segment after it. */
  readonly spare: SegmentPlan | undefined
  /** Time of the last record. */
  readonly lastTimestamp: bigint
  /** Of `COMPRESSION`: how payloads are compressed from now on, in segments that begin from now on. */
  readonly compression: number
}

export interface RollingLimits {
  readonly segmentBytes: number
  /** A leg of a trail is made of so many bytes of frames. */
  readonly trailBytes: number
}

/** Makes a codec's encoder for a segment that already holds these definitions. */
export type EncoderFactory = (definitions: readonly Uint8Array[]) => PayloadEncoder

/** From here on a segment's successor is prepared: late enough that a short log never has two, early enough to be ready. */
const PREPARE_AT_SHARE = 0.5

/** When so much waits for the disk, records come faster than it takes them. */
const BEHIND_BYTES = 2 * GROUP_BYTES

/** Which segment is filled, which comes next, and what becomes of those that are full. */
export class Rolling {
  filling: Filling
  private readonly sidecars: SidecarStore
  private readonly trails: TrailWriter
  readonly sealer: Sealer
  readonly allocator: Allocator
  private readonly env: Environment
  private readonly directory: string
  private readonly segmentBytes: number
  private readonly context: FillingContext
  private readonly newEncoder: EncoderFactory
  private readonly committer: () => Committer
  /** Segments that are full and whose successor is not durable yet. */
  private readonly retired: Segment[] = []
  private closing = false
  /** Of a file that was closed, after all in it was synced. */
  private closeFailure: unknown

  constructor(
    env: Environment,
    directory: string,
    start: WriterStart,
    limits: RollingLimits,
    context: FillingContext,
    newEncoder: EncoderFactory,
    committer: () => Committer,
  ) {
    this.env = env
    this.directory = directory
    this.segmentBytes = limits.segmentBytes
    this.context = context
    this.newEncoder = newEncoder
    this.committer = committer
    this.sidecars = start.sidecars
    this.trails = new TrailWriter(env, directory, start.identity.logId, limits.trailBytes)
    this.sealer = new Sealer(env, start.manifests, this.sidecars, (segment) => this.trails.end(segment))
    const changed = (): void => committer().pump()
    const isHurried = (): boolean => this.closing || committer().backlogBytes > BEHIND_BYTES
    this.allocator = new Allocator(env, directory, start.manifests, limits.segmentBytes, changed, isHurried)
    const { active } = start
    this.trails.adopt(active)
    active.handles = runNow(env, openSegment(active.path))
    this.filling = new Filling(context, active, newEncoder(active.definitions), start.lastTimestamp)
    if (start.spare) this.allocator.adopt(start.spare)
  }

  /** The segments of this process that are not sealed yet, in order; the last is the active one. */
  get openSegments(): readonly Segment[] {
    return [...this.sealer.underWay, ...this.retired, this.filling.segment]
  }

  /** A filling of the next segment, of which nobody knows yet. A segment that was never used is replaced by a longer one. */
  startNext(bytes: number): Filling {
    const current = this.filling.segment
    const ordinal = current.isUsed ? current.plan.ordinal + 1 : current.plan.ordinal
    const plan = this.allocator.next(ordinal, current.plan, Math.min(bytes, this.segmentBytes))
    const before = {
      ordinal: current.plan.ordinal,
      bytes: current.end,
      digest: current.digest,
      head: headText(current.chain),
    }
    const path = `${this.directory}/${segmentName(ordinal)}`
    const predecessor = current.isUsed ? before : current.predecessor
    const segment = new Segment(plan, path, predecessor, current.lastSequence + 1)
    if (current.chain) segment.chain = new SegmentChain(current.chain.headNow(), FRAMES_START, current.lastSequence)
    this.trails.adopt(segment)
    // Where the last spare could not be made, the caller learns it now, before a sequence is given away.
    if (this.allocator.failure !== undefined && !this.allocator.has(plan)) this.makeReadyNow(segment, bytes)
    return new Filling(this.context, segment, this.newEncoder([]), this.filling.lastTimestamp)
  }

  /** Goes on in a filling from `startNext`. */
  roll(next: Filling): void {
    const { segment } = this.filling
    segment.lastTimestamp = this.filling.lastTimestamp
    const group = this.filling.takeGroup()
    if (segment.isUsed) this.retired.push(segment)
    else this.abandon(segment)
    this.filling = next
    const { plan, handles } = next.segment
    if (handles === undefined && !this.allocator.has(plan)) this.allocator.begin(plan)
    if (group !== undefined) this.committer().enqueue(group)
  }

  /** Closes the files of a segment in which nothing is written any more. */
  abandon(unused: Segment): void {
    const { handles } = unused
    unused.handles = undefined
    if (handles === undefined) return
    const closing = runNow(this.env, closeSegment(handles))
    this.closeFailure ??= closing
  }

  needSegment(group: Group): void {
    const { segment } = group
    segment.handles = this.allocator.take(segment.plan)
    if (segment.handles === undefined) {
      if (this.allocator.has(segment.plan)) {
        this.allocator.startWaiting()
        return
      }
      try {
        this.needSegmentNow(group)
      } catch (error) {
        this.committer().fail(error)
        return
      }
    }
    this.committer().pump()
  }

  needSegmentNow(group: Group): void {
    this.makeReadyNow(group.segment, group.segment.end)
    rewriteHeader(group, this.context.identity)
  }

  /** After a group became durable: what lies before its segment can be sealed, what comes after may be due. */
  advanced(group: Group): void {
    while (this.retired.length > 0 && this.retired[0] !== group.segment) this.sealer.seal(this.retired.shift()!)
    this.trails.advanced(group)
    this.prepareNext()
  }

  /** Starts the segment after the active one, once that is half full. */
  prepareNext(): void {
    const { plan, end, handles } = this.filling.segment
    if (this.closing || handles === undefined || end < plan.segmentBytes * PREPARE_AT_SHARE) return
    this.allocator.prepare(plan)
  }

  /** Waits for all work in the background; starts no more. */
  async settle(): Promise<void> {
    this.closing = true
    await new Promise<void>((resolve) => this.sealer.onceIdle(resolve))
    await new Promise<void>((resolve) => this.sidecars.close(resolve))
    await new Promise<void>((resolve) => this.trails.close(resolve))
    await new Promise<void>((resolve) => this.allocator.close(resolve))
  }

  /** Segments that hold frames and that no manifest calls sealed, once nothing more is placed. */
  takeUsed(): readonly Segment[] {
    const { segment, lastTimestamp } = this.filling
    segment.lastTimestamp = lastTimestamp
    return this.openSegments.filter((each) => each.isUsed)
  }

  /** Segments that are full and behind which nothing was written: the mark of a close lists them as sealed. */
  get full(): readonly Segment[] {
    return this.filling.segment.isUsed ? [] : this.retired
  }

  /** Of a log that is closed, after its files were. */
  async sealFull(): Promise<void> {
    for (const segment of this.full) {
      await new Promise<void>((resolve) => runLater(this.env, this.sealer.finish(segment), () => resolve()))
    }
  }

  /** Of a log that is ended, after its files were closed. */
  async releaseSpace(used: readonly Segment[], listed: readonly SegmentLine[]): Promise<void> {
    const failure = await releaseSpace(this.env, this.directory, used, listed)
    this.closeFailure ??= failure
  }

  /** Why work in the background failed of late, on which nothing depends. */
  get backgroundFailure(): unknown {
    const { allocator, sealer, sidecars, trails, closeFailure } = this
    const dropped = sidecars.failure ?? trails.failure
    return allocator.failure ?? sealer.failure ?? dropped ?? allocator.closeFailure ?? closeFailure
  }

  /** Closes the files that are still open, each once no call holds it. */
  async closeFiles(): Promise<void> {
    for (const segment of [...this.retired, this.filling.segment]) {
      await new Promise<void>((resolve) => whenQuiet(segment, resolve))
      this.abandon(segment)
    }
  }

  private makeReadyNow(segment: Segment, bytes: number): void {
    try {
      const { plan, handles } = this.allocator.takeNow(segment.plan, bytes)
      segment.plan = plan
      segment.handles = handles
    } catch (error) {
      throw wrapSystemError(error, 'making a segment', { file: segment.path })
    }
  }
}
