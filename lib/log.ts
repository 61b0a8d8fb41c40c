/* Over 300 lines because each call of a log stands here with its promise; what it does stands in the rooms. */
import type { RecoveryReport } from '../recovery/report.ts'
import type { CopyReport } from '../recovery/backup.ts'
import type { VerifyReport } from '../recovery/verify.ts'
import type { ChainHead } from '../segments/chain.ts'
import type { Environment, Timer } from '../segments/env/environment.ts'
import { SeglogError, failedError } from '../segments/errors.ts'
import type { Anchor, RunIdentity, RunStatus } from '../segments/format/manifest.ts'
import type { ManifestStore } from '../segments/manifest-store.ts'
import type { SidecarStore } from '../segments/sidecar-store.ts'
import type { Writer } from '../segments/writer.ts'
import {
  type ArchiveOptions,
  type ArchiveReport,
  type ArchivedSegment,
  Archiver,
  type RestoreOptions,
} from './archive.ts'
import { type Keep, type RetentionPlan, planRetention } from './archive-retention.ts'
import { withKeys } from './verify-keys.ts'
import type { KeyDefinition } from './keys/definitions.ts'
import type { KeyValue } from './keys/key-value.ts'
import { KeyBuilder, type KeyState } from './keys/builder.ts'
import { KeyLookup, type LookupOptions, type LookupSource } from './keys/lookup.ts'
import { type Histogram, Observer } from './observability.ts'
import type { ResolvedOptions } from './options.ts'
import { type VerifyOptions, type WatchOptions, copyLog, verifyLog } from './operations.ts'
import type { Entry } from './read/entry.ts'
import type { FollowOptions } from './read/follow.ts'
import { Followers } from './read/followers.ts'
import type { ReadOptions } from './read/range.ts'
import type { Records } from './read/reader.ts'
import type { Remake } from './read/known-segment.ts'
import { Reading } from './read/reading.ts'
import { WriterView } from './read/view.ts'
import type { Receipt } from './keys/once.ts'
import { type OnceOptions, type RecordOptions, Writing, isOnce } from './writing.ts'
import type { AnchorDraft } from './runs/anchors.ts'
import type { CursorListing, CursorOptions, NamedCursor } from './runs/cursors.ts'
import { History } from './runs/history.ts'
import { type SealedStatus, checkSealedStatus } from './runs/identity.ts'
import type { ReplayOptions, Replayed } from './runs/replay.ts'
import { sealLog } from './runs/sealing.ts'

/** What a log did since it was opened, and how it stands. */
export interface LogStats {
  /** Groups written, groups synced, and bytes of frames in them. */
  readonly groups: number
  readonly syncs: number
  readonly bytes: number
  /** Groups that a synchronous commit wrote once more because they were still in flight. */
  readonly overtaken: number
  /** Bytes appended and not on disk yet. */
  readonly queuedBytes: number
  /** Whether the queue is above its soft limit: `await log.ready()` before appending more. */
  readonly isBehind: boolean
  /** Sidecars that were of no use and are made anew. */
  readonly sidecarsRemade: number
  /** Segments that came into use since the log was opened. */
  readonly rolls: number
  /** Why work in the background failed of late that nothing depends on, such as preparing a segment on a full disk. */
  readonly backgroundFailure: unknown
}

/** What `openLog` puts together. */
export interface LogParts<T> {
  readonly env: Environment
  readonly directory: string
  readonly options: ResolvedOptions<T>
  readonly recovery: RecoveryReport
  readonly writer: Writer
  readonly manifests: ManifestStore
  readonly sidecars: SidecarStore
  readonly keys: readonly KeyDefinition<T>[]
  /** Lets go of the lock; called once all files are closed. */
  readonly release: () => void
}

/** A log that is open for writing. Made by `openLog`. */
export class Log<T> {
  /** What the opening found and did. */
  readonly recovery: RecoveryReport
  readonly directory: string
  private readonly env: Environment
  private readonly options: ResolvedOptions<T>
  private readonly writer: Writer
  private readonly sidecars: SidecarStore
  private readonly writing: Writing<T>
  private readonly reading: Reading<T>
  private readonly keyBuilder: KeyBuilder<T>
  private readonly followers: Followers
  private readonly keyLookup: KeyLookup<T>
  private readonly history: History<T>
  private readonly archiver: Archiver
  private readonly observer: Observer
  private readonly manifests: ManifestStore
  private readonly release: () => void
  private syncTimer: Timer | undefined
  private sealing: Promise<void> | undefined
  private closing: Promise<void> | undefined

