import { hasCode } from '../../segments/errors.ts'
import { KeyPairs } from '../../segments/key-pairs.ts'
import type { Entry } from '../read/entry.ts'
import type { Reading } from '../read/reading.ts'
import type { SegmentRef } from '../read/segment-ref.ts'
import type { KeyDefinition } from './definitions.ts'
import { eachKeyOf } from './extract.ts'
import { keyHash } from './key-value.ts'

/** Segments whose tables are kept; those of a full segment may take some 20 bytes for each key. */
const KEPT_MAX = 4

/** Enters the keys of a record into one table for each definition; one whose value cannot be read has none. */
export function addKeys<T>(
  definitions: readonly KeyDefinition<T>[],
  tables: readonly KeyPairs[],
  entry: Entry<T>,
  firstSequence: number,
): void {
  const index = entry.sequence - firstSequence
  for (const [kind, definition] of definitions.entries()) {
    try {
      eachKeyOf(definition, entry, (key) => tables[kind]!.add(keyHash(key), index))
    } catch (error) {
      if (!hasCode(error, 'CORRUPT') && !hasCode(error, 'DECODE')) throw error
    }
  }
}

interface Built {
  readonly salt: number
  readonly tables: readonly KeyPairs[]
  nextSequence: number
}

/**
 * Tables made by reading a segment, where no sidecar has them: it was lost, or the segment is being written by another
 * process, or its first records stood there when this one opened it. A table goes on where it ended.
 */
export class BuiltTables<T> {
  private readonly reading: Reading<T>
  private readonly definitions: readonly KeyDefinition<T>[]
  private readonly kept = new Map<number, Built>()

  constructor(reading: Reading<T>, definitions: readonly KeyDefinition<T>[]) {
    this.reading = reading
    this.definitions = definitions
  }

  /** One table for each definition, over the records of the segment up to this one; durable ones only. */
  upTo(ref: SegmentRef, lastSequence: number): readonly KeyPairs[] {
    const built = this.take(ref)
    if (built.nextSequence <= lastSequence) {
      for (const entry of this.reading.read({ from: built.nextSequence, to: lastSequence })) {
        addKeys(this.definitions, built.tables, entry, ref.firstSequence)
        built.nextSequence = entry.sequence + 1
      }
    }
    return built.tables
  }

  private take(ref: SegmentRef): Built {
    const known = this.kept.get(ref.ordinal)
    const isSame = known?.salt === ref.salt
    const built: Built = isSame
      ? known
      : {
          salt: ref.salt,
          tables: this.definitions.map(() => new KeyPairs()),
          nextSequence: ref.firstSequence,
        }
    // The one asked for last goes to the end: the first is dropped.
    this.kept.delete(ref.ordinal)
    this.kept.set(ref.ordinal, built)
    if (this.kept.size > KEPT_MAX) this.kept.delete(this.kept.keys().next().value!)
    return built
  }
}
