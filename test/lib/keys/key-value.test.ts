import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { KEY_BYTES_MAX, type KeyValue, canonicalKey, hashOf, isKey, keyHash } from '../../../lib/keys/key-value.ts'
import { fingerprintOf } from '../../../lib/keys/definitions.ts'
import type { StoredDefinition } from '../../../segments/format/manifest.ts'
import { meaning } from '../../segments/format/spec.ts'
import { codeOf } from '../../conformance/worlds.ts'

const keys: fc.Arbitrary<KeyValue> = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.bigInt(),
  fc.uint8Array(),
)

const SAME: readonly (readonly [string, KeyValue, KeyValue])[] = [
  ['0 and -0', 0, -0],
  ['a Buffer and a Uint8Array of the same bytes', Buffer.from('ab'), Uint8Array.of(97, 98)],
  ['1 and 1.0', 1, 1.0],
]

const DIFFERENT: readonly (readonly [string, KeyValue, KeyValue])[] = [
  ['a number and a text', 7, '7'],
  ['a number and a bigint', 7, 7n],
  ['a text and its bytes', 'ab', Buffer.from('ab')],
  ['an empty text and empty bytes', '', new Uint8Array()],
  ['texts that differ in case', 'a', 'A'],
  ['é in one and in two code points', '\u00e9', 'e\u0301'],
]

interface KeyVector {
  readonly type: 'text' | 'number' | 'bigint' | 'bytes'
  readonly key: string | number
  readonly canonical: string
  readonly hash: string
}

function keyOf({ type, key }: KeyVector): KeyValue {
  if (type === 'bigint') return BigInt(key)
  return type === 'bytes' ? Buffer.from(String(key), 'hex') : key
}

interface FingerprintVector {
  readonly kind: string
  readonly definition: StoredDefinition
  readonly json: string
  readonly fingerprint: string
}

describe('the vectors of the format', () => {
  test.each(meaning<KeyVector[]>('keys'))('key $type $key', (one) => {
    expect(canonicalKey(keyOf(one)).toString('hex')).toBe(one.canonical)
    expect(hashOf(keyOf(one)).toString(16).padStart(8, '0')).toBe(one.hash)
  })

  test.each(meaning<FingerprintVector[]>('fingerprints'))(
    'fingerprint of $kind',
    ({ kind, definition, json, fingerprint }) => {
      expect(createHash('sha256').update(json).digest('hex').slice(0, 32)).toBe(fingerprint)
      expect(fingerprintOf(kind, definition)).toBe(fingerprint)
    },
  )
})

describe('canonical bytes of keys', () => {
  test.each(SAME)('%s are the same key', (_, a, b) => {
    expect(canonicalKey(a)).toEqual(canonicalKey(b))
    expect(hashOf(a)).toBe(hashOf(b))
  })

  test.each(DIFFERENT)('%s are different keys', (_, a, b) => {
    expect(canonicalKey(a)).not.toEqual(canonicalKey(b))
    expect(hashOf(a)).not.toBe(hashOf(b))
  })

  test('the short way to the hash of a text gives the hash of its canonical bytes', () => {
    fc.assert(
      fc.property(keys, (key) => {
        expect(hashOf(key)).toBe(keyHash(canonicalKey(key)))
      }),
      { numRuns: 2000 },
    )
  })

  test('a key of 64 KiB is taken, one byte more is TOO_LARGE, in every form', () => {
    for (const make of [(n: number) => 'x'.repeat(n), (n: number) => new Uint8Array(n)]) {
      expect(hashOf(make(KEY_BYTES_MAX))).toBe(keyHash(canonicalKey(make(KEY_BYTES_MAX))))
      expect(codeOf(() => hashOf(make(KEY_BYTES_MAX + 1)))).toBe('TOO_LARGE')
    }
    expect(codeOf(() => hashOf('é'.repeat(KEY_BYTES_MAX / 2)))).toBe('returned')
    expect(codeOf(() => hashOf('é'.repeat(KEY_BYTES_MAX / 2) + 'a'))).toBe('TOO_LARGE')
  })

  test('what is not a key is told from what is', () => {
    for (const found of [null, undefined, true, Number.NaN, Infinity, {}, [], Symbol('x')])
      expect(isKey(found)).toBe(false)
    for (const found of ['', 0, -1.5, 0n, new Uint8Array()]) expect(isKey(found)).toBe(true)
  })

  test('hashes of like keys are spread evenly: no sixteenth of the range holds more than twice its share', () => {
    const counts = new Array<number>(16).fill(0)
    for (let n = 0; n < 16_000; n++) counts[hashOf(`O-${n}`) >>> 28]! += 1
    expect(Math.max(...counts)).toBeLessThan(2000)
    expect(Math.min(...counts)).toBeGreaterThan(500)
  })
})
