/* Over 300 lines because each call of a reader stands here with its promise and an example. */
import type { VerifyReport } from '../recovery/verify.ts'
import type { ChainHead } from '../segments/chain.ts'
import type { Environment } from '../segments/env/environment.ts'
import { runNow } from '../segments/env/steps.ts'
import { SeglogError, checkMembers, wrapSystemError } from '../segments/errors.ts'
import type { Anchor } from '../segments/format/manifest.ts'
import {
  type ArchivePlanOptions,
  type ArchiveReport,
  type ArchivedSegment,
  archivesOf,
  planArchive,
} from './archive.ts'
import type { KeyDefinition } from './keys/definitions.ts'
import type { KeyValue } from './keys/key-value.ts'
import { withKeys } from './verify-keys.ts'
import { KeyLookup, type LookupOptions, type LookupSource } from './keys/lookup.ts'
import type { ReadOnlyReport } from './look.ts'
import { type VerifyOptions, verifyLog } from './operations.ts'
import type { ResolvedReadOnlyOptions } from './options.ts'
import { chainHead } from './read/chain-head.ts'
import { DiskWatch } from './read/disk-watch.ts'
import type { Entry } from './read/entry.ts'
import type { FollowOptions } from './read/follow.ts'
import type { ReadOptions } from './read/range.ts'
import type { Records } from './read/reader.ts'
import { type ReadLimits, Reading } from './read/reading.ts'
import { Doubt } from './read/shared-walk.ts'
import type { DiskView } from './read/view-disk.ts'
import { type CursorListing, listCursors } from './runs/cursors.ts'
import { withWorld } from './world.ts'

/** What `openReadOnly` puts together. */
export interface ReadOnlyParts<T> {
  readonly env: Environment
  readonly directory: string
  readonly options: ResolvedReadOnlyOptions<T> & ReadLimits
  readonly report: ReadOnlyReport
  readonly view: DiskView
  readonly keys: readonly KeyDefinition<T>[]
}

/**
 * A log that is open for reading only, beside any writer. It needs no lock, changes no byte, and gives durable records
 * only. Made by `openReadOnly`. Each call may throw IO where the disk cannot be read, and NOT_A_LOG where another log
 * took its place. After `close` reading is CLOSED, and whatever only tells how the log stood says what was seen last.
 * What else can go wrong stands with each call. The calls that write are not there for TypeScript; without types they
 * say READ_ONLY.
 *
 * @example
 * import { openReadOnly } from 'seglog'
 *
 * interface Order { id: string; buy?: number; sell?: number; price: number }
 * const reader = await openReadOnly<Order>('./orders')
 * reader.report.writer // → 'alive'
 * for (const { sequence, value } of reader.read()) console.log(sequence, value.id)
 * await reader.close()
 */
export class ReadOnlyLog<T> {
  /** What the opening found. */
  readonly report: ReadOnlyReport
  readonly directory: string
  private readonly env: Environment
  private readonly view: DiskView
  private readonly reading: Reading<T>
  private readonly keyLookup: KeyLookup<T>
  private readonly watch: DiskWatch
  private closing: Promise<void> | undefined

  constructor(parts: ReadOnlyParts<T>) {
    this.report = parts.report
    this.directory = parts.directory
    this.env = parts.env
    this.view = parts.view
    this.reading = new Reading(parts.env, parts.view, parts.options.codec, parts.options)
    this.keyLookup = new KeyLookup(parts.env, this.lookupSource(), parts.keys)
    this.watch = new DiskWatch(parts.env, parts.directory, parts.view)
  }

  /** Until `close` is called. */
  get isOpen(): boolean {
    return this.closing === undefined
  }

  /** Last record that is on disk now, 0 when there is none; each access looks, which costs a read of a small file. */
  get highWatermark(): number {
    this.refresh('end')
    return this.view.highWatermark
  }

  /** First record that is not archived now; one above `highWatermark` in an empty log. Each access lists the directory. */
  get firstSequence(): number {
    this.refresh('lines')
    return this.view.firstSequence
  }

  /**
   * The record with this sequence; undefined outside of 1 to `highWatermark`. Throws GAP, ARCHIVED, CORRUPT or IO where
   * it should be there and cannot be read.
   *
   * @example
   * reader.get(2)?.value.sell // → 4
   */
  get(sequence: number): Entry<T> | undefined {
    this.mustBeOpen()
    const doubt = new Doubt(this.view)
    for (;;) {
      try {
        return this.reading.get(sequence)
      } catch (error) {
        this.now(() => runNow(this.env, doubt.about(error, sequence)))
      }
    }
  }

  /**
   * Records of a range, in order; what is durable when a walk begins. Throws INVALID_ARGUMENT; a walk throws GAP,
   * ARCHIVED, CORRUPT or IO behind the last record that it can give.
   *
   * @example
   * Array.from(reader.read({ from: 2 }), ({ value }) => value.id) // → [ 'b', 'c' ]
   */
  read(options: ReadOptions = {}): Records<T> {
    this.mustBeOpen()
    return this.reading.read(options)
  }

  /**
   * The first durable record with this key; undefined when there is none. Records that are archived are not looked at.
   * The key is compared by value, and its bytes stay the caller's own. Throws INVALID_ARGUMENT for a kind that the log
   * does not have, NOT_READY while its tables are being built, and CORRUPT, GAP or IO where a record cannot be read.
   *
   * @example
   * reader.lookup('id', 'b')?.sequence // → 2
   */
  lookup(kind: string, key: KeyValue): Entry<T> | undefined {
    this.mustBeOpen()
    this.refresh('end')
    return this.keyLookup.first(kind, key)
  }

