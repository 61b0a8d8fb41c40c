import { assert } from './assert.ts'
import { resealFrame } from './frame.ts'
import { FRAME, FRAME_UNITS_MAX, NO_CLAIM, TAG, UNIT, WIDE_BYTES } from './layout.ts'

const AT = FRAME.at
const UNITS_BYTES = 3

/** Longer than the frame that it is made of by at most this. */
export const MOVED_EXTRA_BYTES = WIDE_BYTES

/** What changes in a frame that goes to another place. */
export interface FrameMove {
  /** Where it shall stand, and the salt there. */
  readonly offset: number
  readonly salt: number
  /** Low 32 bits: only control frames are given another one. */
  readonly sequenceLow: number
  /** Written whole; undefined leaves the time as it is. */
  readonly timestamp: bigint | undefined
  /** Whether a batch ends here now, if it did not. */
  readonly endsBatch: boolean
}

/**
 * Writes a frame that was just verified, `from[start…start+length)`, into `target` at `at` as it must be at another place.
 * Its payload and what stands before it (keys, hash) are copied as they are; it claims nothing there, because nothing of
 * what stood before it does. Returns length and CRC.
 */
export function moveFrame(
  from: Buffer,
  start: number,
  length: number,
  move: FrameMove,
  target: Buffer,
  at: number,
): { readonly length: number; readonly crc: number } {
  const tag = from.readUInt16LE(start + AT.tag)
  const wasWide = (tag & TAG.wide) !== 0
  const restStart = start + FRAME.size + (wasWide ? WIDE_BYTES : 0)
  const restEnd = start + length - ((tag & TAG.padMask) >> TAG.padShift)
  const timestamp = move.timestamp ?? (wasWide ? from.readBigUInt64LE(start + FRAME.size) : undefined)
  const wide = timestamp === undefined ? 0 : WIDE_BYTES
  const bodyBytes = FRAME.size + wide + restEnd - restStart
  const units = Math.ceil(bodyBytes / UNIT)
  assert(units <= FRAME_UNITS_MAX, 'a frame has a length that its header can tell')
  const padding = units * UNIT - bodyBytes
  const flags = tag & ~(TAG.padMask | TAG.wide)
  const newTag = flags | (padding << TAG.padShift) | (wide && TAG.wide) | (move.endsBatch ? TAG.batchEnd : 0)
  from.copy(target, at, start, start + FRAME.size)
  target.writeUInt16LE(newTag, at + AT.tag)
  target.writeUIntLE(units, at + AT.units, UNITS_BYTES)
  target.writeUIntLE(NO_CLAIM, at + AT.claim, UNITS_BYTES)
  target.writeUInt32LE(move.sequenceLow, at + AT.sequenceLow)
  if (timestamp !== undefined) {
    target.fill(0, at + AT.timeDelta, at + FRAME.size)
    target.writeBigUInt64LE(timestamp, at + FRAME.size)
  }
  from.copy(target, at + FRAME.size + wide, restStart, restEnd)
  target.fill(0, at + bodyBytes, at + units * UNIT)
  const crc = resealFrame(target, at, units * UNIT, move.offset, move.salt)
  return { length: units * UNIT, crc }
}