  constructor(parts: LogParts<T>) {
    const { env, directory, options, writer, manifests, sidecars } = parts
    this.recovery = parts.recovery
    this.directory = directory
    this.env = env
    this.options = options
    this.writer = writer
    this.sidecars = sidecars
    this.release = parts.release
    this.manifests = manifests
    this.archiver = new Archiver(env, directory, manifests, () => writer.whenSealed())
    const { ordinal, sequence } = writer.committer.position
    this.observer = new Observer(env, directory, ordinal, sequence)
    writer.observer = this.observer
    this.observer.opened(parts.recovery)
    const durable = (): number => writer.committer.position.sequence
    const view = new WriterView(directory, manifests, () => writer.openSegments, durable)
    const remake: Remake = (identity, content) => sidecars.remake(identity, content)
    this.reading = new Reading(env, view, options.codec, options, remake)
    this.keyBuilder = new KeyBuilder(env, manifests, this.reading, sidecars, parts.keys)
    this.keyLookup = new KeyLookup(env, this.lookupSource(), parts.keys)
    this.writing = new Writing(writer, options.durability, this.keyLookup)
    this.history = new History(env, manifests, options.anchorsKept, {
      get highWatermark() {
        return durable()
      },
      read: (range) => this.read(range),
      mustBeOpen: () => this.mustBeOpen(),
      mustBeWritable: () => this.mustBeWritable(),
    })
    this.followers = new Followers(durable)
    writer.onChange = () => this.tellFollowers()
    this.startSyncTimer()
  }

  /** Last record that is on disk, 0 when there is none. Reads go up to here. */
  get highWatermark(): number {
    return this.reading.view.highWatermark
  }

  /** Last record that was appended; provisional until it is durable. */
  get lastSequence(): number {
    return this.writer.lastSequence
  }

  /** First record that is not archived; one above `lastSequence` in an empty log. */
  get firstSequence(): number {
    return this.reading.view.firstSequence
  }

  /**
   * The hash of all that is on disk, in a log with `chain`; undefined in others. Kept elsewhere, `verify({ expect: head })`
   * shows a log that was cut or written anew.
   */
  head(): ChainHead | undefined {
    return this.writer.head
  }

  /**
   * Numbers, encodes and queues a record, and returns its sequence at once; `durable` tells when it is on disk. Throws
   * ENCODE, TOO_LARGE, OUT_OF_ORDER, CLOSED, DISK_FULL (no room for another segment) or FAILED; then nothing was appended.
   */
  append(value: T, options?: RecordOptions): number {
    this.mustBeWritable()
    return this.writing.append(value, options)
  }

  /** Appends several records of which, after any crash, all or none are there. Returns the last sequence. */
  appendBatch(values: readonly T[], options?: RecordOptions): number {
    this.mustBeWritable()
    return this.writing.appendBatch(values, options)
  }

  /**
   * Appends a record and resolves with its sequence when it is on disk (or as far as `durability` asks). With `once` it
   * resolves with a receipt: of this record, or of the one that has the same key.
   */
  commit(value: T, options: OnceOptions): Promise<Receipt>
  commit(value: T, options?: RecordOptions): Promise<number>
  commit(value: T, options?: RecordOptions | OnceOptions): Promise<number | Receipt> {
    const append = (): number => this.append(value, options)
    return isOnce(options) ? this.writing.onceLater([value], options, append) : this.writing.committed(append, options)
  }

  /**
   * Appends a batch and resolves with its last sequence when all of it is on disk. An empty batch resolves with the
   * high-watermark.
   */
  commitBatch(values: readonly T[], options: OnceOptions): Promise<Receipt>
  commitBatch(values: readonly T[], options?: RecordOptions): Promise<number>
  commitBatch(values: readonly T[], options?: RecordOptions | OnceOptions): Promise<number | Receipt> {
    const append = (): number => this.appendBatch(values, options)
    return isOnce(options) ? this.writing.onceLater(values, options, append) : this.writing.committed(append, options)
  }

  /** Appends a record and returns when it, and everything before it, is on disk. Does not need the event loop. */
  commitSync(value: T, options: OnceOptions): Receipt
  commitSync(value: T, options?: RecordOptions): number
  commitSync(value: T, options?: RecordOptions | OnceOptions): number | Receipt {
    if (isOnce(options)) return this.writing.onceNow([value], options, () => this.append(value, options))
    const sequence = this.append(value, options)
    this.writer.flushNow()
    return sequence
  }

  /** Appends a batch and returns when all of it is on disk. */
  commitBatchSync(values: readonly T[], options: OnceOptions): Receipt
  commitBatchSync(values: readonly T[], options?: RecordOptions): number
  commitBatchSync(values: readonly T[], options?: RecordOptions | OnceOptions): number | Receipt {
    if (isOnce(options)) return this.writing.onceNow(values, options, () => this.appendBatch(values, options))
    const sequence = this.appendBatch(values, options)
    this.writer.flushNow()
    return sequence
  }