  /**
   * All durable records with this key, in order or from the last on. Throws as `lookup` does: INVALID_ARGUMENT and
   * NOT_READY at once, CORRUPT, GAP or IO during a walk.
   *
   * @example
   * Array.from(reader.lookupAll('id', 'b'), ({ sequence }) => sequence) // → [ 2 ]
   */
  lookupAll(kind: string, key: KeyValue, options: LookupOptions = {}): Iterable<Entry<T>> {
    this.mustBeOpen()
    this.refresh('end')
    return this.keyLookup.all(kind, key, options)
  }

  /**
   * Records from `from` on, then each one once it is durable, whatever process writes it; a writer that ends or dies is
   * waited out. While it waits it keeps the process alive. Ends when this log is closed. Rejects with GAP, ARCHIVED,
   * CORRUPT or IO behind the last record that it can give.
   *
   * @example
   * for await (const { sequence } of reader.follow({ from: 1 })) {
   *   if (sequence === 3) break // else it waits for the next record
   * }
   */
  follow(options: FollowOptions = {}): AsyncIterable<Entry<T>> {
    this.mustBeOpen()
    return this.reading.follow(this.watch.followers, options)
  }

  /**
   * Anchors that are durable now, by sequence; the newest is the last. Each call looks, which costs a list of names.
   * Throws IO.
   *
   * @example
   * reader.anchors() // → []
   */
  anchors(): readonly Anchor[] {
    this.refresh('lines')
    return this.view.manifest.anchors
  }

  /**
   * Cursors that are durable now, by name; each call looks likewise. Throws IO.
   *
   * @example
   * reader.cursors() // → []
   */
  cursors(): readonly CursorListing[] {
    this.refresh('lines')
    return listCursors(this.view.manifest.cursors)
  }

  /**
   * Segments that are archived now, and where; each call looks likewise. Throws IO.
   *
   * @example
   * reader.archives() // → []
   */
  archives(): readonly ArchivedSegment[] {
    this.refresh('lines')
    return archivesOf(this.directory, this.view.manifest)
  }

  /**
   * What `archiveBefore` of a log that is open for writing would do now. Throws INVALID_ARGUMENT as it would.
   *
   * @example
   * const { segments } = reader.planArchive(4)
   * segments.length // → 0
   */
  planArchive(sequence: number, options: ArchivePlanOptions = {}): ArchiveReport {
    this.mustBeOpen()
    checkMembers('options', options, ['to', 'beyondAnchor'])
    this.refresh('lines')
    return planArchive(this.env, this.directory, this.view.manifest, sequence, options).report
  }

  /**
   * The hash of all that is on disk now, in a log with `chain`; undefined in others. Each call looks, and reads what is
   * behind the last record. Throws CORRUPT, GAP or IO where it cannot be read.
   *
   * @example
   * const kept = reader.head() // { sequence, hash } in a log with a chain, to be kept where nobody changes it
   */
  head(): ChainHead | undefined {
    this.mustBeOpen()
    this.refresh('lines')
    const doubt = new Doubt(this.view)
    for (;;) {
      const { manifest, position } = this.view
      try {
        return runNow(
          this.env,
          chainHead(this.directory, manifest, position, (sequence) => this.reading.placeOf(sequence)),
        )
      } catch (error) {
        this.now(() => runNow(this.env, doubt.about(error, position.sequence)))
      }
    }
  }

  /**
   * Reads all of the log and tells everything that is not as it should be, its tables of keys included; see
   * `verifyLog`. Rejects as that does, with NOT_A_LOG, UNSUPPORTED_FORMAT or IO; what is damaged is a finding and no
   * error.
   *
   * @example
   * const { isSound } = await reader.verify() // → { isSound: true }
   */
  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    const { env, reading, keyLookup, view } = this
    const { definitions } = keyLookup
    const report = await verifyLog(this.directory, withWorld(options, env))
    return await withKeys(report, { env, reading, definitions, manifest: view.manifest }, options)
  }

  /**
   * Closes the files that are open. Walks that are under way come to their end. Repeated calls share one result.
   * Rejects with IO.
   *
   * @example
   * await reader.close()
   * reader.isOpen // → false
   */
  close(): Promise<void> {
    this.closing ??= this.shutDown()
    return this.closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private lookupSource(): LookupSource<T> {
    const doubt = new Doubt(this.view)
    return {
      reading: this.reading,
      keys: () => this.view.manifest.keys,
      get: (sequence) => this.get(sequence),
      lacking: () => undefined,
      again: (error, sequence) => this.now(() => runNow(this.env, doubt.about(error, sequence))),
    }
  }

  private shutDown(): Promise<void> {
    this.watch.followers.end()
    return this.reading.close()
  }

  private refresh(what: 'end' | 'lines'): void {
    if (this.closing === undefined) this.reading.refresh(what)
  }

  private now(look: () => void): void {
    try {
      look()
    } catch (error) {
      throw wrapSystemError(error, 'reading the log')
    }
  }

  private mustBeOpen(): void {
    if (this.closing !== undefined) throw new SeglogError('CLOSED', 'the log is closed. Open it again.')
  }
}

/** What a log has that is open for writing, and this one has not. */
const WRITING = ['append', 'appendBatch', 'commitSync', 'commitBatchSync', 'syncNow', 'roll'] as const
const WRITING_LATER = ['commit', 'commitBatch', 'durable', 'sync', 'ready'] as const

function refusal(): SeglogError {
  return new SeglogError('READ_ONLY', 'the log is open for reading only. Write to it with openLog.')
}

function refuse(): never {
  throw refusal()
}

// A program without types learns from an error of ours what it did wrong.
for (const name of WRITING) Object.defineProperty(ReadOnlyLog.prototype, name, { value: refuse })
for (const name of WRITING_LATER)
  Object.defineProperty(ReadOnlyLog.prototype, name, { value: () => Promise.reject(refusal()) })
