import { PAYLOAD_BYTES_LIMIT, frameBytes } from './format/frame.ts'
import { FRAMES_START, KEYS_LENGTH_BYTES, WIDE_BYTES, UNIT } from './format/layout.ts'

/** Bytes that the first frame needs beside its own: the header, and its timestamp, which is always whole. */
export const FIRST_FRAME_EXTRA = FRAMES_START + WIDE_BYTES

/** The least a segment must be able to hold for one payload, its key block, and the hash that each frame of a log has. */
export function segmentBytesFor(payloadBytes: number, keys: Uint8Array | undefined, hashBytes: number): number {
  return FIRST_FRAME_EXTRA + frameBytes(payloadBytes, WIDE_BYTES + hashBytes + keysBytes(keys))
}

/** Space of a segment that no payload can have: its header and that of a frame, with room for a whole timestamp. */
const SEGMENT_OVERHEAD_BYTES = 512

/** Longest payload that is taken by a log with segments of this length. */
export function payloadBytesIn(segmentBytes: number): number {
  return Math.min(segmentBytes - SEGMENT_OVERHEAD_BYTES, PAYLOAD_BYTES_LIMIT)
}

/** What a key block adds to a frame. */
export function keysBytes(keys: Uint8Array | undefined): number {
  return keys === undefined ? 0 : KEYS_LENGTH_BYTES + keys.length
}

/** As many bytes, or as few more as make whole units. */
export function roundUp(bytes: number): number {
  return Math.ceil(bytes / UNIT) * UNIT
}
