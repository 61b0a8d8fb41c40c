import { SeglogError, invalid } from '../../segments/errors.ts'
import type { Writer } from '../../segments/writer.ts'
import type { Entry } from '../read/entry.ts'
import { eachKey } from './extract.ts'
import { type KeyValue, canonicalKey, hashOf } from './key-value.ts'
import type { KeyLookup } from './lookup.ts'

/** What came of a commit that happens once for its key. */
export interface Receipt {
  /** Of the record; of the last one of a batch. */
  readonly sequence: number
  /** Whether the record stood in the log before; then nothing was appended. */
  readonly duplicate: boolean
}

/** Values that are committed only if the log does not hold their keys. */
interface Keyed {
  readonly kind: string
  readonly keys: readonly KeyValue[]
}

/**
 * Commits that are done once, however often they are asked for: a use of the key index, which knows the records that are
 * durable and those that are on their way. Archived records are not looked at.
 */
export class Once<T> {
  private readonly writer: Writer
  private readonly lookup: KeyLookup<T>

  constructor(writer: Writer, lookup: KeyLookup<T>) {
    this.writer = writer
    this.lookup = lookup
  }

  /** `append` appends all the values and gives the last sequence; `done` resolves when they are as far as was asked. */
  async later(
    values: readonly T[],
    kind: string,
    append: () => number,
    done: (sequence: number) => Promise<unknown>,
  ): Promise<Receipt> {
    this.writer.mayAppend()
    const keyed = this.keyed(values, kind)
    // Nothing is awaited between the last look and the append, so two callers cannot both find nothing.
    for (let ahead = this.inFlight(keyed); ahead !== undefined; ahead = this.inFlight(keyed)) {
      await this.writer.whenDurable(ahead)
    }
    const before = this.before(keyed)
    if (before !== undefined) return { sequence: before, duplicate: true }
    const sequence = append()
    await done(sequence)
    return { sequence, duplicate: false }
  }

  /** As `later`; what is on its way is made durable first. */
  now(values: readonly T[], kind: string, append: () => number): Receipt {
    this.writer.mayAppend()
    const keyed = this.keyed(values, kind)
    if (this.inFlight(keyed) !== undefined) this.writer.flushNow()
    const before = this.before(keyed)
    if (before !== undefined) return { sequence: before, duplicate: true }
    const sequence = append()
    this.writer.flushNow()
    return { sequence, duplicate: false }
  }

  private keyed(values: readonly T[], kind: string): Keyed {
    const definition = this.lookup.definitionOf(kind)
    const seen = new Set<string>()
    const keys = values.map((value) => {
      const found: KeyValue[] = []
      eachKey(definition, value, (key) => found.push(key))
      if (found.length !== 1)
        throw invalid(`a value with once: ${kind}`, 'of exactly one key of that kind', found.length)
      const text = canonicalKey(found[0]!).toString('latin1')
      if (seen.has(text)) throw invalid('the values of a batch', `of different keys ${kind}`, found[0])
      seen.add(text)
      return found[0]!
    })
    return { kind, keys }
  }

  /** A record that may have one of the keys and is not durable yet: it can be compared once it is. */
  private inFlight({ kind, keys }: Keyed): number | undefined {
    const durable = this.writer.committer.position.sequence
    const place = this.lookup.definitions.findIndex((each) => each.kind === kind)
    for (const segment of this.writer.openSegments) {
      if (segment.lastSequence <= durable || segment.keys === undefined) continue
      for (const key of keys) {
        const index = segment.keys.lastAdded(place, hashOf(key))
        if (index !== undefined && segment.firstSequence + index > durable) return segment.firstSequence + index
      }
    }
    return undefined
  }

  /** The sequence that the values have in the log, undefined when none is there. */
  private before({ kind, keys }: Keyed): number | undefined {
    const found = keys.map((key) => this.lookup.first(kind, key))
    const present = found.filter((entry): entry is Entry<T> => entry !== undefined)
    if (present.length === 0) return undefined
    const first = present[0]!.sequence
    const isWhole = found.every((entry, place) => entry?.sequence === first + place)
    if (isWhole) return first + keys.length - 1
    throw new SeglogError('OUT_OF_ORDER', `only part of the batch is in the log, by its keys ${kind}`, {
      sequence: first,
      expected: `none or all of ${keys.length} records, in their order`,
      found: present.map((entry) => entry.sequence),
    })
  }
}
