/**
 * The bytes of a file in memory: cells of which the missing ones are zeros, shared between copies until one of them
 * writes. So a copy costs nothing per byte, and a file of zeros no memory; crash exploration lives on both.
 */

/** What a system gives a file of its storage at a time. */
export const PAGE_BYTES = 4096

/** Shorter than a page, because most files of a crash test are, and a slot is less: their writes copy a quarter. */
const CELL_BYTES = 1024

/** Cells are cut from slabs, because allocating a buffer each costs more than copying a cell. */
const SLAB_CELLS = 32

const ZEROS = new Uint8Array(16 * PAGE_BYTES)

/** Cells hang together in chunks, so that owning the table of a file copies a few entries and not one per cell. */
const CHUNK_CELLS = 256

/** Only the copy that owns a cell or chunk may change it. */
interface Cell {
  readonly owner: object
  readonly bytes: Uint8Array
}

interface Chunk {
  readonly owner: object
  readonly cells: (Cell | undefined)[]
}

/** Gives out empty cells; one for a whole tree of files. */
export class Slabs {
  #slab = new ArrayBuffer(0)
  #used = SLAB_CELLS

  take(): Uint8Array {
    if (this.#used === SLAB_CELLS) {
      this.#slab = new ArrayBuffer(SLAB_CELLS * CELL_BYTES)
      this.#used = 0
    }
    return new Uint8Array(this.#slab, this.#used++ * CELL_BYTES, CELL_BYTES)
  }
}

export function isZero(bytes: Uint8Array): boolean {
  // Most of what is written begins with a magic or a checksum.
  if (bytes.length > 0 && bytes[0] !== 0) return false
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const part = bytes.subarray(at, at + ZEROS.length)
    if (Buffer.compare(part, ZEROS.subarray(0, part.length)) !== 0) return false
  }
  return true
}

export class PagedBytes {
  /** Which pages have storage, be they zeros or not. */
  readonly allocated: PageRanges
  readonly #slabs: Slabs
  #chunks: Map<number, Chunk>
  #chunksAreShared: boolean
  #owner: object = {}

  constructor(slabs: Slabs, copyOf?: PagedBytes) {
    this.#slabs = slabs
    this.allocated = new PageRanges(copyOf?.allocated)
    this.#chunks = copyOf ? copyOf.#chunks : new Map<number, Chunk>()
    this.#chunksAreShared = copyOf !== undefined
    if (copyOf) {
      copyOf.#chunksAreShared = true
      // What the original owned until now belongs to both, so to neither.
      copyOf.#owner = {}
    }
  }

