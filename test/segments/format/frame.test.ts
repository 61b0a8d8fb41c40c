import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  Block,
  FrameEncoder,
  frameBytes,
  PAYLOAD_BYTES_LIMIT,
  resealFrame,
  wholeSequence,
} from '../../../segments/format/frame.ts'
import { FRAME_UNITS_MAX, KIND, SEQUENCE_MAX, TIME_DELTA_LIMIT } from '../../../segments/format/layout.ts'
import { forgeFrame, mendFrame } from './bytes.ts'
import {
  agreesWithSlow,
  decoder,
  EDGES,
  encode,
  find,
  FLAGS,
  found,
  KNOWN_KINDS,
  payloadOf,
  SAMPLE,
  salt,
  sample,
  U32,
  type Sample,
} from './frame-samples.ts'

describe('a frame comes back as it was written', () => {
  const roundTrip = (it: Sample): void => {
    const bytes = encode(it)
    expect(bytes.length % 8).toBe(0)
    expect(find(bytes, it)).toBe('frame')
    expect(decoder.headerSound).toBe(true)
    const { kind, flags, claim, sequence, timestamp, timeDelta } = it.draft
    expect(found()).toMatchObject({ kind, claim, length: bytes.length, sequenceLow: sequence % U32, timestamp })
    const { hash, originalBytes, keys } = it.draft
    const given = { hash: hash && Buffer.from(hash), originalBytes, keys: keys && Buffer.from(keys) }
    expect(found()).toMatchObject(given)
    const extended = FLAGS.wide | FLAGS.chained | FLAGS.compressed | FLAGS.keys
    expect(decoder.tag & ~0x7f & ~extended).toBe(flags)
    const written = [timestamp, originalBytes, hash, keys].map((member) => member !== undefined)
    const flagged = [FLAGS.wide, FLAGS.compressed, FLAGS.chained, FLAGS.keys].map((flag) => (decoder.tag & flag) !== 0)
    expect(flagged).toEqual(written)
    expect(decoder.timeDelta).toBe(timestamp === undefined ? timeDelta : 0)
    expect(decoder.source.subarray(decoder.payloadStart, decoder.payloadEnd).equals(it.payload)).toBe(true)
  }

  test('of any content', () => {
    fc.assert(fc.property(sample, roundTrip), { numRuns: 1500 })
  })

  test.each(EDGES)('of %i bytes, wide and not, with the plain bytes that the page asks for', (length) => {
    for (const timestamp of [undefined, 0n, 2n ** 64n - 1n]) {
      const it: Sample = { ...SAMPLE, draft: { ...SAMPLE.draft, timestamp }, payload: payloadOf(length, length) }
      roundTrip(it)
      const extension = Buffer.alloc(timestamp === undefined ? 0 : 8)
      if (timestamp !== undefined) extension.writeBigUInt64LE(timestamp)
      const padding = -(extension.length + length) & 7
      const fields = {
        tag: KIND.record | (padding << 4) | FLAGS.batchEnd | (timestamp === undefined ? 0 : FLAGS.wide),
        units: (24 + extension.length + length + padding) / 8,
        claim: 3,
        sequenceLow: 77,
        timeDelta: timestamp === undefined ? 123_456_789 : 0,
      }
      const body = Buffer.concat([extension, it.payload, Buffer.alloc(padding)])
      expect(encode(it).equals(forgeFrame(fields, body, it.offset, it.salt))).toBe(true)
    }
  })

  test('with every kind that is known or may be skipped, and every flag that this version reads', () => {
    for (const kind of KNOWN_KINDS) {
      for (let flags = 0; flags < 0x2000; flags += 0x80) {
        if ((flags & (FLAGS.wide | FLAGS.compressed | FLAGS.chained | FLAGS.keys)) === 0)
          roundTrip({ ...SAMPLE, draft: { ...SAMPLE.draft, kind, flags } })
      }
    }
  })

  test('after a longer one in the same encoder and decoder: nothing of it is left', () => {
    const encoder = new FrameEncoder()
    const target = Buffer.alloc(8192)
    for (const length of [4000, 3, 5000, 1]) {
      const payload = payloadOf(length, 5)
      const bytes = target.subarray(0, encoder.encode(target, 0, 256, 1, SAMPLE.draft, payload))
      expect(agreesWithSlow(bytes, 0, bytes.length, 256, 1)).toBe('frame')
      expect(bytes.subarray(24 + length).every((byte) => byte === 0)).toBe(true)
    }
  })

  test('of the greatest length', () => {
    const payload = Buffer.alloc(PAYLOAD_BYTES_LIMIT, 0x5a)
    const block = new Block(FRAME_UNITS_MAX * 8)
    const wide = { ...SAMPLE.draft, timestamp: 1n }
    expect(new FrameEncoder().encode(block.bytes, 0, 256, 7, wide, payload)).toBe(block.bytes.length)
    expect(decoder.read(block, 0, block.bytes.length, 256, 7)).toBe('frame')
    expect(decoder.payloadEnd - decoder.payloadStart).toBe(PAYLOAD_BYTES_LIMIT)
    block.bytes[block.bytes.length - 1]! ^= 1
    expect(decoder.read(block, 0, block.bytes.length, 256, 7)).toBe('invalid')
  })
})

