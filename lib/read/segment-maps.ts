import { type Steps, step } from '../../segments/env/steps.ts'
import { withFile } from '../../segments/files.ts'
import type { OffsetList } from '../../segments/segment.ts'
import { SegmentScanner } from '../../segments/scan.ts'
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
  private readonly offsets: OffsetList
  private readonly definitions: readonly Uint8Array[]
  private readonly firstSequence: number
  private defined = 0

  constructor(
    ref: SegmentRef,
    decoder: Decoder<T>,
    content: { readonly offsets: OffsetList; readonly definitions: readonly Uint8Array[] },
  ) {
    this.path = ref.path
    this.baseTimestamp = ref.baseTimestamp
    this.decoder = decoder
    this.offsets = content.offsets
    this.definitions = content.definitions
    this.firstSequence = ref.firstSequence
    this.learn()
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

/** Maps of the segments that were read last. Those of sealed segments are made by a scan. */
export class SegmentMaps<T> {
  private readonly codec: Codec<T>
  private readonly maps = new Map<number, SegmentMap<T>>()

  constructor(codec: Codec<T>) {
    this.codec = codec
  }

  /** The map if it is there without a scan. */
  peek(ref: SegmentRef): SegmentMap<T> | undefined {
    const key = keyOf(ref)
    const known = this.maps.get(key)
    if (known !== undefined) {
      known.learn()
      return known
    }
    return ref.live === undefined ? undefined : this.keep(key, new SegmentMap(ref, this.codec.decoder(), ref.live))
  }

  *get(ref: SegmentRef): Steps<SegmentMap<T>> {
    const known = this.peek(ref)
    if (known !== undefined) return known
    const key = { salt: ref.salt, firstSequence: ref.firstSequence, baseTimestamp: ref.baseTimestamp }
    const scan = yield* withFile(ref.path, 'read', function* (handle) {
      // A file that is shorter than it should be still has sound records; those that are missing are looked for in vain.
      const size = yield* step({ do: 'size', handle })
      return yield* new SegmentScanner(handle, Math.min(ref.end, size), key).run('search')
    })
    return this.keep(keyOf(ref), new SegmentMap(ref, this.codec.decoder(), scan))
  }

  private keep(key: number, map: SegmentMap<T>): SegmentMap<T> {
    this.maps.set(key, map)
    const oldest = this.maps.size > MAPS_MAX ? this.maps.keys().next().value : undefined
    if (oldest !== undefined) this.maps.delete(oldest)
    return map
  }
}

/** A live map serves on when its segment is sealed: ordinals never come back within one opening. */
function keyOf(ref: SegmentRef): number {
  return ref.ordinal
}
