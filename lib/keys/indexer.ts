import { SeglogError } from '../../segments/errors.ts'
import type { Segment } from '../../segments/segment.ts'
import { SegmentKeys } from '../../segments/key-pairs.ts'
import type { KeyDefinition } from './definitions.ts'
import { eachKey } from './extract.ts'
import { type KeyValue, hashOf } from './key-value.ts'

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
  private readonly sink = (key: KeyValue): void => {
    this.kinds[this.found] = this.kind
    this.hashes[this.found] = hashOf(key)
    this.places[this.found] = this.place
    this.found += 1
  }

  constructor(definitions: readonly KeyDefinition<T>[]) {
    this.definitions = definitions
  }

  /** Notes the keys of one value; throws what a function of the user throws, INVALID_ARGUMENT or TOO_LARGE. */
  takeOne(value: T): void {
    this.begin()
    try {
      this.takeAt(value, 0)
    } finally {
      this.busy = false
    }
  }

  /** Notes the keys of the values of a batch. */
  takeAll(values: readonly T[]): void {
    this.begin()
    try {
      for (let place = 0; place < values.length; place++) this.takeAt(values[place]!, place)
    } finally {
      this.busy = false
    }
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
    for (let kind = 0; kind < definitions.length; kind++) {
      this.kind = kind
      eachKey(definitions[kind]!, value, this.sink)
    }
  }
}
