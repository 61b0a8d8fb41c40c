import { originalPayload } from '../../segments/compression.ts'
import { SeglogError } from '../../segments/errors.ts'
import { Block, type FrameDecoder, lengthOf, tagOf, timeDeltaOf } from '../../segments/format/frame.ts'
import { FRAME, TAG, UNIT } from '../../segments/format/layout.ts'
import type { Decoder } from '../codecs/codec.ts'

/**
 * A record as it is read. It never changes, and owns what it shows. Time and value are made when they are asked for, so
 * only the sequence is a property of its own: who copies entries with a spread, or compares them as wholes in a test,
 * names the members instead, as in `({ sequence, value }) => ({ sequence, value })`.
 */
export interface Entry<T> {
  readonly sequence: number
  /** Nanoseconds since 1970. Made when it is asked for. */
  readonly timestampNs: bigint
  /**
   * Decompressed and decoded when it is first asked for. Throws DECODE when its codec refuses the bytes, CORRUPT when they
   * do not decompress to what they were, UNSUPPORTED_FORMAT when this Node lacks that compression.
   */
  readonly value: T
}

/**
 * A block of file bytes that entries point into. It may be read into again only when every one of them has taken its
 * value out: who never asks for values leaves blocks to the collector instead of paying for copies.
 */
export interface Page {
  readonly block: Block
  undecoded: number
}

/** Where an entry's segment lies, and how its values are decoded. */
export interface EntrySource<T> {
  readonly path: string
  readonly baseTimestamp: bigint
  readonly compression: number
  readonly decoder: Decoder<T>
}

/** What few records have beside their payload. */
interface Extras {
  /** Where functions make keys: the key block that the record was appended with. */
  keyBlock: Buffer | undefined
  /** Length before compression; undefined where nothing is compressed. */
  originalBytes: number | undefined
}

/**
 * Only the sequence is a property of its own: what else there is belongs to nobody who prints, copies or compares entries,
 * and two entries of one record are equal however they were found.
 */
export class StoredEntry<T> implements Entry<T> {
  readonly sequence: number
  readonly #source: EntrySource<T>
  readonly #delta: number
  readonly #whole: bigint | undefined
  readonly #extras: Extras | undefined
  #page: Page | undefined
  readonly #start: number
  readonly #end: number
  readonly #plain: boolean
  #decoded: T | undefined = undefined

  constructor(
    sequence: number,
    source: EntrySource<T>,
    page: Page,
    start: number,
    end: number,
    delta: number,
    whole: bigint | undefined,
    plain: boolean,
    extras: Extras | undefined,
  ) {
    this.sequence = sequence
    this.#source = source
    this.#delta = delta
    this.#whole = whole
    this.#extras = extras
    this.#page = page
    this.#start = start
    this.#end = end
    this.#plain = plain
    page.undecoded += 1
  }

  get timestampNs(): bigint {
    return this.#whole ?? this.#source.baseTimestamp + BigInt(this.#delta)
  }

  get value(): T {
    if (this.#page !== undefined) this.#decode(this.#page)
    return this.#decoded as T
  }

  get keyBlock(): Buffer | undefined {
    return this.#extras?.keyBlock
  }

  /** As the command prints records: JSON has no numbers of this length. */
  toJSON(): { sequence: number; timestampNs: string; value: T } {
    return { sequence: this.sequence, timestampNs: String(this.timestampNs), value: this.value }
  }

  /** For `console.log`. A value that cannot be read must not end it. */
  [Symbol.for('nodejs.util.inspect.custom')](_depth: number, options: object, inspect: Inspect): string {
    const { sequence, timestampNs } = this
    let value: unknown
    try {
      value = this.value
    } catch (error) {
      value = error
    }
    return `Entry ${inspect({ sequence, timestampNs, value }, options)}`
  }

  #decode(page: Page): void {
    const originalBytes = this.#extras?.originalBytes
    let bytes: Uint8Array = page.block.bytes
    let start = this.#start
    let end = this.#end
    if (originalBytes !== undefined) {
      bytes = originalPayload(this.#source, this.sequence, bytes.subarray(start, end), originalBytes)
      start = 0
      end = bytes.length
    }
    try {
      this.#decoded = this.#source.decoder.decode(bytes, start, end, this.#plain)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new SeglogError('DECODE', `the codec cannot read record ${this.sequence}: ${reason}`, {
        file: this.#source.path,
        sequence: this.sequence,
        cause: error,
      })
    }
    this.#page = undefined
    page.undecoded -= 1
  }
}