test('a frame resealed for another salt is the one that would have been written there', () => {
  fc.assert(
    fc.property(sample, salt, fc.nat(3), (it, salt, unit) => {
      const at = unit * 8
      const bytes = Buffer.concat([Buffer.alloc(at, 7), encode(it), Buffer.alloc(9, 7)])
      const length = bytes.length - at - 9
      const crc = resealFrame(bytes, at, length, it.offset, salt)
      const written = encode({ ...it, salt })
      expect(bytes.subarray(at, at + length).equals(written)).toBe(true)
      expect(crc).toBe(written.readInt32LE(0))
      expect([...bytes.subarray(0, at), ...bytes.subarray(at + length)].every((byte) => byte === 7)).toBe(true)
    }),
    { numRuns: 300 },
  )
})

describe('what is sound and yet no frame of ours', () => {
  const forge = (tag: number, body = Buffer.alloc(8, 1), units = (24 + body.length) / 8): Buffer =>
    forgeFrame({ tag, units, claim: 0, sequenceLow: 1, timeDelta: 0 }, body, SAMPLE.offset, SAMPLE.salt)

  test.each([
    ['kind 0', forge(0), 'invalid'],
    ['kind 0 with all flags', forge(0x1f80), 'invalid'],
    ...[5, 6, 7].map((kind) => [`kind ${kind}`, forge(kind), 'unknown'] as const),
    ...[8, 12, 15].map((kind) => [`kind ${kind}, which may be skipped`, forge(kind), 'frame'] as const),
    ...[13, 14, 15].map((bit) => [`reserved bit ${bit}`, forge(1 | (1 << bit)), 'unknown'] as const),
    ['a compressed record', forge(1 | FLAGS.compressed), 'frame'],
    ...[2, 3, 4].map(
      (kind) => [`a compressed frame of kind ${kind}`, forge(kind | FLAGS.compressed), 'unknown'] as const,
    ),
    ['a compressed frame that may be skipped', forge(8 | FLAGS.compressed), 'frame'],
    ['a compressed record without room for a length', forge(0x0051 | FLAGS.compressed), 'invalid'],
    ['a compressed record of nothing', forge(0x0041 | FLAGS.compressed), 'frame'],
    ['a hash without room', forge(1 | FLAGS.chained, Buffer.alloc(24)), 'invalid'],
    ['padding over the hash', forge(0x0011 | FLAGS.chained, Buffer.alloc(32)), 'invalid'],
    ['a hash and nothing else', forge(1 | FLAGS.chained, Buffer.alloc(32)), 'frame'],
    ['a hash of a control frame', forge(3 | FLAGS.chained, Buffer.alloc(32)), 'frame'],
    ['an empty key block', forge(1 | FLAGS.keys, Buffer.alloc(8)), 'frame'],
    ['a key block of the rest', forge(1 | FLAGS.keys, Buffer.from([4, 0, 0, 0, 1, 2, 3, 4])), 'frame'],
    ['a key block over the padding', forge(0x0011 | FLAGS.keys, Buffer.from([4, 0, 0, 0, 1, 2, 3, 4])), 'invalid'],
    ['a key block of 4 GiB', forge(1 | FLAGS.keys, Buffer.alloc(8, 0xff)), 'invalid'],
    ['a key block without room for its length', forge(0x0051 | FLAGS.keys, Buffer.alloc(8)), 'invalid'],
    [
      'all extensions and nothing else',
      forge(1 | FLAGS.wide | FLAGS.chained | FLAGS.compressed | FLAGS.keys, Buffer.alloc(48)),
      'frame',
    ],
    [
      'all extensions in too little',
      forge(0x0011 | FLAGS.wide | FLAGS.chained | FLAGS.compressed | FLAGS.keys, Buffer.alloc(48)),
      'invalid',
    ],
    ['a reserved bit in a kind that may be skipped', forge(0x2008), 'unknown'],
    ['no unit', forge(1, Buffer.alloc(0), 0), 'invalid'],
    ['two units, less than its header', forge(1, Buffer.alloc(0), 2), 'invalid'],
    ['padding in a frame without a payload', forge(0x0011, Buffer.alloc(0)), 'invalid'],
    ['a flag wide without room for the timestamp', forge(1 | FLAGS.wide, Buffer.alloc(0)), 'invalid'],
    ['padding over the timestamp', forge(0x0011 | FLAGS.wide, Buffer.alloc(8)), 'invalid'],
    ['a timestamp and nothing else', forge(1 | FLAGS.wide, Buffer.alloc(8)), 'frame'],
    ['seven bytes of padding and one of payload', forge(0x0071), 'frame'],
  ] as const)('%s', (_, bytes, finding) => {
    expect(agreesWithSlow(bytes, 0, bytes.length, SAMPLE.offset, SAMPLE.salt)).toBe(finding)
  })

  test('every tag is taken as the plain decoder takes it', () => {
    const counts: Record<string, number> = {}
    const bytes = forge(0)
    for (let tag = 0; tag < 0x10000; tag += tag < 0x200 ? 1 : 5) {
      bytes.writeUInt16LE(tag, 6)
      mendFrame(bytes, SAMPLE.offset, SAMPLE.salt)
      const finding = agreesWithSlow(bytes, 0, bytes.length, SAMPLE.offset, SAMPLE.salt)
      counts[finding] = (counts[finding] ?? 0) + 1
    }
    expect(Object.keys(counts).sort()).toEqual(['frame', 'invalid', 'unknown'])
  })

  test('zeros are no frame, whatever follows', () => {
    expect(find(Buffer.alloc(4096))).toBe('zeros')
    expect(find(Buffer.concat([Buffer.alloc(24), encode(SAMPLE)]))).toBe('zeros')
    expect(find(Buffer.alloc(23))).toBe('short')
    expect(find(Buffer.alloc(0))).toBe('short')
    for (let at = 0; at < 24; at++) expect(find(Buffer.alloc(64).fill(1, at, at + 1))).not.toBe('zeros')
  })
})

