import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeHeader, encodeHeader, type SegmentHeader } from '../../../segments/format/header.ts'
import {
  COUNT_READ_MAX,
  EPOCH_READ_MAX,
  SEGMENT_BYTES_MAX,
  SEGMENT_HEADER,
  SEGMENT_MAGIC,
  SEQUENCE_MAX,
  SLOT,
  SLOT_MAGIC,
} from '../../../segments/format/layout.ts'
import { encodePrefix } from '../../../segments/format/prefix.ts'
import { flipBit, mendEnd, mendPrefix } from './bytes.ts'

const AT = SEGMENT_HEADER.at
const HEADER: SegmentHeader = {
  logId: '0123456789abcdef0123456789abcdef',
  ordinal: 2,
  firstSequence: 1001,
  baseTimestamp: 1_700_000_000_000_000_000n,
  segmentBytes: 64 * 1024 * 1024,
  salt: -5,
  epoch: 3,
  codec: 'cbor-shapes',
  compression: 0,
  chain: 0,
  predecessor: { ordinal: 1, bytes: 4096, digest: -77, head: 'ab'.repeat(32) },
}

const hexDigits = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((array) => Buffer.from(array).toString('hex'))
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const large = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: COUNT_READ_MAX }))
const header: fc.Arbitrary<SegmentHeader> = fc.record({
  logId: hexDigits(16),
  ordinal: large,
  firstSequence: large,
  baseTimestamp: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  segmentBytes: fc.integer({ min: 32, max: SEGMENT_BYTES_MAX / 8 }).map((units) => units * 8),
  salt: int32,
  epoch: fc.integer({ min: 0, max: EPOCH_READ_MAX }),
  codec: fc.stringMatching(/^[a-z0-9-]{1,31}$/),
  compression: fc.nat(255),
  chain: fc.nat(255),
  predecessor: fc.option(fc.record({ ordinal: large, bytes: large, digest: int32, head: hexDigits(32) }), {
    nil: undefined,
  }),
})

test('a header comes back as it was written', () => {
  fc.assert(
    fc.property(header, (header) => {
      const bytes = encodeHeader(header)
      expect(bytes.length).toBe(SEGMENT_HEADER.size)
      expect(decodeHeader(bytes)).toEqual({ found: 'header', header })
      expect(decodeHeader(Buffer.concat([bytes, Buffer.alloc(50, 7)]))).toEqual({ found: 'header', header })
    }),
    { numRuns: 500 },
  )
})

test('reserved bytes are zeros', () => {
  const bytes = encodeHeader({ ...HEADER, predecessor: undefined })
  const zeros = (from: number, to: number): boolean => bytes.subarray(from, to).every((byte) => byte === 0)
  expect(zeros(AT.reserved1, AT.crc)).toBe(true)
  expect(zeros(AT.codec + HEADER.codec.length, AT.compression)).toBe(true)
})

test('any flipped bit is seen, and none makes a newer version', () => {
  const bytes = encodeHeader(HEADER)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const { found } = decodeHeader(flipBit(bytes, bit))
    expect({ bit, found }).toEqual({ bit, found: bit < AT.version * 8 ? 'foreign' : 'damaged' })
  }
})

test('a cut at any length is damaged, with zeros behind it or without', () => {
  const bytes = encodeHeader(HEADER)
  for (let length = 1; length < bytes.length; length++) {
    expect(decodeHeader(bytes.subarray(0, length))).toEqual({ found: 'damaged' })
    const torn = Buffer.concat([bytes.subarray(0, length), Buffer.alloc(bytes.length - length)])
    expect(decodeHeader(torn)).toEqual({ found: length < AT.version ? 'foreign' : 'damaged' })
  }
})

test('a header whose first bytes did not arrive, but later ones did, is damaged', () => {
  const bytes = encodeHeader(HEADER)
  for (let length = 16; length < bytes.length; length++) {
    const torn = Buffer.concat([Buffer.alloc(length), bytes.subarray(length)])
    expect(decodeHeader(torn)).toEqual({ found: 'damaged' })
  }
})

