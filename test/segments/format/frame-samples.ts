/** Frames to test with, and a decoder without any of the shortcuts of `FrameDecoder`. */
import fc from 'fast-check'
import { crc32 } from 'node:zlib'
import { expect } from 'vitest'
import { FrameDecoder, FrameEncoder, frameBytes } from '../../../segments/format/frame.ts'
import { extensionBytes, type FrameDraft } from '../../../segments/format/frame-draft.ts'
import { KIND, KIND_OPTIONAL_FROM, NO_CLAIM, SEQUENCE_MAX, TIME_DELTA_LIMIT } from '../../../segments/format/layout.ts'
import { blockWith, plainSeed } from './bytes.ts'

export const U32 = 2 ** 32
export const FLAGS = { batchEnd: 0x80, wide: 0x100, compressed: 0x200, chained: 0x400, keys: 0x800, plain: 0x1000 }
export const KNOWN_KINDS = [...Object.values(KIND), 8, 9, 10, 11, 12, 13, 14, 15]
/** Where CRC-32 goes from one code to another, and lengths around powers of two. */
export const EDGES = [
  0, 1, 7, 8, 9, 376, 400, 424, 4063, 4064, 4065, 4071, 4072, 4073, 4079, 4080, 4081, 4096, 65_512, 70_000,
]

export interface Sample {
  draft: FrameDraft
  payload: Buffer
  offset: number
  salt: number
}

export const payloadBytes = fc.oneof(
  fc.integer({ min: 0, max: 200 }),
  fc.integer({ min: 4096 - 24 - 20, max: 4096 - 24 + 20 }),
  fc.integer({ min: 0, max: 8750 }).map((units) => units * 8),
  fc.integer({ min: 0, max: 70_000 }),
  fc.constantFrom(...EDGES),
)
export const salt = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
export const offset = fc
  .oneof(fc.integer({ min: 32, max: 8192 }), fc.integer({ min: 0, max: U32 - 1 }))
  .map((unit) => unit * 8)
export const draft: fc.Arbitrary<FrameDraft> = fc.record({
  kind: fc.constantFrom(...KNOWN_KINDS),
  flags: fc.subarray([FLAGS.batchEnd, FLAGS.plain]).map((flags) => flags.reduce((all, flag) => all | flag, 0)),
  claim: fc.oneof(fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 0, max: NO_CLAIM }), fc.constant(NO_CLAIM)),
  sequence: fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: SEQUENCE_MAX })),
  timeDelta: fc.oneof(fc.constantFrom(0, U32 - 1, U32, TIME_DELTA_LIMIT - 1), fc.integer({ min: 0, max: 2 ** 48 - 1 })),
  timestamp: fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { nil: undefined }),
})
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 })
const u32 = fc.integer({ min: 0, max: U32 - 1 })
/** Half of all frames have none, and then the members are not even there. */
export const extensions = fc.oneof(
  fc.constant({}),
  fc.record({
    hash: fc.option(hash, { nil: undefined }),
    originalBytes: fc.option(u32, { nil: undefined }),
    keys: fc.option(fc.uint8Array({ maxLength: 100 }), { nil: undefined }),
  }),
)

/** Bytes that depend on the seed alone: cheap to make and to shrink. */
export function payloadOf(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i < length; i++) bytes[i] = (seed = (Math.imul(seed, 1_103_515_245) + 12_345) | 0) >>> 16
  return bytes
}

export const sample: fc.Arbitrary<Sample> = fc
  .record({ draft, extensions, salt, offset, length: payloadBytes, seed: fc.integer() })
  .map(({ length, seed, draft, extensions, ...rest }) => {
    // Only records are compressed; kinds that may be skipped may be anything.
    const isControl = draft.kind > KIND.record && draft.kind < KIND_OPTIONAL_FROM
    const all: FrameDraft = isControl
      ? { ...draft, ...extensions, originalBytes: undefined }
      : { ...draft, ...extensions }
    return { ...rest, draft: all, payload: payloadOf(length, seed) }
  })

export function encode(it: Sample): Buffer {
  const length = frameBytes(it.payload.length, extensionBytes(it.draft))
  const target = Buffer.alloc(length + 32, 0xee)
  const encoder = new FrameEncoder()
  expect(encoder.encode(target, 16, it.offset, it.salt, it.draft, it.payload)).toBe(length)
  const bytes = target.subarray(16, 16 + length)
  expect(bytes.readInt32LE(0)).toBe(encoder.crc)
  expect(target.subarray(0, 16).every((byte) => byte === 0xee)).toBe(true)
  expect(target.subarray(16 + length).every((byte) => byte === 0xee)).toBe(true)
  return bytes
}

