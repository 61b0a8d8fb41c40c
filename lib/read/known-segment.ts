import { type Steps, step } from '../../segments/env/steps.ts'
import { FRAMES_START } from '../../segments/format/layout.ts'
import { SegmentScanner } from '../../segments/scan.ts'
import { OffsetList } from '../../segments/segment.ts'
import type { Scan } from '../../segments/stretches.ts'
import type { Codec, Decoder } from '../codecs/codec.ts'
import type { EntrySource } from './entry.ts'
import type { FilePool, PooledFile } from './file-pool.ts'
import { missingFile } from './read-errors.ts'
import type { LogView, SegmentRef } from './view.ts'

/** Segments that are known at a time; the places of one take four bytes a record. */
const KNOWN_MAX = 8

/** What is known of a segment beyond its name: where its records are, and how its values are decoded. */
export class KnownSegment<T> implements EntrySource<T> {
  readonly file: PooledFile
  readonly path: string
  readonly salt: number
  readonly firstSequence: number
  readonly baseTimestamp: bigint
  readonly decoder: Decoder<T>
  /** As of the last time that somebody looked: a segment that is being written grows. */
  ref: SegmentRef
  /** Up to here its places are known; Infinity where the writer keeps them itself. */
  private end: number
  private readonly offsets: OffsetList
  private readonly definitions: readonly Uint8Array[]
  private defined = 0

  constructor(ref: SegmentRef, file: PooledFile, decoder: Decoder<T>) {
    this.file = file
    this.path = ref.path
    this.salt = ref.salt
    this.firstSequence = ref.firstSequence
    this.baseTimestamp = ref.baseTimestamp
    this.decoder = decoder
    this.ref = ref
    this.end = ref.live === undefined ? FRAMES_START : Infinity
    this.offsets = ref.live?.offsets ?? new OffsetList()
    this.definitions = ref.live?.definitions ?? []
  }

  /** Offset in units, 0 where the record cannot be found. */
  unitsOf(sequence: number): number {
    const { offsets } = this
    const index = sequence - this.firstSequence
    return index < offsets.length ? offsets.at(index) : 0
  }

  isOf(ref: SegmentRef): boolean {
    return this.salt === ref.salt && this.path === ref.path
  }

  /** Finds out what is not known yet of the segment as it is by now. */
  *renew(ref: SegmentRef, files: FilePool): Steps<void> {
    while (this.end < ref.end) {
      const from = this.end
      const scan = yield* this.scan(ref, files)
      // Another walk may have added this part, or some of it, while this one waited for the disk.
      if (this.end === from) this.add(scan, ref)
    }
    // Later definitions never change what earlier records mean.
    const { definitions } = this
    for (; this.defined < definitions.length; this.defined++) this.decoder.define(definitions[this.defined]!)
    if (ref.end >= this.ref.end) this.ref = ref
  }

  private scan(ref: SegmentRef, files: FilePool): Steps<Scan> {
    const { end: from, salt, baseTimestamp, offsets } = this
    const key = { salt, baseTimestamp, firstSequence: this.firstSequence + offsets.length }
    return files.use(this.file, function* (handle) {
      // A file that is shorter than it should be still has sound records; those that are missing are looked for in vain.
      const size = yield* step({ do: 'size', handle })
      return yield* new SegmentScanner(handle, Math.min(ref.end, size), key, from).run('search')
    })
  }

  /** Records that a scan did not find have no place. */
  private add(found: Pick<Scan, 'offsets' | 'definitions'>, ref: SegmentRef): void {
    this.end = ref.end
    const { offsets } = this
    for (let index = 0; index < found.offsets.length; index++) offsets.push(found.offsets.at(index))
    while (offsets.length <= ref.lastSequence - ref.firstSequence) offsets.push(0)
    for (const definition of found.definitions) this.decoder.define(definition)
  }
}

/** The segments that were read last. What the writer does not keep is found by a scan, and grown by another. */
export class KnownSegments<T> {
  private readonly view: LogView
  private readonly codec: Codec<T>
  private readonly files: FilePool
  /** By ordinal, the one used last at the end. */
  private readonly known = new Map<number, KnownSegment<T>>()
  /** Those that were looked for since `layout`, and the one that had the last record. */
  private atHand: KnownSegment<T>[] = []
  private latest: KnownSegment<T> | undefined
  private layout: unknown

  constructor(view: LogView, codec: Codec<T>, files: FilePool) {
    this.view = view
    this.codec = codec
    this.files = files
  }

  /** The segment of a record where nothing has to be asked: it was there before, and no segment has moved since. */
  peek(sequence: number): KnownSegment<T> | undefined {
    const { latest } = this
    if (this.view.layout !== this.layout) return undefined
    if (latest !== undefined && holds(latest.ref, sequence)) return latest
    for (const each of this.atHand) if (holds(each.ref, sequence)) return (this.latest = each)
    return undefined
  }

  /** The segment of a record that is in the log; throws GAP or ARCHIVED where it is not there. */
  *of(sequence: number): Steps<KnownSegment<T>> {
    const { layout } = this.view
    const segment = yield* this.get(yield* this.view.segmentOf(sequence), sequence)
    if (layout !== this.layout) this.atHand = []
    this.layout = layout
    this.latest = segment
    if (!this.atHand.includes(segment)) this.atHand.push(segment)
    return segment
  }

  /** What is known of a segment, which is asked for because of this record. */
  *get(ref: SegmentRef, sequence: number): Steps<KnownSegment<T>> {
    const known = this.known.get(ref.ordinal)
    const segment = known?.isOf(ref) === true ? known : this.learn(ref, sequence)
    yield* segment.renew(ref, this.files)
    this.known.delete(ref.ordinal)
    this.known.set(ref.ordinal, segment)
    if (this.known.size > KNOWN_MAX) this.known.delete(this.known.keys().next().value!)
    if (known !== segment) this.atHand = this.atHand.filter((each) => this.known.get(each.ref.ordinal) === each)
    return segment
  }

  private learn(ref: SegmentRef, sequence: number): KnownSegment<T> {
    const file = this.files.file(ref.path, (cause) => missingFile(ref, sequence, cause))
    return new KnownSegment(ref, file, this.codec.decoder())
  }
}

function holds(ref: SegmentRef, sequence: number): boolean {
  return ref.firstSequence <= sequence && sequence <= ref.lastSequence
}