  /**
   * Resolves when this record and everything before it is on disk, at every level. Rejects when the writer fails first:
   * the record is then unknown; after the next opening it is there whole or not at all.
   */
  durable(sequence: number): Promise<void> {
    return this.writing.durable(sequence)
  }

  /** Resolves when everything appended so far is on disk. */
  sync(): Promise<void> {
    return this.writer.whenDurable(this.lastSequence)
  }

  /** Makes everything appended so far durable before it returns. */
  syncNow(): void {
    this.mustBeWritable()
    this.writer.flushNow()
  }

  /** Resolves when the queue is at most at its soft limit: at once, unless `stats().isBehind`. */
  ready(): Promise<void> {
    return this.writer.whenReady()
  }

  /** Lets the next record start a new segment, so that all before it can be archived. */
  roll(): void {
    this.mustBeWritable()
    this.writer.roll()
  }

  /**
   * The record with this sequence; undefined outside of 1 to `highWatermark`. Throws GAP, ARCHIVED or CORRUPT where it
   * should be there and cannot be read.
   */
  get(sequence: number): Entry<T> | undefined {
    this.mustBeOpen()
    return this.reading.get(sequence)
  }

  /** Records of a range, in order; what is durable when a walk begins. */
  read(options: ReadOptions = {}): Records<T> {
    this.mustBeOpen()
    return this.reading.read(options)
  }

  /**
   * Records from `from` on, then each one as it becomes durable; ends when the log is closed and all that was durable has
   * been given. It reads only as far as it is asked for. Rejects as `read` does, and with FAILED when the writer failed.
   */
  follow(options: FollowOptions = {}): AsyncIterable<Entry<T>> {
    this.mustBeOpen()
    return this.reading.follow(this.followers, options)
  }

