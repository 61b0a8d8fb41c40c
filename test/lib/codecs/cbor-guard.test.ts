import fc from 'fast-check'
import { Decoder } from 'cbor-x/decode'
import { describe, expect, test } from 'vitest'
import { CborGuard, DEPTH_MAX } from '../../../lib/codecs/cbor-guard.ts'
import { cbor } from '../../../lib/codecs/cbor.ts'
import { encodeDefinition } from '../../../segments/format/dictionary.ts'

const decodeError = expect.objectContaining({ code: 'DECODE' }) as Error
const key = (text: string): number[] => [0x60 + text.length, ...Buffer.from(text)]
const fill = (byte: number, length: number): number[] => new Array<number>(length).fill(byte)

/** `bad` fails in cbor-x or reaches its inside; `good` is the nearest that is sound. Shape 0 has one key, 1 none. */
const hostile: readonly (readonly [string, readonly number[]])[] = [
  ['an array of 2^32-1 items', [0x9a, 255, 255, 255, 255]],
  ['an array of 2^40 items', [0x9b, 0, 0, 1, 0, 0, 0, 0, 0]],
  ['nested arrays that each claim the rest', [...fill(0x98, 1), 200, 0x98, 190, ...fill(0, 150)]],
  ['a map of 2^32-1 entries', [0xba, 255, 255, 255, 255]],
  ['a byte string of 4 GiB', [0x5a, 255, 255, 255, 255, 1]],
  ['a text of 4 GiB', [0x7a, 255, 255, 255, 255, 0x61]],
  ['a typed array of 4 GiB', [0xd8, 70, 0x5a, 255, 255, 255, 255]],
  ['a typed array of half an element', [0xd8, 70, 0x43, 1, 2, 3]],
  ['a typed array of a typed array', [0xd8, 64, 0xd8, 64, 0x41, 1]],
  ['a typed array of an object', [0xd8, 70, 0xa1, ...key('length'), 0x1a, 127, 255, 255, 255]],
  ['a set of a set', [0xd9, 1, 2, 0xd9, 1, 2, 0x80]],
  ['a set of a text', [0xd9, 1, 2, 0x61, 0x61]],
  ['a bigint of 2 KiB', [0xc2, 0x59, 8, 0, ...fill(255, 2048)]],
  ['a bigint of a text', [0xc2, 0x61, 0x61]],
  ['a bigint of a bigint', [0xc2, 0xc2, 0x41, 1]],
  ['a text of unknown length', [0x7f, 0x61, 0x61, 0xff]],
  ['a map of unknown length', [0xbf, ...key('a'), 1, 0xff]],
  ['an array of unknown length', [0x9f, 1, 0xff]],
  ['an array without its break', [0x9f, 1, 2]],
  ['a bare break', [0xff]],
  ['a break in an array of known length', [0x82, 1, 0xff]],
  ['a break as the value of a key', [0xa1, ...key('a'), 0xff]],
  ['a tag around a break', [0x9f, 0xc1, 0xff, 0xff]],
  ['a tag around nothing', [0xc1]],
  ['a reserved length', [0x1c]],
  ['a packed value', [0xe0]],
  ['a packed value of two bytes', [0xf8, 32]],
  ['a packed table', [0xd8, 51, 0x84, 0x81, 1, 0x80, 0x80, 0xe0]],
  ['a packed prefix', [0xd8, 225, 0x61, 0x61]],
  ['a shared value', [0xd8, 28, 0x81, 0xd8, 29, 0]],
  ['a shape defined in line', [0xd9, 0xdf, 0xff, 0x83, 0x19, 0xe0, 0, 0x81, ...key('x'), 5]],
  ['shapes defined in line', [0xd9, 0xdf, 0xfe, 0x83, 0x19, 0xe0, 0, 0x81, ...key('x'), 5]],
  ['a shape defined in the old way', [0xd8, 105, 0x83, 0x19, 0xe0, 0, 0x81, ...key('x'), 5]],
  ['the same, with a tag of four bytes', [0xda, 0, 0, 0xdf, 0xff, 0x83, 0x19, 0xe0, 0, 0x81, ...key('x'), 5]],
  ['the table of shapes', [0xda, 0x53, 0x68, 0x72, 0x64, 1]],
  ['bundled strings', [0xd9, 0xdf, 0xf9, 0x82, 0x1a, 0, 0, 0, 1, 0x60, 0x60, 0x60]],
  ['an error with a text of its own class', [0xd8, 27, 0x82, ...key('__proto__'), ...key('x')]],
  ['an error of an array', [0xd8, 27, 0x82, ...key('Error'), 0x81, 1]],
  ['an error of a number', [0xd8, 27, 5]],
  ['a record of no array', [0xd9, 0xe0, 0, 0x61, 0x61]],
  ['a record of an endless array', [0xd9, 0xe0, 0, 0x9f, 1, 0xff]],
  ['a record of too many values', [0xd9, 0xe0, 0, 0x82, 1, 2]],
  ['the same, with a length of two bytes', [0xd9, 0xe0, 0, 0x99, 0, 2, 1, 2]],
  ['a record of an unknown shape', [0xd9, 0xe0, 2, 0x80]],
  ['a tag that aliases a shape', [0xda, 0, 1, 0, 0, 0x81, 1]],
  ['an object as a key', [0xa1, 0xa0, 1]],
  ['two values', [1, 2]],
  ['nothing', []],
]

