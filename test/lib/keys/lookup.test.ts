import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { KeyOptions } from '../../../lib/keys/definitions.ts'
import type { KeyValue } from '../../../lib/keys/key-value.ts'
import type { Log } from '../../../lib/log.ts'
import { openLog, openLogWith, openReadOnly } from '../../../lib/open.ts'
import { cbor } from '../../../lib/codecs/cbor.ts'
import { memoryEnvironment } from '../../../segments/env/memory.ts'
import { codeLater, codeOf, everywhere, open } from '../../conformance/worlds.ts'

interface Order {
  readonly id?: KeyValue | readonly KeyValue[] | null
  readonly client?: { readonly name?: unknown }
  readonly legs?: readonly { readonly venue: string }[]
  readonly note?: string
}

const KEYS: KeyOptions<Order> = { id: 'id', client: ['client', 'name'], venue: ['legs', 'venue'] }

const sequences = (log: Log<Order>, kind: string, key: KeyValue, reverse = false): number[] =>
  Array.from(log.lookupAll(kind, key, { reverse }), (entry) => entry.sequence)

everywhere((world) => {
  const start = (keys: KeyOptions<Order> = KEYS): Promise<Log<Order>> => open<Order>(world(), { codec: cbor(), keys })

  test('B14 the first record and all records with a key are found, before and after reopening', async () => {
    const { wait } = world()
    let log = await start()
    await wait(log.commitBatch([{ id: 'a' }, { id: 'b' }, { id: 'a', client: { name: 'x' } }]))
    for (const round of ['written', 'reopened', 'written on']) {
      expect(log.lookup('id', 'a')?.value, round).toEqual({ id: 'a' })
      expect(sequences(log, 'id', 'a').slice(0, 2)).toEqual([1, 3])
      expect(sequences(log, 'client', 'x')).toEqual([3])
      expect(log.lookup('id', 'c')).toBeUndefined()
      if (round === 'written') {
        await wait(log.close())
        log = await start()
      } else if (round === 'reopened') {
        await wait(log.commit({ id: 'a' }))
        expect(sequences(log, 'id', 'a', true)).toEqual([4, 3, 1])
      }
    }
    await wait(log.close())
  })

  test('B14 lists give a record several keys, on the way and at the end', async () => {
    const { wait } = world()
    const log = await start()
    await wait(log.commit({ id: ['p', 'q', 'p'], legs: [{ venue: 'N' }, { venue: 'L' }] }))
    await wait(log.commit({ id: 'q', legs: [] }))
    expect(sequences(log, 'id', 'p')).toEqual([1])
    expect(sequences(log, 'id', 'q')).toEqual([1, 2])
    expect(sequences(log, 'venue', 'L')).toEqual([1])
    await wait(log.close())
  })

  test('B14 a record that is not durable yet is not found', async () => {
    const { wait } = world()
    const log = await start()
    await wait(log.commit({ id: 'a' }))
    log.append({ id: 'a' })
    expect(sequences(log, 'id', 'a')).toEqual([1])
    await wait(log.sync())
    expect(sequences(log, 'id', 'a')).toEqual([1, 2])
    await wait(log.close())
  })

  test('B14 a batch that is refused leaves no key behind', async () => {
    const { wait } = world()
    const log = await start()
    expect(codeOf(() => log.appendBatch([{ id: 'a' }, { id: 'b', note: (() => 1) as never }]))).toBe('ENCODE')
    expect(codeOf(() => log.append({ id: 'x'.repeat(65_537) }))).toBe('TOO_LARGE')
    await wait(log.commit({ id: 'c' }))
    expect([sequences(log, 'id', 'a'), sequences(log, 'id', 'b'), sequences(log, 'id', 'c')]).toEqual([[], [], [1]])
    await wait(log.close())
  })
})

