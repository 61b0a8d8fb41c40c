import { describe, expect, test } from 'vitest'
import { type OpenLogOptions, SeglogError, bytes, cbor, json, memoryEnvironment, openLog } from '../../lib/index.ts'

const KIB = 1024
const MIB = 1024 * KIB

function errorOf(act: () => unknown): SeglogError {
  try {
    act()
  } catch (error) {
    if (error instanceof SeglogError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

describe('what is too large', () => {
  type Sizes = Pick<OpenLogOptions<Uint8Array>, 'segmentBytes' | 'recordBytesMax'>

  const cases: readonly (readonly [string, Sizes, number, Sizes])[] = [
    ['a record that no segment holds', { segmentBytes: 64 * KIB }, 64 * KIB, { segmentBytes: 128 * KIB }],
    [
      'a record just above what a segment holds',
      { segmentBytes: 64 * KIB },
      64 * KIB - 511,
      { segmentBytes: 128 * KIB },
    ],
    [
      'a record that no segment holds, with a limit beyond that',
      { segmentBytes: 64 * KIB, recordBytesMax: MIB },
      64 * KIB,
      { segmentBytes: 128 * KIB },
    ],
    ['a record above the limit', { recordBytesMax: 1000 }, 1001, { recordBytesMax: 1001 }],
    ['a record above the default', {}, 17 * MIB, { recordBytesMax: 17 * MIB }],
    [
      'a record above both',
      { segmentBytes: 64 * KIB, recordBytesMax: 1000 },
      64 * KIB,
      { segmentBytes: 128 * KIB, recordBytesMax: 64 * KIB },
    ],
  ]
  test.each(cases)('%s names the options that help', async (_, sizes, length, helping) => {
    const environment = memoryEnvironment()
    const log = await openLog('/log', { environment, codec: bytes(), ...sizes })
    const error = errorOf(() => log.append(new Uint8Array(length)))
    expect(error).toMatchObject({ code: 'TOO_LARGE', found: length })
    expect(error.message.match(/\w+Bytes\w*/g)?.sort()).toStrictEqual(Object.keys(helping).sort())
    await log.close()
    const again = await openLog('/log', { environment, codec: bytes(), ...sizes, ...helping })
    expect(again.append(new Uint8Array(length))).toBe(1)
    await again.close()
  })

  test('a record that no log takes names no option', async () => {
    const sizes = { segmentBytes: 128 * MIB, recordBytesMax: 64 * MIB }
    const log = await openLog('/log', { environment: memoryEnvironment(), codec: bytes(), ...sizes })
    const error = errorOf(() => log.append(new Uint8Array(64 * MIB + 1)))
    expect(error.code).toBe('TOO_LARGE')
    expect(error.message).not.toContain('Bytes')
    await log.close()
  })
})

describe('a value without an end', () => {
  const itself: { self?: unknown } = {}
  itself.self = { list: [itself] }
  const list: unknown[] = []
  list.push(list)
  const map = new Map()
  map.set('self', map)
  let deep = {}
  for (let level = 0; level < 200_000; level++) deep = { deep }
  // In a list, because JSON sees nothing in a map.
  const values: Readonly<Record<string, unknown>> = { object: itself, list, 'list beside a map': [map, list], deep }

  test.each(Object.entries(values))('%s is ENCODE, with the likely cause', async (_, value) => {
    for (const codec of [cbor(), cbor({ shapes: false }), json()]) {
      const log = await openLog<unknown>('/log', { environment: memoryEnvironment(), codec })
      const error = errorOf(() => log.append(value))
      expect(error.code, codec.name).toBe('ENCODE')
      expect(error.message, codec.name).toMatch(/refers to itself or is nested too deeply|circular/)
      expect(error.cause).toBeInstanceOf(Error)
      expect(log.append({ next: 1 })).toBe(1)
      await log.close()
    }
  })
})
