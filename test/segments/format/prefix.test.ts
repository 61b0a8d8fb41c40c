import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PREFIX, SEGMENT_MAGIC, SLOT_MAGIC } from '../../../segments/format/layout.ts'
import { encodePrefix, inspectPrefix, isZero } from '../../../segments/format/prefix.ts'
import { flipBit, mendPrefix } from './bytes.ts'

const MAGICS = [SEGMENT_MAGIC, SLOT_MAGIC]
const SIZES = [0, 72, 256, 65_535]

function prefix(magic: string, size = 256): Buffer {
  const bytes = Buffer.alloc(PREFIX.size, 0xee)
  encodePrefix(bytes, 0, magic, size)
  return bytes
}

test('a prefix is ok for its own magic and foreign for another, at any place', () => {
  for (const magic of MAGICS) {
    for (const size of SIZES) {
      const bytes = Buffer.concat([Buffer.alloc(5, 1), prefix(magic, size), Buffer.alloc(3, 1)])
      for (const asked of MAGICS) expect(inspectPrefix(bytes, 5, asked)).toBe(asked === magic ? 'ok' : 'foreign')
      expect(bytes.readUInt16LE(5 + PREFIX.at.size)).toBe(size)
    }
  }
})

test('any flipped bit is seen, and none makes a newer version', () => {
  for (const magic of MAGICS) {
    for (let bit = 0; bit < PREFIX.size * 8; bit++) {
      const finding = inspectPrefix(flipBit(prefix(magic), bit), 0, magic)
      expect({ bit, finding }).toEqual({ bit, finding: bit < PREFIX.at.version * 8 ? 'foreign' : 'damaged' })
    }
  }
})

test('a cut at any length is damaged', () => {
  for (let length = 0; length < PREFIX.size; length++) {
    expect(inspectPrefix(prefix(SEGMENT_MAGIC).subarray(0, length), 0, SEGMENT_MAGIC)).toBe('damaged')
  }
})

test('a sound one of any later version is newer', () => {
  for (const version of [1, 2, 255, 256, 65_535]) {
    const bytes = prefix(SEGMENT_MAGIC)
    bytes.writeUInt16LE(version, PREFIX.at.version)
    expect(inspectPrefix(bytes, 0, SEGMENT_MAGIC)).toBe('damaged')
    mendPrefix(bytes)
    expect(inspectPrefix(bytes, 0, SEGMENT_MAGIC)).toBe('newer')
    expect(inspectPrefix(bytes, 0, SLOT_MAGIC)).toBe('foreign')
  }
})

test('zeros are zeros', () => {
  expect(inspectPrefix(Buffer.alloc(16), 0, SEGMENT_MAGIC)).toBe('zeros')
})

test('any bytes get an answer', () => {
  const answers = ['zeros', 'foreign', 'damaged']
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(30), (array, at) => {
      expect(answers).toContain(inspectPrefix(Buffer.from(array), at, SEGMENT_MAGIC))
    }),
  )
})

describe('isZero', () => {
  test('sees each byte of its range and none beside it, also past its own page of zeros', () => {
    const bytes = Buffer.alloc(200_000)
    for (const [start, end] of [
      [0, 200_000],
      [1, 65_537],
      [65_535, 131_073],
      [7, 7],
    ] as const) {
      expect(isZero(bytes, start, end)).toBe(true)
      for (const at of [start - 1, start, start + 1, 65_535, 65_536, 131_071, end - 1, end]) {
        if (at < 0 || at >= bytes.length) continue
        bytes[at] = 1
        expect({ at, zero: isZero(bytes, start, end) }).toEqual({ at, zero: at < start || at >= end })
        bytes[at] = 0
      }
    }
  })
})