test('B14 a reader goes on without what was archived since it looked, as one that is opened then', async () => {
  const environment = memoryEnvironment()
  const log = await openLog<Order>('/log', { environment, keys: KEYS })
  for (const id of ['a', 'b']) {
    await log.commit({ id })
    log.roll()
  }
  await log.commit({ id: 'a' })
  const reader = await openReadOnly<Order>('/log', { environment })
  const begun = reader.lookupAll('id', 'a', { reverse: true })[Symbol.iterator]()
  expect(begun.next().value).toMatchObject({ sequence: 3 })
  await log.archiveBefore(3)
  expect(begun.next().done).toBe(true)
  expect(reader.lookup('id', 'a')?.sequence).toBe(3)
  expect(Array.from(reader.lookupAll('id', 'a'), ({ sequence }) => sequence)).toEqual([3])
  expect(reader.lookup('id', 'b')).toBeUndefined()
  await reader.close()
  await log.close()
})

describe('definitions of keys', () => {
  const environment = memoryEnvironment({ seed: 1 })
  const at = (directory: string, keys?: KeyOptions<Order>): Promise<Log<Order>> =>
    openLogWith<Order>(directory, { environment, segmentBytes: 4096, ...(keys && { keys }) }, 4096)

  test('they stay with the log, and a kind that it does not have is INVALID_ARGUMENT', async () => {
    await (await at('/stay', { id: 'id' })).close()
    const log = await at('/stay')
    await log.commit({ id: 'a' })
    expect(sequences(log, 'id', 'a')).toEqual([1])
    expect(codeOf(() => log.lookup('name', 'a'))).toBe('INVALID_ARGUMENT')
    expect(codeOf(() => log.lookup('id', null as never))).toBe('INVALID_ARGUMENT')
    await log.close()
    const without = await at('/stay', { id: null })
    expect(codeOf(() => without.lookup('id', 'a'))).toBe('INVALID_ARGUMENT')
    await without.close()
  })

  test('a function must be given again, or given up', async () => {
    const of = (order: Order): KeyValue => String(order.note).toLowerCase()
    const log = await at('/function', { note: { version: '1', of } })
    await log.commit({ note: 'HELLO' })
    expect(sequences(log, 'note', 'hello')).toEqual([1])
    await log.close()
    expect(await codeLater(at('/function'))).toBe('INVALID_ARGUMENT')
    await (await at('/function', { note: null })).close()
    await (await at('/function')).close()
  })

  test('B14 what a function gave stands with the record: it is found without the function, and as it was then', async () => {
    let suffix = 'then'
    const of = ({ id }: Order): KeyValue[] => (typeof id === 'string' ? [`${id} ${suffix}`, 'all'] : [])
    const keys = { own: { version: '1', of }, id: 'id' }
    const log = await at('/stored', keys)
    for (let n = 0; n < 60; n++) await log.commit(n % 2 === 0 ? { id: `O-${n}`, note: 'x'.repeat(90) } : { id: n })
    await log.commitBatch([{ id: 'A' }, { id: 7 }, { id: 'B' }])
    suffix = 'now'
    const all = [...Array.from({ length: 30 }, (_, n) => n * 2 + 1), 61, 63]
    const check = (reader: Pick<Log<Order>, 'lookup' | 'lookupAll'>): void => {
      expect(reader.lookup('own', 'O-10 then')?.sequence).toBe(11)
      expect(reader.lookup('own', 'O-10 now')).toBeUndefined()
      expect(Array.from(reader.lookupAll('own', 'all'), ({ sequence }) => sequence)).toEqual(all)
      expect(reader.lookup('id', 'B')?.sequence).toBe(63)
    }
    check(log)
    await log.close()
    const reader = await openReadOnly<Order>('/stored', { environment })
    check(reader)
    await reader.close()
    for (const { name } of environment.call({ do: 'list', path: '/stored' })) {
      if (name.endsWith('.idx')) environment.call({ do: 'unlink', path: `/stored/${name}` })
    }
    const without = await openReadOnly<Order>('/stored', { environment })
    check(without)
    await without.close()
    const again = await at('/stored', keys)
    check(again)
    await again.close()
  })

  test('a key block above its limit is TOO_LARGE, and nothing is appended', async () => {
    const of = (): KeyValue[] => Array.from({ length: 17 }, (_, n) => `${n}`.padEnd(65_536, 'x'))
    const log = await at('/blocks', { own: { version: '1', of } })
    expect(codeOf(() => log.append({ id: 'a' }))).toBe('TOO_LARGE')
    expect(codeOf(() => log.appendBatch([{ id: 'a' }]))).toBe('TOO_LARGE')
    expect(log.lastSequence).toBe(0)
    await log.close()
  })

  test('a function that throws, appends or gives no key leaves nothing behind', async () => {
    let misdeed: 'throw' | 'append' | 'object' | 'none' = 'throw'
    const of = (): KeyValue | undefined => {
      if (misdeed === 'throw') throw new Error('mine')
      if (misdeed === 'append') log.append({ id: 'inner' })
      return misdeed === 'object' ? ({} as never) : undefined
    }
    const log = await at('/misdeeds', { own: { version: '1', of }, id: 'id' })
    expect(() => log.append({ id: 'outer' })).toThrow('mine')
    misdeed = 'append'
    expect(codeOf(() => log.append({ id: 'outer' }))).toBe('INVALID_ARGUMENT')
    misdeed = 'object'
    expect(codeOf(() => log.append({ id: 'outer' }))).toBe('INVALID_ARGUMENT')
    expect(log.lastSequence).toBe(0)
    misdeed = 'none'
    expect(await log.commit({ id: 'outer' })).toBe(1)
    expect(sequences(log, 'id', 'outer')).toEqual([1])
    await log.close()
  })

  const WRONG: readonly (readonly [string, unknown])[] = [
    ['a list', []],
    ['a number as path', { id: 5 }],
    ['an empty path', { id: [] }],
    ['a function without a version', { id: { of: () => 1 } }],
    ['a version without a function', { id: { version: '1' } }],
    ['a kind with a slash', { 'a/b': 'id' }],
    ['a kind without a name', { '': 'id' }],
    ['17 kinds', Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`k${n}`, 'id']))],
  ]
  test.each(WRONG)('%s is INVALID_ARGUMENT, before anything is opened', async (_, keys) => {
    expect(await codeLater(at('/wrong', keys as KeyOptions<Order>))).toBe('INVALID_ARGUMENT')
  })
})

