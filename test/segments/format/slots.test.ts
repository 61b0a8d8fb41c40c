import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  SEGMENT_MAGIC,
  COUNT_READ_MAX,
  EPOCH_READ_MAX,
  SEQUENCE_MAX,
  SLOT,
  SLOT_MAGIC,
  SLOT_STRIDE,
  SLOTS_FILE_BYTES,
} from '../../../segments/format/layout.ts'
import { encodePrefix } from '../../../segments/format/prefix.ts'
import { decodeSlot, encodeSlot, SLOT_OFFSETS, updateSlot, type Slot } from '../../../segments/format/slots.ts'
import { flipBit, mendEnd, mendPrefix } from './bytes.ts'

const SAMPLE: Slot = { logId: '0123456789abcdef0123456789abcdef', epoch: 4, ordinal: 3, offset: 4096, sequence: 99 }

function encoded(slot: Slot): Buffer {
  const bytes = Buffer.alloc(SLOT.size)
  encodeSlot(bytes, slot)
  return bytes
}

const count = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: COUNT_READ_MAX }))
const slot: fc.Arbitrary<Slot> = fc.record({
  logId: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((array) => Buffer.from(array).toString('hex')),
  epoch: fc.integer({ min: 0, max: EPOCH_READ_MAX }),
  ordinal: count,
  offset: count,
  sequence: count,
})

test('a slot comes back as it was written, and as it was changed', () => {
  fc.assert(
    fc.property(slot, slot, (slot, next) => {
      const bytes = encoded(slot)
      expect(decodeSlot(bytes)).toEqual(slot)
      expect(decodeSlot(Buffer.concat([bytes, Buffer.alloc(9, 7)]))).toEqual(slot)
      updateSlot(bytes, next.ordinal, next.offset, next.sequence)
      expect(bytes).toEqual(encoded({ ...next, logId: slot.logId, epoch: slot.epoch }))
    }),
  )
})

test('any flipped bit and a cut at any length make it no evidence', () => {
  const bytes = encoded(SAMPLE)
  for (let bit = 0; bit < bytes.length * 8; bit++) expect(decodeSlot(flipBit(bytes, bit))).toBeUndefined()
  for (let length = 0; length < bytes.length; length++) {
    expect(decodeSlot(bytes.subarray(0, length))).toBeUndefined()
    expect(decodeSlot(Buffer.concat([bytes.subarray(0, length), Buffer.alloc(99)]))).toBeUndefined()
  }
})

test('a slot torn between two of its lives is no evidence', () => {
  const [before, after] = [encoded(SAMPLE), encoded({ ...SAMPLE, offset: 8192, sequence: 150 })]
  let mixed = 0
  for (let length = 0; length <= before.length; length++) {
    const torn = Buffer.concat([after.subarray(0, length), before.subarray(length)])
    if (torn.equals(before) || torn.equals(after)) continue
    mixed++
    expect(decodeSlot(torn)).toBeUndefined()
  }
  expect(mixed).toBeGreaterThan(5)
})

test('zeros and other structures are no evidence', () => {
  expect(decodeSlot(Buffer.alloc(SLOT.size))).toBeUndefined()
  const other = encoded(SAMPLE)
  encodePrefix(other, 0, SEGMENT_MAGIC, SLOT.size)
  expect(decodeSlot(mendEnd(other))).toBeUndefined()
})

test('a newer version is told from damage, whatever stands behind the prefix', () => {
  const bytes = encoded(SAMPLE)
  bytes.writeUInt16LE(1, SLOT.at.version)
  mendPrefix(bytes)
  for (const newer of [bytes, mendEnd(Buffer.from(bytes)), bytes.subarray(0, 16), Buffer.from(bytes).fill(9, 16)]) {
    expect(decodeSlot(newer)).toBe('newer')
  }
})

test.each(['ordinal', 'offset', 'sequence'] as const)('%s above 2^53−1 is refused though the check matches', (name) => {
  for (const value of [BigInt(SEQUENCE_MAX) + 1n, 2n ** 64n - 1n]) {
    const bytes = encoded(SAMPLE)
    bytes.writeBigUInt64LE(value, SLOT.at[name])
    expect(decodeSlot(mendEnd(bytes))).toBeUndefined()
  }
})

test('any bytes get an answer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ minLength: 56, maxLength: 56 }), (any, body) => {
      expect(decodeSlot(Buffer.from(any))).toBeUndefined()
      const bytes = Buffer.concat([Buffer.alloc(16), body])
      encodePrefix(bytes, 0, SLOT_MAGIC, SLOT.size)
      expect(decodeSlot(bytes)).toBeUndefined()
      decodeSlot(mendEnd(bytes))
    }),
  )
})

test('one page, and one sector, never holds both slots', () => {
  expect(SLOT_OFFSETS).toEqual([0, SLOT_STRIDE])
  expect(SLOT_OFFSETS.at(-1)! + SLOT.size).toBeLessThanOrEqual(SLOTS_FILE_BYTES)
  expect(SLOT.size).toBeLessThanOrEqual(512)
})
