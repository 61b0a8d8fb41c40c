import { Tag } from 'cbor-x/decode'
import { describe, expect, test } from 'vitest'
import { BIGINT_BYTES_MAX, DEPTH_MAX } from '../../../lib/codecs/cbor-guard.ts'
import { cbor } from '../../../lib/codecs/cbor.ts'
import { decodeDefinition } from '../../../segments/format/dictionary.ts'
import { expectSame, readAt, readForward, readInOrder, throughPlain, write } from './segment.ts'
import type { Kept } from './segment.ts'

function* generated(): Generator<unknown> {
  yield { b: 1 }
}

const order = { type: 'new', orderId: 'O-17', side: 'buy', price: 101.25, quantity: 3, account: 'A-5', ts: 2 ** 50 }
const encodeError = expect.objectContaining({ code: 'ENCODE' }) as Error
const decodeError = expect.objectContaining({ code: 'DECODE' }) as Error

function definitionsOf(segment: readonly Kept[]): unknown[] {
  return segment.flatMap((kept) => kept.definitions.map(decodeDefinition))
}

function nested(levels: number): unknown {
  let value: unknown = 0
  for (let i = 0; i < levels; i++) value = { a: value }
  return value
}

describe.each([true, false])('cbor with shapes %s', (shapes) => {
  const codec = cbor({ shapes })

  test('A1 keeps each kind of value', () => {
    const values = [
      undefined, null, true, '', 'ä\u{1f600}', '\ufeff', 'x'.repeat(70_000), 0, -0, 1.5, NaN, 2 ** 32, 2 ** 53 - 1, -(2 ** 40),
      2n ** 63n, -(2n ** 63n), 2n ** 200n, -(2n ** 200n), new Date(1723075200123), new Date(-1.5e12), /a\/b/giu,
      new Uint8Array([1, 2]), Buffer.from('buffer'), new Float64Array([0.1, NaN]), new Int16Array([-2]), new ArrayBuffer(4),
      new BigUint64Array([2n ** 64n - 1n]), new Set([{ a: 1 }]), new Map<unknown, unknown>([[{ k: 1 }, { v: 2 }], [1, 2]]),
      new TypeError('no'), new Tag({ a: 1 }, 40_500), new Tag('x', 0xe000), [undefined, , 3], new Map([['a', new Map()]]), { hasOwnProperty: 1, constructor: 2, toString: 3 },
      { __keys__: [1], a: {} }, JSON.parse('{"__proto__":{"x":1}}'), { nested: order, list: [order, { ...order, more: 1 }] },
    ] // prettier-ignore
    expectSame(readForward(codec, write(codec, values)), values.map(throughPlain))
  })

  test('does not pollute prototypes', () => {
    const [kept] = write(codec, [JSON.parse('{"__proto__":{"polluted":1},"a":{"__proto__":{"polluted":2}}}')])
    const [value] = readForward(codec, [kept!]) as [object]
    expect(Object.keys(value)).toStrictEqual(['__proto__', 'a'])
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })

  test('gives byte strings that stay when the buffer is used again', () => {
    const segment = write(codec, [{ data: new Uint8Array([1, 2, 3]) }, { data: new Uint8Array([7, 8, 9]) }])
    const values = readForward(codec, segment) as { data: Uint8Array }[]
    expect(values.map(({ data }) => [...data])).toStrictEqual([
      [1, 2, 3],
      [7, 8, 9],
    ])
  })

  test('reads a record larger than its scratch buffer', () => {
    const values = [{ text: 'y'.repeat(200_000), data: new Uint8Array(100_000).fill(3) }, order]
    expectSame(readForward(codec, write(codec, values)), values)
  })

  test('gives plain byte strings also out of a Buffer, at any size', () => {
    for (const size of [10, 100_000]) {
      const value = [new ArrayBuffer(size), new Uint8Array(size), new Float32Array(size)]
      const [kept] = write(codec, [value])
      const source = Buffer.from(kept!.bytes!)
      expectSame([codec.decoder().decode(source, 0, source.length, kept!.plain)], [throughPlain(value)])
    }
  })

  test('refuses bytes behind the value, a cut value, and none', () => {
    const [kept] = write(codec, [order])
    const decoder = codec.decoder()
    for (const definition of kept!.definitions) decoder.define(definition)
    const longer = Uint8Array.of(...kept!.bytes!, 0)
    for (let length = 0; length <= longer.length; length++) {
      if (length === kept!.bytes!.length) continue
      expect(() => readAt(decoder, { ...kept!, bytes: longer.subarray(0, length) })).toThrow(decodeError)
    }
    expect(readAt(decoder, kept!)).toStrictEqual(order)
  })

  test('encodes nothing that it would not decode', () => {
    const values = [
      nested(DEPTH_MAX + 1),
      1n << BigInt(8 * BIGINT_BYTES_MAX),
      new Tag(1, 28),
      { a: new Tag([0xe000, ['a'], 1], 105) },
      new Tag('x', 230),
      new Tag(5, 258),
      { a: generated() },
      new URLSearchParams('a=1'),
    ]
    for (const value of values) expect(() => codec.encoder([]).encode(value)).toThrow(encodeError)
    const sound = [nested(DEPTH_MAX), (1n << BigInt(8 * BIGINT_BYTES_MAX)) - 1n]
    expectSame(readForward(codec, write(codec, sound)), sound)
  })

  test('throws what the value throws', () => {
    const boom = new Error('boom')
    const throwing = {
      get boom(): never {
        throw boom
      },
    }
    expect(() => codec.encoder([]).encode(throwing)).toThrow(boom)
    expect(() => codec.encoder([]).encode({ f: () => 1 })).toThrow('Unknown type: function')
    const cycle: Record<string, unknown> = {}
    cycle['cycle'] = cycle
    expect(() => codec.encoder([]).encode(cycle)).toThrow(RangeError)
  })

  test('refuses a getter that encodes another value, and is sound afterwards', () => {
    const encoder = codec.encoder([])
    const value = {
      a: 1,
      get b() {
        return encoder.encode(order).length
      },
    }
    expect(() => encoder.encode(value)).toThrow('a getter that encodes another one')
    expectSame(readForward(codec, write(codec, [order])), [order])
  })
})

