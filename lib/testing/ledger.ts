import type { ChainHead } from '../../segments/chain.ts'
import type { RecordNote, Values } from './values.ts'

/** A survivor as a reader shows it. */
export interface Survivor {
  readonly sequence: number
  readonly timestampNs: bigint
  readonly value: unknown
}

/** A copy or a salvage that was asked for. */
export interface BackupNote {
  readonly directory: string
  /** It must reach this record at least. */
  readonly atLeast: number
  /** How many records may be lost in it: one where a byte was damaged, and who made it died before he could say which. */
  readonly mayLose: number
  /** Its last record, when it was said to be done. */
  done?: number
  /** What it may hold: what was there while it was made. */
  records?: readonly RecordNote[]
  /** Records of it that were damaged when it was made. */
  lost?: readonly number[]
}

/**
 * What the world outside knows of a log: which records were asked for, and up to where they were promised. The promises
 * of `docs/promises.md` are statements about it. Plain arrays: this is the model that the log is compared with. Throws
 * nothing, save where a promise is broken: then `OracleError`.
 *
 * @example
 * import { BYTE_VALUES, Ledger } from 'seglog/testing'
 *
 * const ledger = new Ledger()
 * ledger.appended([ledger.draft(16, 0), ledger.draft(16, 0)]) // records 1 and 2, of 16 bytes
 * ledger.wrote(2)
 * ledger.refused(1) // the second was not appended after all
 * ledger.acknowledge(1)
 * ledger.copy().survived([], BYTE_VALUES, 1) // throws OracleError
 */
export class Ledger {
  /** By sequence from 1 on. Behind `acknowledged` they are provisional. */
  records: RecordNote[] = []
  /** Timestamps of records that were read. */
  times: bigint[] = []
  /** Up to here they are promised whatever happens: acknowledged, or found by an opening that returned. */
  acknowledged = 0
  /** Up to here they are promised as long as only processes die. */
  written = 0
  /** A head of the hash chain that was durable: whatever happens, the log goes on from it. */
  head: ChainHead | undefined
  nextId = 1
  /** A call failed, perhaps a sync that forgot a removal: what was removed may come back with the next power cut. */
  mayComeBack = false
  /** Records up to `surely` are archived, those behind `perhaps` are not: they differ while segments are moved. */
  archived = { surely: 0, perhaps: 0 }
  /** Which copies and salvages there are that nobody looked at since a crash. */
  backups: BackupNote[] = []
  backupsMade = 0
  /** A bit that is turned round as long as the world looks at what comes of it. */
  rot: { readonly path: string; readonly bit: number } | undefined
  /** Files that openings kept aside, and what is in them: copies. */
  kept = new Map<string, Uint8Array>()

  /** One that changes no more when this one does: a death is followed by several outcomes. */
  copy(): Ledger {
    const copy = new Ledger()
    copy.records = this.records.slice()
    copy.times = this.times.slice()
    copy.acknowledged = this.acknowledged
    copy.written = this.written
    copy.head = this.head
    copy.nextId = this.nextId
    copy.archived = this.archived
    copy.mayComeBack = this.mayComeBack
    copy.backups = this.backups.map((backup) => ({ ...backup }))
    copy.backupsMade = this.backupsMade
    copy.rot = this.rot
    copy.kept = new Map(this.kept)
    return copy
  }

  /** A note of a record that is about to be asked for. */
  draft(size: number, shape: number, endsBatch = true): RecordNote {
    return { id: this.nextId++, size, shape, endsBatch }
  }

  /** These were numbered, in this order, behind all that were before. */
  appended(notes: readonly RecordNote[]): void {
    this.records.push(...notes)
  }

  /** The last so many records were refused before anything of them was appended. */
  refused(count: number): void {
    this.records.length -= count
  }

  /** Everything up to this record was promised to be durable. */
  acknowledge(sequence: number): void {
    this.acknowledged = Math.max(this.acknowledged, sequence)
  }

  /** Everything up to this record was handed to the system. */
  wrote(sequence: number): void {
    this.written = Math.max(this.written, sequence)
  }

  /**
   * Whatever is moved now, records up to these are archived when it is done, or none beyond.
   *
   * @example
   * ledger.appended([ledger.draft(16, 0), ledger.draft(16, 0)])
   * ledger.moves(0, 1) // record 1 is on its way into the archive
   * ledger.moved(2) // and is there
   */
  moves(surely: number, perhaps: number): void {
    const { archived } = this
    this.archived = { surely: Math.min(archived.surely, surely), perhaps: Math.max(archived.perhaps, perhaps) }
  }

  /**
   * The first record that is not archived, as the log says it. Throws `OracleError` where that cannot be.
   *
   * @example
   * ledger.moved(2) // throws OracleError
   */
  moved(firstSequence: number): void {
    const { surely, perhaps } = this.archived
    const last = firstSequence - 1
    if (last < surely || last > perhaps) fail(`archived are records up to ${last}, not ${surely} to ${perhaps}`)
    this.archived = { surely: last, perhaps: last }
  }

  /**
   * Compares what an opening found, from the first record on that is not archived, with what was promised; from then on
   * all of it is promised, and nothing else. Throws `OracleError`.
   */
  survived(survivors: readonly Survivor[], values: Values, firstSequence: number): void {
    const { records, acknowledged, written } = this
    this.moved(firstSequence)
    const count = firstSequence - 1 + survivors.length
    if (count < acknowledged) fail(`acknowledged up to ${acknowledged}, found only ${count} records`)
    if (count < written) fail(`written up to ${written} and only processes died, found only ${count} records`)
    if (count > records.length) fail(`${records.length} records were ever appended, found ${count}`)
    this.compare(survivors, values, firstSequence)
    const last = records[count - 1]
    if (last !== undefined && !last.endsBatch) fail(`record ${count} is there without the end of its batch`)
    this.records = records.slice(0, count)
    this.acknowledged = count
    this.written = count
  }

  /**
   * Compares records with what was appended, from this one on, and their timestamps with what was read before. Throws
   * `OracleError`.
   *
   * @example
   * const note = ledger.draft(16, 0)
   * ledger.appended([note])
   * ledger.compare([{ sequence: 1, timestampNs: 1n, value: BYTE_VALUES.make(note) }], BYTE_VALUES, 1)
   */
  compare(found: readonly Survivor[], values: Values, firstSequence: number): void {
    for (const [index, { sequence, timestampNs, value }] of found.entries()) {
      const expected = firstSequence + index
      const note = this.records[expected - 1]
      if (sequence !== expected) fail(`record ${expected} says that it is ${sequence}`)
      if (note === undefined) fail(`record ${expected} was never appended`)
      const instead = values.mismatch(note, value)
      if (instead !== undefined) fail(`record ${expected} should be ${JSON.stringify(note)} and is ${instead}`)
      const before = index === 0 ? 0n : found[index - 1]!.timestampNs
      if (timestampNs < before) fail(`record ${expected} is older than the one before it`)
      const known = this.times[expected - 1]
      if (known !== undefined && known !== timestampNs) fail(`record ${expected} had another timestamp before`)
    }
    for (const { sequence, timestampNs } of found) this.times[sequence - 1] = timestampNs
    this.times.length = firstSequence - 1 + found.length
  }
}

/**
 * A promise is broken.
 *
 * @example
 * import { Ledger, OracleError } from 'seglog/testing'
 *
 * try {
 *   new Ledger().moved(2)
 * } catch (error) {
 *   if (error instanceof OracleError) console.log(error.message)
 * }
 */
export class OracleError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'OracleError'
  }
}

export function fail(message: string): never {
  throw new OracleError(message)
}
