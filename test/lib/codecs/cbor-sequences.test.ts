import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cbor } from '../../../lib/codecs/cbor.ts'
import { leaf, node } from './arbitraries.ts'
import { expectSame, readForward, readInOrder, thrown, throughPlain, write } from './segment.ts'

function cyclic(): unknown {
  const value: Record<string, unknown> = { fresh: 1 }
  value['self'] = { again: value }
  return value
}

/** Values that no codec can write, with new shapes in front of the failure. */
const failing = fc.constantFrom<() => unknown>(
  () => ({ a: { newShape: 1 }, get boom(): never { throw new Error('boom') } }), // prettier-ignore
  () => ({ b: [{ other: 1 }], f: () => 1 }),
  () => [{ a: 1, b: 2, c: 3, d: 4, e: 5, s: Symbol('s') }],
  cyclic,
)

/** A map with a key of its own each time. */
const everNew = fc.tuple(fc.string({ minLength: 4, maxLength: 8 }), leaf).map(([key, value]) => ({ [key]: value }))

const value = fc.oneof({ weight: 12, arbitrary: node }, everNew, failing.map((make) => make())) // prettier-ignore

function check(values: readonly unknown[], order: readonly number[]): void {
  const codec = cbor()
  const segment = write(codec, values)
  const expected = values.map(throughPlain)
  expectSame(readForward(codec, segment), expected)
  expectSame(readInOrder(codec, segment, order), expected)
}

/** A permutation of 0…count-1 out of a seed: a shuffled array of fast-check is slow at this length. */
function shuffled(count: number, seed: number): number[] {
  const order = Array.from({ length: count }, (_, index) => index)
  let state = seed >>> 0
  for (let i = count - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const j = state % (i + 1)
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  return order
}

describe('with shapes, a sequence of values', () => {
  test('reads back as plain cbor-x gives it, forward and in any order', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 80, size: 'max' }), fc.nat(), (values, seed) => {
        check(values, shuffled(values.length, seed))
      }),
      { numRuns: 250 },
    )
  })

  test('may be cut at any place by a new segment, and each segment reads on its own', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(fc.array(fc.array(value, { maxLength: 20 }), { maxLength: 5 }), fc.nat(), (segments, seed) => {
        const codec = cbor()
        const written = segments.map((values) => write(codec, values))
        for (const [index, values] of segments.entries()) {
          const expected = values.map(throughPlain)
          expectSame(readForward(codec, written[index]!), expected)
          expectSame(readInOrder(codec, written[index]!, shuffled(values.length, seed)), expected)
        }
      }),
      { numRuns: 100 },
    )
  })

  test('of many more shapes than the table holds reads back', { timeout: 60_000 }, () => {
    const shape = fc.tuple(fc.nat(400), fc.nat(6), leaf)
    const record = shape.map(([kind, more, x]): unknown => {
      const extra = Array.from({ length: more }, (_, i) => [`k${kind % (i + 7)}`, { [`n${kind}`]: x }] as const)
      return Object.fromEntries([[`t${kind}`, x], ...extra])
    })
    fc.assert(
      fc.property(fc.array(record, { minLength: 300, maxLength: 600, size: 'max' }), fc.nat(), (values, seed) => {
        check(values, shuffled(values.length, seed))
      }),
      { numRuns: 15 },
    )
  })

  test('of one shape that grows and shrinks reads back', () => {
    const counts = fc.array(fc.nat(12), { minLength: 1, maxLength: 60, size: 'max' })
    fc.assert(
      fc.property(counts, fc.nat(), (sizes, seed) => {
        const values = sizes.map((size) => Object.fromEntries(Array.from({ length: size }, (_, i) => [`k${i}`, i])))
        check(values, shuffled(values.length, seed))
      }),
    )
  })

  test('keeps nothing of a value that threw', () => {
    fc.assert(
      fc.property(
        fc.array(node, { maxLength: 8 }),
        failing,
        fc.array(node, { maxLength: 8 }),
        (before, make, after) => {
          const codec = cbor()
          const values = [...before, ...after]
          const failed = write(codec, [...before, make(), ...after])
          expect(failed[before.length]!.bytes).toBeUndefined()
          const without = write(codec, values)
          const kept = failed.filter((_, index) => index !== before.length)
          // Not the same bytes: a record may name any shape that begins with its keys.
          expect(kept.map(({ definitions }) => definitions)).toStrictEqual(
            without.map(({ definitions }) => definitions),
          )
          expectSame(readForward(codec, kept), readForward(codec, without))
        },
      ),
    )
  })

  test('is only refused where plain cbor-x refuses it', () => {
    fc.assert(
      fc.property(fc.array(node, { maxLength: 20 }), (values) => {
        for (const kept of write(cbor(), values)) {
          expect(kept.bytes === undefined).toBe(throughPlain(kept.value) === thrown)
        }
      }),
    )
  })

  test('starts afresh in each segment', () => {
    const codec = cbor()
    expect(write(codec, [{ a: 1 }])).toStrictEqual(write(codec, [{ a: 1 }]))
  })
})