describe('cbor', () => {
  test('has a name for each form', () => {
    expect([cbor().name, cbor({ shapes: true }).name, cbor({ shapes: false }).name]).toStrictEqual([
      'cbor-shapes',
      'cbor-shapes',
      'cbor',
    ])
  })

  test('without shapes takes no dictionaries', () => {
    const definition = Buffer.from('[0,["a"]]')
    expect(() => cbor({ shapes: false }).decoder().define(definition)).toThrow(decodeError)
  })
})

describe('shapes', () => {
  const codec = cbor()

  test('hand out the keys before the first record that needs them, and once more before the next', () => {
    const segment = write(codec, [order, order, { ...order, note: 'x' }, order])
    const keys = Object.keys(order)
    expect(segment.map((kept) => kept.definitions.length)).toStrictEqual([1, 1, 1, 1])
    const both = [
      { id: 0, keys },
      { id: 1, keys: [...keys, 'note'] },
    ]
    expect(definitionsOf(segment)).toStrictEqual([both[0], both[0], both[1], both[1]])
    expect(segment.map((kept) => kept.plain)).toStrictEqual([false, false, false, false])
    expect(segment[1]!.bytes!.length).toBeLessThan(45)
  })

  test('keep definitions that nobody took for the next time', () => {
    const encoder = codec.encoder([])
    encoder.encode({ a: 1 })
    encoder.encode({ b: 1 })
    expect(encoder.takeDefinitions()).toHaveLength(3)
    expect(encoder.takeDefinitions()).toBeUndefined()
    encoder.encode({ b: 2 })
    expect(encoder.takeDefinitions()).toHaveLength(1)
    encoder.encode({ b: 3 })
    expect(encoder.takeDefinitions()).toBeUndefined()
  })

  test('are not written twice where their keys are long', () => {
    const segment = write(
      codec,
      [1, 2, 3].map((value) => ({ ['k'.repeat(1100)]: value })),
    )
    expect(segment.map((kept) => kept.definitions.length)).toStrictEqual([1, 0, 0])
  })

  test('do not take a tag of the user for a record', () => {
    const tags = [0xe000, 0xe001, 0x10000, 0x12001, 0xe07f, 0xe080].map((tag) => ({ a: new Tag([1], tag) }))
    const values = [{ a: 0 }, { b: 1 }, ...tags, { a: 1 }, { b: 2 }]
    const segment = write(codec, values)
    expectSame(readForward(codec, segment), values.map(throughPlain))
    expect(segment.at(-1)!.plain).toBe(false)
  })

  test('leave nothing on the classes of the language, and no keys of other values come back', () => {
    const values: object[] = [
      { x: 1, y: 2, z: 3 },
      { a: 1 },
      { a: 1, __keys__: 2, constructor: 3 },
      { a: 1, __keys__: 2, push: 3 },
    ]
    expectSame(readForward(codec, write(codec, [values.slice(1), ...values])), [values.slice(1), ...values])
    const later: object[] = [{ p: 1, q: 2, r: 3 }, { s: 1, t: 2, u: 3 }, ...values]
    expectSame(readForward(codec, write(codec, later)), later)
    for (const touched of [Array, Array.prototype.push, Object, Object.prototype]) {
      expect(Object.hasOwn(touched, '__keys__')).toBe(false)
      expect(Object.getOwnPropertySymbols(touched).map(String)).not.toContain('Symbol(record-id)')
    }
  })

  test('are not made of objects with more keys than a dictionary holds', () => {
    const wide = Object.fromEntries(Array.from({ length: 65_536 }, (_, index) => [`k${index}`, 0]))
    const segment = write(codec, [wide, order, wide])
    expect(segment.map((kept) => kept.plain)).toStrictEqual([true, false, true])
    expectSame(readForward(codec, segment), [wide, order, wide])
  })

  test('do not stumble over the key that cbor-x uses itself', () => {
    const values = [{ a: 1 }, { __keys__: 1 }, {}, { a: 1, __keys__: 2 }, { a: 1 }, { __keys__: 1, a: 2 }, {}, { a: 3 }]
    const segment = write(codec, values)
    expectSame(readForward(codec, segment), values)
    expectSame(readInOrder(codec, segment, [7, 6, 5, 4, 3, 2, 1, 0]), values)
  })

  test('survive a getter that removes a key while its object is written', () => {
    const value = (): Record<string, unknown> => ({
      get a() {
        delete this['b']
        return 1
      },
      b: 2,
      c: { d: 3 },
    })
    const segment = write(codec, [value(), { x: 1 }, value()])
    const forward = readForward(codec, segment)
    expect(forward[1]).toStrictEqual({ x: 1 })
    for (const index of [0, 2]) expect(forward[index]).toMatchObject({ a: 1, c: { d: 3 } })
  })

  test('end at 128: later ones are written plain, and a full table never changes', () => {
    const many = Array.from({ length: 300 }, (_, index) => ({ [`k${index}`]: index }))
    const longer = many.slice(0, 128).map((value) => ({ ...value, more: 1 }))
    const values = [...many, ...longer, ...many, ...longer, ...many]
    const segment = write(codec, values)
    expectSame(readForward(codec, segment), values)
    expectSame(readInOrder(codec, segment, values.map((_, index) => index).reverse()), values)
    expect(new Set((definitionsOf(segment) as { id: number }[]).map(({ id }) => id)).size).toBe(128)
    expect(segment[127]!.plain).toBe(false)
    expect(segment[128]!.plain).toBe(true)
  })

  test('are used again when known records follow a run of unknown ones', () => {
    const many = Array.from({ length: 3000 }, (_, index) => ({ [`k${index}`]: index }))
    const segment = write(codec, [order, ...many, ...new Array<unknown>(300).fill(order)])
    expect(segment.at(-1)!.plain).toBe(false)
    expect(segment.filter((kept) => kept.plain).length).toBeGreaterThan(2800)
  })

  test('are not worth any price: definitions stay below a part of the bytes', () => {
    const growing: Record<string, number> = {}
    const values = Array.from({ length: 128 }, (_, index) => {
      growing[`a-rather-long-key-${index}`] = index
      return { ...growing }
    })
    const segment = write(codec, values)
    expectSame(readForward(codec, segment), values)
    const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0)
    const definitions = sum(segment.flatMap((kept) => kept.definitions.map((definition) => definition.length)))
    expect(definitions).toBeLessThan(sum(segment.map((kept) => kept.bytes!.length)) / 4 + 64 * 1024)
  })

  test('that are known stay in use when no more are learnt', () => {
    const wide = Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`key-${index}`, index]))
    const values = [{ a: 1 }, wide, { a: 1, b: 2 }, { c: 3 }, { a: 4 }]
    const segment = write(codec, values)
    expectSame(readForward(codec, segment), values)
    expect(segment.map((kept) => kept.plain)).toStrictEqual([false, false, true, true, false])
  })

  test('make a record without its dictionary an error, never a Tag', () => {
    const segment = write(codec, [{ a: 1 }, { b: { c: 1 } }])
    const [first, second] = segment as [Kept, Kept]
    expect(() => readAt(codec.decoder(), first)).toThrow(decodeError)
    const decoder = codec.decoder()
    decoder.define(first.definitions[0]!)
    expect(readAt(decoder, first)).toStrictEqual({ a: 1 })
    expect(() => readAt(decoder, second)).toThrow('shape 1, whose dictionary is missing')
    const [, outer, inner] = second.definitions
    decoder.define(inner!)
    expect(() => readAt(decoder, second)).toThrow(decodeError)
    decoder.define(outer!)
    expect(readAt(decoder, second)).toStrictEqual({ b: { c: 1 } })
  })

  test('make a record with more values than its dictionary has keys an error', () => {
    const segment = write(codec, [{ a: 1 }, { a: 1, b: 2 }])
    const decoder = codec.decoder()
    decoder.define(Buffer.from('[1,["a"]]'))
    expect(() => readAt(decoder, segment[1]!)).toThrow('2 values for 1 keys')
  })

  test('are replaced by a later dictionary of the same id', () => {
    const decoder = codec.decoder()
    const record = { value: undefined, definitions: [], bytes: Uint8Array.of(0xd9, 0xe0, 0, 0x81, 7), plain: false }
    for (const key of ['a', 'b', 'a']) {
      decoder.define(Buffer.from(`[0,["${key}","c"]]`))
      expect(readAt(decoder, record)).toStrictEqual({ [key]: 7 })
    }
  })

  test('make a malformed dictionary an error that changes nothing', () => {
    const segment = write(codec, [{ a: 1 }])
    const decoder = codec.decoder()
    decoder.define(segment[0]!.definitions[0]!)
    for (const text of ['', '[0]', '[128,[]]', '[0,[1]]']) {
      expect(() => decoder.define(Buffer.from(text))).toThrow(decodeError)
    }
    expect(readAt(decoder, segment[0]!)).toStrictEqual({ a: 1 })
  })
})
