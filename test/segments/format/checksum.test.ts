import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  addToDigest,
  crc32,
  crc32Header,
  crc32Words,
  DIGEST_START,
  frameSeed,
  shiftDifference,
} from '../../../segments/format/checksum.ts'
import { readU64, writeU64 } from '../../../segments/format/u64.ts'
import { plainSeed } from './bytes.ts'

/** Bit by bit, from the polynomial. */
function plainCrc(bytes: Uint8Array, start: number): number {
  let crc = ~start
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc
}

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })

test('CRC-32 is that of zlib at any length and start, in either of its two codes', () => {
  expect(crc32(Buffer.from('123456789')) >>> 0).toBe(0xcbf43926)
  const bytes = Buffer.from(Array.from({ length: 1000 }, (_, i) => (i * 7919) >> 3))
  for (let length = 0; length <= bytes.length; length += length < 380 || length > 420 ? 13 : 1) {
    for (const start of [0, 1, -1, 0x12345678]) {
      expect(crc32(bytes.subarray(0, length), start)).toBe(plainCrc(bytes.subarray(0, length), start))
    }
  }
})

test('a CRC goes on from the CRC of what stands before', () => {
  const bytes = fc.uint8Array({ maxLength: 900, minLength: 1 })
  fc.assert(
    fc.property(bytes, int32, fc.nat(), (bytes, start, cut) => {
      const at = cut % bytes.length
      expect(crc32(bytes.subarray(at), crc32(bytes.subarray(0, at), start))).toBe(crc32(bytes, start))
    }),
  )
})

test('the CRC of bytes behind one thing gives that of the same bytes behind another, whatever their number', () => {
  const byteCounts = fc.oneof(fc.nat(70), fc.constantFrom(255, 256, 4096, 65_535, 65_536, 70_000))
  fc.assert(
    fc.property(int32, int32, fc.array(byteCounts, { maxLength: 4, minLength: 1 }), (a, b, counts) => {
      for (const count of counts) {
        const bytes = Buffer.from(Array.from({ length: count }, (_, i) => (i * 7919 + a) & 0xff))
        expect(crc32(bytes, a) ^ shiftDifference(a ^ b, count)).toBe(crc32(bytes, b))
      }
    }),
  )
})

test('CRC-32 over words in place is that over their bytes, at any even number of them, anywhere, from any start', () => {
  const bytes = Buffer.from(Array.from({ length: 1024 }, (_, i) => (i * 7919) >> 3))
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  for (let from = 0; from < 5; from++) {
    for (let to = from; to <= words.length; to += 2) {
      for (const start of [0, 1, -1, 0x12345678]) {
        expect(crc32Words(words, from, to, start)).toBe(plainCrc(bytes.subarray(from * 4, to * 4), start))
      }
    }
  }
})

test('CRC-32 of the header of a frame is that over its bytes from the tag on, anywhere, from any start', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 24, maxLength: 24 }), fc.nat(5), int32, (header, at, start) => {
      const words = new Int32Array(at + 6)
      new Uint8Array(words.buffer).set(header, at * 4)
      expect(crc32Header(words, at + 1, start)).toBe(plainCrc(header.subarray(6), start))
    }),
  )
})

test('a seed is salt ^ offset / 8 × 0x9e3779b1, exactly, up to 32 GiB', () => {
  const offset = fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((unit) => unit * 8)
  fc.assert(fc.property(int32, offset, (salt, offset) => frameSeed(salt, offset) >>> 0 === plainSeed(salt, offset)))
})

test('a digest is FNV-1a over words, and one changed, dropped or moved frame changes it', () => {
  const digest = (crcs: readonly number[]): number => crcs.reduce(addToDigest, DIGEST_START)
  const plain = (crcs: readonly number[]): number =>
    Number(crcs.reduce((d, crc) => BigInt.asUintN(32, (d ^ BigInt(crc >>> 0)) * 0x01000193n), 0x811c9dc5n))
  const crcs = fc.array(int32, { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(crcs, fc.nat(), int32, (crcs, index, other) => {
      expect(digest(crcs) >>> 0).toBe(plain(crcs))
      const at = index % crcs.length
      if (other !== crcs[at]) expect(digest(crcs.with(at, other))).not.toBe(digest(crcs))
    }),
  )
  expect(digest([1, 2])).not.toBe(digest([2, 1]))
  expect(digest([1, 2])).not.toBe(digest([1]))
})

test('a u64 comes back exact up to 2^53−1; above it is never read as a smaller number', () => {
  const bytes = Buffer.alloc(8)
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
      bytes.writeBigUInt64LE(value)
      const read = readU64(bytes, 0)
      if (value > BigInt(Number.MAX_SAFE_INTEGER)) expect(read).toBeGreaterThan(Number.MAX_SAFE_INTEGER)
      else {
        expect(read).toBe(Number(value))
        writeU64(bytes.fill(0xee), read, 0)
        expect(bytes.readBigUInt64LE()).toBe(value)
      }
    }),
  )
})
