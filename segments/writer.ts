/* Over 300 lines because what a log asks and what the committer asks meet here; each is a few lines. */
import type { ChainHead, CheckpointPolicy } from './chain.ts'
import type { WriterObserver } from './committer-hooks.ts'
import { Committer } from './committer.ts'
import { compressingOf } from './compression.ts'
import type { Environment } from './env/environment.ts'
import { type Ending, markClosed } from './ending.ts'
import { SeglogError, assert, failedError, wrapSystemError } from './errors.ts'
import type { Filling, FillingContext, GroupReceiver } from './filling.ts'
import { segmentBytesFor } from './space.ts'
import { SEQUENCE_MAX, TAG } from './format/layout.ts'
import { BufferPool, Deferred, GROUP_BYTES, type Group } from './group.ts'
import type { ManifestStore } from './manifest-store.ts'
import { type AppendOptions, type Durability, Placer, batchTooLarge } from './placer.ts'
import { type EncoderFactory, Rolling, type RollingLimits, type WriterStart } from './rolling.ts'
import type { Position } from './format/slots.ts'
import type { Segment } from './segment.ts'
import type { SlotsFile } from './slots-file.ts'

export interface WriterLimits extends CheckpointPolicy, RollingLimits {
  readonly recordBytesMax: number
  readonly queueSoftBytes: number
  readonly queueHardBytes: number
  readonly compressionBytesMin: number
}

/** Buffers kept for the next groups: one in flight, one filling, and some of a queue. */
const POOLED_BUFFERS = 6

const TELLING = 'a listener of seglog:commit or seglog:roll must not append before it returns. Append in setImmediate.'

/** The one writer of a log: numbers records, frames them, sends them, rolls segments. */
export class Writer implements GroupReceiver {
  readonly committer: Committer
  /** Told after the high-watermark moved, and after the writer failed. */
  onChange: (() => void) | undefined
  /** Told what is done; undefined when nobody measures. */
  observer: WriterObserver | undefined
  private readonly env: Environment
  private readonly limits: WriterLimits
  private readonly manifests: ManifestStore
  private readonly slots: SlotsFile
  private readonly rolling: Rolling
  private readonly placer: Placer
  private closing: Promise<void> | undefined
  private readyWaiters: Deferred | undefined

  /** Owns `slots` and the files of `start` from here on. */
  constructor(
    env: Environment,
    directory: string,
    start: WriterStart,
    slots: SlotsFile,
    limits: WriterLimits,
    newEncoder: EncoderFactory,
  ) {
    this.env = env
    this.limits = limits
    this.placer = new Placer(limits.recordBytesMax, limits.segmentBytes)
    this.manifests = start.manifests
    this.slots = slots
    const pool = new BufferPool(POOLED_BUFFERS, limits.segmentBytes)
    this.committer = new Committer(env, slots, pool, start.position, {
      takeFilling: () => this.rolling.filling.takeGroup(),
      needSegment: (group) => this.rolling.needSegment(group),
      needSegmentNow: (group) => this.rolling.needSegmentNow(group),
      sending: (group) => this.observer?.sending(group),
      advanced: (group) => {
        this.rolling.advanced(group)
        this.observer?.advanced(group, this.committer.counts.bytes)
        this.onChange?.()
      },
      wrote: () => this.rolling.prepareNext(),
      released: () => {
        if (this.queuedBytes <= this.limits.queueSoftBytes) this.tellReady(undefined)
      },
      failed: (error) => {
        this.tellReady(error)
        this.observer?.failed(error)
        this.onChange?.()
      },
    })
    this.committer.head = start.active.chain?.headNow()
    // Functions that are assigned to a member where they are written are never young: what they refer to stays for long.
    const position = (): Position => this.committer.position
    const fail = (error: unknown): void => void this.committer.fail(error)
    start.manifests.position = position
    slots.onFailure = fail
    const context: FillingContext = {
      identity: start.identity,
      pool,
      clock: env,
      checkpoints: limits,
      receiver: this,
      compressing: compressingOf(start.compression, limits.compressionBytesMin),
    }
    this.rolling = new Rolling(env, directory, start, limits, context, newEncoder, () => this.committer)
  }

  groupClosed(group: Group): void {
    this.committer.enqueue(group)
    // A burst fills a segment faster than its groups become durable.
    this.rolling.prepareNext()
  }

  /** Sequence of the last record that was appended, durable or not. */
  get lastSequence(): number {
    return this.rolling.filling.segment.lastSequence
  }

