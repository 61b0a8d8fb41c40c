import { assert } from './assert.ts'
import { resealFrame } from './frame.ts'
import { CHAIN_HEAD_BYTES, FRAME, FRAME_UNITS_MAX, NO_CLAIM, TAG, UNIT, WIDE_BYTES } from './layout.ts'

const AT = FRAME.at
const UNITS_BYTES = 3

/** Longer than the frame that it is made of by at most this. */
export const MOVED_EXTRA_BYTES = WIDE_BYTES + CHAIN_HEAD_BYTES

/** What changes in a frame that goes to another place. */
export interface FrameMove {
  /** Where it shall stand, and the salt there. */
  readonly offset: number
  readonly salt: number
  /** Low 32 bits: only control frames are given another one. */
  readonly sequenceLow: number
  /** Written whole; undefined leaves the time as it is. */
  readonly timestamp: bigint | undefined
  /** Its hash there, in the place of the one that it has, if any; undefined leaves that. */
  readonly hash: Uint8Array | undefined
  /** Whether a batch ends here now, if it did not. */
  readonly endsBatch: boolean
}

/**
 * Writes a frame that was just verified, `from[start…start+length)`, into `target` at `at` as it must be at another place.
 * Its payload and what stands before it (keys) are copied as they are; it claims nothing there, because nothing of
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
  const hashStart = start + FRAME.size + (wasWide ? WIDE_BYTES : 0)
  const isReplaced = move.hash !== undefined && (tag & TAG.chained) !== 0
  const restStart = hashStart + (isReplaced ? CHAIN_HEAD_BYTES : 0)
  const restEnd = start + length - ((tag & TAG.padMask) >> TAG.padShift)
  const timestamp = move.timestamp ?? (wasWide ? from.readBigUInt64LE(start + FRAME.size) : undefined)
  const wide = timestamp === undefined ? 0 : WIDE_BYTES
  const hashBytes = move.hash?.length ?? 0
  const bodyBytes = FRAME.size + wide + hashBytes + restEnd - restStart
  const units = Math.ceil(bodyBytes / UNIT)
  assert(units <= FRAME_UNITS_MAX, 'a frame has a length that its header can tell')
  const padding = units * UNIT - bodyBytes
  const flags = tag & ~(TAG.padMask | TAG.wide)
  const extended = (wide && TAG.wide) | (hashBytes && TAG.chained)
  const newTag = flags | (padding << TAG.padShift) | extended | (move.endsBatch ? TAG.batchEnd : 0)
  from.copy(target, at, start, start + FRAME.size)
  target.writeUInt16LE(newTag, at + AT.tag)
  target.writeUIntLE(units, at + AT.units, UNITS_BYTES)
  target.writeUIntLE(NO_CLAIM, at + AT.claim, UNITS_BYTES)
  target.writeUInt32LE(move.sequenceLow, at + AT.sequenceLow)
  if (timestamp !== undefined) {
    target.fill(0, at + AT.timeDelta, at + FRAME.size)
    target.writeBigUInt64LE(timestamp, at + FRAME.size)
  }
  if (move.hash !== undefined) target.set(move.hash, at + FRAME.size + wide)
  from.copy(target, at + FRAME.size + wide + hashBytes, restStart, restEnd)
  target.fill(0, at + bodyBytes, at + units * UNIT)
  const crc = resealFrame(target, at, units * UNIT, move.offset, move.salt)
  return { length: units * UNIT, crc }
}