type Inspect = (value: unknown, options: object) => string

/** The entry of the frame that was just read; its payload lies in `page`, `shift` bytes behind where it was read. */
export function entryOf<T>(
  decoder: FrameDecoder,
  sequence: number,
  source: EntrySource<T>,
  page: Page,
  shift: number,
): StoredEntry<T> {
  const { tag, timeDelta, timestamp } = decoder
  const start = decoder.payloadStart + shift
  const end = decoder.payloadEnd + shift
  const plain = (tag & TAG.plain) !== 0
  const extras = (tag & (TAG.compressed | TAG.keys)) === 0 ? undefined : extrasOf(decoder)
  return new StoredEntry(sequence, source, page, start, end, timeDelta, timestamp, plain, extras)
}

/** The entry of a record without extensions at `page.block[at…]`, whose frame was checked. */
export function checkedEntryOf<T>(at: number, sequence: number, source: EntrySource<T>, page: Page): StoredEntry<T> {
  const { words } = page.block
  const from = at / 4
  const tag = tagOf(words, from)
  const end = at + lengthOf(words, from) - ((tag & TAG.padMask) >> TAG.padShift)
  const plain = (tag & TAG.plain) !== 0
  return new StoredEntry(
    sequence,
    source,
    page,
    at + FRAME.size,
    end,
    timeDeltaOf(words, from),
    undefined,
    plain,
    undefined,
  )
}

function extrasOf(decoder: FrameDecoder): Extras {
  const { tag, source, keysStart, keysEnd } = decoder
  return {
    keyBlock: (tag & TAG.keys) === 0 ? undefined : Buffer.from(source.subarray(keysStart, keysEnd)),
    originalBytes: (tag & TAG.compressed) === 0 ? undefined : decoder.originalBytes,
  }
}

const ROOM_BYTES = 16 * 1024
/** From so many bytes on a copy by the system is faster than a loop over words, in spite of the view that it needs. */
const COPY_FROM_BYTES = 512

/**
 * Where single entries keep their payloads: the block that they were found in may be read into at any time. Who takes the
 * value of an entry before he asks for the next gets the same few bytes again and again, and nothing is allocated.
 */
export class EntryRoom {
  page: Page = { block: new Block(0), undecoded: 0 }
  private end = 0

  /** Copies a payload; gives its place in `page`, which is of this copy until the next. */
  copy(from: Block, start: number, end: number): number {
    // Whole words are copied: a payload behind keys begins anywhere in one.
    const skip = start % 4
    const bytes = end - start + skip
    if (this.page.undecoded === 0) this.end = 0
    if (this.end + bytes > this.page.block.bytes.length || this.page.block.bytes.length > ROOM_BYTES) {
      this.page = { block: new Block(Math.max(ROOM_BYTES, Math.ceil(bytes / UNIT) * UNIT)), undecoded: 0 }
      this.end = 0
    }
    const at = this.end
    this.end = at + Math.ceil(bytes / UNIT) * UNIT
    const { block } = this.page
    if (bytes < COPY_FROM_BYTES) {
      const shift = (start - skip - at) / 4
      const { words } = from
      const own = block.words
      for (let word = at / 4; word * 4 < at + bytes; word++) own[word] = words[word + shift]!
    } else block.bytes.set(from.bytes.subarray(start - skip, end), at)
    return at + skip
  }
}
