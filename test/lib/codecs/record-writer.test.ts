import { Decoder } from 'cbor-x/decode'
import { Encoder } from 'cbor-x/encode'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CborGuard } from '../../../lib/codecs/cbor-guard.ts'
import { cbor } from '../../../lib/codecs/cbor.ts'
import { RecordWriter } from '../../../lib/codecs/record-writer.ts'
import { SHAPES_MAX, type ShapeNode, ShapeTable } from '../../../lib/codecs/shapes.ts'
import { node } from './arbitraries.ts'
import { expectSame, readForward, renamedBack, thrown, throughPlain, write } from './segment.ts'

/** Writes one value after the other and reads each with cbor-x, to which it gives the same shapes. */
function throughCborX(values: readonly unknown[]): unknown[] {
  const table = new ShapeTable()
  const writer = new RecordWriter(table)
  let count = 0
  return values.map((value) => {
    let bytes: Uint8Array | undefined
    try {
      bytes = writer.write(value)
    } catch {
      table.forget()
      return thrown
    }
    if (bytes === undefined) {
      table.forget()
      return throughPlain(value)
    }
    count += bytes.length
    table.keep(count)
    const structures = table.structures.map((keys) => [...keys])
    const fields = new Int32Array(SHAPES_MAX).fill(-1)
    structures.forEach((keys, id) => (fields[id] = keys.length))
    expect(new CborGuard(fields).check(bytes, 0, bytes.length)).toBeUndefined()
    return renamedBack(
      new Decoder({ structures, mapsAsObjects: true, copyBuffers: true }).decode(Uint8Array.from(bytes)),
    )
  })
}

describe('what the writer writes, cbor-x with the same shapes reads', () => {
  test('of any values', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(fc.array(node, { maxLength: 12 }), (values) => {
        expectSame(throughCborX(values), values.map(throughPlain))
      }),
      { numRuns: 400 },
    )
  })

  test('at every place where the buffer may end', () => {
    const tail = {
      a: 1.5,
      text: 'short',
      wide: 'ü',
      b: 2n ** 63n,
      c: -70_000,
      list: [1e9, null],
      map: new Map([[1, 2]]),
    }
    const values = Array.from({ length: 200 }, (_, index) => ['x'.repeat(3950 + index), tail])
    expectSame(throughCborX(values), values)
  })

  test('of texts and arrays at every change of their heads', () => {
    for (const length of [0, 1, 22, 23, 24, 25, 62, 63, 64, 255, 256, 65_535, 65_536]) {
      const values = ['x'.repeat(length), 'é'.repeat(length), new Array(length).fill('ab')]
      expectSame(throughCborX([values]), [values])
    }
  })
})

test('numbers and texts stand in the same bytes as cbor-x writes', () => {
  const plain = new Encoder({ useRecords: false, variableMapSize: true, mapsAsObjects: true })
  const edges = [0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]
  const numbers = edges.flatMap((edge) => [edge, edge + 1, 0 - edge, -edge - 1, edge + 0.5])
  const bigints = [
    0n,
    1n,
    -1n,
    2n ** 63n,
    2n ** 64n - 1n,
    2n ** 64n,
    -(2n ** 64n) + 1n,
    -(2n ** 64n),
    -(2n ** 64n) - 1n,
  ]
  const rest = [NaN, Infinity, '', 'a', 'é', '\u{1f600}', 'x'.repeat(70_000), true, false, null, undefined]
  for (const value of [...numbers, ...bigints, ...rest]) {
    const written = new RecordWriter(new ShapeTable()).write(value)!
    expect(Buffer.from(written).equals(plain.encode(value)), `the bytes of ${String(value).slice(0, 30)}`).toBe(true)
  }
})

test('−0 is a double, as no integer can be it', () => {
  for (const table of [new ShapeTable(), undefined]) {
    expect([...new RecordWriter(table).write([-0, 0])!]).toStrictEqual([0x82, 0xfb, 0x80, 0, 0, 0, 0, 0, 0, 0, 0])
  }
})

test.each(['a\ud800', '\udc00b', `${'x'.repeat(100)}\ud83d`, '\udc00\ud800'])(
  'half a surrogate pair is refused, wherever it stands: %j',
  (text) => {
    for (const codec of [cbor(), cbor({ shapes: false })]) {
      for (const value of [text, [text], { text }, new Map([[text, 1]]), new Set([text])]) {
        expect(() => codec.encoder([]).encode(value)).toThrow('half a surrogate pair')
      }
    }
  },
)

test('the view of a record is good until the next, and a long record leaves no long buffer behind', () => {
  const writer = new RecordWriter(new ShapeTable())
  const long = writer.write('y'.repeat(3_000_000))!
  expect(long.length).toBe(3_000_005)
  const short = writer.write('z')!
  expect([...short]).toStrictEqual([0x61, 0x7a])
  expect(short.buffer.byteLength).toBeLessThan(100_000)
  expect(long[10]).toBe(0x79)
})