const key: fc.Arbitrary<KeyValue> = fc.oneof(
  fc.constantFrom<KeyValue>('a', 'b', '', 0, 1, 1n, 'x'.repeat(300)),
  fc.nat(30).map((n) => `O-${n}`),
  fc.uint8Array({ maxLength: 2 }),
)
const order = fc.record({
  id: fc.oneof(key, fc.array(key, { maxLength: 3 }), fc.constant(null)),
  client: fc.record({ name: fc.oneof(key, fc.constant({}), fc.boolean()) }),
})
const deed = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('commit' as const),
      orders: fc.array(order, { minLength: 1, maxLength: 8 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'reopen' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'roll' as const }) },
)

const same = (a: KeyValue, b: KeyValue): boolean =>
  a instanceof Uint8Array && b instanceof Uint8Array ? Buffer.from(a).equals(b) : typeof a === typeof b && a === b

test('B14 lookups equal brute force over a full scan, for random logs with rolls and reopenings', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(deed, { maxLength: 25 }),
      fc.array(key, { minLength: 1, maxLength: 6 }),
      async (deeds, wanted) => {
        const environment = memoryEnvironment({ seed: 1 })
        const reopen = (): Promise<Log<Order>> =>
          openLogWith<Order>('/log', { environment, segmentBytes: 4096, keys: KEYS }, 4096)
        let log = await reopen()
        for (const each of deeds) {
          if (each.do === 'commit') await log.commitBatch(each.orders)
          else if (each.do === 'roll') log.roll()
          else {
            await log.close()
            log = await reopen()
          }
        }
        for (const one of wanted) {
          const scan = (keysOf: (value: Order) => readonly unknown[]): number[] =>
            Array.from(log.read()).flatMap(({ sequence, value }) =>
              keysOf(value).some((found) => same(found as KeyValue, one)) ? [sequence] : [],
            )
          const byId = scan(({ id }) => (Array.isArray(id) ? id : [id]) as unknown[])
          expect(sequences(log, 'id', one)).toEqual(byId)
          expect(sequences(log, 'id', one, true)).toEqual(byId.toReversed())
          expect(log.lookup('id', one)?.sequence).toBe(byId[0])
          expect(sequences(log, 'client', one)).toEqual(scan(({ client }) => [client?.name]))
        }
        await log.close()
      },
    ),
    { numRuns: 150 },
  )
})