test('what does not fit into a header is refused', () => {
  for (const bad of [
    { codec: 'a'.repeat(32) },
    { logId: 'ab' },
    { logId: 'zz'.repeat(16) },
    { ordinal: Number.NaN },
    { firstSequence: 1.5 },
    { segmentBytes: 2 ** 53 },
    { ordinal: -1 },
    { baseTimestamp: 2n ** 64n },
    { epoch: 2 ** 32 },
  ]) {
    expect(() => encodeHeader({ ...HEADER, ...bad })).toThrow()
  }
})

test('a header of zeros was never written; one of another structure is foreign', () => {
  expect(decodeHeader(Buffer.alloc(SEGMENT_HEADER.size))).toEqual({ found: 'zeros' })
  const slot = Buffer.alloc(SEGMENT_HEADER.size)
  encodePrefix(slot, 0, SLOT_MAGIC, SLOT.size)
  expect(decodeHeader(slot)).toEqual({ found: 'foreign' })
  expect(decodeHeader(Buffer.alloc(SEGMENT_HEADER.size, 'a text file\n'))).toEqual({ found: 'foreign' })
})

test('a newer version is told from damage, whatever stands behind the prefix', () => {
  const bytes = encodeHeader(HEADER)
  bytes.writeUInt16LE(1, AT.version)
  mendPrefix(bytes)
  expect(decodeHeader(mendEnd(Buffer.from(bytes)))).toEqual({ found: 'newer' })
  expect(decodeHeader(bytes)).toEqual({ found: 'newer' })
  expect(decodeHeader(bytes.subarray(0, 16))).toEqual({ found: 'newer' })
  expect(decodeHeader(Buffer.from(bytes).fill(0xff, 16))).toEqual({ found: 'newer' })
})

describe('with checks that match, numbers out of range are damage all the same', () => {
  const u64 = (at: number, value: bigint) => (bytes: Buffer) => bytes.writeBigUInt64LE(value, at)
  const above = BigInt(SEQUENCE_MAX) + 1n

  test.each([
    ['ordinal 0', u64(AT.ordinal, 0n)],
    ['an ordinal above 2^53−1', u64(AT.ordinal, above)],
    ['first sequence 0', u64(AT.firstSequence, 0n)],
    ['a first sequence above 2^53−1', u64(AT.firstSequence, above)],
    ['a first sequence of all ones', u64(AT.firstSequence, 2n ** 64n - 1n)],
    ['a segment of no bytes', u64(AT.segmentBytes, 0n)],
    ['a segment shorter than its header', u64(AT.segmentBytes, 248n)],
    ['a segment that is no multiple of 8', u64(AT.segmentBytes, 4100n)],
    ['a segment above 2^53−1', u64(AT.segmentBytes, 2n ** 60n)],
    ['a predecessor whose ordinal is above 2^53−1', u64(AT.predecessorOrdinal, above)],
    ['a predecessor above 2^53−1 bytes', u64(AT.predecessorBytes, above)],
  ])('%s', (_, damage) => {
    const bytes = encodeHeader(HEADER)
    damage(bytes)
    expect(decodeHeader(mendEnd(bytes))).toEqual({ found: 'damaged' })
  })
})

test('any bytes get an answer, also behind checks that match', () => {
  const body = fc.uint8Array({ minLength: 240, maxLength: 240 })
  fc.assert(
    fc.property(body, (body) => {
      const bytes = Buffer.concat([Buffer.alloc(16), body])
      expect(decodeHeader(Buffer.from(body)).found).toMatch(/^(zeros|foreign|damaged)$/)
      encodePrefix(bytes, 0, SEGMENT_MAGIC, SEGMENT_HEADER.size)
      expect(decodeHeader(bytes).found).toBe('damaged')
      const answer = decodeHeader(mendEnd(bytes))
      expect(answer.found).toMatch(/^(header|damaged)$/)
      if (answer.found === 'header') expect(answer.header.ordinal).toBeLessThanOrEqual(SEQUENCE_MAX)
    }),
  )
})
