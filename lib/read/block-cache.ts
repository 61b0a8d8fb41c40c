import type { Handle } from '../../segments/env/environment.ts'
import type { Steps } from '../../segments/env/steps.ts'
import { readWhatIsThere } from '../../segments/files.ts'
import { Block } from '../../segments/format/frame.ts'
import { UNIT } from '../../segments/format/layout.ts'
import type { FilePool, PooledFile } from './file-pool.ts'

/** Files are cached in blocks of this many bytes: one read of the disk, and some 150 small records. */
export const BLOCK_BYTES = 16 * 1024

/** Memory is taken in pieces of so many blocks, as it is used. */
const SLOTS_PER_CHUNK = 4

/** A part of a file in memory, until the next step: then its place may be given to another. */
export interface Piece {
  readonly block: Block
  /** Where in `block` the part begins, and where what is there of it ends. */
  readonly start: number
  readonly end: number
  /** Its slot of the cache; undefined where it has none. */
  readonly slot: number | undefined
}

/**
 * Blocks of files, read before and kept within fixed bounds; the one to go is found by a clock (second chance). It holds
 * only bytes that were durable when they were read: of a segment that is being written, the last block is read again when
 * more of it is asked for.
 */
export class BlockCache {
  private readonly files: FilePool
  private readonly slotCount: number
  /** Each for so many slots, made when the first of them is. */
  private readonly chunks: Block[] = []
  /** For each slot its file (0: free), the number of its block there, the bytes that are there, and the next of its chain. */
  private fileIds = new Int32Array(0)
  private numbers = new Int32Array(0)
  private lengths = new Int32Array(0)
  private nexts = new Int32Array(0)
  /** First slot of each chain, plus one. */
  private heads = new Int32Array(1)
  /** Slots that were used since the clock's hand came by. */
  private used = new Uint8Array(0)
  /** Slots that a read in flight writes to. */
  private busy = new Uint8Array(0)
  /** Parts of a block that were found sound, a bit for each; for files whose parts have checks of their own. */
  private sound = new Uint8Array(0)
  private hand = 0

  constructor(files: FilePool, bytes: number) {
    this.files = files
    this.slotCount = Math.floor(bytes / BLOCK_BYTES)
  }

  /** The slot of a block that is there, to be used before the next step. */
  find(fileId: number, number: number): number | undefined {
    const { fileIds, numbers, nexts } = this
    let next = this.heads[this.chainOf(fileId, number)]!
    while (next !== 0) {
      const slot = next - 1
      if (numbers[slot] === number && fileIds[slot] === fileId) {
        this.used[slot] = 1
        return slot
      }
      next = nexts[slot]!
    }
    return undefined
  }

  /** The memory that a slot is part of. */
  blockOf(slot: number): Block {
    return this.chunks[(slot / SLOTS_PER_CHUNK) | 0]!
  }

  startOf(slot: number): number {
    return (slot % SLOTS_PER_CHUNK) * BLOCK_BYTES
  }

  /** Where what is there of a slot ends. */
  endOf(slot: number): number {
    return this.startOf(slot) + this.lengths[slot]!
  }

  /** Whether this part of a block was found sound since it came from the disk. */
  isSound(slot: number, part: number): boolean {
    return (this.sound[slot]! & (1 << part)) !== 0
  }

  markSound(slot: number, part: number): void {
    this.sound[slot]! |= 1 << part
  }

  /** A block of a file, of which bytes before `fileEnd` may be read; less is there where the file ends sooner. */
  *load(file: PooledFile, number: number, fileEnd: number): Steps<Piece> {
    const wanted = Math.min(BLOCK_BYTES, fileEnd - number * BLOCK_BYTES)
    const known = this.find(file.id, number)
    if (known !== undefined && this.lengths[known]! >= wanted) return this.pieceOf(known)
    return yield* this.files.use(file, (handle) => this.read(handle, file.id, number, wanted))
  }

  /** Forgets a block, so that it is read again. */
  drop(fileId: number, number: number): void {
    const slot = this.find(fileId, number)
    if (slot !== undefined) this.free(slot)
  }

  private *read(handle: Handle, fileId: number, number: number, wanted: number): Steps<Piece> {
    const slot = this.takeSlot()
    const block = slot === undefined ? new Block(Math.ceil(wanted / UNIT) * UNIT) : this.blockOf(slot)
    const start = slot === undefined ? 0 : this.startOf(slot)
    let length: number
    try {
      length = yield* readWhatIsThere(handle, block.bytes, start, wanted, number * BLOCK_BYTES)
    } finally {
      if (slot !== undefined) this.busy[slot] = 0
    }
    // A file of an odd length ends in the middle of a unit: the rest of that unit counts as zeros.
    block.bytes.fill(0, start + length, start + Math.ceil(length / UNIT) * UNIT)
    if (slot === undefined) return { block, start, end: length, slot }
    this.drop(fileId, number)
    this.fileIds[slot] = fileId
    this.numbers[slot] = number
    this.lengths[slot] = length
    this.sound[slot] = 0
    this.used[slot] = 1
    const chain = this.chainOf(fileId, number)
    this.nexts[slot] = this.heads[chain]!
    this.heads[chain] = slot + 1
    return this.pieceOf(slot)
  }

  private pieceOf(slot: number): Piece {
    return { block: this.blockOf(slot), start: this.startOf(slot), end: this.endOf(slot), slot }
  }

  /** A slot for a read in flight; undefined where all belong to others. */
  private takeSlot(): number | undefined {
    if (this.fileIds.length !== this.slotCount) this.makeTables()
    const { slotCount, used, busy } = this
    for (let turn = 0; turn < 2 * slotCount; turn++) {
      const slot = this.hand
      this.hand = slot + 1 === slotCount ? 0 : slot + 1
      if (busy[slot] !== 0) continue
      if (used[slot] !== 0) {
        used[slot] = 0
        continue
      }
      if (this.fileIds[slot] !== 0) this.free(slot)
      // The hand goes through unused slots in order, so chunks are made in order, too.
      if (this.blockOf(slot) === undefined) this.chunks.push(new Block(SLOTS_PER_CHUNK * BLOCK_BYTES))
      busy[slot] = 1
      return slot
    }
    return undefined
  }

  /** When the first block is read: many logs are only written, or only walked. */
  private makeTables(): void {
    const count = this.slotCount
    this.fileIds = new Int32Array(count)
    this.numbers = new Int32Array(count)
    this.lengths = new Int32Array(count)
    this.nexts = new Int32Array(count)
    this.heads = new Int32Array(2 ** Math.ceil(Math.log2(2 * count + 1)))
    this.used = new Uint8Array(count)
    this.busy = new Uint8Array(count)
    this.sound = new Uint8Array(count)
  }

  private free(slot: number): void {
    const chain = this.chainOf(this.fileIds[slot]!, this.numbers[slot]!)
    let at = this.heads[chain]!
    if (at === slot + 1) {
      this.heads[chain] = this.nexts[slot]!
    } else {
      while (this.nexts[at - 1] !== slot + 1) at = this.nexts[at - 1]!
      this.nexts[at - 1] = this.nexts[slot]!
    }
    this.fileIds[slot] = 0
    this.used[slot] = 0
  }

  private chainOf(fileId: number, number: number): number {
    // Blocks of one file follow each other without a clash, files begin far from each other.
    return (Math.imul(fileId, SPREAD) + number) & (this.heads.length - 1)
  }
}

/** 2^32 divided by the golden ratio, odd. */
const SPREAD = 0x9e3779b1
