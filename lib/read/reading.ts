import type { Environment } from '../../segments/env/environment.ts'
import { type Steps, runLater, runNow } from '../../segments/env/steps.ts'
import { invalid, wrapSystemError } from '../../segments/errors.ts'
import { UNIT } from '../../segments/format/layout.ts'
import type { Sidecar } from '../../segments/sidecar.ts'
import { windowBytes } from '../../segments/window.ts'
import type { Codec } from '../codecs/codec.ts'
import { BlockCache } from './block-cache.ts'
import type { RecordPlace } from './chain-head.ts'
import { Cursor } from './cursor.ts'
import type { Entry } from './entry.ts'
import { FilePool } from './file-pool.ts'
import { type FollowOptions, follow } from './follow.ts'
import type { Followers } from './followers.ts'
import type { Remake } from './known-segment.ts'
import { KnownSegments } from './known-segments.ts'
import { RandomReads } from './random-reads.ts'
import { type ReadOptions, resolveRange } from './range.ts'
import { CursorRecords, type Records } from './reader.ts'
import { OpenSidecars } from './sidecar-pages.ts'
import { TimeSeek } from './time-seek.ts'
import type { SegmentRef } from './segment-ref.ts'
import type { LogView } from './view.ts'
import type { Walk } from './walk.ts'

/** How much memory and how many files reading may take. */
export interface ReadLimits {
  /** Segments are not longer, as far as is known; there is no use in reading more at once. */
  readonly segmentBytes: number
  readonly blockCacheBytes: number
  readonly openFilesMax: number
}

/** The reading half of a log, the same for the process that writes and for one that only reads: it differs in its view. */
export class Reading<T> {
  readonly view: LogView
  private readonly env: Environment
  private readonly codec: Codec<T>
  private readonly limits: ReadLimits
  private readonly files: FilePool
  private readonly segments: KnownSegments<T>
  private readonly random: RandomReads<T>
  private readonly sidecars: OpenSidecars

  /** `remake`: what to do about sidecars that are of no use; undefined where nothing may be written. */
  constructor(env: Environment, view: LogView, codec: Codec<T>, limits: ReadLimits, remake?: Remake) {
    this.env = env
    this.view = view
    this.codec = codec
    this.limits = limits
    this.files = new FilePool(limits.openFilesMax)
    const cache = new BlockCache(this.files, limits.blockCacheBytes)
    this.segments = new KnownSegments(view, codec, this.files, cache, remake)
    this.sidecars = new OpenSidecars(this.files, cache)
    this.random = new RandomReads(this.segments, this.files, cache)
  }

  get(sequence: number): Entry<T> | undefined {
    if (!Number.isSafeInteger(sequence)) throw invalid('sequence', 'a whole number', sequence)
    if (sequence > this.view.highWatermark) this.refresh('end')
    if (sequence < 1 || sequence > this.view.highWatermark) return undefined
    return this.random.peek(sequence) ?? this.fetch(sequence)
  }

  read(options: ReadOptions): Records<T> {
    resolveRange(options, this.view)
    const readBytes = windowBytes(this.limits.segmentBytes)
    const what = options.from === undefined || options.fromTime !== undefined ? 'lines' : 'end'
    return new CursorRecords(this.env, () => {
      this.refresh(what)
      return this.walk(options, readBytes)
    })
  }

  /** A walk up to what is durable as far as is known; reads so many bytes at once. */
  walk(options: ReadOptions, readBytes: number): Walk<T> {
    const { view, segments, codec } = this
    const seek = new TimeSeek(view, this.random)
    return view.guard(new Cursor(view, segments, codec, resolveRange(options, view), readBytes, seek))
  }

  /** Records in order, then those that become durable. */
  follow(followers: Followers, options: FollowOptions): AsyncIterable<Entry<T>> {
    const { env, view } = this
    const start = (from: number | undefined, readBytes: number): Walk<T> => {
      this.refresh(from === undefined ? 'lines' : 'end')
      return this.walk(from === undefined ? {} : { from }, readBytes)
    }
    return follow({ env, view, followers, start }, options)
  }

  /** Looks at once how far the log goes by now. */
  refresh(what: 'end' | 'lines'): void {
    try {
      runNow(this.env, this.view.refresh(what))
    } catch (error) {
      throw wrapSystemError(error, 'reading the log')
    }
  }

  /** The sidecar of a sealed segment, undefined where there is none that can be used. */
  *sidecarOf(ref: SegmentRef): Steps<Sidecar | undefined> {
    return yield* this.sidecars.of(ref)
  }

  /** The sidecar of this segment was made anew. */
  forgetSidecar(ordinal: number): void {
    this.sidecars.forget(ordinal)
  }

  /** Where a record stands that is in the log; the offset is 0 where it cannot be found. */
  *placeOf(sequence: number): Steps<RecordPlace> {
    const segment = yield* this.segments.of(sequence)
    return { ordinal: segment.ref.ordinal, offset: (yield* segment.unitsOf(sequence)) * UNIT }
  }

  /** Closes the files of random reads: those in use when their calls are back, and then it resolves. Walks go on. */
  close(): Promise<void> {
    return new Promise((resolve, reject) => {
      runLater(this.env, this.files.close(), (error) => {
        if (error) reject(wrapSystemError(error, 'closing the log'))
        else this.files.onceEmpty(resolve)
      })
    })
  }

  private fetch(sequence: number): Entry<T> {
    try {
      return runNow(this.env, this.random.get(sequence))
    } catch (error) {
      throw wrapSystemError(error, 'reading the log')
    }
  }
}
