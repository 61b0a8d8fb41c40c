/** What the tests of this room share: damage to bytes, and a plain writer of frames that makes no choice of its own. */
import { crc32 } from 'node:zlib'
import { Block } from '../../../segments/format/frame.ts'
import { OffsetList } from '../../../segments/segment.ts'

/** A copy of `bytes` with one bit turned over. */
export function flipBit(bytes: Buffer, bit: number): Buffer {
  const damaged = Buffer.from(bytes)
  damaged[bit >> 3]! ^= 1 << (bit & 7)
  return damaged
}

/** The seed as `docs/format.md` gives it, in numbers that cannot overflow. */
export function plainSeed(salt: number, offset: number): number {
  return Number(BigInt.asUintN(32, BigInt(salt) ^ BigInt.asUintN(32, BigInt(offset / 8) * 0x9e3779b1n)))
}

export interface PlainFrame {
  tag: number
  units: number
  claim: number
  sequenceLow: number
  timeDelta: number
}

/** A frame with sound checks around any fields: `body` is all that follows the header, padding included. */
export function forgeFrame(fields: PlainFrame, body: Uint8Array, offset: number, salt: number): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(24), body])
  bytes.writeUInt16LE(fields.tag, 6)
  bytes.writeUIntLE(fields.units, 8, 3)
  bytes.writeUIntLE(fields.claim, 11, 3)
  bytes.writeUInt32LE(fields.sequenceLow, 14)
  bytes.writeUIntLE(fields.timeDelta, 18, 6)
  return mendFrame(bytes, offset, salt)
}

/** Makes both checks of a frame match again, in place. */
export function mendFrame(bytes: Buffer, offset: number, salt: number): Buffer {
  const seed = plainSeed(salt, offset)
  bytes.writeUInt16LE(crc32(bytes.subarray(6, 24), seed) & 0xffff, 4)
  bytes.writeUInt32LE(crc32(bytes.subarray(6), seed), 0)
  return bytes
}

/** Makes the prefix's check match again, in place. */
export function mendPrefix(bytes: Buffer): Buffer {
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 12)), 12)
  return bytes
}

/** Makes the check at the end of a header or slot match again, in place. */
export function mendEnd(bytes: Buffer): Buffer {
  bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4)
  return bytes
}

/** A block of `bytes` at `at`, and 0xee everywhere else: what stands beside a frame must not matter. */
export function blockWith(bytes: Uint8Array, at = 0): Block {
  const block = new Block(Math.ceil((at + bytes.length) / 8) * 8 + 64)
  block.bytes.fill(0xee)
  block.bytes.set(bytes, at)
  return block
}

export function offsetsOf(units: readonly number[]): OffsetList {
  const offsets = new OffsetList()
  for (const each of units) offsets.push(each)
  return offsets
}
