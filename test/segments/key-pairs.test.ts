import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { KeyPairs, SegmentKeys } from '../../segments/key-pairs.ts'

/** Hashes of which many agree in all bits, or in the low ones, or in the high ones. */
const hash = fc.oneof(
  fc.constantFrom(0, 1, 0xffffffff, 0x80000000, 0x10000, 0x10001, 5 << 20),
  fc.nat(20),
  fc.nat(20).map((n) => (n << 20) >>> 0),
  fc.integer({ min: 0, max: 0xffffffff }),
)
/** Keys of records in order: each record with none, one or several. */
const records = fc.array(fc.array(hash, { maxLength: 3 }), { maxLength: 200 })

function pairsOf(recordsOf: readonly (readonly number[])[]): KeyPairs {
  const pairs = new KeyPairs()
  for (const [index, hashes] of recordsOf.entries()) for (const each of hashes) pairs.add(each, index)
  return pairs
}

const brute = (recordsOf: readonly (readonly number[])[], wanted: number): number[] =>
  recordsOf.flatMap((hashes, index) => (hashes.includes(wanted) ? [index] : []))

describe('key pairs of a segment that is written', () => {
  test('records of a hash are found, each once and in order, as by looking at all', () => {
    fc.assert(
      fc.property(records, hash, (recordsOf, wanted) => {
        const pairs = pairsOf(recordsOf)
        for (const each of [wanted, ...recordsOf.flat()]) expect(pairs.indexesOf(each)).toEqual(brute(recordsOf, each))
      }),
    )
  })

  test('sorted pairs hold every one, by hash and then by record', () => {
    fc.assert(
      fc.property(records, (recordsOf) => {
        const pairs = recordsOf.flatMap((hashes, index) => hashes.map((each) => [each, index] as const))
        pairs.sort((a, b) => a[0] - b[0] || a[1] - b[1])
        expect([...pairsOf(recordsOf).sorted()]).toEqual(pairs.flat())
      }),
    )
  })

  test.each([4095, 4096, 20_000])('%i pairs are sorted by hash and then by record', (count) => {
    const pairs = Array.from(
      { length: count },
      (_, index) => [Math.imul(index % 777, 0x9e3779b1) >>> 0, index] as const,
    )
    const sorted = pairs.toSorted((a, b) => a[0] - b[0] || a[1] - b[1])
    expect(Array.from(pairsOf(pairs.map(([each]) => [each])).sorted())).toEqual(sorted.flat())
  })

  test('more pairs than a table starts with are kept', () => {
    const pairs = new KeyPairs()
    for (let index = 0; index < 5000; index++) pairs.add(index % 7, index)
    expect(pairs.indexesOf(3)).toEqual(Array.from({ length: 714 }, (_, n) => n * 7 + 3))
  })

  test('records from before the opening come first, once they were put in', () => {
    const keys = new SegmentKeys([{ kind: 'id', fingerprint: '' }], 2)
    keys.add(0, 9, 2)
    expect(keys.isWhole).toBe(false)
    keys.complete([pairsOf([[9], [4]])])
    expect(keys.isWhole).toBe(true)
    expect(keys.indexesOf(0, 9)).toEqual([0, 2])
    expect([...keys.sorted(0)]).toEqual([4, 1, 9, 0, 9, 2])
  })
})
