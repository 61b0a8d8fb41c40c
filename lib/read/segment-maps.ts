import { type Steps, step } from '../../segments/env/steps.ts'
import { withFile } from '../../segments/files.ts'
import { FRAMES_START } from '../../segments/format/layout.ts'
import { OffsetList } from '../../segments/segment.ts'
import { type SegmentKey, SegmentScanner } from '../../segments/scan.ts'
import type { Scan } from '../../segments/stretches.ts'
import type { Codec, Decoder } from '../codecs/codec.ts'
import type { EntrySource } from './entry.ts'
import type { SegmentRef } from './view.ts'

/** Maps kept of sealed segments; each takes four bytes a record. */
const MAPS_MAX = 8

/** Where the records of a segment are, and how its values are decoded. */
export class SegmentMap<T> implements EntrySource<T> {
  readonly path: string
  readonly baseTimestamp: bigint
  readonly decoder: Decoder<T>
  readonly salt: number
  /** Up to here the segment is known; Infinity where the writer keeps the map itself. */
  end: number
  private readonly offsets: OffsetList
  private readonly definitions: readonly Uint8Array[]
  private readonly firstSequence: number
  private defined = 0

  constructor(ref: SegmentRef, decoder: Decoder<T>) {
    this.path = ref.path
    this.baseTimestamp = ref.baseTimestamp
    this.decoder = decoder
    this.salt = ref.salt
    this.end = ref.live === undefined ? FRAMES_START : Infinity
    this.offsets = ref.live?.offsets ?? new OffsetList()
    this.definitions = ref.live?.definitions ?? []
    this.firstSequence = ref.firstSequence
    this.learn()
  }

  /** What has to be known to scan on from `end`. */
  get rest(): SegmentKey {
    const { salt, baseTimestamp, firstSequence } = this
    return { salt, baseTimestamp, firstSequence: firstSequence + this.offsets.length }
  }

  /** Takes over what a scan from `end` on found, up to the end of this ref. Records that it did not find have no place. */
  add(found: Pick<Scan, 'offsets' | 'definitions'>, ref: SegmentRef): void {
    this.end = ref.end
    for (let index = 0; index < found.offsets.length; index++) this.offsets.push(found.offsets.at(index))
    while (this.offsets.length <= ref.lastSequence - ref.firstSequence) this.offsets.push(0)
    for (const definition of found.definitions) this.decoder.define(definition)
  }

  /** Offset in units, 0 where the record cannot be found. */
  unitsOf(sequence: number): number {
    const index = sequence - this.firstSequence
    return index < this.offsets.length ? this.offsets.at(index) : 0
  }

  /** Takes over definitions that the writer made since: later ones never change what earlier records mean. */
  learn(): void {
    for (; this.defined < this.definitions.length; this.defined++) this.decoder.define(this.definitions[this.defined]!)
  }
}

/** Maps of the segments that were read last. Those that the writer does not keep are made by a scan, and grown by another. */
export class SegmentMaps<T> {
  private readonly codec: Codec<T>
  private readonly maps = new Map<number, SegmentMap<T>>()

  constructor(codec: Codec<T>) {
    this.codec = codec
  }

  /** The map if it is there without a scan. */
  peek(ref: SegmentRef): SegmentMap<T> | undefined {
    const known = this.known(ref)
    if (known === undefined) {
      return ref.live === undefined ? undefined : this.keep(ref.ordinal, new SegmentMap(ref, this.codec.decoder()))
    }
    if (known.end < ref.end) return undefined
    known.learn()
    return known
  }

  *get(ref: SegmentRef): Steps<SegmentMap<T>> {
    const known = this.peek(ref)
    if (known !== undefined) return known
    const map = this.known(ref) ?? new SegmentMap(ref, this.codec.decoder())
    while (map.end < ref.end) {
      const { end: from, rest } = map
      const scan = yield* withFile(ref.path, 'read', function* (handle) {
        // A file that is shorter than it should be still has sound records; the missing ones are looked for in vain.
        const size = yield* step({ do: 'size', handle })
        return yield* new SegmentScanner(handle, Math.min(ref.end, size), rest, from).run('search')
      })
      // Another walk may have added this part, or some of it, while this one waited for the disk.
      if (map.end === from) map.add(scan, ref)
    }
    return this.keep(ref.ordinal, map)
  }

  /** The map of this very file. */
  private known(ref: SegmentRef): SegmentMap<T> | undefined {
    const known = this.maps.get(ref.ordinal)
    return known?.salt === ref.salt ? known : undefined
  }

  private keep(key: number, map: SegmentMap<T>): SegmentMap<T> {
    this.maps.set(key, map)
    const oldest = this.maps.size > MAPS_MAX ? this.maps.keys().next().value : undefined
    if (oldest !== undefined) this.maps.delete(oldest)
    return map
  }
}