describe('objects', () => {
  const codec = cbor()
  const throughShapes = (...values: unknown[]): unknown[] => readForward(codec, write(codec, values))

  class Point {
    x = 1
    get y(): number {
      return 2
    }
  }
  Object.defineProperty(Point.prototype, 'inherited', { value: 3, enumerable: true })

  test('of a class are records of their own properties, as those of no class are', () => {
    const bare = Object.assign(Object.create(null) as object, { x: 1 })
    const segment = write(codec, [{ x: 1 }, new Point(), bare, [new Point()]])
    expect(segment.map(({ plain, definitions }) => [plain, definitions.length])).toStrictEqual([
      [false, 1],
      [false, 1],
      [false, 0],
      [false, 0],
    ])
    expectSame(readForward(codec, segment), [{ x: 1 }, { x: 1 }, { x: 1 }, [{ x: 1 }]])
  })

  test.each([
    ['with toJSON', { a: { toJSON: () => ({ b: 1 }), hidden: 1 } }],
    ['of a subclass of Date', [new (class extends Date {})(5)]],
    ['of a subclass of Error', { e: new (class Mine extends Error {})('no') }],
    ['with symbols and hidden properties', Object.defineProperty({ [Symbol('s')]: 1, a: 2 }, 'hidden', { value: 3 })],
    ['with the name of another class', [Object.assign({ a: 1 }, { constructor: 'x' })]],
    ['with keys that are numbers', [{ b: 1, 2: 2, 1: 1, '-1': 3 }]],
  ])('%s come back as their own properties, or as plain cbor-x gives them', (_, value) => {
    // A plain object with toJSON is refused for its function, by both.
    expectSame(throughShapes(value, value), [throughPlain(value), throughPlain(value)])
  })

  test.each([
    ['a promise', Promise.resolve(1)],
    ['URL', new URL('https://example.org/a')],
    ['Number', new Number(5)],
    ['Boolean', new Boolean(true)],
    ['WeakMap', new WeakMap()],
    ['DataView', new DataView(new ArrayBuffer(2))],
    ['SharedArrayBuffer', new SharedArrayBuffer(2)],
  ])('that hold what no property shows are refused by name: %s', (name, value) => {
    for (const codec of [cbor(), cbor({ shapes: false })]) {
      for (const around of [value, { value }, [value], new Map([[1, value]])]) {
        expect(() => codec.encoder([]).encode(around)).toThrow(name)
      }
    }
  })

  test('within a value that have no shape, because no more are learnt, are maps, and the rest stays a record', () => {
    const many = Array.from({ length: 200 }, (_, index) => ({ [`k${index}`]: { index } }))
    const segment = write(codec, [many, many, { kept: many[199] }])
    expect(segment.map(({ plain, definitions }) => [plain, definitions.length])).toStrictEqual([
      [false, SHAPES_MAX],
      [false, SHAPES_MAX],
      [true, 0],
    ])
    expectSame(readForward(codec, segment), [many, many, { kept: many[199] }])
  })

  test('of more keys than a dictionary holds are maps, and what is learnt beside them stays', () => {
    const wide = (from: number): unknown =>
      Object.fromEntries(Array.from({ length: 65_537 }, (_, index) => [`k${from + index}`, 0]))
    const values = [0, 1, 2].map((from) => ({ id: from, wide: wide(from) }))
    const segment = write(codec, values)
    expect(segment.map(({ plain, definitions }) => [plain, definitions.length])).toStrictEqual([
      [false, 1],
      [false, 1],
      [false, 0],
    ])
    expectSame(readForward(codec, segment), values)
  })

  test('that became maps leave nothing in the table', () => {
    const steps = (node: ShapeNode): number => {
      const children = node.children?.values() ?? (node.lastChild === undefined ? [] : [node.lastChild])
      return 1 + [...children].reduce((sum, child) => sum + steps(child), 0)
    }
    const table = new ShapeTable()
    const writer = new RecordWriter(table)
    // Too many in one value, then too wide ones, beside one that is known and one that is new.
    const wide = Object.fromEntries(Array.from({ length: 65_536 }, (_, index) => [`w${index}`, 0]))
    for (const value of [
      { wide },
      { wide },
      { wide, also: 1 },
      [Array.from({ length: 300 }, (_, k) => ({ [`k${k}`]: 0 }))],
    ]) {
      expect(writer.write(value)).toBeDefined()
      table.keep(1e9)
      expect(steps(table.root)).toBe(1 + new Set(table.structures.flat()).size)
    }
    expect(table.structures.length).toBe(SHAPES_MAX)
  })

  test('are plain while Object.prototype has keys of its own', () => {
    const before = write(codec, [{ a: 1 }])
    Object.assign(Object.prototype, { planted: 1 })
    try {
      const planted = write(codec, [{ a: 1 }, [{ b: [1] }]])
      expect(planted.map(({ plain }) => plain)).toStrictEqual([true, true])
      expect(JSON.stringify(readForward(codec, planted))).toBe('[{"a":1},[{"b":[1]}]]')
    } finally {
      delete (Object.prototype as { planted?: number }).planted
    }
    expect(write(codec, [{ a: 1 }])).toStrictEqual(before)
  })
})

