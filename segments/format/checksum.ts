import CRC32 from 'crc-32'
import { crc32 as zlibCrc32 } from 'node:zlib'
import { UNIT } from './layout.ts'

/**
 * From this many bytes on, zlib's CRC-32 is faster than crc-32 in spite of its dearer call
 * (measured: 160 against 190 ns at 256 B, 650 against 360 ns at 1 KiB).
 */
const ZLIB_FROM_BYTES = 400

/**
 * CRC-32 (IEEE 802.3, as in zlib) of all of `bytes`, going on from `seed`: the CRC of what stands before, or any start
 * value. Signed 32-bit, as is `seed`.
 */
export function crc32(bytes: Uint8Array, seed = 0): number {
  if (bytes.length < ZLIB_FROM_BYTES) return CRC32.buf(bytes, seed)
  return zlibCrc32(bytes, seed >>> 0) | 0
}

/** 2^32 divided by the golden ratio, odd: spreads offsets over all bits, and different ones stay different. */
const SPREAD = 0x9e3779b1

/**
 * The start value of a frame's checksum. CRC-32 maps different start values to different results for the same bytes,
 * so a frame never validates at another offset of its segment, nor at its own under another salt: not by chance but
 * for certain.
 */
export function frameSeed(salt: number, offset: number): number {
  return salt ^ Math.imul(offset / UNIT, SPREAD)
}

/** Start of a digest over frames. */
export const DIGEST_START = 0x811c9dc5 | 0

/**
 * Adds one frame's CRC to the digest of a segment: FNV-1a over 32-bit words. Each CRC covers its whole frame, so the
 * digest tells whether two files hold the same frames in the same order; it is no defence against forgery.
 */
export function addToDigest(digest: number, frameCrc: number): number {
  return Math.imul(digest ^ frameCrc, 0x01000193)
}