  get active(): Segment {
    return this.rolling.filling.segment
  }

  /** The durable end of the chain; undefined in a log without one. */
  get head(): ChainHead | undefined {
    const { head, position } = this.committer
    return head && { sequence: position.sequence, hash: head.toString('hex') }
  }

  /** Bytes that are not on disk yet. */
  get queuedBytes(): number {
    return this.committer.backlogBytes + (this.rolling.filling.group?.length ?? 0)
  }

  /** The segments of this process that are not sealed yet, in order; the last is the active one. */
  get openSegments(): readonly Segment[] {
    return this.rolling.openSegments
  }

  /** Why work in the background failed of late, on which nothing depends. */
  get backgroundFailure(): unknown {
    return this.rolling.backgroundFailure
  }

  append(value: unknown, options: AppendOptions): number {
    this.mayAppend()
    const { filling } = this.rolling
    const payload = this.placer.encode(filling, value)
    const keys = options.keyBlocks?.[0]
    if (!filling.place(payload, TAG.batchEnd, options.timestampNs, 'any group', keys)) {
      this.placeInNext([value], segmentBytesFor(payload.length, keys, filling.hashBytes), options)
    }
    return this.appended(options.durability)
  }

  /** All or none: on any error nothing of the batch was appended. Gives the last sequence. */
  appendBatch(values: readonly unknown[], options: AppendOptions): number {
    this.mayAppend()
    if (values.length === 0) return this.committer.position.sequence
    const { filling } = this.rolling
    this.startFreshGroup(filling)
    const mark = filling.mark()
    let bytes: number
    try {
      bytes = this.placer.placeAll(filling, values, options, 'same group')
    } catch (error) {
      filling.reset(mark)
      throw error
    }
    if (bytes > 0) {
      filling.reset(mark)
      this.placeInNext(values, bytes, options)
    }
    return this.appended(options.durability)
  }

  /** Writes a frame that is no record and stands between batches; resolves when it is durable. */
  control(kind: number, payload: Uint8Array): Promise<void> {
    this.mayAppend()
    const { filling } = this.rolling
    if (!filling.placeControl(kind, payload)) {
      const next = this.rolling.startNext(segmentBytesFor(payload.length, undefined, filling.hashBytes))
      const isPlaced = next.placeControl(kind, payload)
      assert(isPlaced, 'a segment is made as long as what it is made for')
      this.rolling.roll(next)
    }
    const group = this.rolling.filling.group!
    group.askSync()
    group.durable ??= new Deferred()
    this.committer.schedule()
    return group.durable.promise
  }

  /** Lets the next record start a new segment; nothing happens where the active one is unused. */
  roll(): void {
    this.mayAppend()
    if (this.rolling.filling.segment.isUsed) this.rolling.roll(this.rolling.startNext(0))
  }

  /** Makes everything appended so far durable before it returns. */
  flushNow(): void {
    this.committer.flushNow()
  }

  /** Resolves when this record is durable. */
  whenDurable(sequence: number): Promise<void> {
    const group = this.groupOf(sequence)
    if (group === undefined) return this.settled(sequence)
    group.durable ??= new Deferred()
    if (!group.askSync()) this.committer.syncWritten()
    this.committer.schedule()
    return group.durable.promise
  }

  /** Resolves when this record is at least with the operating system. */
  whenWritten(sequence: number): Promise<void> {
    const group = this.groupOf(sequence)
    if (group === undefined) return this.settled(sequence)
    if (group.isWritten) return Promise.resolve()
    group.written ??= new Deferred()
    return group.written.promise
  }

  /** Resolves when the queue is at most at its soft limit. */
  whenReady(): Promise<void> {
    const { failure } = this.committer
    if (failure !== undefined) return Promise.reject(failedError(failure))
    if (this.queuedBytes <= this.limits.queueSoftBytes) return Promise.resolve()
    this.readyWaiters ??= new Deferred()
    this.committer.schedule()
    return this.readyWaiters.promise
  }

  /** Resolves when no segment that can be sealed is still to be sealed. */
  whenSealed(): Promise<void> {
    return new Promise((resolve) => this.rolling.sealer.onceIdle(resolve))
  }

  /** Writes and syncs what there is, marks the log as closed, closes all files. After a failure it only closes them. */
  close(ending?: Ending): Promise<void> {
    this.closing ??= this.shutDown(ending)
    return this.closing
  }