describe('values that misbehave', () => {
  const codec = cbor()

  function sound(make: () => unknown): unknown[] {
    const segment = write(codec, [{ first: 1 }, make(), { first: 1, last: 2 }, make(), { first: 3 }])
    const values = readForward(codec, segment)
    expectSame([values[0], values[2], values[4]], [{ first: 1 }, { first: 1, last: 2 }, { first: 3 }])
    return [values[1], values[3]]
  }

  test('a getter that adds a key, or drops an item of an array, leaves a sound record', () => {
    const adding = (): unknown => ({
      get a() {
        return Object.assign(this, { added: 1 }) && 1
      },
      b: 2,
    })
    for (const value of sound(adding)) expect(value).toMatchObject({ a: 1, b: 2 })
    const dropping = (): unknown => {
      const list: unknown[] = [{ a: 1 }, 2, 3]
      Object.defineProperty(list, 0, { get: () => (list.length = 1), enumerable: true })
      return { list }
    }
    expectSame(sound(dropping), [{ list: [1, undefined, undefined] }, { list: [1, undefined, undefined] }])
  })

  test('a getter that encodes another value and hides the error changes nothing', () => {
    const encoder = codec.encoder([])
    const decoder = codec.decoder()
    const value = {
      fresh: { nested: 1 },
      get later() {
        expect(() => encoder.encode({ other: 1 })).toThrow('a getter that encodes another one')
        return { more: 2 }
      },
    }
    for (let n = 0; n < 2; n++) {
      const bytes = Uint8Array.from(encoder.encode(value))
      for (const definition of encoder.takeDefinitions() ?? []) decoder.define(definition)
      const expected = { fresh: { nested: 1 }, later: { more: 2 } }
      expect(decoder.decode(bytes, 0, bytes.length, encoder.plain)).toStrictEqual(expected)
    }
  })

  test('a getter inside a value that is written plain cannot reach the encoder either', () => {
    const encoder = codec.encoder([])
    for (let index = 0; index < 200; index++) encoder.encode({ [`k${index}`]: 0 })
    const value = {
      unknown: 1,
      get nested() {
        expect(() => encoder.encode({ k0: 1 })).toThrow('a getter that encodes another one')
        return 2
      },
    }
    const bytes = Uint8Array.from(encoder.encode(value))
    expect(encoder.plain).toBe(true)
    expect(codec.decoder().decode(bytes, 0, bytes.length, true)).toStrictEqual({ unknown: 1, nested: 2 })
  })

  test.each([-1, NaN, 1.5, '2', undefined])('a proxy of an array whose length is %s', (length) => {
    const lying = (): unknown =>
      new Proxy([1, 2], { get: (target, key) => (key === 'length' ? length : Reflect.get(target, key)) as unknown })
    const segment = write(codec, [{ a: 1 }, { list: lying() }, { a: 2 }])
    const values = readForward(codec, segment)
    expect([values[0], values[2]]).toStrictEqual([{ a: 1 }, { a: 2 }])
  })

  test('a proxy that has other keys now and then gives no value the key of another', () => {
    let asked = 0
    const shifting = new Proxy(
      {},
      {
        ownKeys: () => [`k${Math.floor(asked++ / 2) % 3}`, 'same'],
        getOwnPropertyDescriptor: () => ({ value: 1, enumerable: true, configurable: true }),
        get: (_, key) => (typeof key === 'string' && /^(k|same)/.test(key) ? key : undefined),
      },
    )
    const encoder = codec.encoder([])
    const decoder = codec.decoder()
    for (let n = 0; n < 12; n++) {
      asked = n
      const bytes = Uint8Array.from(encoder.encode({ shifting }))
      for (const definition of encoder.takeDefinitions() ?? []) decoder.define(definition)
      // What is written plain is up to cbor-x, which asks for keys and values one after the other.
      expect(encoder.plain).toBe(n % 2 === 1)
      if (encoder.plain) continue
      const value = decoder.decode(bytes, 0, bytes.length, false) as { shifting: object }
      for (const [key, held] of Object.entries(value.shifting)) expect(held).toBe(key)
    }
  })

  test('an array of four thousand million gaps is refused before it takes the memory', () => {
    const encoder = codec.encoder([])
    const tooLarge = expect.objectContaining({ code: 'TOO_LARGE' }) as Error
    expect(() => encoder.encode(new Array(2 ** 32 - 1))).toThrow(tooLarge)
    expect(() => encoder.encode({ deep: [{ list: new Array(2 ** 31) }] })).toThrow(tooLarge)
    expect(codec.decoder().decode(Uint8Array.from(encoder.encode([])), 0, 1, encoder.plain)).toStrictEqual([])
  })

  test('a value that contains itself twice is refused before it takes the memory', { timeout: 60_000 }, () => {
    let value: unknown = 'x'.repeat(1000)
    for (let level = 0; level < 60; level++) value = [value, value]
    const tooLarge = expect.objectContaining({ code: 'TOO_LARGE' }) as Error
    expect(() => codec.encoder([]).encode(value)).toThrow(tooLarge)
  })
})
