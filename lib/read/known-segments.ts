import type { Steps } from '../../segments/env/steps.ts'
import type { Codec } from '../codecs/codec.ts'
import type { BlockCache } from './block-cache.ts'
import type { FilePool } from './file-pool.ts'
import { KnownSegment, type Remake } from './known-segment.ts'
import { missingFile } from './read-errors.ts'
import type { SegmentRef } from './segment-ref.ts'
import type { LogView } from './view.ts'

/** Segments that are known at a time: what is kept of one is a decoder and what a footer says. */
const KNOWN_MAX = 256
/** Those of them with a list of places, which takes four bytes a record. */
const HEAVY_MAX = 8

/** The segments that were read last. */
export class KnownSegments<T> {
  private readonly view: LogView
  private readonly codec: Codec<T>
  private readonly files: FilePool
  private readonly cache: BlockCache
  private readonly remake: Remake | undefined
  /** By ordinal, the one used last at the end. */
  private readonly known = new Map<number, KnownSegment<T>>()
  /** Those that were looked for since `layout`, and the one that had the last record. */
  private atHand: KnownSegment<T>[] = []
  private latest: KnownSegment<T> | undefined
  private layout: unknown

  /** `remake`: what to do about sidecars that are of no use; undefined where nothing may be written. */
  constructor(view: LogView, codec: Codec<T>, files: FilePool, cache: BlockCache, remake: Remake | undefined) {
    this.remake = remake
    this.cache = cache
    this.view = view
    this.codec = codec
    this.files = files
  }

  /** The segment of a record where nothing has to be asked: it was there before, and no segment has moved since. */
  peek(sequence: number): KnownSegment<T> | undefined {
    const { latest } = this
    if (this.view.layout !== this.layout) return undefined
    if (latest !== undefined && holds(latest.ref, sequence)) return latest
    const { atHand } = this
    let low = 0
    let high = atHand.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (atHand[middle]!.ref.lastSequence < sequence) low = middle + 1
      else high = middle
    }
    const found = atHand[low]
    return found !== undefined && holds(found.ref, sequence) ? (this.latest = found) : undefined
  }

  /** The segment of a record that is in the log; throws GAP or ARCHIVED where it is not there. */
  *of(sequence: number): Steps<KnownSegment<T>> {
    const { layout } = this.view
    const segment = yield* this.get(yield* this.view.segmentOf(sequence), sequence)
    if (layout !== this.layout) this.atHand = []
    this.layout = layout
    this.latest = segment
    const others = this.atHand.filter((each) => each !== segment && this.known.get(each.ref.ordinal) === each)
    this.atHand = [...others, segment].sort((a, b) => a.firstSequence - b.firstSequence)
    return segment
  }

  /** What is known of a segment, which is asked for because of this record. */
  *get(ref: SegmentRef, sequence: number): Steps<KnownSegment<T>> {
    const known = this.known.get(ref.ordinal)
    const segment = known?.isOf(ref) === true ? known : this.learn(ref, sequence)
    yield* segment.renew(ref)
    this.known.delete(ref.ordinal)
    this.known.set(ref.ordinal, segment)
    if (known !== segment) this.makeRoom()
    return segment
  }

  /** Forgets what was not asked for for longest. */
  private makeRoom(): void {
    const all = [...this.known.values()]
    const heavy = all.filter((each) => each.isHeavy)
    const gone = new Set([
      ...all.slice(0, Math.max(0, all.length - KNOWN_MAX)),
      ...heavy.slice(0, Math.max(0, heavy.length - HEAVY_MAX)),
    ])
    if (gone.size === 0) return
    for (const each of gone) this.known.delete(each.ref.ordinal)
    this.atHand = this.atHand.filter((each) => !gone.has(each))
  }

  private learn(ref: SegmentRef, sequence: number): KnownSegment<T> {
    const file = this.files.file(ref.path, (cause) => missingFile(ref, sequence, cause))
    return new KnownSegment(ref, file, this.codec.decoder(), this.files, this.cache, this.remake)
  }
}

function holds(ref: SegmentRef, sequence: number): boolean {
  return ref.firstSequence <= sequence && sequence <= ref.lastSequence
}
