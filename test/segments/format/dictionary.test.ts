import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeDefinition, encodeDefinition } from '../../../segments/format/dictionary.ts'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

const malformed: readonly (readonly [string, Uint8Array])[] = [
  ['nothing', utf8('')],
  ['a zero byte', new Uint8Array(1)],
  ['no JSON', utf8('[1,["a"]')],
  ['trailing bytes', utf8('[1,["a"]]x')],
  ['no array', utf8('{"0":1,"1":["a"],"length":2}')],
  ['no keys', utf8('[1]')],
  ['a third element', utf8('[1,["a"],0]')],
  ['id below 0', utf8('[-1,["a"]]')],
  ['id -0', utf8('[-0,["a"]]')],
  ['id above 127', utf8('[128,["a"]]')],
  ['id with a fraction', utf8('[1.5,["a"]]')],
  ['id as text', utf8('["1",["a"]]')],
  ['id null', utf8('[null,["a"]]')],
  ['keys as text', utf8('[1,"ab"]')],
  ['keys as an object', utf8('[1,{"length":0}]')],
  ['a key that is a number', utf8('[1,["a",2]]')],
  ['a key that is null', utf8('[1,[null]]')],
  ['65,536 keys', utf8(JSON.stringify([1, new Array(65_536).fill('k')]))],
  ['a byte order mark', Uint8Array.of(0xef, 0xbb, 0xbf, ...utf8('[1,["a"]]'))],
  ['no UTF-8', Uint8Array.of(...utf8('[1,["'), 0xff, ...utf8('"]]'))],
  ['a surrogate in UTF-8', Uint8Array.of(...utf8('[1,["'), 0xed, 0xa0, 0x80, ...utf8('"]]'))],
]

describe('the payload of a dictionary frame', () => {
  test('is the text that the format says', () => {
    expect(Buffer.from(encodeDefinition(7, ['orderId', 'ä"\ud800'])).toString()).toBe('[7,["orderId","ä\\"\\ud800"]]')
  })

  test('gives back any id and keys, lone surrogates included', () => {
    const key = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('__proto__', '\ud800', '\udfff\ud800', '\ufeff'),
    )
    fc.assert(
      fc.property(fc.nat(127), fc.array(key), (id, keys) => {
        expect(decodeDefinition(encodeDefinition(id, keys))).toStrictEqual({ id, keys })
      }),
    )
  })

  test('may have no keys, and 65,535 of them', () => {
    for (const count of [0, 65_535]) {
      const keys = Array.from({ length: count }, (_, index) => `k${index}`)
      expect(decodeDefinition(encodeDefinition(127, keys))).toStrictEqual({ id: 127, keys })
    }
  })

  test.each(malformed)('is malformed with %s', (_, payload) => {
    expect(decodeDefinition(payload)).toBeUndefined()
  })

  test('never throws, whatever the bytes', () => {
    const near = fc.tuple(fc.json(), fc.json()).map(([id, keys]) => utf8(`[${id},${keys}]`))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), near), (payload) => {
        const definition = decodeDefinition(payload)
        if (definition !== undefined) expect(definition.id).toBeLessThan(128)
      }),
      { numRuns: 2000 },
    )
  })

  test('is never written so that a reader would refuse it', () => {
    expect(() => encodeDefinition(128, [])).toThrow('broken invariant')
    expect(() => encodeDefinition(-1, [])).toThrow('broken invariant')
    expect(() => encodeDefinition(0, [1 as unknown as string])).toThrow('broken invariant')
  })
})
