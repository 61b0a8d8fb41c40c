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
import { withWorld } from './world.ts'

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
  /** How many sidecars were of no use and are made anew. */
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

/**
 * A log that is open for writing. Made by `openLog`. Arguments that are not what a call takes are INVALID_ARGUMENT.
 * After `close` appending, reading and noting are CLOSED, while `verify` and whatever only tells how the log stood goes
 * on. What else can go wrong stands with each call. A value belongs to the caller again as soon as the call returns,
 * because it was encoded by then; only with `once` it may be encoded later, and belongs to the log until the promise is
 * settled. Numbers are sequences where nothing else is said.
 *
 * @example
 * import { openLog } from 'seglog'
 *
 * interface Order { id: string; buy?: number; sell?: number; price: number }
 * const log = await openLog<Order>('./orders', { keys: { id: 'id' } })
 * await log.commit({ id: 'a', buy: 10, price: 101 }) // → 1
 * await log.commit({ id: 'b', sell: 4, price: 101 }) // → 2
 * await log.commit({ id: 'c', buy: 1, price: 99 }) // → 3
 * for (const { sequence, value } of log.read()) console.log(sequence, value.id)
 * await log.close()
 */
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
      highWatermark: durable,
      read: (range) => this.read(range),
      mustBeOpen: () => this.mustBeOpen(),
      mustBeWritable: () => this.mustBeWritable(),
    })
    this.followers = new Followers(durable)
    const changed = (): void => this.tellFollowers()
    writer.onChange = changed
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
   * The hash of all that is on disk, in a log with `chain`; undefined in others. Kept elsewhere, `verify({ expect: head
   * })` shows a log that was cut or written anew. Throws nothing.
   *
   * @example
   * const kept = log.head() // { sequence, hash } in a log with a chain, to be kept where nobody changes it
   * const { isSound } = await log.verify({ expect: kept })
   */
  head(): ChainHead | undefined {
    return this.writer.head
  }

  /**
   * Numbers, encodes and queues a record, and returns its sequence at once; `durable` tells when it is on disk. Throws
   * ENCODE, TOO_LARGE, OUT_OF_ORDER, DISK_FULL (no room for another segment) or FAILED; then nothing was appended. Only
   * where the queue is above its hard limit it writes before it returns, and may then throw IO or DISK_FULL for what
   * was queued.
   *
   * @example
   * const sequence = log.append({ id: 'd', buy: 5, price: 100 }) // → 4
   * await log.durable(sequence)
   */
  append(value: T, options?: RecordOptions): number {
    this.mustBeWritable()
    return this.writing.append(value, options)
  }

  /**
   * Appends several records of which, after any crash, all or none are there. Returns the last sequence. Throws as
   * `append` does, and then nothing of the batch was appended; TOO_LARGE also where it does not fit into one segment.
   *
   * @example
   * log.appendBatch([{ id: 'd', buy: 5, price: 100 }, { id: 'e', sell: 5, price: 100 }]) // → 5
   * await log.sync()
   */
  appendBatch(values: readonly T[], options?: RecordOptions): number {
    this.mustBeWritable()
    return this.writing.appendBatch(values, options)
  }

  /**
   * Appends a record and resolves with its sequence when it is on disk (or as far as `durability` asks). With `once` it
   * resolves with a receipt: of this record, or of the one that has the same key. Rejects as `append` throws, and with
   * IO, DISK_FULL or FAILED where the write or the sync fails: then the record is unknown until the log is opened
   * again. With `once` also NOT_READY, and CORRUPT or GAP where the record with that key cannot be read.
   *
   * @example
   * await log.commit({ id: 'd', buy: 5, price: 100 }) // → 4
   * await log.commit({ id: 'e', buy: 5, price: 100 }, { expect: 4 }) // throws OUT_OF_ORDER
   * await log.commit({ id: 'd', buy: 5, price: 100 }, { once: 'id' }) // → { sequence: 4, duplicate: true }
   */
  commit(value: T, options: OnceOptions): Promise<Receipt>
  commit(value: T, options?: RecordOptions): Promise<number>
  commit(value: T, options?: RecordOptions | OnceOptions): Promise<number | Receipt> {
    if (isOnce(options)) return this.writing.onceLater([value], options, (others) => this.append(value, others))
    return this.writing.committed(() => this.append(value, options), options)
  }

  /**
   * Appends a batch and resolves with its last sequence when all of it is on disk. An empty batch resolves with the
   * high-watermark. Rejects as `commit` does; of a batch that is unknown after IO, DISK_FULL or FAILED the next opening
   * finds all or nothing. With `once` also NOT_READY, and CORRUPT or GAP where the record with that key cannot be read.
   *
   * @example
   * await log.commitBatch([{ id: 'd', buy: 5, price: 100 }, { id: 'e', sell: 5, price: 100 }]) // → 5
   */
  commitBatch(values: readonly T[], options: OnceOptions): Promise<Receipt>
  commitBatch(values: readonly T[], options?: RecordOptions): Promise<number>
  commitBatch(values: readonly T[], options?: RecordOptions | OnceOptions): Promise<number | Receipt> {
    if (isOnce(options)) return this.writing.onceLater(values, options, (others) => this.appendBatch(values, others))
    return this.writing.committed(() => this.appendBatch(values, options), options)
  }

  /**
   * Appends a record and returns when it, and everything before it, is on disk. Does not need the event loop. Throws as
   * `append` does, and IO, DISK_FULL or FAILED where the write or the sync fails: then the record is unknown. With
   * `once` also NOT_READY, and CORRUPT or GAP where the record with that key cannot be read.
   *
   * @example
   * log.commitSync({ id: 'd', buy: 5, price: 100 }) // → 4
   * log.highWatermark // → 4
   */
  commitSync(value: T, options: OnceOptions): Receipt
  commitSync(value: T, options?: RecordOptions): number
  commitSync(value: T, options?: RecordOptions | OnceOptions): number | Receipt {
    if (isOnce(options)) return this.writing.onceNow([value], options, (others) => this.append(value, others))
    const sequence = this.append(value, options)
    this.writer.flushNow()
    return sequence
  }

  /**
   * Appends a batch and returns when all of it is on disk. Throws as `commitSync` does: ENCODE, TOO_LARGE or
   * OUT_OF_ORDER before anything was appended, IO, DISK_FULL or FAILED where it is unknown. With `once` also NOT_READY,
   * and CORRUPT or GAP where the record with that key cannot be read.
   *
   * @example
   * log.commitBatchSync([{ id: 'd', buy: 5, price: 100 }, { id: 'e', sell: 5, price: 100 }]) // → 5
   */
  commitBatchSync(values: readonly T[], options: OnceOptions): Receipt
  commitBatchSync(values: readonly T[], options?: RecordOptions): number
  commitBatchSync(values: readonly T[], options?: RecordOptions | OnceOptions): number | Receipt {
    if (isOnce(options)) return this.writing.onceNow(values, options, (others) => this.appendBatch(values, others))
    const sequence = this.appendBatch(values, options)
    this.writer.flushNow()
    return sequence
  }

  /**
   * Resolves when this record and everything before it is on disk, at every level. Rejects with IO, DISK_FULL or FAILED
   * when the writer fails first: the record is then unknown; after the next opening it is there whole or not at all.
   * INVALID_ARGUMENT for a record that was never appended.
   *
   * @example
   * const sequence = log.append({ id: 'd', buy: 5, price: 100 })
   * await log.durable(sequence)
   * log.highWatermark // → 4
   */
  durable(sequence: number): Promise<void> {
    return this.writing.durable(sequence)
  }

  /**
   * Resolves when everything appended so far is on disk. Rejects as `durable` does, with IO, DISK_FULL or FAILED.
   *
   * @example
   * for (const id of ['d', 'e', 'f']) log.append({ id, buy: 1, price: 100 })
   * await log.sync()
   * log.highWatermark // → 6
   */
  sync(): Promise<void> {
    return this.writer.whenDurable(this.lastSequence)
  }

  /**
   * Makes everything appended so far durable before it returns. Throws IO, DISK_FULL or FAILED.
   *
   * @example
   * for (const id of ['d', 'e', 'f']) log.append({ id, buy: 1, price: 100 })
   * log.syncNow()
   * log.highWatermark // → 6
   */
  syncNow(): void {
    this.mustBeWritable()
    this.writer.flushNow()
  }

  /**
   * Resolves when the queue is at most at its soft limit: at once, unless `stats().isBehind`. Rejects with FAILED, or
   * with what made the writer fail, IO or DISK_FULL.
   *
   * @example
   * for (let price = 1; price <= 1000; price++) {
   *   log.append({ id: `p${price}`, buy: 1, price })
   *   await log.ready()
   * }
   */
  ready(): Promise<void> {
    return this.writer.whenReady()
  }

  /**
   * Lets the next record start a new segment, so that all before it can be archived. Throws DISK_FULL or IO where no
   * other segment can be made; then nothing changed. FAILED as `append` does.
   *
   * @example
   * log.roll()
   * await log.commit({ id: 'd', buy: 5, price: 100 })
   * const { segments } = await log.archiveBefore(4)
   * segments.length // → 1
   */
  roll(): void {
    this.mustBeWritable()
    this.writer.roll()
  }

  /**
   * The record with this sequence; undefined outside of 1 to `highWatermark`. Throws GAP, ARCHIVED, CORRUPT or IO where
   * it should be there and cannot be read.
   *
   * @example
   * log.get(2)?.value.sell // → 4
   * log.get(9) // → undefined
   */
  get(sequence: number): Entry<T> | undefined {
    this.mustBeOpen()
    return this.reading.get(sequence)
  }

  /**
   * Records of a range, in order; what is durable when a walk begins. Throws INVALID_ARGUMENT; a walk throws GAP,
   * ARCHIVED, CORRUPT or IO behind the last record that it can give.
   *
   * @example
   * Array.from(log.read({ from: 2 }), ({ value }) => value.id) // → [ 'b', 'c' ]
   * Array.from(log.read({ reverse: true, limit: 1 }), ({ sequence }) => sequence) // → [ 3 ]
   * for await (const { value } of log.read()) console.log(value.price)
   */
  read(options: ReadOptions = {}): Records<T> {
    this.mustBeOpen()
    return this.reading.read(options)
  }

  /**
   * Records from `from` on, then each one as it becomes durable; ends when the log is closed and all that was durable
   * has been given. It reads only as far as it is asked for. Rejects as `read` does, and with FAILED when the writer
   * failed.
   *
   * @example
   * for await (const { sequence } of log.follow({ from: 1 })) {
   *   if (sequence === 3) break // else it waits for the next record
   * }
   */
  follow(options: FollowOptions = {}): AsyncIterable<Entry<T>> {
    this.mustBeOpen()
    return this.reading.follow(this.followers, options)
  }

  /**
   * Reads all of the log and tells everything that is not as it should be, its tables of keys included; see
   * `verifyLog`. Rejects as that does, with NOT_A_LOG, UNSUPPORTED_FORMAT or IO; what is damaged is a finding and no
   * error.
   *
   * @example
   * const { isSound, records, findings } = await log.verify()
   * isSound // → true
   */
  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    const { env, reading, keyLookup } = this
    const { definitions } = keyLookup
    const report = await verifyLog(this.directory, withWorld(options, env))
    return await withKeys(report, { env, reading, definitions, manifest: this.history.notes.manifest }, options)
  }

  /**
   * The first durable record with this key; undefined when there is none. Records that are archived are not looked at.
   * The key is compared by value, and its bytes stay the caller's own. Throws INVALID_ARGUMENT for a kind that the log
   * was not opened with, NOT_READY while its tables are being built, and CORRUPT, GAP or IO where a record cannot be
   * read.
   *
   * @example
   * log.lookup('id', 'b')?.sequence // → 2
   * log.lookup('id', 'z') // → undefined
   */
  lookup(kind: string, key: KeyValue): Entry<T> | undefined {
    this.mustBeOpen()
    return this.keyLookup.first(kind, key)
  }

  /**
   * All durable records with this key, in order or from the last on; what is durable when a walk begins. Throws as
   * `lookup` does: INVALID_ARGUMENT and NOT_READY at once, CORRUPT, GAP or IO during a walk.
   *
   * @example
   * Array.from(log.lookupAll('id', 'b'), ({ sequence }) => sequence) // → [ 2 ]
   */
  lookupAll(kind: string, key: KeyValue, options: LookupOptions = {}): Iterable<Entry<T>> {
    this.mustBeOpen()
    return this.keyLookup.all(kind, key, options)
  }

  /**
   * The kinds of keys, and whether records can be found by them. Throws nothing.
   *
   * @example
   * log.keyStates().map(({ kind, isReady }) => `${kind}: ${isReady}`) // → [ 'id: true' ]
   */
  keyStates(): readonly KeyState[] {
    return this.keyBuilder.states()
  }

  /**
   * Resolves when records can be found by every kind of keys. Rejects with what keeps the tables from being built
   * (CORRUPT, GAP, IO, DISK_FULL), and with CLOSED.
   *
   * @example
   * await log.keysReady()
   * log.lookup('id', 'a')?.sequence // → 1
   */
  keysReady(): Promise<void> {
    return this.keyBuilder.ready()
  }

  /**
   * Copies the log up to its high-watermark, while it is written, into an empty directory; see `copyLog`. Rejects as
   * that does, with CORRUPT, DISK_FULL, IO or INVALID_ARGUMENT; the log goes on.
   *
   * @example
   * const { lastSequence } = await log.copyTo('./backup') // → { lastSequence: 3 }
   */
  copyTo(directory: string, options: WatchOptions = {}): Promise<CopyReport> {
    this.mustBeOpen()
    return copyLog(this.directory, directory, withWorld(options, this.env))
  }

  /**
   * Notes that the state as of a durable record is stored elsewhere; resolves when that is durable with the log.
   * Anchors never go back; one at the same record replaces it. Rejects with INVALID_ARGUMENT, OUT_OF_ORDER, CLOSED, and
   * with IO or DISK_FULL: then it is unknown whether a crash will find it, and the log goes on.
   *
   * @example
   * await log.anchor({ sequence: 3, ref: './state-3.json', hash: 'the SHA-256 of that file' })
   * log.anchors().at(-1)?.ref // → './state-3.json'
   */
  anchor(draft: AnchorDraft): Promise<void> {
    return this.history.anchor(draft)
  }

  /**
   * Anchors that are durable, by sequence; the newest is the last. Throws nothing.
   *
   * @example
   * log.anchors() // → []
   */
  anchors(): readonly Anchor[] {
    return this.history.anchors()
  }

  /**
   * How far a consumer has come, kept under this name of up to 128 letters, digits, dots, dashes and underscores;
   * nothing is written before it is saved. Throws INVALID_ARGUMENT.
   *
   * @example
   * for await (const { value } of log.cursor('billing')) console.log('to be billed:', value.id)
   * log.cursor('billing').sequence // → 3
   */
  cursor(name: string, options?: CursorOptions): NamedCursor<T> {
    return this.history.cursor(name, options)
  }

  /**
   * Cursors that are durable, by name. Throws nothing.
   *
   * @example
   * await log.cursor('billing').save(2)
   * log.cursors().map(({ name, sequence }) => `${name}: ${sequence}`) // → [ 'billing: 2' ]
   */
  cursors(): readonly CursorListing[] {
    return this.history.cursors()
  }

  /**
   * Rebuilds a state from the newest anchor that can be used and every record behind it, up to the high-watermark, and
   * lets the event loop run in between. Rejects with what a read throws (GAP, CORRUPT, ARCHIVED, IO), with what `apply`
   * throws, and with the signal's reason; the state is then as of some record before.
   *
   * @example
   * let bought = 0
   * const { records } = await log.replay({ apply: ({ value }) => (bought += value.buy ?? 0) }) // → { records: 3 }
   * bought // → 11
   */
  replay(options: ReplayOptions<T>): Promise<Replayed> {
    return this.history.replay(options)
  }

  /**
   * Moves sealed segments that lie wholly before this record out of the live log; reading them is ARCHIVED until they
   * are restored. Rejects with INVALID_ARGUMENT where the newest anchor or a named cursor needs them; and DISK_FULL,
   * IO, CORRUPT.
   *
   * @example
   * log.roll()
   * await log.commit({ id: 'd', buy: 5, price: 100 })
   * const { firstSequence } = await log.archiveBefore(4, { to: './cold' }) // → { firstSequence: 4 }
   * log.get(1) // throws ARCHIVED
   */
  archiveBefore(sequence: number, options: ArchiveOptions = {}): Promise<ArchiveReport> {
    this.mustBeWritable()
    return this.observer.archived(this.archiver.archiveBefore(sequence, options))
  }

  /**
   * Brings archived segments back, all that are asked for or none, and gives them. Rejects with GAP where one is not at
   * its place, CORRUPT where one is damaged (older ones stay archived, too), DISK_FULL or IO.
   *
   * @example
   * log.roll()
   * await log.commit({ id: 'd', buy: 5, price: 100 })
   * await log.archiveBefore(4)
   * const restored = await log.restore()
   * restored.length // → 1
   * log.get(1)?.value.id // → 'a'
   */
  restore(options: RestoreOptions = {}): Promise<readonly ArchivedSegment[]> {
    this.mustBeWritable()
    return this.archiver.restore(options)
  }

  /**
   * What is archived, and where. Throws nothing.
   *
   * @example
   * log.archives() // → []
   */
  archives(): readonly ArchivedSegment[] {
    return this.archiver.archives()
  }

  /**
   * Which segments need not stay live, for `archiveBefore`. Only plans. Throws INVALID_ARGUMENT.
   *
   * @example
   * const { before } = log.planRetention({ bytes: 10e9, ageMs: 30 * 24 * 3600 * 1000 }) // → { before: undefined }
   * if (before !== undefined) await log.archiveBefore(before)
   */
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
   * Ends the log for good: makes everything durable, stamps how and when it ended, and lets go of the lock. From this
   * call on appends, anchors, cursors and another sealing are CLOSED; reads go on until `close`. Rejects with IO,
   * DISK_FULL or FAILED: then the log is as it was, and can be sealed once it was opened again.
   *
   * @example
   * await log.seal('ended')
   * log.status // → 'ended'
   * log.append({ id: 'd', buy: 5, price: 100 }) // throws CLOSED
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
   * How long groups took from being handed to the system until they were durable, in microseconds. Recording begins
   * with the first call, and costs nothing before. Throws nothing.
   *
   * @example
   * const latency = log.commitLatency()
   * await log.commit({ id: 'd', buy: 5, price: 100 })
   * latency.count // → 1
   * latency.percentile(99) // microseconds
   */
  commitLatency(): Histogram {
    return this.observer.latency
  }

  /**
   * Numbers as of now, in bytes and counts; made anew by each call, which costs nothing to speak of. Throws nothing.
   *
   * @example
   * const { queuedBytes, isBehind } = log.stats() // → { queuedBytes: 0, isBehind: false }
   */
  stats(): LogStats {
    const { groups, syncs, bytes, overtaken } = this.writer.committer.counts
    const { queuedBytes } = this.writer
    // Without a spread, which would take 2 µs: many ask after each append whether the queue is too long.
    return {
      groups,
      syncs,
      bytes,
      overtaken,
      queuedBytes,
      isBehind: queuedBytes > this.options.queueSoftBytes,
      sidecarsRemade: this.sidecars.remade,
      rolls: this.observer.rolls,
      backgroundFailure: this.writer.backgroundFailure,
    }
  }

  /**
   * Writes and syncs what is queued, marks the log as closed, and lets go of it. Repeated calls share one result.
   * Rejects with IO or DISK_FULL where that fails, and with FAILED where records that were appended are not durable;
   * the files and the lock are let go of all the same.
   *
   * @example
   * await log.close()
   * log.isOpen // → false
   * log.get(1) // throws CLOSED
   */
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
