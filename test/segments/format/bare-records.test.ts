import fc from 'fast-check'
import { afterEach, beforeAll, expect, test, vi } from 'vitest'
import { makeBareCode } from '../../../segments/format/bare-code.ts'
import { type BareRecords, PIECE_BYTES, bareRecords, looksBare } from '../../../segments/format/bare-records.ts'
import { DIGEST_START, addToDigest } from '../../../segments/format/checksum.ts'
import { Block, FrameDecoder, FrameEncoder, frameBytes, resealFrame } from '../../../segments/format/frame.ts'
import { emptyDraft, extensionBytes } from '../../../segments/format/frame-draft.ts'
import { FRAME, KIND, NO_CLAIM, SEGMENT_BYTES_MAX, TAG, UNIT } from '../../../segments/format/layout.ts'

const BARE_BYTES_MAX = 768
const EXTENDED = TAG.wide | TAG.chained | TAG.compressed | TAG.keys

let bare: BareRecords
beforeAll(() => {
  bare = bareRecords(Infinity)!
})

afterEach(() => {
  vi.unstubAllGlobals()
})

interface Place {
  readonly offset: number
  readonly salt: number
  readonly sequence: number
}

/** One frame after the other, as a scan looks at each: what there is to say of those that are taken. */
function plain(block: Block, limit: number, { offset, salt, sequence }: Place): object {
  const decoder = new FrameDecoder()
  const units: number[] = []
  let at = 0
  let digest = DIGEST_START
  let claimedEnd = 0
  let whole: object = { count: 0 }
  while (decoder.read(block, at, limit, offset + at, salt) === 'frame') {
    if (decoder.kind !== KIND.record || (decoder.tag & EXTENDED) !== 0 || decoder.length > BARE_BYTES_MAX) break
    if (decoder.sequenceLow !== (sequence + units.length) % 2 ** 32) break
    if (decoder.claim !== NO_CLAIM) claimedEnd = Math.max(claimedEnd, offset + at - decoder.claim * UNIT)
    digest = addToDigest(digest, decoder.crc)
    units.push((offset + at) / UNIT)
    at += decoder.length
    if ((decoder.tag & TAG.batchEnd) === 0) continue
    whole = { count: units.length, end: offset + at, digest, timeDelta: decoder.timeDelta }
  }
  return { units, end: offset + at, digest, claimedEnd, whole, isAtLimit: limit - at < BARE_BYTES_MAX }
}

function together(block: Block, limit: number, { offset, salt, sequence }: Place): object {
  const count = bare.take(block, 0, limit, offset, salt, sequence, DIGEST_START)
  const { end, digest, claimedEnd, isAtLimit, wholeCount, wholeEnd, wholeDigest, wholeTimeDelta } = bare
  const isWhole = { count: wholeCount, end: wholeEnd, digest: wholeDigest, timeDelta: wholeTimeDelta }
  const whole = wholeCount === 0 ? { count: 0 } : isWhole
  return { units: [...bare.places(count)], end, digest, claimedEnd, whole, isAtLimit }
}

interface Piece {
  readonly kind: number
  readonly flags: number
  readonly bytes: number
  readonly claim: number
  readonly timeDelta: number
  readonly extension: 'none' | 'wide' | 'chained' | 'compressed' | 'keys'
}

function frames(pieces: readonly Piece[], { offset, salt, sequence }: Place): { block: Block; starts: number[] } {
  const block = new Block(PIECE_BYTES.most)
  const encoder = new FrameEncoder()
  const starts = [0]
  for (const [index, { extension, bytes, ...given }] of pieces.entries()) {
    const draft = { ...emptyDraft(), ...given, sequence: sequence + index }
    if (extension === 'wide') draft.timestamp = 2n ** 60n
    if (extension === 'chained') draft.hash = Buffer.alloc(32, index)
    if (extension === 'compressed') draft.originalBytes = 1000
    if (extension === 'keys') draft.keys = Buffer.alloc(3, index)
    const at = starts.at(-1)!
    if (at + frameBytes(bytes, extensionBytes(draft)) > block.bytes.length) break
    starts.push(at + encoder.encode(block.bytes, at, offset + at, salt, draft, Buffer.alloc(bytes, index + 1)))
  }
  return { block, starts }
}

const place: fc.Arbitrary<Place> = fc.record({
  offset: fc.oneof(
    fc.constant(256),
    fc.integer({ min: 32, max: SEGMENT_BYTES_MAX / UNIT }).map((unit) => unit * UNIT),
  ),
  salt: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  sequence: fc.oneof(
    fc.constantFrom(1, 2 ** 31 - 3, 2 ** 32 - 3),
    fc.maxSafeNat().map((n) => Math.max(1, n - 10_000)),
  ),
})
/** `weight`: how many bare ones stand for one that is not. */
const pieceOf = (weight: number): fc.Arbitrary<Piece> =>
  fc.record({
    kind: fc.oneof({ weight, arbitrary: fc.constant<number>(KIND.record) }, fc.integer({ min: 1, max: 9 })),
    flags: fc.constantFrom<number>(0, TAG.batchEnd, TAG.batchEnd, TAG.plain | TAG.batchEnd),
    bytes: fc.oneof({ weight, arbitrary: fc.nat(100) }, fc.integer({ min: 700, max: 800 })),
    claim: fc.oneof(fc.nat(100), fc.nat(NO_CLAIM), fc.constant(NO_CLAIM)),
    timeDelta: fc.oneof(fc.nat(1000), fc.integer({ min: 0, max: 2 ** 48 - 1 })),
    extension: fc.oneof(
      { weight, arbitrary: fc.constant('none' as const) },
      fc.constantFrom('wide' as const, 'chained' as const, 'compressed' as const, 'keys' as const),
    ),
  })
