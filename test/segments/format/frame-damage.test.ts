import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { blockWith, flipBit, mendFrame, plainSeed } from './bytes.ts'
import {
  agreesWithSlow,
  decoder,
  encode,
  find,
  offset,
  payloadOf,
  SAMPLE,
  salt,
  sample,
  type Sample,
} from './frame-samples.ts'

describe('damage never passes for a frame', () => {
  const SAMPLES: Sample[] = [0, 1, 8, 45, 400, 4072].map((length) => ({
    ...SAMPLE,
    payload: payloadOf(length, length),
  }))
  const WIDE: Sample = { ...SAMPLE, draft: { ...SAMPLE.draft, timestamp: 1_700_000_000_000_000_000n } }
  const EXTENDED: Sample = {
    ...SAMPLE,
    draft: { ...WIDE.draft, hash: payloadOf(32, 1), originalBytes: 5, keys: payloadOf(9, 2) },
  }

  test("any flipped bit makes it invalid, and one in the header's own part makes the header unsound", () => {
    for (const it of [...SAMPLES, WIDE, EXTENDED]) {
      const bytes = encode(it)
      const block = blockWith(bytes)
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const mask = 1 << (bit & 7)
        block.bytes[bit >> 3]! ^= mask
        const finding = decoder.read(block, 0, bytes.length, it.offset, it.salt)
        block.bytes[bit >> 3]! ^= mask
        const isHeader = bit >= 4 * 8 && bit < 24 * 8
        if (finding !== 'invalid' || decoder.headerSound === isHeader) {
          expect({ finding, sound: decoder.headerSound, bit }).toEqual({ finding: 'invalid', sound: !isHeader, bit })
        }
      }
    }
  })

  test('behind a sound header its fields can be read, though the frame is damaged or cut', () => {
    const bytes = encode(SAMPLE)
    const fields = { kind: 1, claim: 3, sequenceLow: 77, timeDelta: 123_456_789, headerSound: true }
    const other = encode({ ...SAMPLE, draft: { ...SAMPLE.draft, kind: 2, claim: 9, sequence: 5, timeDelta: 1 } })
    for (const [damaged, finding] of [
      [flipBit(bytes, 30 * 8), 'invalid'],
      [bytes.subarray(0, 40), 'short'],
    ] as const) {
      expect(find(other)).toBe('frame')
      expect(find(damaged)).toBe(finding)
      expect(decoder).toMatchObject(fields)
    }
  })

  test('in a long frame, too', () => {
    const it = { ...SAMPLE, payload: payloadOf(5001, 3) }
    const bytes = encode(it)
    for (let bit = 0; bit < bytes.length * 8; bit += bit < 256 ? 1 : 37) {
      expect({ bit, finding: find(flipBit(bytes, bit)) }).toEqual({ bit, finding: 'invalid' })
    }
  })

  test('a cut at any length is short; one that leaves the header tells the length', () => {
    for (const it of [...SAMPLES, WIDE, EXTENDED]) {
      const bytes = encode(it)
      const block = blockWith(bytes)
      for (let limit = 0; limit < bytes.length; limit++) {
        expect(decoder.read(block, 0, limit, it.offset, it.salt)).toBe('short')
        expect(decoder.headerSound).toBe(limit >= 24)
        if (limit >= 24) expect(decoder.length).toBe(bytes.length)
      }
      expect(decoder.read(block, 0, bytes.length, it.offset, it.salt)).toBe('frame')
    }
  })

  test('a frame cut at any length with zeros behind it is invalid', () => {
    for (const it of [...SAMPLES, WIDE, EXTENDED]) {
      const bytes = encode(it)
      const block = blockWith(Buffer.alloc(bytes.length))
      let end = bytes.length
      while (bytes[end - 1] === 0) end--
      for (let length = 0; length < end; length++) {
        const finding = decoder.read(block, 0, bytes.length, it.offset, it.salt)
        expect({ length, finding }).toEqual({ length, finding: length === 0 ? 'zeros' : 'invalid' })
        block.bytes[length] = bytes[length]!
      }
      expect(decoder.read(block, 0, bytes.length, it.offset, it.salt)).toBe('frame')
    }
  })

  test('at another offset or under another salt it never validates', () => {
    const place = fc.record({ it: sample, offset, salt })
    fc.assert(
      fc.property(place, ({ it, offset, salt }) => {
        const bytes = encode(it)
        if (offset !== it.offset) expect(find(bytes, { offset, salt: it.salt })).not.toBe('frame')
        if (salt !== it.salt) expect(find(bytes, { offset: it.offset, salt })).not.toBe('frame')
      }),
      { numRuns: 500 },
    )
  })

  test('not even where the header happens to be sound there', () => {
    // The CRC of the whole decides: of 200,000 other salts some three make the 16 bits of the header's check match.
    const bytes = encode(SAMPLE)
    const block = blockWith(bytes)
    let sound = 0
    let frames = 0
    for (let salt = 0; salt < 200_000; salt++) {
      if (decoder.read(block, 0, bytes.length, SAMPLE.offset, salt) === 'frame') frames++
      if (decoder.headerSound) sound++
    }
    expect(frames).toBe(0)
    expect(sound).toBeGreaterThan(0)
  })

  test('each offset of a segment has a seed of its own', () => {
    const spread = fc.tuple(offset, offset, salt).filter(([a, b]) => a !== b)
    fc.assert(fc.property(spread, ([a, b, salt]) => plainSeed(salt, a) !== plainSeed(salt, b)))
  })
})

describe('the decoder agrees with a plain one', () => {
  const place = { salt, offset, unit: fc.integer({ min: 0, max: 6 }) }

  test('on valid frames at any place of a block, with any limit', () => {
    const input = fc.record({ it: sample, unit: place.unit, cut: fc.option(fc.integer({ min: 0, max: 100 })) })
    fc.assert(
      fc.property(input, ({ it, unit, cut }) => {
        const bytes = Buffer.concat([payloadOf(unit * 8, 1), encode(it), payloadOf(40, 2)])
        const limit = Math.max(unit * 8, bytes.length - (cut ?? 0))
        agreesWithSlow(bytes, unit * 8, limit, it.offset, it.salt)
      }),
      { numRuns: 500 },
    )
  })

  test('on damaged ones, whose checks may have been mended', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 })
    const mend = fc.constantFrom('nothing', 'checks')
    const small = sample.map((it) => ({ ...it, payload: it.payload.subarray(0, it.payload.length % 100) }))
    fc.assert(
      fc.property(small, damage, mend, (it, damage, mend) => {
        const bytes = Buffer.from(encode(it))
        for (const [at, value] of damage) bytes[at % Math.min(bytes.length, 40)] = value
        if (mend === 'checks') mendFrame(bytes, it.offset, it.salt)
        agreesWithSlow(bytes, 0, bytes.length, it.offset, it.salt)
      }),
      { numRuns: 2000 },
    )
  })

  test('on any bytes: none throws', () => {
    const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array))
    fc.assert(
      fc.property(bytes, place.salt, place.offset, place.unit, (bytes, salt, offset, unit) => {
        const at = Math.min(unit * 8, bytes.length & ~7)
        expect(agreesWithSlow(bytes, at, bytes.length, offset, salt)).not.toBe('frame')
      }),
      { numRuns: 2000 },
    )
  })
})
