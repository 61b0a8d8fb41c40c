import { SeglogError, checkMembers, invalid } from '../segments/errors.ts'
import type { AppendOptions, Durability } from '../segments/placer.ts'
import type { Writer } from '../segments/writer.ts'
import { KeyIndexer } from './keys/indexer.ts'
import type { KeyLookup } from './keys/lookup.ts'
import { Once, type Receipt } from './keys/once.ts'
import { durabilityOf } from './options.ts'

/** What can be asked of one append: its level, its time, its number. */
export interface RecordOptions {
  /** How far the record is when `commit` resolves; the default is that of the log. Readers see synced records only. */
  readonly durability?: Durability
  /** Nanoseconds since 1970, not before the last record's. Default: now, or the last record's where the clock went back. */
  readonly timestampNs?: bigint
  /** The sequence that the (first) record must get, else OUT_OF_ORDER; 1 for a log that must be empty. */
  readonly expect?: number
}

/** Options of a commit that appends only what the log does not hold yet. */
export interface OnceOptions extends RecordOptions {
  /**
   * A kind of keys, of which each value has exactly one: if a record with that key is in the log or on its way, nothing
   * is appended, and its sequence is given. A batch is there whole, in its order, or not at all: else OUT_OF_ORDER.
   * Archived records are not looked at. The value must not change until the promise is settled: while a record with the
   * same key is on its way, it waits unencoded.
   */
  readonly once: string
}

const RECORD_OPTIONS = ['durability', 'timestampNs', 'expect', 'once']

export function isOnce(options: RecordOptions | OnceOptions | undefined): options is OnceOptions {
  return (options as OnceOptions | null | undefined)?.once !== undefined
}

/** The writing half of a log: appends with their options, over the writer. */
export class Writing<T> {
  private readonly writer: Writer
  private readonly durability: Durability
  /** Undefined in a log without keys. */
  private readonly keys: KeyIndexer<T> | undefined
  private readonly once: Once<T>
  /** What an append without options asks for: one object, not one for each record. */
  private readonly defaults: AppendOptions

  constructor(writer: Writer, durability: Durability, lookup: KeyLookup<T>) {
    this.writer = writer
    this.keys = lookup.definitions.length > 0 ? new KeyIndexer(lookup.definitions) : undefined
    this.once = new Once(writer, lookup)
    this.durability = durability
    this.defaults = { durability, timestampNs: undefined }
  }

  append(value: T, options: RecordOptions | undefined): number {
    const { keys, writer } = this
    if (keys === undefined) return writer.append(value, this.resolve(options))
    writer.mayAppend()
    const keyBlocks = keys.takeOne(value)
    const sequence = writer.append(value, withBlocks(this.resolve(options), keyBlocks))
    keys.enter(writer.active, sequence)
    return sequence
  }

  appendBatch(values: readonly T[], options: RecordOptions | undefined): number {
    if (!Array.isArray(values)) throw invalid('values', 'an array', values)
    const { keys, writer } = this
    if (keys === undefined || values.length === 0) return writer.appendBatch(values, this.resolve(options))
    writer.mayAppend()
    const keyBlocks = keys.take(values)
    const last = writer.appendBatch(values, withBlocks(this.resolve(options), keyBlocks))
    keys.enter(writer.active, last - values.length + 1)
    return last
  }

  /** A commit, or the receipt of the one before it with the same keys. `append` gets the options that are its own. */
  async onceLater(
    values: readonly T[],
    options: OnceOptions,
    append: (others: RecordOptions) => number,
  ): Promise<Receipt> {
    const { once, ...others } = checked(options)
    const done = (sequence: number): Promise<number> => this.committed(() => sequence, others)
    return this.once.later(values, once, () => append(others), done)
  }

  onceNow(values: readonly T[], options: OnceOptions, append: (others: RecordOptions) => number): Receipt {
    const { once, ...others } = checked(options)
    return this.once.now(values, once, () => append(others))
  }

  /** The promise of a commit: of what `append` appends, as far as its durability asks. */
  committed(append: () => number, options: RecordOptions | undefined): Promise<number> {
    let sequence: number
    try {
      sequence = append()
    } catch (error) {
      return Promise.reject(error)
    }
    const level = options?.durability ?? this.durability
    if (level === 'queued') return Promise.resolve(sequence)
    const done = level === 'synced' ? this.writer.whenDurable(sequence) : this.writer.whenWritten(sequence)
    return done.then(() => sequence)
  }

  durable(sequence: number): Promise<void> {
    if (!Number.isSafeInteger(sequence) || sequence < 0) {
      return Promise.reject(invalid('sequence', 'a whole number from 0 on', sequence))
    }
    return this.writer.whenDurable(sequence)
  }

  private resolve(options: RecordOptions | undefined): AppendOptions {
    if (options === undefined) return this.defaults
    const { durability, expect, timestampNs } = checked(options)
    if (isOnce(options)) throw notOnce()
    const next = this.writer.lastSequence + 1
    if (expect !== undefined && expect !== next) {
      throw new SeglogError('OUT_OF_ORDER', `the next record gets sequence ${next}, not ${expect}`, {
        sequence: next,
        expected: expect,
        found: next,
      })
    }
    return { durability: durability ?? this.durability, timestampNs }
  }
}

/** Options whose members are known and what they should be, whether or not the call can do what they ask. */
function checked<O extends RecordOptions>(options: O): O {
  checkMembers('options', options, RECORD_OPTIONS)
  const { durability, expect, timestampNs } = options
  durabilityOf(durability)
  if (expect !== undefined && !(Number.isSafeInteger(expect) && expect >= 0)) {
    throw invalid('expect', 'a whole number from 0 on', expect)
  }
  if (timestampNs !== undefined && (typeof timestampNs !== 'bigint' || timestampNs < 0n || timestampNs >= 1n << 64n)) {
    throw invalid('timestampNs', 'a bigint of nanoseconds since 1970', timestampNs)
  }
  return options
}

/** Passed over in silence, it would let the duplicates in that it was to keep out. */
function notOnce(): SeglogError {
  const calls = 'commit, commitBatch, commitSync or commitBatchSync'
  return new SeglogError('INVALID_ARGUMENT', `append and appendBatch cannot append once. Use ${calls}.`, {
    expected: calls,
  })
}

function withBlocks(options: AppendOptions, keyBlocks: readonly Uint8Array[] | undefined): AppendOptions {
  return keyBlocks === undefined ? options : { ...options, keyBlocks }
}