describe('numbers of a frame', () => {
  test('a sequence is whole again from its low half, anywhere in a segment', () => {
    const first = fc.oneof(
      fc.integer({ min: 1, max: SEQUENCE_MAX - U32 }),
      fc.integer({ min: U32 - 5, max: U32 + 5 }),
      fc.integer({ min: 1, max: 5 }),
    )
    const index = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: U32 - 1 }))
    fc.assert(
      fc.property(first, index, (first, index) => wholeSequence((first + index) % U32, first) === first + index),
    )
  })

  test('what its header cannot say is refused', () => {
    const encoder = new FrameEncoder()
    const draft = { ...SAMPLE.draft, timeDelta: TIME_DELTA_LIMIT }
    expect(() => encoder.encode(Buffer.alloc(64), 0, 256, 1, draft, Buffer.alloc(1))).toThrow('whole timestamp')
    const tooLong = { length: PAYLOAD_BYTES_LIMIT + 9 } as Buffer
    expect(() => encoder.encode(Buffer.alloc(64), 0, 256, 1, SAMPLE.draft, tooLong)).toThrow('length')
    expect(() => encoder.encode(Buffer.alloc(64), 2, 256, 1, SAMPLE.draft, Buffer.alloc(1))).toThrow('words')
    expect(() => encoder.encode(Buffer.alloc(64), 40, 256, 1, SAMPLE.draft, Buffer.alloc(1))).toThrow('words')
  })

  test('the length of a frame is known before it is made', () => {
    expect([0, 1, 8, 9].map((payload) => frameBytes(payload, 0))).toEqual([24, 32, 32, 40])
    expect([0, 1, 8, 9].map((payload) => frameBytes(payload, 8))).toEqual([32, 40, 40, 48])
    expect(frameBytes(PAYLOAD_BYTES_LIMIT, 8)).toBe(FRAME_UNITS_MAX * 8)
    expect(frameBytes(PAYLOAD_BYTES_LIMIT + 1, 8)).toBeGreaterThan(FRAME_UNITS_MAX * 8)
  })
})
