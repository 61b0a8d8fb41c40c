import type { Environment } from '../../segments/env/environment.ts'
import { type Steps, runNow } from '../../segments/env/steps.ts'
import { SeglogError, checkMembers, invalid, mayBeBoolean, wrapSystemError } from '../../segments/errors.ts'
import type { Manifest } from '../../segments/format/manifest.ts'
import type { Entry } from '../read/entry.ts'
import type { Reading } from '../read/reading.ts'
import type { SegmentRef } from '../read/segment-ref.ts'
import { BuiltTables } from './built-tables.ts'
import type { KeyDefinition } from './definitions.ts'
import { eachKeyOf } from './extract.ts'
import { type KeyValue, canonicalKey, isKey, keyHash } from './key-value.ts'
import { searchTable } from './search.ts'

/** In which direction records with a key are given. */
export interface LookupOptions {
  /** From the last record to the first. */
  readonly reverse?: boolean
}

/** Where a lookup finds records. */
export interface LookupSource<T> {
  readonly reading: Reading<T>
  get(sequence: number): Entry<T> | undefined
  /** What the manifest says of each kind. */
  readonly keys: () => Manifest['keys']
  /** Told of a sealed segment whose sidecar has no table for a kind. */
  lacking(ref: SegmentRef): void
  /** Told an error of a look for this record: returns where it makes sense to try once more, else throws. */
  again(error: unknown, sequence: number): void
}

/** What is looked for. */
interface Wanted<T> {
  readonly definition: KeyDefinition<T>
  readonly bytes: Buffer
  readonly hash: number
}

interface Place {
  readonly ref: SegmentRef
  readonly indexes: number[]
}

/**
 * Finds durable records by key, segment by segment: in memory where a segment is being written, in place in the sidecars of
 * sealed ones. A table only says where to look: every record is read and its own keys are compared.
 */
export class KeyLookup<T> {
  readonly definitions: readonly KeyDefinition<T>[]
  private readonly env: Environment
  private readonly source: LookupSource<T>
  private readonly built: BuiltTables<T>

  constructor(env: Environment, source: LookupSource<T>, definitions: readonly KeyDefinition<T>[]) {
    this.env = env
    this.source = source
    this.definitions = definitions
    this.built = new BuiltTables(source.reading, definitions)
  }

  first(kind: string, key: KeyValue): Entry<T> | undefined {
    for (const entry of this.all(kind, key, {})) return entry
    return undefined
  }

  all(kind: string, key: KeyValue, options: LookupOptions): Iterable<Entry<T>> {
    checkMembers('options', options, ['reverse'])
    mayBeBoolean('reverse', options.reverse)
    const wanted = this.wanted(kind, key)
    return { [Symbol.iterator]: () => this.walk(wanted, options.reverse === true ? 'reverse' : 'forward') }
  }

  /** Throws INVALID_ARGUMENT for a kind that the log does not have, or whose function is not there. */
  definitionOf(kind: string): KeyDefinition<T> {
    const definition = this.definitions.find((each) => each.kind === kind)
    if (definition === undefined) {
      const kinds = this.definitions.map((each) => each.kind).join(', ')
      throw invalid(
        'a kind of keys',
        kinds === '' ? 'one that the log was opened with (it has none)' : `one of ${kinds}`,
        kind,
      )
    }
    if (this.source.keys()[kind]?.upTo !== undefined) throw notReady(kind)
    return definition
  }

  private wanted(kind: string, key: KeyValue): Wanted<T> {
    const definition = this.definitionOf(kind)
    if (!isKey(key)) throw invalid('a key', 'a text, a finite number, a bigint or a Uint8Array', key)
    const bytes = canonicalKey(key)
    return { definition, bytes, hash: keyHash(bytes) }
  }

  /** What is durable when the walk begins. */
  private *walk(wanted: Wanted<T>, direction: 'forward' | 'reverse'): Generator<Entry<T>, undefined> {
    const { view } = this.source.reading
    const first = view.firstSequence
    const last = view.highWatermark
    let sequence = direction === 'forward' ? first : last
    while (sequence >= first && sequence <= last) {
      const place = this.look(sequence, wanted)
      if (place === undefined) {
        if (direction === 'reverse') return undefined
        sequence = view.firstSequence
        continue
      }
      const { ref, indexes } = place
      if (direction === 'reverse') indexes.reverse()
      for (const index of indexes) {
        const found = ref.firstSequence + index
        if (found < first || found > last) continue
        const entry = this.getUnlessArchived(found)
        if (entry !== undefined && hasKey(wanted, entry)) yield entry
      }
      sequence = direction === 'forward' ? ref.lastSequence + 1 : ref.firstSequence - 1
    }
    return undefined
  }

  /** The segment of a record, and which of its records may have the key, in order; undefined where it was archived since. */
  private look(sequence: number, wanted: Wanted<T>): Place | undefined {
    for (;;) {
      try {
        const ref = runNow(this.env, this.source.reading.view.segmentOf(sequence))
        return { ref, indexes: this.indexesIn(ref, wanted) }
      } catch (error) {
        if (this.isArchivedSince(error, sequence)) return undefined
        this.source.again(wrapSystemError(error, 'looking up a key'), sequence)
      }
    }
  }

  private getUnlessArchived(sequence: number): Entry<T> | undefined {
    try {
      return this.source.get(sequence)
    } catch (error) {
      if (this.isArchivedSince(error, sequence)) return undefined
      throw error
    }
  }

  /** Archived records are not looked at: not by a walk that begins later, and so not by one that was under way either. */
  private isArchivedSince(error: unknown, sequence: number): boolean {
    const isArchived = error instanceof SeglogError && error.code === 'ARCHIVED'
    return isArchived && sequence < this.source.reading.view.firstSequence
  }

  private indexesIn(ref: SegmentRef, wanted: Wanted<T>): number[] {
    const kind = this.definitions.indexOf(wanted.definition)
    const keys = ref.live?.keys
    if (keys !== undefined) {
      if (!keys.isWhole) keys.complete(this.built.upTo(ref, ref.firstSequence + keys.from - 1))
      return keys.indexesOf(kind, wanted.hash)
    }
    const inSidecar = ref.live === undefined ? runNow(this.env, this.search(ref, wanted)) : undefined
    if (inSidecar === undefined && ref.live === undefined) this.source.lacking(ref)
    return inSidecar ?? this.built.upTo(ref, ref.lastSequence)[kind]!.indexesOf(wanted.hash)
  }

  private *search(ref: SegmentRef, wanted: Wanted<T>): Steps<number[] | undefined> {
    const sidecar = yield* this.source.reading.sidecarOf(ref)
    const { kind, fingerprint } = wanted.definition
    const table = sidecar?.keyTables.find((each) => each.name === kind && each.fingerprint === fingerprint)
    return table && (yield* searchTable(sidecar!, table, wanted.hash))
  }
}

function hasKey<T>(wanted: Wanted<T>, entry: Entry<T>): boolean {
  let isThere = false
  eachKeyOf(wanted.definition, entry, (key) => {
    isThere ||= wanted.bytes.equals(key)
  })
  return isThere
}

function notReady(kind: string): SeglogError {
  const message = `the tables of the keys ${kind} are still being built. Wait for log.keysReady(), or open the log again later.`
  return new SeglogError('NOT_READY', message)
}