export const SAMPLE: Sample = {
  draft: {
    kind: KIND.record,
    flags: FLAGS.batchEnd,
    claim: 3,
    sequence: 77,
    timeDelta: 123_456_789,
    timestamp: undefined,
  },
  payload: payloadOf(45, 9),
  offset: 256,
  salt: 0x1234_5678,
}

export const decoder = new FrameDecoder()

export function find(bytes: Buffer, it: { offset: number; salt: number } = SAMPLE): string {
  return decoder.read(blockWith(bytes), 0, bytes.length, it.offset, it.salt)
}

export function found() {
  const { kind, tag, length, claim, sequenceLow, crc, timestamp } = decoder
  const timeDelta = timestamp === undefined ? decoder.timeDelta : undefined
  const { source, hashStart, keysStart, keysEnd } = decoder
  const payload = Buffer.from(source.subarray(decoder.payloadStart, decoder.payloadEnd))
  const hash = tag & FLAGS.chained ? Buffer.from(source.subarray(hashStart, hashStart + 32)) : undefined
  const originalBytes = tag & FLAGS.compressed ? decoder.originalBytes : undefined
  const keys = tag & FLAGS.keys ? Buffer.from(source.subarray(keysStart, keysEnd)) : undefined
  const rest = { timeDelta, timestamp, hash, originalBytes, keys, payload }
  return { kind, tag, length, claim, sequenceLow, crc: crc >>> 0, ...rest }
}

/** The straightforward decoder: each condition of `docs/format.md` in its order, nothing saved. */
export function slowRead(bytes: Buffer, at: number, limit: number, offset: number, salt: number) {
  const header = bytes.subarray(at, at + 24)
  if (limit - at < 24) return { finding: 'short', sound: false }
  if (header.every((byte) => byte === 0)) return { finding: 'zeros', sound: false }
  const seed = plainSeed(salt, offset)
  const length = header.readUIntLE(8, 3) * 8
  const sound = header.readUInt16LE(4) === (crc32(header.subarray(6), seed) & 0xffff) && length >= 24
  if (!sound) return { finding: 'invalid', sound }
  if (at + length > limit) return { finding: 'short', sound, length }
  const frame = bytes.subarray(at, at + length)
  const crc = crc32(frame.subarray(6), seed)
  const tag = header.readUInt16LE(6)
  const kind = tag % 16
  const wide = tag & FLAGS.wide ? 8 : 0
  const end = length - ((tag >> 4) & 7)
  if (crc !== header.readUInt32LE(0) || kind === 0) return { finding: 'invalid', sound, length }
  let start = 24 + wide
  const part = (flag: number, bytes: () => number): Buffer | undefined => {
    if ((tag & flag) === 0 || start > end) return undefined
    const from = start
    start = from + bytes() <= end ? from + bytes() : end + 1
    return start > end ? undefined : Buffer.from(frame.subarray(from, start))
  }
  const hash = part(FLAGS.chained, () => 32)
  const original = part(FLAGS.compressed, () => 4)
  const keys = part(FLAGS.keys, () => (start + 4 <= end ? 4 + frame.readUInt32LE(start) : Infinity))?.subarray(4)
  if (start > end) return { finding: 'invalid', sound, length }
  const isCompressedControl = (tag & FLAGS.compressed) !== 0 && kind > 1 && kind < 8
  if (tag >> 13 !== 0 || (kind >= 5 && kind <= 7) || isCompressedControl) return { finding: 'unknown', sound, length }
  const members = {
    kind,
    tag,
    length,
    claim: header.readUIntLE(11, 3),
    sequenceLow: header.readUInt32LE(14),
    crc,
    timeDelta: wide ? undefined : header.readUIntLE(18, 6),
    timestamp: wide ? frame.readBigUInt64LE(24) : undefined,
    hash,
    originalBytes: original?.readUInt32LE(),
    keys,
    payload: Buffer.from(frame.subarray(start, end)),
  }
  return { finding: 'frame', sound, length, members }
}

export function agreesWithSlow(bytes: Buffer, at: number, limit: number, offset: number, salt: number): string {
  const slow = slowRead(bytes, at, limit, offset, salt)
  const block = blockWith(bytes)
  const finding = decoder.read(block, at, limit, offset, salt)
  expect(finding).toBe(slow.finding)
  if (slow.sound !== undefined) expect(decoder.headerSound).toBe(slow.sound)
  if (slow.length !== undefined) expect(decoder.length).toBe(slow.length)
  if (slow.members !== undefined) {
    const [{ payload, ...rest }, { payload: slowPayload, ...slowRest }] = [found(), slow.members]
    expect(rest).toEqual(slowRest)
    expect(payload.equals(slowPayload)).toBe(true)
  }
  return finding
}