  /** Reads all of the log and tells everything that is not as it should be, its tables of keys included; see `verifyLog`. */
  verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    const { env, reading, keyLookup } = this
    const { definitions } = keyLookup
    return verifyLog(this.directory, { ...options, environment: env }).then((report) =>
      withKeys(report, { env, reading, definitions, manifest: this.history.notes.manifest }, options),
    )
  }

  /**
   * The first durable record with this key; undefined when there is none. Records that are archived are not looked at.
   * Throws INVALID_ARGUMENT for a kind that the log was not opened with.
   */
  lookup(kind: string, key: KeyValue): Entry<T> | undefined {
    this.mustBeOpen()
    return this.keyLookup.first(kind, key)
  }

  /** All durable records with this key, in order or from the last on; what is durable when a walk begins. */
  lookupAll(kind: string, key: KeyValue, options: LookupOptions = {}): Iterable<Entry<T>> {
    this.mustBeOpen()
    return this.keyLookup.all(kind, key, options)
  }

  /** The kinds of keys, and whether records can be found by them. */
  keyStates(): readonly KeyState[] {
    return this.keyBuilder.states()
  }

  /** Resolves when records can be found by every kind of keys; rejects with what keeps the tables from being built. */
  keysReady(): Promise<void> {
    return this.keyBuilder.ready()
  }

  /** Copies the log up to its high-watermark, while it is written, into an empty directory; see `copyLog`. */
  copyTo(directory: string, options: WatchOptions = {}): Promise<CopyReport> {
    this.mustBeOpen()
    return copyLog(this.directory, directory, { ...options, environment: this.env })
  }

  /**
   * Notes that the state as of a durable record is stored elsewhere; resolves when that is durable with the log. Anchors
   * never go back; one at the same record replaces it. Rejects with INVALID_ARGUMENT, OUT_OF_ORDER, CLOSED, and with IO
   * or DISK_FULL: then it is unknown whether a crash will find it, and the log goes on.
   */
  anchor(draft: AnchorDraft): Promise<void> {
    return this.history.anchor(draft)
  }

  /** Anchors that are durable, by sequence; the newest is the last. */
  anchors(): readonly Anchor[] {
    return this.history.anchors()
  }

  /** How far a consumer has come, kept under this name; nothing is written before it is saved. */
  cursor(name: string, options?: CursorOptions): NamedCursor<T> {
    return this.history.cursor(name, options)
  }

  /** Cursors that are durable, by name. */
  cursors(): readonly CursorListing[] {
    return this.history.cursors()
  }

  /**
   * Rebuilds a state from the newest anchor that can be used and every record behind it, up to the high-watermark, and
   * lets the event loop run in between. Rejects with what a read throws (GAP, CORRUPT, ARCHIVED), with what `apply`
   * throws, and with the signal's reason; the state is then as of some record before.
   */
  replay(options: ReplayOptions<T>): Promise<Replayed> {
    return this.history.replay(options)
  }

  /**
   * Moves sealed segments that lie wholly before this record out of the live log; reading them is ARCHIVED until they are
   * restored. Rejects with INVALID_ARGUMENT where the newest anchor or a named cursor needs them; and DISK_FULL, IO, CORRUPT.
   */
  archiveBefore(sequence: number, options: ArchiveOptions = {}): Promise<ArchiveReport> {
    this.mustBeWritable()
    return this.observer.archived(this.archiver.archiveBefore(sequence, options))
  }

  /** Brings archived segments back. Rejects with GAP where one is not at its place, CORRUPT where it is damaged. */
  restore(options: RestoreOptions = {}): Promise<readonly ArchivedSegment[]> {
    this.mustBeWritable()
    return this.archiver.restore(options)
  }

  /** What is archived, and where. */
  archives(): readonly ArchivedSegment[] {
    return this.archiver.archives()
  }

  /** Which segments need not stay live, for `archiveBefore`. Only plans. */
  planRetention(keep: Keep): RetentionPlan {
    return planRetention(this.manifests.latest, keep, this.env.nowMs())
  }

  /** Until `close` is called. */
  get isOpen(): boolean {
    return this.closing === undefined
  }

  /** Who this run is; null in a stream. */
  get run(): RunIdentity | null {
    return this.history.notes.manifest.run
  }

  /** `running` until the log is sealed. */
  get status(): RunStatus {
    return this.history.notes.manifest.status
  }

  /**
   * Ends the log for good: makes everything durable, stamps how and when it ended, and lets go of the lock. From this call
   * on appends, anchors, cursors and another sealing are CLOSED; reads go on until `close`. Rejects with IO, DISK_FULL or
   * FAILED: then the log is as it was, and can be sealed once it was opened again.
   */
  async seal(status: SealedStatus): Promise<void> {
    checkSealedStatus(status)
    this.mustBeWritable()
    const { writer, history, reading } = this
    this.syncTimer?.cancel()
    const get = (sequence: number): Entry<T> | undefined => reading.get(sequence)
    this.sealing = this.archiver.settle().then(() => sealLog(writer, history.notes, get, status))
    await this.sealing.finally(() => this.release())
  }

  /**
   * How long groups took from being handed to the system until they were durable, in microseconds. Recording begins with
   * the first call, and costs nothing before.
   */
  commitLatency(): Histogram {
    return this.observer.latency
  }

  /** Numbers as of now, in bytes and counts; made anew by each call, which costs nothing to speak of. */
  stats(): LogStats {
    const { counts } = this.writer.committer
    const { queuedBytes } = this.writer
    return {
      ...counts,
      queuedBytes,
      isBehind: queuedBytes > this.options.queueSoftBytes,
      sidecarsRemade: this.sidecars.remade,
      rolls: this.observer.rolls,
      backgroundFailure: this.writer.backgroundFailure,
    }
  }

  /** Writes and syncs what is queued, marks the log as closed, and lets go of it. Repeated calls share one result. */
  close(): Promise<void> {
    this.closing ??= this.shutDown()
    return this.closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private async shutDown(): Promise<void> {
    this.syncTimer?.cancel()
    await this.sealing?.catch(() => undefined)
    await this.keyBuilder.stop()
    await this.history.notes.settle()
    try {
      await this.archiver.settle()
      await this.writer.close()
    } finally {
      this.followers.end()
      await this.reading.close().finally(() => this.release())
    }
  }

  private lookupSource(): LookupSource<T> {
    return {
      reading: this.reading,
      keys: this.keyBuilder.keys,
      get: (sequence) => this.reading.get(sequence),
      lacking: (ref) => this.keyBuilder.want(ref.ordinal),
      again: (error) => {
        throw error
      },
    }
  }

  private tellFollowers(): void {
    const { failure } = this.writer.committer
    if (failure === undefined) this.followers.tell()
    else this.followers.end(failedError(failure))
  }

  private mustBeOpen(): void {
    if (this.closing !== undefined) throw new SeglogError('CLOSED', 'the log is closed. Open it again.')
  }

  private mustBeWritable(): void {
    this.mustBeOpen()
    if (this.sealing !== undefined) throw new SeglogError('CLOSED', 'the log is sealed: it is never written again.')
  }

  private startSyncTimer(): void {
    const { syncIntervalMs } = this.options
    if (syncIntervalMs === undefined) return
    this.syncTimer = this.env.after(syncIntervalMs, () => {
      // A failed sync fails the writer, which tells everyone who waits or appends; here nobody waits.
      this.sync().catch(() => undefined)
      if (this.closing === undefined) this.startSyncTimer()
    })
  }
}
