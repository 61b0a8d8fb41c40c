import { Tag } from 'cbor-x/decode'
import fc from 'fast-check'

const KEYS = ['a', 'b', 'c', 'd', 'ä', 'a b', '1', '0', '', '__proto__', '__keys__', 'constructor', 'hasOwnProperty']

/** Leaves of every kind (but dates that are none: they are not deeply equal to themselves) that plain cbor-x keeps, and some that it changes: whatever it gives is what we expect. */
export const leaf = fc.oneof(
  { weight: 8, arbitrary: fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.constant(null), fc.double()) },
  fc.constantFrom(-0, NaN, Infinity, -Infinity, 2 ** 32, -(2 ** 32) - 1, 2 ** 53 - 1, undefined),
  fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }),
  fc.uint8Array({ maxLength: 40 }),
  fc.constantFrom(new Date(0), new Date(1723075200123), new Date(-5)),
  fc.constantFrom(
    new Float64Array([1.5, -0]),
    new Uint16Array([1, 65535]),
    new BigInt64Array([-1n]),
    new ArrayBuffer(3),
  ),
  fc.constantFrom(new Error('no'), new RangeError('far'), /a+/gi, new Set([1, 'x']), new Map([['k', 1]])),
  fc.constantFrom(new Tag([1, 2], 0xe000), new Tag([1], 0xe001), new Tag(['x'], 0x10000), new Tag(7, 40_500)),
  fc.string({ minLength: 60, maxLength: 300 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
)

export const { node } = fc.letrec<{ node: unknown; record: unknown }>((tie) => ({
  node: fc.oneof({ maxDepth: 4, depthSize: 'small' }, leaf, tie('record'), fc.array(tie('node'), { maxLength: 5 })),
  record: fc.oneof(
    fc
      .uniqueArray(fc.tuple(fc.constantFrom(...KEYS), tie('node')), { maxLength: 6, selector: ([key]) => key })
      .map(own),
    fc.array(tie('node'), { maxLength: 4 }).map((values) => own(values.map((value, i) => [KEYS[i]!, value]))),
    fc.tuple(tie('node'), fc.boolean()).map(([x, deep]) => new Map<unknown, unknown>([[deep ? { x } : 'x', { x }]])),
    fc.array(tie('node'), { maxLength: 3 }).map((values) => new Set(values)),
    tie('node').map((value) => Object.assign(Object.create(null) as object, { value })),
  ),
}))

/** `Object.fromEntries` makes `__proto__` a key like any other, which a literal does not. */
export function own(entries: readonly (readonly [string, unknown])[]): unknown {
  return Object.fromEntries(entries)
}
