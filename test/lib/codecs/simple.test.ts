import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { bytes } from '../../../lib/codecs/bytes.ts'
import { cbor } from '../../../lib/codecs/cbor.ts'
import { json } from '../../../lib/codecs/json.ts'
import { asCodec } from '../../../lib/codecs/simple.ts'
import type { Codec, SimpleCodec } from '../../../lib/codecs/codec.ts'

function roundTrip<T>(codec: Codec<T>, value: T): T {
  const encoded = codec.encoder([]).encode(value)
  const buffer = new Uint8Array(encoded.length + 9).fill(0x7b)
  buffer.set(encoded, 4)
  const decoded = codec.decoder().decode(buffer, 4, 4 + encoded.length, false)
  buffer.fill(0)
  return decoded
}

const upper: SimpleCodec<string> = {
  name: 'upper',
  encode: (text) => new TextEncoder().encode(text.toUpperCase()),
  decode: (copy) => new TextDecoder().decode(copy),
}

describe('json', () => {
  test('gives back what JSON keeps', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        expect(roundTrip(json(), value)).toStrictEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
    expect(roundTrip(json(), '\ufeff\ud800')).toBe('\ufeff\ud800')
  })

  test.each([
    ['undefined', undefined],
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['toJSON gives undefined', { toJSON: () => undefined }],
  ])('says that it has no text for %s', (what, value) => {
    const encode = (): unknown => json().encoder([]).encode(value)
    expect(encode).toThrow(
      expect.objectContaining({ code: 'ENCODE', message: expect.stringContaining(what) as string }),
    )
  })

  test('does not read what is not UTF-8', () => {
    expect(() =>
      json()
        .decoder()
        .decode(Uint8Array.of(0x22, 0xff, 0x22), 0, 3, false),
    ).toThrow(TypeError)
  })
})

describe('bytes', () => {
  test('hands the view to the writer and a copy to the reader', () => {
    const view = Uint8Array.of(1, 2, 3)
    expect(bytes().encoder([]).encode(view)).toBe(view)
    expect(roundTrip(bytes(), view)).toStrictEqual(view)
    expect(roundTrip(bytes(), new Uint8Array(0))).toStrictEqual(new Uint8Array(0))
  })

  test('gives a copy also out of a Buffer, whose own slice is a view', () => {
    const source = Buffer.from([1, 2, 3])
    const decoded = bytes().decoder().decode(source, 1, 3, false)
    source.fill(9)
    expect(decoded).toStrictEqual(Uint8Array.of(2, 3))
  })

  test.each([
    ['type string', 'text'],
    ['type undefined', undefined],
    ['null', null],
    ['class Array', [1]],
    ['class Uint16Array', new Uint16Array(1)],
    ['class ArrayBuffer', new ArrayBuffer(1)],
  ])('refuses %s', (what, value) => {
    const encode = (): unknown =>
      bytes()
        .encoder([])
        .encode(value as unknown as Uint8Array)
    expect(encode).toThrow(
      expect.objectContaining({ code: 'ENCODE', message: expect.stringContaining(what) as string }),
    )
  })
})

describe('a codec of the user', () => {
  test('encodes and decodes without state', () => {
    expect(roundTrip(asCodec(upper), 'abc')).toBe('ABC')
    expect(asCodec(upper).encoder([]).takeDefinitions()).toBeUndefined()
    expect(asCodec(upper).encoder([]).plain).toBe(false)
  })

  test('may be a class with methods of its own', () => {
    class Offset {
      readonly name = 'offset-1'
      readonly #by = 1
      encode(value: number): Uint8Array {
        return Uint8Array.of(value + this.#by)
      }
      decode(copy: Uint8Array): number {
        return copy[0]! - this.#by
      }
    }
    expect(roundTrip(asCodec(new Offset()), 41)).toBe(41)
  })

  test('with encoders of its own passes as it is', () => {
    const codec = cbor()
    expect(asCodec(codec)).toBe(codec)
  })

  test.each(['', 'A', 'a_b', 'ä', 'a b', 'a\n', 'x'.repeat(32), 1, undefined])('cannot have the name %j', (name) => {
    expect(() => asCodec({ ...upper, name: name as string })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', found: name }),
    )
  })

  test.each(['a', 'a-0', 'x'.repeat(31)])('can have the name %j', (name) => {
    expect(asCodec({ ...upper, name }).name).toBe(name)
  })

  test('may say `id` for its name', () => {
    const { name: id, ...functions } = upper
    expect(asCodec({ ...functions, id: id! }).name).toBe(id)
    expect(() => asCodec({ ...functions, id: 'A' })).toThrow(expect.objectContaining({ found: 'A' }))
  })

  test('must be an object with both functions', () => {
    const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' }) as Error
    for (const codec of [
      null,
      undefined,
      'json',
      {},
      { name: 'a' },
      { ...upper, decode: 1 },
      { ...upper, encoder: 1 },
    ]) {
      expect(() => asCodec(codec as SimpleCodec<unknown>)).toThrow(refused)
    }
    expect(() => asCodec({ name: 'a', encoder: () => 1 } as unknown as Codec)).toThrow(refused)
  })

  test('must give bytes', () => {
    const codec = asCodec({ ...upper, encode: (text: string) => text as unknown as Uint8Array })
    expect(() => codec.encoder([]).encode('x')).toThrow(expect.objectContaining({ code: 'ENCODE' }))
  })

  test('throws through, and takes no dictionaries', () => {
    const boom = new RangeError('mine')
    const codec = asCodec({
      ...upper,
      encode: (): Uint8Array => {
        throw boom
      },
    })
    expect(() => codec.encoder([]).encode('x')).toThrow(boom)
    expect(() => codec.decoder().define(new Uint8Array(3))).toThrow(expect.objectContaining({ code: 'DECODE' }))
  })
})
