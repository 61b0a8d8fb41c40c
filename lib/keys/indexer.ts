import { SeglogError } from '../../segments/errors.ts'
import { encodeKeyBlock } from '../../segments/format/key-block.ts'
import { KEY_BLOCK_BYTES_MAX } from '../../segments/format/layout.ts'
import type { Segment } from '../../segments/segment.ts'
import { SegmentKeys } from '../../segments/key-pairs.ts'
import type { KeyDefinition } from './definitions.ts'
import { eachKey } from './extract.ts'
import { type KeyValue, canonicalKey, hashOf, keyHash } from './key-value.ts'

/**
 * Finds the keys of values before they are appended, so that a key that is refused leaves nothing behind, and enters them
 * into the active segment once they are. One key costs some 100 ns an append.
 */
export class KeyIndexer<T> {
  readonly definitions: readonly KeyDefinition<T>[]
  /** For each key found: its kind, its hash, and which of the values has it. */
  private readonly kinds: number[] = []
  private readonly hashes: number[] = []
  private readonly places: number[] = []
  private found = 0
  private kind = 0
  private busy = false
  private place = 0
  /** Of the functions, for the value that is looked at: their keys, to go into its frame. */
  private readonly marked: { readonly mark: number; keys: Buffer[] }[]
  private readonly sink = (key: KeyValue): void => this.note(hashOf(key))

  constructor(definitions: readonly KeyDefinition<T>[]) {
    this.definitions = definitions
    this.marked = definitions.flatMap(({ mark }) => (mark === undefined ? [] : [{ mark, keys: [] }]))
  }

  /**
   * Notes the keys of values that are about to be appended; gives their key blocks where functions make keys. Throws what a
   * function of the user throws, INVALID_ARGUMENT or TOO_LARGE.
   */
  take(values: readonly T[]): readonly Uint8Array[] | undefined {
    this.begin()
    try {
      const blocks: Uint8Array[] | undefined = this.marked.length > 0 ? [] : undefined
      for (let place = 0; place < values.length; place++) {
        this.takeAt(values[place]!, place)
        blocks?.push(this.blockOf())
      }
      return blocks
    } finally {
      this.busy = false
    }
  }

  /** As `take`, of one value, without a list where none is needed. */
  takeOne(value: T): readonly Uint8Array[] | undefined {
    if (this.marked.length > 0) return this.take([value])
    this.begin()
    try {
      this.takeAt(value, 0)
    } finally {
      this.busy = false
    }
    return undefined
  }

  /** Enters what was noted: the first of the values became this record of the segment. */
  enter(segment: Segment, firstSequence: number): void {
    const index = firstSequence - segment.firstSequence
    segment.keys ??= new SegmentKeys(this.definitions, index)
    for (let at = 0; at < this.found; at++) {
      segment.keys.add(this.kinds[at]!, this.hashes[at]!, index + this.places[at]!)
    }
  }

  /** A function of the user that appends would number its own record before the one it looks at. */
  private begin(): void {
    if (this.busy) throw new SeglogError('INVALID_ARGUMENT', 'a function of keys must not append')
    this.busy = true
    this.found = 0
  }

  private takeAt(value: T, place: number): void {
    this.place = place
    const { definitions } = this
    let marked = 0
    for (let kind = 0; kind < definitions.length; kind++) {
      this.kind = kind
      const definition = definitions[kind]!
      if (definition.mark === undefined) eachKey(definition, value, this.sink)
      else this.takeMarked(definition, value, this.marked[marked++]!)
    }
  }

  private takeMarked(definition: KeyDefinition<T>, value: T, into: { keys: Buffer[] }): void {
    into.keys = []
    eachKey(definition, value, (key) => {
      const canonical = canonicalKey(key)
      into.keys.push(canonical)
      this.note(keyHash(canonical))
    })
  }

  private note(hash: number): void {
    this.kinds[this.found] = this.kind
    this.hashes[this.found] = hash
    this.places[this.found] = this.place
    this.found += 1
  }

  private blockOf(): Uint8Array {
    const block = encodeKeyBlock(this.marked)
    if (block.length <= KEY_BLOCK_BYTES_MAX) return block
    throw new SeglogError(
      'TOO_LARGE',
      'the functions of keys give more than a record may have. Give fewer or shorter keys.',
      {
        expected: `at most ${KEY_BLOCK_BYTES_MAX} bytes`,
        found: block.length,
      },
    )
  }
}
