import { Decoder } from 'cbor-x/decode'
import { Encoder } from 'cbor-x/encode'
import fc from 'fast-check'
import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test } from 'vitest'
import { CborGuard } from '../../../lib/codecs/cbor-guard.ts'
import { cbor } from '../../../lib/codecs/cbor.ts'
import { SHAPES_MAX } from '../../../lib/codecs/shapes.ts'
import { encodeDefinition } from '../../../segments/format/dictionary.ts'
import { leaf, own } from './arbitraries.ts'
import { expectSame, renamedBack, thrown, throughPlain } from './segment.ts'

type Shapes = readonly (readonly string[])[]

function decoderOf(shapes: Shapes): ReturnType<ReturnType<typeof cbor>['decoder']> {
  const decoder = cbor().decoder()
  shapes.forEach((keys, id) => decoder.define(encodeDefinition(id, keys)))
  return decoder
}

/** The plain way: the guard walks all bytes, then cbor-x decodes them. */
function slowly(shapes: Shapes, bytes: Uint8Array): unknown {
  const fields = new Int32Array(SHAPES_MAX).fill(-1)
  shapes.forEach((keys, id) => (fields[id] = keys.length))
  if (new CborGuard(fields).check(bytes, 0, bytes.length) !== undefined) return thrown
  const structures = Object.freeze(shapes.map((keys) => [...keys])) as unknown as object[]
  try {
    return renamedBack(
      new Decoder({ structures, mapsAsObjects: true, copyBuffers: true }).decode(Uint8Array.from(bytes)),
    )
  } catch {
    return thrown
  }
}

function agrees(shapes: Shapes, decoder: ReturnType<typeof decoderOf>, bytes: Uint8Array): void {
  let value: unknown
  try {
    value = decoder.decode(bytes, 0, bytes.length, false)
  } catch {
    value = thrown
  }
  const expected = slowly(shapes, bytes)
  if (!isDeepStrictEqual(value, expected)) expect({ bytes, value }).toStrictEqual({ bytes, value: expected })
}

/** Keys that do not lead cbor-x, as it is used here, into its own traps. */
const record = fc.letrec<{ node: unknown; record: unknown }>((tie) => ({
  node: fc.oneof({ maxDepth: 3 }, leaf, tie('record'), fc.array(tie('node'), { maxLength: 4 })),
  record: fc
    .uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c', 'ä', '1'), tie('node')), { selector: ([key]) => key })
    .map(own),
})).record

test('what cbor-x writes with shapes, the reader reads', { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 30 }), (values) => {
      const structures: string[][] = []
      const encoder = new Encoder({ structures, maxSharedStructures: 64, mapsAsObjects: true })
      const kept = values.filter((value) => throughPlain(value) !== thrown)
      const written = kept.map((value) => Uint8Array.from(encoder.encode(value)))
      if (structures.length > 60) return
      const decoder = decoderOf(structures.map((keys) => [...keys]))
      const expected = written.map((bytes) => slowly(structures, bytes))
      // Some it writes as its own bookkeeping, in line; those the guard refuses.
      const read = written.map((bytes, index) =>
        expected[index] === thrown ? thrown : decoder.decode(bytes, 0, bytes.length, false),
      )
      expectSame(read, expected)
    }),
    { numRuns: 200 },
  )
})

