import { SeglogError, checkMembers, invalid } from '../../segments/errors.ts'
import type { CursorState } from '../../segments/format/manifest.ts'
import { isName } from '../../segments/format/names.ts'
import type { Entry } from '../read/entry.ts'
import type { ReadOptions } from '../read/range.ts'
import type { Notes } from './notes.ts'

/** A cursor as `cursors()` lists it. */
export interface CursorListing extends CursorState {
  readonly name: string
}

/** How often a cursor saves what its consumer has handled. */
export interface CursorOptions {
  /**
   * Records that a walk lets pass before it saves: saving writes a manifest, which takes milliseconds. After a crash at
   * most so many are given again, and the one at hand. Default 1.
   */
  readonly saveEvery?: number
}

/** What a cursor needs of its log. */
export interface CursorSource<T> {
  highWatermark(): number
  read(options: ReadOptions): AsyncIterable<Entry<T>>
  mustBeWritable(): void
}

/** The named cursors of an open log. */
export class Cursors<T> {
  private readonly notes: Notes
  private readonly source: CursorSource<T>

  constructor(notes: Notes, source: CursorSource<T>) {
    this.notes = notes
    this.source = source
  }

  /** Those that are durable, by name. */
  list(): readonly CursorListing[] {
    return listCursors(this.notes.durable.cursors)
  }

  open(name: string, options: CursorOptions = {}): NamedCursor<T> {
    checkMembers('options', options, ['saveEvery'])
    const { saveEvery = 1 } = options
    if (!isName(name)) throw invalid('name', 'up to 128 letters, digits, dots, dashes and underscores', name)
    if (!Number.isSafeInteger(saveEvery) || saveEvery < 1) {
      throw invalid('saveEvery', 'a whole number from 1 on', saveEvery)
    }
    return new NamedCursor(name, saveEvery, this.notes, this.source)
  }
}

/**
 * How far a consumer has come, kept with the log under a name. It only goes forward, and it is saved after records were
 * handled: a crash between the two gives them again and never skips one. A walk over it rejects as `log.read` and
 * `save` do.
 *
 * @example
 * const cursor = log.cursor('billing', { saveEvery: 100 })
 * for await (const { value } of cursor) console.log('to be billed:', value.id)
 * cursor.sequence // → 3
 */
export class NamedCursor<T> implements AsyncIterable<Entry<T>> {
  readonly name: string
  private readonly saveEvery: number
  private readonly notes: Notes
  private readonly source: CursorSource<T>

  /** Use `log.cursor(name)`. */
  constructor(name: string, saveEvery: number, notes: Notes, source: CursorSource<T>) {
    this.name = name
    this.saveEvery = saveEvery
    this.notes = notes
    this.source = source
  }

  /** Last record that is saved as handled; 0 when none is. */
  get sequence(): number {
    return stateOf(this.notes.durable.cursors, this.name)?.sequence ?? 0
  }

  /**
   * Saves that this record and all before it are handled; resolves when that is durable. 0 makes the cursor known
   * before anything is handled. Rejects with OUT_OF_ORDER where a later one was saved, INVALID_ARGUMENT for a record
   * that is not durable, CLOSED, IO or DISK_FULL; after the last two it is unknown which of the two positions a crash
   * will find.
   *
   * @example
   * await cursor.save(2)
   * await cursor.save(1) // throws OUT_OF_ORDER
   * cursor.sequence // → 2
   */
  async save(sequence: number): Promise<void> {
    this.source.mustBeWritable()
    const highWatermark = this.source.highWatermark()
    if (!Number.isSafeInteger(sequence) || sequence < 0 || sequence > highWatermark) {
      throw invalid('sequence', `that of a durable record, at most ${highWatermark}, or 0`, sequence)
    }
    const { cursors } = this.notes
    const known = stateOf(cursors, this.name)
    if (known !== undefined && sequence < known.sequence) {
      throw new SeglogError('OUT_OF_ORDER', `the cursor ${this.name} is at ${known.sequence}, and never goes back`, {
        sequence,
        expected: `at least ${known.sequence}`,
        found: sequence,
      })
    }
    const isSaved = stateOf(this.notes.durable.cursors, this.name)?.sequence === sequence
    if (isSaved && known?.sequence === sequence) return
    this.notes.cursors = { ...cursors, [this.name]: { sequence, at: this.notes.now() } }
    await this.notes.save()
  }

  /**
   * Forgets the cursor; resolves when that is durable. One of the same name then starts at the first record again.
   * Rejects with CLOSED, IO or DISK_FULL.
   *
   * @example
   * await cursor.save(2)
   * await cursor.delete()
   * cursor.sequence // → 0
   */
  async delete(): Promise<void> {
    this.source.mustBeWritable()
    const { [this.name]: _, ...others } = this.notes.cursors
    this.notes.cursors = others
    await this.notes.save()
  }

  /**
   * The records that are not handled yet, up to the high-watermark when the walk begins. One is taken for handled when the
   * next is asked for; leaving the loop in its body leaves that record unhandled. Every `saveEvery` records, and at the
   * end, what is handled is saved.
   */
  [Symbol.asyncIterator](): AsyncIterator<Entry<T>> {
    return this.saving((from) => this.source.read({ from }))
  }

  private async *saving(walk: (from: number) => AsyncIterable<Entry<T>>): AsyncGenerator<Entry<T>> {
    let handled = this.sequence
    let unsaved = 0
    try {
      for await (const entry of walk(handled + 1)) {
        yield entry
        handled = entry.sequence
        unsaved += 1
        if (unsaved < this.saveEvery) continue
        await this.save(handled)
        unsaved = 0
      }
    } finally {
      if (unsaved > 0) await this.save(handled)
    }
  }
}

/** By name. */
export function listCursors(cursors: Readonly<Record<string, CursorState>>): readonly CursorListing[] {
  const names = Object.keys(cursors).sort()
  return names.map((name) => ({ name, ...cursors[name]! }))
}

function stateOf(cursors: Readonly<Record<string, CursorState>>, name: string): CursorState | undefined {
  return Object.hasOwn(cursors, name) ? cursors[name] : undefined
}
