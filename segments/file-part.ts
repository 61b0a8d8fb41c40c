import type { Handle } from './env/environment.ts'
import type { Steps } from './env/steps.ts'
import { SeglogError } from './errors.ts'
import { UNIT } from './format/layout.ts'
import { isZero } from './format/prefix.ts'
import type { Window } from './window.ts'

const SECTOR_BYTES = 512
const READ_GROWTH = 4

/** The bytes of a file before an end, of which a window is in memory. */
export class FilePart {
  readonly window: Window
  private readonly handle: Handle
  private readonly end: number
  private readonly readBytesMax: number

  /** `end`: at most the length of the file. `readBytesMax`: most that is read at once, unless more is asked for. */
  constructor(handle: Handle, end: number, window: Window, readBytesMax: number) {
    this.handle = handle
    this.end = end
    this.window = window
    this.readBytesMax = readBytesMax
  }

  /** `end` is within the file, so what cannot be read before it is an error of the disk, not an end. */
  *load(at: number, bytes: number): Steps<void> {
    const { window } = this
    yield* window.load(this.handle, at, bytes, this.end)
    // Who reads on reads in longer pieces: between two of them little is done, and each costs a wait for another thread.
    window.size = Math.max(window.size, Math.min(this.readBytesMax, window.size * READ_GROWTH))
    if (window.length >= Math.min(bytes, this.end - at)) return
    throw new SeglogError('IO', 'a read ended before the file does', {
      offset: at + window.length,
      found: window.length,
    })
  }

  /**
   * From a header of zeros on, the next unit that holds anything else, or the end. No frame starts at a unit of zeros: its
   * kind stands in its first eight bytes.
   */
  *skipZeros(from: number): Steps<number> {
    const { window } = this
    for (let at = from; at < this.end; at = window.start + Math.ceil(window.length / UNIT) * UNIT) {
      if (!window.holds(at, 1)) yield* this.load(at, UNIT)
      if (window.length === 0) break
      const { words, bytes } = window.block
      // Four times as fast as the search for a word, and most windows of zeros are followed by another.
      if (isZero(bytes, at - window.start, window.length)) continue
      const until = Math.ceil(window.length / UNIT) * (UNIT / 4)
      let word = (at - window.start) / 4
      while (word < until && words[word] === 0) word += 1
      if (word < until) return window.start + Math.floor((word * 4) / UNIT) * UNIT
    }
    return this.end
  }

  /** Where the last byte that is not zero stands (plus one; `from` when there is none), and whether sectors are zero. */
  *looks(from: number, to: number): Steps<{ readonly lastByte: number; readonly zeroSectors: boolean }> {
    let lastByte = from
    let zeroRun = false
    let zeroSectors = false
    for (let at = from; at < to;) {
      if (!this.window.holds(at, 1)) {
        const aligned = Math.floor(at / UNIT) * UNIT
        yield* this.load(aligned, UNIT)
        if (!this.window.holds(at, 1)) break
      }
      const { block, start, length } = this.window
      const until = Math.min(to, start + length)
      // Whole zero windows, the common case behind the end of a log, are passed over at memory speed.
      if (isZero(block.bytes, at - start, until - start)) {
        zeroRun ||= until - at >= SECTOR_BYTES
        at = until
        continue
      }
      const next = Math.min(until, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES)
      if (isZero(block.bytes, at - start, next - start)) {
        zeroRun ||= next - at === SECTOR_BYTES
      } else {
        zeroSectors ||= zeroRun
        lastByte = lastNonZero(block.bytes, at - start, next - start) + start + 1
      }
      at = next
    }
    return { lastByte, zeroSectors }
  }
}

function lastNonZero(bytes: Uint8Array, start: number, end: number): number {
  let at = end - 1
  while (at > start && bytes[at] === 0) at -= 1
  return at
}
