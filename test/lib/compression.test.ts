import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytes } from '../../lib/codecs/bytes.ts'
import { cbor } from '../../lib/codecs/cbor.ts'
import type { Codec } from '../../lib/codecs/codec.ts'
import { json } from '../../lib/codecs/json.ts'
import { openLogWith } from '../../lib/open.ts'
import { memoryEnvironment } from '../../segments/env/memory.ts'
import {
  type CompressionName,
  canCompress,
  compress,
  compressionName,
  decompress,
  methodOf,
} from '../../segments/format/compression.ts'
import { COMPRESSION } from '../../segments/format/layout.ts'

const METHODS = (Object.keys(COMPRESSION) as CompressionName[]).filter((name) => canCompress(COMPRESSION[name]))

/** Texts that repeat themselves, and bytes that do not. */
const compressible = fc
  .tuple(fc.string({ maxLength: 12 }), fc.integer({ min: 0, max: 120 }))
  .map(([part, times]) => part.repeat(times))
const noise = fc.uint8Array({ maxLength: 900 })
const texts = fc.oneof(
  compressible,
  noise.map((part) => Buffer.from(part).toString('base64')),
)
const objects = fc.record({ id: fc.integer(), note: texts, tags: fc.array(texts, { maxLength: 3 }) })
const binary = fc.oneof(
  noise,
  compressible.map((part) => new Uint8Array(Buffer.from(part))),
)

const CODECS: readonly (readonly [string, Codec<never>, fc.Arbitrary<unknown>])[] = [
  ['cbor', cbor<never>(), objects],
  ['cbor without shapes', cbor<never>({ shapes: false }), objects],
  ['json', json<never>(), objects],
  ['bytes', bytes() as Codec<never>, binary],
]

describe.each(METHODS)('%s', (compression) => {
  test.each(CODECS)(
    'D17 any values come back, whatever the codec, the compression and the threshold: %s',
    async (_, codec, arbitrary) => {
      const values = fc.array(arbitrary, { minLength: 1, maxLength: 12 })
      const thresholds = fc.constantFrom(1, 24, 100, 2000)
      await fc.assert(
        fc.asyncProperty(values, thresholds, fc.boolean(), async (given, compressionBytesMin, isBatch) => {
          const environment = memoryEnvironment({ seed: 1 })
          const options = { codec, compression, compressionBytesMin, segmentBytes: 65_536, environment }
          const log = await openLogWith('/log', options, 65_536)
          if (isBatch) log.appendBatch(given as never[])
          else for (const value of given) log.append(value as never)
          log.syncNow()
          const found = (entries: Iterable<{ readonly value: unknown }>): unknown[] =>
            Array.from(entries, ({ value }) => value)
          expect(found(log.read())).toEqual(given)
          expect(given.map((_value, index) => log.get(index + 1)!.value)).toEqual(given)
          await log.close()
          const again = await openLogWith('/log', { codec, environment }, 65_536)
          expect(found([...again.read({ reverse: true })].reverse())).toEqual(given)
          await again.close()
        }),
        { numRuns: 40 },
      )
    },
  )
})

describe.each(METHODS.filter((name) => name !== 'none'))('the stream of %s', (name) => {
  const method = methodOf(name)!

  test('is shorter than the payload by at least what its frame has more, and gives it back', () => {
    let kept = 0
    fc.assert(
      fc.property(fc.oneof(binary, fc.uint8Array({ minLength: 4096, maxLength: 8192 })), (payload) => {
        const stored = compress(method, payload)
        if (stored === undefined) return
        kept += 1
        expect(stored.length + 4 + 8).toBeLessThanOrEqual(payload.length)
        expect(Buffer.from(decompress(method, stored, payload.length) as Uint8Array)).toEqual(Buffer.from(payload))
      }),
    )
    expect(kept).toBeGreaterThan(10)
  })

  test('that is not whole, or was changed at any byte, throws nothing and never gives another length', () => {
    const payload = Buffer.from('a short story about a short story, told again, '.repeat(12))
    const stored = Buffer.from(compress(method, payload)!)
    for (let end = 0; end < stored.length; end++) {
      expect(typeof decompress(method, stored.subarray(0, end), payload.length)).toBe('string')
    }
    let told = 0
    for (let bit = 0; bit < 8 * stored.length; bit++) {
      const changed = Buffer.from(stored)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      const found = decompress(method, changed, payload.length)
      if (typeof found === 'string') told += 1
      else expect(found.length).toBe(payload.length)
    }
    expect(told).toBeGreaterThan(stored.length)
    // It stops there, and does not find out how long the stream would have been.
    expect(decompress(method, stored, 100)).not.toContain('bytes long')
    for (const length of [0, 1, payload.length - 1, payload.length + 1, 10 * payload.length]) {
      expect(typeof decompress(method, stored, length)).toBe('string')
    }
  })

  test('has a name for its number, and a number for its name', () => {
    expect(compressionName(method)).toBe(name)
    expect([methodOf('snappy'), methodOf('toString'), compressionName(77)]).toEqual([
      undefined,
      undefined,
      'unknown-77',
    ])
  })
})
