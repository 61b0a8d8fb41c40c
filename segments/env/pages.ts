/**
 * The bytes of a file in memory: pages of which the missing ones are zeros, shared between copies until one of them
 * writes. So a copy costs nothing per byte, and a file of zeros no memory; crash exploration lives on both.
 */

export const PAGE_BYTES = 4096

/** Pages are cut from slabs, because allocating a buffer each costs more than copying a page. */
const SLAB_PAGES = 16

const ZEROS = new Uint8Array(16 * PAGE_BYTES)

interface Page {
  /** Only the copy that owns a page may write it. */
  readonly owner: object
  readonly bytes: Uint8Array
}

/** Gives out empty pages; one for a whole tree of files. */
export class Slabs {
  #slab = new ArrayBuffer(0)
  #used = SLAB_PAGES

  take(): Uint8Array {
    if (this.#used === SLAB_PAGES) {
      this.#slab = new ArrayBuffer(SLAB_PAGES * PAGE_BYTES)
      this.#used = 0
    }
    return new Uint8Array(this.#slab, this.#used++ * PAGE_BYTES, PAGE_BYTES)
  }
}

export function isZero(bytes: Uint8Array): boolean {
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
  #pages: Map<number, Page>
  #mapIsShared: boolean
  #owner: object = {}

  constructor(slabs: Slabs, copyOf?: PagedBytes) {
    this.#slabs = slabs
    this.allocated = new PageRanges(copyOf?.allocated)
    this.#pages = copyOf ? copyOf.#pages : new Map()
    this.#mapIsShared = copyOf !== undefined
    if (copyOf) {
      copyOf.#mapIsShared = true
      // What the original owned until now belongs to both, so to neither.
      copyOf.#owner = {}
    }
  }

  clone(): PagedBytes {
    return new PagedBytes(this.#slabs, this)
  }

  read(position: number, into: Uint8Array): void {
    for (let done = 0; done < into.length;) {
      const at = (position + done) % PAGE_BYTES
      const count = Math.min(PAGE_BYTES - at, into.length - done)
      const page = this.#pages.get(Math.floor((position + done) / PAGE_BYTES))
      if (page) into.set(page.bytes.subarray(at, at + count), done)
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
      const at = (position + done) % PAGE_BYTES
      const count = Math.min(PAGE_BYTES - at, from.length - done)
      const number = Math.floor((position + done) / PAGE_BYTES)
      if (!allZero || this.#pages.has(number)) {
        this.#ownPage(number).set(count === from.length ? from : from.subarray(done, done + count), at)
      }
      done += count
    }
  }

  /** Everything from `size` on becomes zeros without storage. */
  cut(size: number): void {
    const first = Math.ceil(size / PAGE_BYTES)
    this.allocated.cut(first)
    this.#ownMap()
    for (const number of this.#pages.keys()) if (number >= first) this.#pages.delete(number)
    const last = Math.floor(size / PAGE_BYTES)
    if (last < first && this.#pages.has(last)) this.#ownPage(last).fill(0, size % PAGE_BYTES)
  }

  #ownMap(): void {
    if (!this.#mapIsShared) return
    this.#pages = new Map(this.#pages)
    this.#mapIsShared = false
  }

  #ownPage(number: number): Uint8Array {
    const page = this.#pages.get(number)
    if (page?.owner === this.#owner) return page.bytes
    this.#ownMap()
    const bytes = this.#slabs.take()
    if (page) bytes.set(page.bytes)
    this.#pages.set(number, { owner: this.#owner, bytes })
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