  clone(): PagedBytes {
    return new PagedBytes(this.#slabs, this)
  }

  read(position: number, into: Uint8Array): void {
    for (let done = 0; done < into.length;) {
      const number = Math.floor((position + done) / CELL_BYTES)
      const at = (position + done) % CELL_BYTES
      const chunk = this.#chunks.get(Math.floor(number / CHUNK_CELLS))
      // A missing chunk is filled at once.
      const span = chunk ? CELL_BYTES : (CHUNK_CELLS - (number % CHUNK_CELLS)) * CELL_BYTES
      const count = Math.min(span - at, into.length - done)
      const cell = chunk?.cells[number % CHUNK_CELLS]
      if (cell) into.set(cell.bytes.subarray(at, at + count), done)
      else into.fill(0, done, done + count)
      done += count
    }
  }

  write(position: number, from: Uint8Array): void {
    if (from.length === 0) return
    const end = position + from.length
    this.allocated.add(Math.floor(position / PAGE_BYTES), Math.ceil(end / PAGE_BYTES))
    const allZero = isZero(from)
    for (let done = 0; done < from.length;) {
      const at = (position + done) % CELL_BYTES
      const count = Math.min(CELL_BYTES - at, from.length - done)
      const number = Math.floor((position + done) / CELL_BYTES)
      if (!allZero || this.#hasCell(number)) {
        this.#ownCell(number).set(count === from.length ? from : from.subarray(done, done + count), at)
      }
      done += count
    }
  }

  /** Everything from `size` on becomes zeros without storage. */
  cut(size: number): void {
    this.allocated.cut(Math.ceil(size / PAGE_BYTES))
    const first = Math.ceil(size / CELL_BYTES)
    const firstChunk = Math.floor(first / CHUNK_CELLS)
    this.#ownChunks()
    for (const number of this.#chunks.keys()) if (number > firstChunk) this.#chunks.delete(number)
    if (this.#chunks.has(firstChunk)) this.#ownChunk(firstChunk).length = first % CHUNK_CELLS
    const last = Math.floor(size / CELL_BYTES)
    if (last < first && this.#hasCell(last)) this.#ownCell(last).fill(0, size % CELL_BYTES)
  }

  #hasCell(number: number): boolean {
    return this.#chunks.get(Math.floor(number / CHUNK_CELLS))?.cells[number % CHUNK_CELLS] !== undefined
  }

  #ownChunks(): void {
    if (!this.#chunksAreShared) return
    this.#chunks = new Map(this.#chunks)
    this.#chunksAreShared = false
  }

  #ownChunk(number: number): (Cell | undefined)[] {
    const chunk = this.#chunks.get(number)
    if (chunk?.owner === this.#owner) return chunk.cells
    this.#ownChunks()
    const cells = chunk ? chunk.cells.slice() : []
    this.#chunks.set(number, { owner: this.#owner, cells })
    return cells
  }

  #ownCell(number: number): Uint8Array {
    const cells = this.#ownChunk(Math.floor(number / CHUNK_CELLS))
    const cell = cells[number % CHUNK_CELLS]
    if (cell?.owner === this.#owner) return cell.bytes
    const bytes = this.#slabs.take()
    if (cell) bytes.set(cell.bytes)
    cells[number % CHUNK_CELLS] = { owner: this.#owner, bytes }
    return bytes
  }
}

/** A set of page numbers as ranges; nearly always one range, because files are filled from their start. */
export class PageRanges {
  /** from, to, from, to …; ascending, not touching. */
  #bounds: number[]

  constructor(copyOf?: PageRanges) {
    this.#bounds = copyOf ? copyOf.#bounds.slice() : []
  }

  add(from: number, to: number): void {
    const bounds = this.#bounds
    const last = bounds.length - 2
    if (last >= 0 && from >= (bounds[last] as number) && from <= (bounds[last + 1] as number)) {
      if (to > (bounds[last + 1] as number)) bounds[last + 1] = to
      return
    }
    const merged: number[] = []
    let start = from
    let end = to
    for (let i = 0; i < bounds.length; i += 2) {
      const a = bounds[i] as number
      const b = bounds[i + 1] as number
      if (b < start) merged.push(a, b)
      else if (a > end) {
        merged.push(start, end)
        start = a
        end = b
      } else {
        start = Math.min(start, a)
        end = Math.max(end, b)
      }
    }
    merged.push(start, end)
    this.#bounds = merged
  }

  /** Takes away all from this page on. */
  cut(first: number): void {
    const kept: number[] = []
    for (let i = 0; i < this.#bounds.length; i += 2) {
      const a = this.#bounds[i] as number
      if (a < first) kept.push(a, Math.min(first, this.#bounds[i + 1] as number))
    }
    this.#bounds = kept
  }

  get count(): number {
    let count = 0
    for (let i = 0; i < this.#bounds.length; i += 2) {
      count += (this.#bounds[i + 1] as number) - (this.#bounds[i] as number)
    }
    return count
  }

  /** How many of the pages `from` … `to` - 1 are in the set. */
  countWithin(from: number, to: number): number {
    let count = 0
    for (let i = 0; i < this.#bounds.length; i += 2) {
      count += Math.max(0, Math.min(to, this.#bounds[i + 1] as number) - Math.max(from, this.#bounds[i] as number))
    }
    return count
  }
}