describe('the reader agrees with the guard and cbor-x', () => {
  const shapes = [['a'], [], ['b', '__proto__', 'a'], ['x', 'x', '1']]
  const order = Uint8Array.from([
    0xd9, 0xe0, 2, 0x83, 0x63, 0x62, 0x75, 0x79, 0xfb, 64, 9, 33, 0, 0, 0, 0, 0, 0xa1, 1, 0xf7,
  ])

  test('on every byte of a record that is another', () => {
    const decoder = decoderOf(shapes)
    for (let at = 0; at < order.length; at++) {
      for (let byte = 0; byte < 256; byte++) agrees(shapes, decoder, order.with(at, byte))
    }
  })

  test('on heads of every kind, with any number behind them', { timeout: 60_000 }, () => {
    const decoder = decoderOf(shapes)
    for (let byte = 0; byte < 256; byte++) {
      for (const tail of [
        [],
        [0],
        [1, 0x61],
        [0, 1, 7],
        [0, 0, 0, 1, 0xf6],
        [0, 0, 0, 0, 0, 0, 0, 5],
        [255, 255, 255, 255, 255],
      ]) {
        agrees(shapes, decoder, Uint8Array.of(byte, ...tail))
        agrees(shapes, decoder, Uint8Array.of(0x82, byte, ...tail, 0))
      }
    }
  })

  test('on random bytes of the sort that it reads itself', { timeout: 120_000 }, () => {
    const piece = fc.oneof(
      fc.constantFrom([0xd9, 0xe0, 0, 0x81], [0xd9, 0xe0, 1, 0x80], [0xd9, 0xe0, 2, 0x82], [0xd9, 0xe0, 3, 0x83], [0x98, 2]),
      fc.constantFrom([0x61, 0x61], [0x62, 0x62, 0x63], [0x82], [0x80], [0xa1, 0x61, 0x61], [0xa1, 1], [0xfb, 64, 9, 33, 0, 0, 0, 0, 0]),
      fc.constantFrom([0x1b, 0, 0, 0, 0, 0, 0, 1, 2], [0x3b, 255, 0, 0, 0, 0, 0, 1, 2], [0x39, 1, 0], [0xc1, 5], [0xd8, 64, 0x41, 7]),
      fc.nat(255).map((byte) => [byte]),
    ) // prettier-ignore
    const decoder = decoderOf(shapes)
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        agrees(
          shapes,
          decoder,
          Uint8Array.from(pieces.flat()).map((byte) => byte),
        )
      }),
      { numRuns: 30_000 },
    )
  })
})

/** After so many reads a shape has a function of its own. */
const COMPILED = 300

describe.each([1, COMPILED])('a record that is cut, at any place, is an error of its own: after %i reads', (reads) => {
  const long = 'a text of more than twelve characters, and ü'
  test.each([
    ['side', 'buy', [0x63, 98, 117, 121]],
    ['count', 258, [0x19, 1, 2]],
    ['bytes', 66_051, [0x1a, 0, 1, 2, 3]],
    ['price', 3.125, [0xfb, 64, 9, 0, 0, 0, 0, 0, 0]],
    ['list', [0.5, 9n], [0x82, 0xfb, 63, 224, 0, 0, 0, 0, 0, 0, 0x1b, 0, 0, 0, 0, 0, 0, 0, 9]],
    ['digits', '1234567890123456789', [0x73, ...Buffer.from('1234567890123456789')]],
    ['text', long, [0x78, Buffer.byteLength(long), ...Buffer.from(long)]],
  ])('%s', (key, value, item) => {
    const decoder = decoderOf([['n', key]])
    const bytes = Uint8Array.from([0xd9, 0xe0, 0, 0x82, 7, ...item])
    for (let n = 0; n < reads; n++) {
      expect(decoder.decode(bytes, 0, bytes.length, false)).toStrictEqual({ n: 7, [key]: value })
    }
    for (let length = 0; length < bytes.length; length++) {
      const cutShort = expect.objectContaining({
        code: 'DECODE',
        message: expect.stringContaining('cut short') as string,
      }) as Error
      expect(() => decoder.decode(bytes, 0, length, false)).toThrow(cutShort)
    }
  })
})