function shapesDecoder() {
  const decoder = cbor().decoder()
  decoder.define(encodeDefinition(0, ['a']))
  decoder.define(encodeDefinition(1, []))
  return decoder
}

function expectUnharmed(decoder: ReturnType<typeof shapesDecoder>): void {
  expect(decoder.decode(Uint8Array.of(0xd9, 0xe0, 0, 0x81, 7), 0, 5, false)).toStrictEqual({ a: 7 })
  expect(({} as Record<string, unknown>)['x']).toBeUndefined()
}

describe('hostile bytes', () => {
  test.each(hostile)('%s: an error, and later records read as before', (_, bytes) => {
    const decoder = shapesDecoder()
    expect(() => decoder.decode(Uint8Array.from(bytes), 0, bytes.length, false)).toThrow()
    expectUnharmed(decoder)
  })

  test('records of a shape are read with as many values as there are, up to all keys', () => {
    const decoder = shapesDecoder()
    expect(decoder.decode(Uint8Array.of(0xd9, 0xe0, 0, 0x80), 0, 4, false)).toStrictEqual({})
    expect(decoder.decode(Uint8Array.of(0xd9, 0xe0, 1, 0x80), 0, 4, false)).toStrictEqual({})
    expect(decoder.decode(Uint8Array.of(0xd9, 0xe0, 0, 0x98, 1, 5), 0, 6, false)).toStrictEqual({ a: 5 })
  })

  test.each([
    ['arrays', [0x81]],
    ['endless arrays', [0x9f]],
    ['tags', [0xc1]],
    ['maps', [0xa1, 0x61, 0x61]],
    ['records', [0xd9, 0xe0, 0, 0x81]],
    ['maps as keys', [0xa1]],
  ])('%s nested a hundred thousand times are an error', (_, unit) => {
    const bytes = Uint8Array.from({ length: 100_000 * unit.length }, (_byte, index) => unit[index % unit.length]!)
    const decoder = shapesDecoder()
    for (const plain of [true, false]) {
      expect(() => decoder.decode(bytes, 0, bytes.length, plain)).toThrow(decodeError)
    }
    expectUnharmed(decoder)
  })

  test('what is nested as deep as allowed reads', () => {
    const bytes = Uint8Array.from([...fill(0x81, DEPTH_MAX), 0])
    expect(shapesDecoder().decode(bytes, 0, bytes.length, false)).toBeInstanceOf(Array)
  })

  test('random bytes throw or give a value, and later records read as before', { timeout: 60_000 }, () => {
    const interesting = fc.constantFrom(
      0xd9,
      0xe0,
      0xdf,
      0xff,
      0x9f,
      0x81,
      0x82,
      0xa1,
      0x61,
      0xd8,
      0xc2,
      0x58,
      0,
      1,
      28,
      27,
    )
    const bytes = fc.array(fc.oneof(interesting, fc.nat(255)), { maxLength: 60 }).map((list) => Uint8Array.from(list))
    const decoder = shapesDecoder()
    fc.assert(
      fc.property(bytes, fc.boolean(), (payload, plain) => {
        try {
          decoder.decode(payload, 0, payload.length, plain)
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
        expectUnharmed(decoder)
      }),
      { numRuns: 20_000 },
    )
  })

  test('what the guard lets through, cbor-x reads to its end or refuses', { timeout: 60_000 }, () => {
    const guard = new CborGuard()
    const engine = new Decoder({ structures: Object.freeze([]) as unknown as object[], mapsAsObjects: true })
    const bytes = fc.array(fc.oneof(fc.nat(30), fc.nat(255)), { maxLength: 30 }).map((list) => Uint8Array.from(list))
    fc.assert(
      fc.property(bytes, (payload) => {
        if (guard.check(payload, 0, payload.length) !== undefined) return
        try {
          engine.decode(payload)
        } catch (error) {
          // A length that the guard read otherwise than cbor-x would show as one of these.
          expect(String(error)).not.toMatch(/end of CBOR|end of buffer|not reached|Unknown token|not extensible/)
        }
      }),
      { numRuns: 30_000 },
    )
  })

  test('a range outside its buffer is our own mistake', () => {
    const decoder = shapesDecoder()
    for (const [start, end] of [
      [0, 3],
      [-1, 1],
      [2, 1],
    ] as const) {
      // prettier-ignore
      expect(() => decoder.decode(Uint8Array.of(1, 2), start, end, true)).toThrow('broken invariant')
    }
  })
})
