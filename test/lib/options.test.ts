import { describe, expect, test } from 'vitest'
import { LIMITS, type OpenOptions, resolveOptions } from '../../lib/options.ts'

const resolve = (options: object): ReturnType<typeof resolveOptions> =>
  resolveOptions(options as OpenOptions<unknown>, LIMITS.segmentBytes.min)

const NUMBERS = Object.entries(LIMITS)

describe('options', () => {
  test('have defaults that hold together, and cannot be changed afterwards', () => {
    const resolved = resolve({})
    for (const [name, { default: value }] of NUMBERS) expect(resolved).toMatchObject({ [name]: value })
    expect(resolved).toMatchObject({ durability: 'synced', onDamage: 'refuse', codec: { name: 'cbor-shapes' } })
    expect(Object.isFrozen(resolved)).toBe(true)
  })

  test.each(NUMBERS)('%s is a whole number within its limits', (name, { min, max }) => {
    for (const good of [min, max]) expect(() => resolve({ [name]: good })).not.toThrow()
    for (const bad of [min - 1, max + 1, min + 0.5, NaN, Infinity, -1, String(min), null, BigInt(min), [min]]) {
      expect(() => resolve({ [name]: bad }), String(bad)).toThrow(
        expect.objectContaining({
          code: 'INVALID_ARGUMENT',
          message: expect.stringContaining(name) as string,
          found: bad,
        }),
      )
    }
  })

  const wrong: readonly (readonly [string, unknown])[] = [
    ['a size that is no multiple of 8', { segmentBytes: 65_537 }],
    ['an unknown name', { segmentByte: 65_536 }],
    ['an unknown level', { durability: 'fsync' }],
    ['a level of another kind', { durability: true }],
    ['an unknown choice', { onDamage: 'ignore' }],
    ['a codec that is none', { codec: {} }],
    ['a codec without a name', { codec: { encode: () => new Uint8Array(), decode: () => 1 } }],
    ['nothing', null],
    ['text', 'synced'],
  ]
  test.each(wrong)('%s is refused', (_, options) => {
    expect(() => resolve(options as object)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })

  test('limits that exceed each other are lowered: a record to its segment, the soft limit to the hard one', () => {
    const small = resolve({ segmentBytes: 65_536, queueHardBytes: 65_536 })
    expect(small.recordBytesMax).toBeLessThan(65_536)
    expect(small.recordBytesMax).toBeGreaterThan(64_000)
    expect(small.queueSoftBytes).toBe(65_536)
    expect(resolve({ segmentBytes: 65_536, recordBytesMax: 100 }).recordBytesMax).toBe(100)
  })
})