  private async shutDown(ending: Ending | undefined): Promise<void> {
    let problem: unknown
    this.committer.schedule()
    await new Promise<void>((resolve) => this.committer.whenIdle(resolve))
    try {
      if (this.committer.failure === undefined) this.committer.flushNow()
    } catch (error) {
      problem = error
    }
    await this.rolling.settle()
    const used = this.rolling.takeUsed()
    const { manifests, committer } = this
    const listed = manifests.latest.segments
    const { position } = committer
    const { full } = this.rolling
    // Who closes right after a roll has closed a log whose next segment is unused.
    const closed = full.length > 0 ? { ...position, ordinal: this.active.plan.ordinal, offset: 0 } : position
    const segments = { used, full }
    if (committer.failure === undefined) problem = await markClosed(this.env, manifests, closed, segments, ending)
    const closing = await new Promise((resolve) => this.slots.close(resolve))
    problem ??= closing
    await this.rolling.closeFiles()
    const isMarked = committer.failure === undefined && problem === undefined
    if (isMarked && ending === undefined) await this.rolling.sealFull()
    if (ending !== undefined && problem === undefined) await this.rolling.releaseSpace(used, listed)
    const { failure } = committer
    // Who appended and never waited, or wanted the log sealed, learns it here.
    const isMissed = ending !== undefined || this.lastSequence > position.sequence
    if (failure !== undefined && isMissed) problem ??= failedError(failure)
    if (problem !== undefined) throw wrapSystemError(problem, 'closing the log')
  }

  mayAppend(): void {
    if (this.closing !== undefined) throw new SeglogError('CLOSED', 'the log is closed. Open it again to append.')
    if (this.committer.failure !== undefined) throw failedError(this.committer.failure)
    this.placer.mustBeIdle()
    if (this.observer?.isTelling === true) throw new SeglogError('INVALID_ARGUMENT', TELLING)
    if (this.lastSequence >= SEQUENCE_MAX) throw new SeglogError('TOO_LARGE', 'the log has used up all sequences')
  }

  private appended(durability: Durability): number {
    const { group } = this.rolling.filling
    if (durability === 'synced') group?.askSync()
    if (this.committer.backlogBytes > this.limits.queueHardBytes) this.committer.flushNow()
    else this.committer.schedule()
    return this.lastSequence
  }

  /** A batch never leaves its group, so one that is nearly full is closed before a batch starts. */
  private startFreshGroup(filling: Filling): void {
    if (filling.group === undefined || filling.group.length < GROUP_BYTES / 2) return
    this.committer.enqueue(filling.takeGroup()!)
  }

  /** Rolls: puts values that do not fit any more into the next segment, with an encoder that knows nothing yet. */
  private placeInNext(values: readonly unknown[], bytesNeeded: number, options: AppendOptions): void {
    for (const bytes of [bytesNeeded, this.limits.segmentBytes]) {
      const next = this.rolling.startNext(bytes)
      let isPlaced = false
      try {
        isPlaced = this.placer.placeAll(next, values, options, 'same group') === 0
      } finally {
        if (!isPlaced) this.rolling.abandon(next.segment)
      }
      if (isPlaced) {
        this.rolling.roll(next)
        return
      }
    }
    throw batchTooLarge(this.limits.segmentBytes, bytesNeeded)
  }

  private groupOf(sequence: number): Group | undefined {
    // What is still queued when the writer fails never becomes durable: `settled` says so.
    if (this.committer.failure !== undefined) return undefined
    const filled = this.rolling.filling.group
    if (filled?.lastSequence === sequence) return filled
    if (sequence <= this.committer.position.sequence) return undefined
    for (const group of this.committer.pending()) if (group.lastSequence >= sequence) return group
    return filled !== undefined && filled.lastSequence >= sequence ? filled : undefined
  }

  /** What a waiter gets for a record that is in no group: durable, lost in a failure, or never appended. */
  private settled(sequence: number): Promise<void> {
    if (sequence <= this.committer.position.sequence) return Promise.resolve()
    if (this.committer.failure !== undefined) return Promise.reject(failedError(this.committer.failure))
    return Promise.reject(
      new SeglogError('INVALID_ARGUMENT', 'no record with this sequence was appended', {
        expected: `at most ${this.lastSequence}`,
        found: sequence,
      }),
    )
  }

  private tellReady(error: SeglogError | undefined): void {
    const waiters = this.readyWaiters
    this.readyWaiters = undefined
    if (error === undefined) waiters?.resolve()
    else waiters?.reject(error)
  }
}
