import type { Handle } from './env/environment.ts'
import type { Steps } from './env/steps.ts'
import { readWhatIsThere } from './files.ts'
import { crc32 } from './format/checksum.ts'
import { Block } from './format/frame.ts'
import { UNIT } from './format/layout.ts'

/** Bytes read at once in a walk through a segment. */
export const WINDOW_BYTES = 256 * 1024
const WINDOW_BYTES_MIN = 512
/** The same where next to nothing is done for a record: to wait for 256 KiB takes as long as to check them. */
export const WINDOW_BYTES_MAX = 1024 * 1024

/** What a window needs for a part of a file that is so long: there is no use in one that is longer. */
export function windowBytes(partBytes: number, bytesMax = WINDOW_BYTES): number {
  return Math.min(bytesMax, Math.max(WINDOW_BYTES_MIN, Math.ceil(partBytes / UNIT) * UNIT))
}

/** A part of a segment's file in memory; `block.bytes[0]` stands at `start`. */
export class Window {
  block: Block
  /** A multiple of `UNIT`. */
  start = 0
  /** Bytes that are there. */
  length = 0

  /** How much is read at once, unless more is asked for. */
  size: number

  constructor(bytes = WINDOW_BYTES) {
    this.size = bytes
    this.block = new Block(bytes)
  }

  /** Forgets what is there, for another file. */
  clear(): void {
    this.length = 0
  }

  /** Leaves the block to who holds it, and goes on with a fresh one. */
  renew(): void {
    this.block = new Block(this.size)
    this.length = 0
  }

  /** Whether these bytes of the file are in memory. */
  holds(position: number, bytes: number): boolean {
    return position >= this.start && position + bytes <= this.start + this.length
  }

  /**
   * Reads from `position` (a multiple of `UNIT`) on: a whole window or more where `bytes` asks for it, never beyond `end`.
   * What the file does not hold is not there; the block may be replaced, never what earlier readers hold of it.
   */
  *load(handle: Handle, position: number, bytes: number, end: number): Steps<void> {
    const wanted = Math.min(Math.max(bytes, this.size), Math.max(0, end - position))
    if (wanted > this.block.bytes.length) this.block = new Block(Math.ceil(wanted / UNIT) * UNIT)
    this.start = position
    this.length = 0
    this.length = yield* readWhatIsThere(handle, this.block.bytes, 0, wanted, position)
    // A file of an odd length ends in the middle of a unit: the rest of that unit counts as zeros.
    this.block.bytes.fill(0, this.length, Math.ceil(this.length / UNIT) * UNIT)
  }
}

/** CRC-32 of bytes that pass through a window, from a place on. */
export class WindowCrc {
  private crc: number
  private end: number

  constructor(crc: number, end: number) {
    this.crc = crc
    this.end = end
  }

  /** Takes what lies before `to`; to be called before the window is loaded anew from there. Returns the CRC up to there. */
  upTo(to: number, { block, start }: Window): number {
    if (to > this.end) {
      this.crc = crc32(block.bytes.subarray(this.end - start, to - start), this.crc)
      this.end = to
    }
    return this.crc
  }
}