const pieces = fc.oneof(
  fc.array(pieceOf(20), { maxLength: 20 }),
  fc.array(pieceOf(3000), { maxLength: 1000, minLength: 300, size: 'max' }),
)

test('many at once are what they are one by one, whatever stands among them, wherever they stand and end', () => {
  let most = 0
  fc.assert(
    fc.property(pieces, place, fc.nat(), (pieces, place, cut) => {
      const { block, starts } = frames(pieces, place)
      const end = starts.at(-1)!
      for (const limit of [end, cut % (end + 1)]) {
        const expected = plain(block, limit, place)
        expect(together(block, limit, place)).toEqual(expected)
        most = Math.max(most, (expected as { units: number[] }).units.length)
      }
    }),
    { numRuns: 200 },
  )
  expect(most).toBeGreaterThan(500)
})

const SMALL: readonly Piece[] = [0, 1, 8, 17, 40, 63, 100].map((bytes) => {
  return { kind: KIND.record, flags: TAG.batchEnd, bytes, claim: 3, timeDelta: 5, extension: 'none' }
})
const PLACE = { offset: 4096, salt: 0x1234567, sequence: 70_000 }

test('each flipped bit of any of them ends what is taken before it', () => {
  const { block, starts } = frames(SMALL, PLACE)
  const end = starts.at(-1)!
  expect(together(block, end, PLACE)).toMatchObject({ units: { length: SMALL.length } })
  for (let bit = 0; bit < end * 8; bit++) {
    const at = bit >> 3
    block.bytes[at]! ^= 1 << (bit & 7)
    const before = starts.findLastIndex((start) => start <= at)
    expect(together(block, end, PLACE)).toMatchObject({ units: { length: before } })
    block.bytes[at]! ^= 1 << (bit & 7)
  }
})

test.each([0, 8, 16])('as many as fill a piece up to %i bytes before its end are taken', (rest) => {
  const pieces = Array.from({ length: PIECE_BYTES.most / 32 }, () => ({ ...SMALL[0]!, bytes: 8 }))
  pieces.splice(-2, 2, { ...SMALL[0]!, bytes: 40 - rest })
  const { block, starts } = frames(pieces, PLACE)
  expect(starts.at(-1)).toBe(PIECE_BYTES.most - rest)
  expect(together(block, PIECE_BYTES.most, PLACE)).toEqual(plain(block, PIECE_BYTES.most, PLACE))
})

test.each([
  ['under another salt', { ...PLACE, salt: PLACE.salt ^ 1 }],
  ['at another place', { ...PLACE, offset: PLACE.offset + UNIT }],
  ['with another sequence', { ...PLACE, sequence: PLACE.sequence + 1 }],
])('none is taken %s', (_, other) => {
  const { block, starts } = frames(SMALL, PLACE)
  expect(together(block, starts.at(-1)!, other)).toMatchObject({ units: [] })
})

test('a header that lies with checks that match is taken for what the decoder takes it for', () => {
  const lie = fc.oneof(
    fc.tuple(fc.integer({ min: FRAME.at.tag, max: FRAME.size - 1 }), fc.nat(255)),
    fc.tuple(fc.constant(FRAME.at.units), fc.nat(16)),
  )
  const change = fc.array(lie, { minLength: 1, maxLength: 3 })
  let taken = 0
  fc.assert(
    fc.property(fc.nat(SMALL.length - 1), change, (which, changes) => {
      const { block, starts } = frames(SMALL, PLACE)
      const at = starts[which]!
      for (const [index, value] of changes) block.bytes[at + index] = value
      const units = block.bytes.readUIntLE(at + FRAME.at.units, 3)
      const length = Math.min(starts.at(-1)! - at, Math.max(FRAME.size, units * UNIT))
      resealFrame(block.bytes, at, length, PLACE.offset + at, PLACE.salt)
      const expected = plain(block, starts.at(-1)!, PLACE)
      expect(together(block, starts.at(-1)!, PLACE)).toEqual(expected)
      if ((expected as { units: number[] }).units.length > which) taken += 1
    }),
    { numRuns: 3000 },
  )
  expect(taken).toBeGreaterThan(100)
})

test('what looks like one may be one, and what does not look so is none', () => {
  fc.assert(
    fc.property(pieceOf(2), place, (piece, place) => {
      const { block, starts } = frames([piece], place)
      const { units } = plain(block, starts.at(-1)!, place) as { units: number[] }
      expect(looksBare(block, 0)).toBe(units.length > 0)
    }),
  )
})

const noMemory = class {
  constructor() {
    throw new RangeError('could not allocate memory')
  }
}

test.each([
  ['without WebAssembly', undefined],
  ['without memory for it', { Memory: noMemory }],
])('%s there is no code, and each is looked at by itself', (_, assembly) => {
  vi.stubGlobal('WebAssembly', assembly)
  expect(makeBareCode()).toBeUndefined()
})
