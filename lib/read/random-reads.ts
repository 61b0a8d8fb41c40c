import type { Steps } from '../../segments/env/steps.ts'
import { SeglogError } from '../../segments/errors.ts'
import { readWhatIsThere } from '../../segments/files.ts'
import { Block, FrameDecoder, type FrameFinding, wholeSequence } from '../../segments/format/frame.ts'
import { FRAME, KIND, UNIT } from '../../segments/format/layout.ts'
import { BLOCK_BYTES, type BlockCache, type Piece } from './block-cache.ts'
import { EntryRoom, type Page, StoredEntry, entryOf } from './entry.ts'
import type { FilePool } from './file-pool.ts'
import type { KnownSegment } from './known-segment.ts'
import type { KnownSegments } from './known-segments.ts'
import { damaged, misplaced, missingFile } from './read-errors.ts'

/** Blocks and frames begin on units, and places are told in them. */
const UNITS_PER_BLOCK = BLOCK_BYTES / UNIT

/** A part of a file, and whose it is: of an entry's own page, or of the cache. */
interface Found extends Omit<Piece, 'slot'> {
  readonly page: Page | undefined
}

/** Single records by their sequence, read through the cache. Every frame is checked each time it is read. */
export class RandomReads<T> {
  private readonly segments: KnownSegments<T>
  private readonly files: FilePool
  private readonly cache: BlockCache
  private readonly decoder = new FrameDecoder()
  private readonly room = new EntryRoom()

  constructor(segments: KnownSegments<T>, files: FilePool, cache: BlockCache) {
    this.segments = segments
    this.files = files
    this.cache = cache
  }

  /**
   * The record, if all that it takes is in memory and sound; else `get` finds out why. A straight line without a closure,
   * an array or a generator, because it runs once per record in random order.
   */
  peek(sequence: number): StoredEntry<T> | undefined {
    const { cache, decoder } = this
    const segment = this.segments.peek(sequence)
    if (segment === undefined) return undefined
    const units = segment.peekUnits(sequence)
    if (units === undefined || units === 0) return undefined
    const slot = cache.find(segment.file.id, (units / UNITS_PER_BLOCK) | 0)
    if (slot === undefined) return undefined
    const block = cache.blockOf(slot)
    const at = cache.startOf(slot) + (units % UNITS_PER_BLOCK) * UNIT
    if (decoder.read(block, at, cache.endOf(slot), units * UNIT, segment.salt) !== 'frame') return undefined
    if (decoder.kind !== KIND.record) return undefined
    if (wholeSequence(decoder.sequenceLow, segment.firstSequence) !== sequence) return undefined
    return this.entry(segment, sequence, block, undefined)
  }

  /** A record that is in the log. Throws GAP, ARCHIVED, CORRUPT or an error of the disk. */
  *get(sequence: number): Steps<StoredEntry<T>> {
    const segment = yield* this.segments.of(sequence)
    try {
      const found = yield* this.look(segment, sequence)
      if (found instanceof StoredEntry) return found
      if (!(yield* segment.doubt())) throw found
      const again = yield* this.look(segment, sequence)
      if (again instanceof StoredEntry) return again
      throw again
    } catch (error) {
      // The pool knows the file, and not for which record it is opened this time.
      if (!(error instanceof SeglogError) || error.code !== 'GAP') throw error
      throw missingFile(segment.ref, sequence, error.cause)
    }
  }

  /** The record where it should be, or what is wrong there: on the disk, whatever the cache holds. */
  private *look(segment: KnownSegment<T>, sequence: number): Steps<StoredEntry<T> | SeglogError> {
    const units = yield* segment.unitsOf(sequence)
    if (units === 0) return damaged(segment.ref, undefined, sequence, 'invalid')
    const offset = units * UNIT
    const found = yield* this.readAt(segment, sequence, offset)
    if (found instanceof StoredEntry) return found
    const number = Math.floor(offset / BLOCK_BYTES)
    this.cache.drop(segment.file.id, number)
    this.cache.drop(segment.file.id, number + 1)
    const again = yield* this.readAt(segment, sequence, offset)
    if (again instanceof StoredEntry) return again
    return typeof again === 'number'
      ? misplaced(segment.ref, offset, sequence, again)
      : damaged(segment.ref, offset, sequence, again)
  }

  /** The record at this place; else what stands there instead of a frame, or the sequence of another record. */
  private *readAt(
    segment: KnownSegment<T>,
    sequence: number,
    offset: number,
  ): Steps<StoredEntry<T> | FrameFinding | number> {
    const { decoder } = this
    const { end } = segment.ref
    let need: number = FRAME.size
    for (;;) {
      if (offset + need > end) return 'short'
      const { block, start, end: limit, page } = yield* this.fetch(segment, offset, need)
      const finding = decoder.read(block, start, limit, offset, segment.salt)
      if (finding === 'short' && decoder.length > need) {
        need = decoder.length
        continue
      }
      if (finding !== 'frame') return finding
      const found = wholeSequence(decoder.sequenceLow, segment.firstSequence)
      if (found !== sequence) return found
      return decoder.kind === KIND.record ? this.entry(segment, sequence, block, page) : 'invalid'
    }
  }

  /** The bytes of the file from `offset` on, so many of them as are there: in one piece, wherever blocks end. */
  private *fetch(segment: KnownSegment<T>, offset: number, bytes: number): Steps<Found> {
    const { file, ref } = segment
    const number = Math.floor(offset / BLOCK_BYTES)
    if (bytes > BLOCK_BYTES) {
      // Longer than a block: not cached, and never copied.
      const block = new Block(bytes)
      const end = yield* this.files.use(file, (handle) => readWhatIsThere(handle, block.bytes, 0, bytes, offset))
      return { block, start: 0, end, page: { block, undecoded: 0 } }
    }
    const piece = yield* this.cache.load(file, number, ref.end)
    const start = piece.start + (offset - number * BLOCK_BYTES)
    if (start + bytes <= piece.end || piece.end < piece.start + BLOCK_BYTES) {
      return { block: piece.block, start, end: Math.max(start, piece.end), page: undefined }
    }
    const block = new Block(BLOCK_BYTES)
    const head = piece.end - start
    block.bytes.set(piece.block.bytes.subarray(start, piece.end))
    const next = yield* this.cache.load(file, number + 1, ref.end)
    const rest = Math.min(bytes - head, next.end - next.start)
    block.bytes.set(next.block.bytes.subarray(next.start, next.start + rest), head)
    return { block, start: 0, end: head + rest, page: { block, undecoded: 0 } }
  }

  /** An entry of the frame that was just read: on a page of its own, or with a copy of its payload. */
  private entry(segment: KnownSegment<T>, sequence: number, block: Block, own: Page | undefined): StoredEntry<T> {
    const { decoder, room } = this
    const { payloadStart, payloadEnd } = decoder
    const shift = own === undefined ? room.copy(block, payloadStart, payloadEnd) - payloadStart : 0
    return entryOf(decoder, sequence, segment, own ?? room.page, shift)
  }
}