describe('shapes whose objects are made by a compiled function', () => {
  const keys = [
    '"',
    '\\',
    '\n',
    '\u2028',
    '\ud800',
    '__proto__',
    'constructor',
    '1',
    '',
    'a b',
    '"]:0,"x',
    '*/',
    '${x}',
    'get a',
  ]

  test('may have any keys', () => {
    const decoder = decoderOf([keys, ['twice', 'twice'], ['__proto__', '__proto_']])
    const array = (count: number): number[] => [0x80 + count, ...Array.from({ length: count }, (_, index) => index)]
    const expected = [keys, ['twice', 'twice'], ['__proto__', '__proto_']].map((shape) =>
      Object.fromEntries(shape.map((key, index) => [key, index])),
    )
    for (let n = 0; n < COMPILED; n++) {
      for (const [id, count] of [keys.length, 2, 2].entries()) {
        const bytes = Uint8Array.of(0xd9, 0xe0, id, ...array(count))
        const value = decoder.decode(bytes, 0, bytes.length, false)
        expect(value).toStrictEqual(expected[id])
        expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
      }
    }
  })

  test('have fewer values now and then, and other keys when they are defined anew', () => {
    const decoder = decoderOf([['a', 'b']])
    const read = (...bytes: number[]): unknown => decoder.decode(Uint8Array.from(bytes), 0, bytes.length, false)
    for (let n = 0; n < COMPILED; n++) {
      expect(read(0xd9, 0xe0, 0, 0x82, 1, 2)).toStrictEqual({ a: 1, b: 2 })
      expect(read(0xd9, 0xe0, 0, 0x81, 1)).toStrictEqual({ a: 1 })
    }
    decoder.define(encodeDefinition(0, ['a', 'b', 'c']))
    expect(read(0xd9, 0xe0, 0, 0x82, 1, 2)).toStrictEqual({ a: 1, b: 2 })
    expect(read(0xd9, 0xe0, 0, 0x83, 1, 2, 3)).toStrictEqual({ a: 1, b: 2, c: 3 })
  })

  test('may be as wide as a definition allows', () => {
    const wide = Array.from({ length: 65_535 }, (_, index) => `k${index}`)
    const decoder = decoderOf([wide])
    const bytes = Uint8Array.of(0xd9, 0xe0, 0, 0x99, 255, 255, ...new Uint8Array(65_535).fill(7))
    for (let n = 0; n < 20; n++) {
      const value = decoder.decode(bytes, 0, bytes.length, false) as Record<string, unknown>
      expect(value['k65534']).toBe(7)
    }
  })
})

test('a buffer may begin where the one before began, and be longer', () => {
  const decoder = decoderOf([['text']])
  const memory = new ArrayBuffer(128)
  for (const length of [40, 60, 20]) {
    const bytes = Uint8Array.of(0xd9, 0xe0, 0, 0x81, 0x78, length, ...Buffer.alloc(length, 'x'))
    for (const source of [new Uint8Array(memory, 8, bytes.length), Buffer.from(memory, 8, bytes.length)]) {
      source.set(bytes)
      expect(decoder.decode(source, 0, bytes.length, false)).toStrictEqual({ text: 'x'.repeat(length) })
    }
  }
})

test('a buffer may hold other bytes each time', () => {
  const decoder = decoderOf([['text', 'price']])
  const source = Buffer.alloc(64)
  for (let n = 0; n < COMPILED + 10; n++) {
    const bytes = Uint8Array.of(0xd9, 0xe0, 0, 0x82, 0x63, 0x61, 0x61 + (n % 26), 0x61, 0x19, n >> 8, n & 255)
    source.set(bytes, n % 8)
    const value = decoder.decode(source, n % 8, (n % 8) + bytes.length, false)
    expect(value).toStrictEqual({ text: `a${String.fromCharCode(0x61 + (n % 26))}a`, price: n })
  }
})

test('a range outside its buffer is our own mistake', () => {
  const decoder = decoderOf([['a']])
  // prettier-ignore
  for (const [start, end] of [[0, 3], [-1, 1], [2, 1]] as const) {
    expect(() => decoder.decode(Uint8Array.of(1, 2), start, end, false)).toThrow('broken invariant')
  }
})
