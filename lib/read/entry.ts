import { originalPayload } from '../../segments/compression.ts'
import { SeglogError } from '../../segments/errors.ts'
import { Block, type FrameDecoder } from '../../segments/format/frame.ts'
import { TAG, UNIT } from '../../segments/format/layout.ts'
import type { Decoder } from '../codecs/codec.ts'

/** A record as it is read. It never changes, and owns what it shows. */
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
  block: Block
  undecoded: number
}

/** Where an entry's segment lies, and how its values are decoded. */
export interface EntrySource<T> {
  readonly path: string
  readonly baseTimestamp: bigint
  readonly compression: number
  readonly decoder: Decoder<T>
}

export class StoredEntry<T> implements Entry<T> {
  readonly sequence: number
  /** Where functions make keys: the key block that the record was appended with. */
  keyBlock: Buffer | undefined = undefined
  protected readonly source: EntrySource<T>
  private readonly delta: number
  private readonly whole: bigint | undefined
  protected page: Page | undefined
  protected readonly bytes: Buffer
  protected readonly start: number
  protected readonly end: number
  private readonly plain: boolean
  private decoded: T | undefined

  constructor(
    sequence: number,
    source: EntrySource<T>,
    page: Page,
    start: number,
    end: number,
    delta: number,
    whole: bigint | undefined,
    plain: boolean,
  ) {
    this.sequence = sequence
    this.source = source
    this.page = page
    this.bytes = page.block.bytes
    this.start = start
    this.end = end
    this.delta = delta
    this.whole = whole
    this.plain = plain
    page.undecoded += 1
  }

  get timestampNs(): bigint {
    return this.whole ?? this.source.baseTimestamp + BigInt(this.delta)
  }

  get value(): T {
    if (this.page !== undefined) this.decode(this.page, this.bytes, this.start, this.end)
    return this.decoded as T
  }

  protected decode(page: Page, bytes: Uint8Array, start: number, end: number): void {
    try {
      this.decoded = this.source.decoder.decode(bytes, start, end, this.plain)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new SeglogError('DECODE', `the codec cannot read record ${this.sequence}: ${reason}`, {
        file: this.source.path,
        sequence: this.sequence,
        cause: error,
      })
    }
    this.page = undefined
    page.undecoded -= 1
  }
}

/** A record whose payload is compressed. */
class CompressedEntry<T> extends StoredEntry<T> {
  originalBytes = 0

  override get value(): T {
    const { page } = this
    if (page !== undefined) {
      const stored = this.bytes.subarray(this.start, this.end)
      const payload = originalPayload(this.source, this.sequence, stored, this.originalBytes)
      this.decode(page, payload, 0, payload.length)
    }
    return super.value
  }
}

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
  if ((tag & (TAG.compressed | TAG.keys)) === 0) {
    return new StoredEntry(sequence, source, page, start, end, timeDelta, timestamp, plain)
  }
  let entry: StoredEntry<T>
  if ((tag & TAG.compressed) === 0) {
    entry = new StoredEntry(sequence, source, page, start, end, timeDelta, timestamp, plain)
  } else {
    const compressed = new CompressedEntry(sequence, source, page, start, end, timeDelta, timestamp, plain)
    compressed.originalBytes = decoder.originalBytes
    entry = compressed
  }
  if ((tag & TAG.keys) !== 0) entry.keyBlock = Buffer.from(decoder.source.subarray(decoder.keysStart, decoder.keysEnd))
  return entry
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
