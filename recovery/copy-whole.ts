import type { Handle } from '../segments/env/environment.ts'
import type { Steps } from '../segments/env/steps.ts'
import { readExactly, writeAll } from '../segments/files.ts'
import { DIGEST_START, crc32 } from '../segments/format/checksum.ts'
import { Block } from '../segments/format/frame.ts'
import { FrameResealer } from '../segments/format/frame-resealer.ts'
import { FRAMES_START, UNIT } from '../segments/format/layout.ts'

const PIECE_BYTES = 1024 * 1024

/** Frames without a hole, of which the CRC of all bytes is known since each was checked. */
export interface WholePart {
  /** Where what is copied ends; a batch ends there. */
  readonly end: number
  /** Up to where the CRC goes: there may be an unfinished batch behind `end`. */
  readonly checkedEnd: number
  readonly bytesCrc: number
}

/** Digest and CRC of the bytes of the copy; undefined where what was read is not what was checked. */
export interface WholeCopy {
  readonly digest: number
  readonly bytesCrc: number
}

/**
 * Copies frames to the same places of another file, under another salt. The bytes that are copied are read once, and their
 * CRC is that of the bytes of which each frame was checked, else the copy must be thrown away: so every frame in it is
 * verified, without the walk from one CRC to the next. Measured on frames of 44 bytes: 25 ns each, against 110.
 */
export function* copyWhole(
  source: Handle,
  target: Handle,
  salt: number,
  part: WholePart,
): Steps<WholeCopy | undefined> {
  const resealer = new FrameResealer(salt)
  let block = new Block(Math.min(PIECE_BYTES, Math.ceil(part.checkedEnd / UNIT) * UNIT))
  let [read, written, digest] = [0, 0, DIGEST_START]
  // Bytes in the block of a frame of which the rest is still to be read: read again, they might be others.
  let kept = 0
  for (let at = FRAMES_START; at < part.checkedEnd;) {
    const length = Math.min(block.bytes.length, part.checkedEnd - at)
    yield* readExactly(source, block.bytes, kept, length - kept, at + kept)
    read = crc32(block.bytes.subarray(kept, length), read)
    const run = resealer.resealRun(block, length, at, Math.min(length, part.end - at), digest)
    digest = run.digest
    if (run.end > 0) {
      yield* writeAll(target, block.bytes, 0, run.end, at)
      written = crc32(block.bytes.subarray(0, run.end), written)
    }
    // Behind the end of the copy only the CRC is wanted.
    const done = at + run.end >= part.end ? length : run.end
    if (done === 0) {
      const grown = grownBlock(block, run.needed, part.checkedEnd - at)
      if (grown === undefined) return undefined
      block = grown
    }
    block.bytes.copyWithin(0, done, length)
    kept = length - done
    at += done
  }
  return read === part.bytesCrc ? { digest, bytesCrc: written } : undefined
}

/** A block that holds a frame of this length, which begins in the one that there is; undefined where there is no such frame. */
function grownBlock(block: Block, needed: number, rest: number): Block | undefined {
  if (needed <= block.bytes.length || needed > rest) return undefined
  const grown = new Block(needed)
  block.bytes.copy(grown.bytes)
  return grown
}
