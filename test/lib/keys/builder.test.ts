import { describe, expect, test } from 'vitest'
import { cbor } from '../../../lib/codecs/cbor.ts'
import type { KeyOptions } from '../../../lib/keys/definitions.ts'
import type { Log } from '../../../lib/log.ts'
import { openLogWith, openReadOnly } from '../../../lib/open.ts'
import type { Call, Environment } from '../../../segments/env/environment.ts'
import { memoryEnvironment } from '../../../segments/env/memory.ts'
import { parseName } from '../../../segments/format/names.ts'
import { codeLater, codeOf, overwrite, readFile } from '../../conformance/worlds.ts'

interface Order {
  readonly id: number
  readonly side: string
  readonly text: string
}

const COUNT = 300
const order = (id: number): Order => ({ id, side: id % 3 === 0 ? 'buy' : 'sell', text: 'x'.repeat(40) })
const BUYS = Array.from({ length: COUNT / 3 }, (_, n) => (n + 1) * 3)
const KEYS: KeyOptions<Order> = { side: 'side' }

function at(environment: Environment, keys?: KeyOptions<Order>): Promise<Log<Order>> {
  const options = { environment, segmentBytes: 4096, codec: cbor<Order>(), ...(keys && { keys }) }
  return openLogWith<Order>('/log', options, 4096)
}

/** A closed log of several segments, written without keys. */
async function written(): Promise<Environment> {
  const environment = memoryEnvironment({ seed: 1 })
  const log = await at(environment)
  for (let id = 1; id <= COUNT; id++) await log.commit(order(id))
  await log.close()
  return environment
}

/** The same world; `seen` is told each call. */
function watched(environment: Environment, seen: (call: Call) => void): Environment {
  return new Proxy(environment, {
    get(target, name) {
      const found: unknown = Reflect.get(target, name, target)
      if (typeof found !== 'function') return found
      return (...args: unknown[]) => {
        if (name === 'call' || name === 'start') seen(args[0] as Call)
        return (found as (...all: unknown[]) => unknown).apply(target, args)
      }
    },
  })
}

const sequences = (log: { lookupAll: Log<Order>['lookupAll'] }, key: string): number[] =>
  Array.from(log.lookupAll('side', key), ({ sequence }) => sequence)

const filesOf = (environment: Environment, kind: 'segment' | 'sidecar'): string[] =>
  environment
    .call({ do: 'list', path: '/log' })
    .map(({ name }) => name)
    .filter((name) => parseName(name).kind === kind)

describe('a kind of keys that is defined when there are records already', () => {
  test('B14 says that it is not ready, then finds every record, also of those appended meanwhile, and after reopening', async () => {
    const environment = await written()
    let log = await at(environment, KEYS)
    expect(codeOf(() => log.lookup('side', 'buy'))).toBe('NOT_READY')
    expect(log.keyStates()).toMatchObject([{ kind: 'side', isReady: false, total: COUNT }])
    await log.commit(order(COUNT + 3))
    await log.keysReady()
    expect(log.keyStates()).toMatchObject([{ kind: 'side', isReady: true, done: 0, total: 0 }])
    expect(sequences(log, 'buy')).toEqual([...BUYS, COUNT + 1])
    await log.close()
    log = await at(environment)
    expect(sequences(log, 'buy')).toEqual([...BUYS, COUNT + 1])
    await log.close()
  })

  test('B14 is looked up in the tables of sidecars afterwards: no segment is read for a key that is not there', async () => {
    const environment = await written()
    const log = await at(environment, KEYS)
    await log.keysReady()
    await log.close()
    let read = 0
    const counting = watched(environment, (call) => (read += call.do === 'read' ? call.length : 0))
    const reader = await openReadOnly<Order>('/log', { environment: counting, blockCacheBytes: 0 })
    const segments = filesOf(environment, 'segment').length
    expect(sequences(reader, 'buy')).toEqual(BUYS)
    read = 0
    expect(reader.lookup('side', 'hold')).toBeUndefined()
    // A page or two of each sidecar, and the slots; all records together have more bytes than that.
    expect(read / segments).toBeLessThan(3 * 16_384)
    expect(sequences(reader, 'buy')).toEqual(BUYS)
    await reader.close()
  })

  test('B14 is built on with the next opening when the log is closed before', async () => {
    const environment = await written()
    const log = await at(environment, KEYS)
    const ready = codeLater(log.keysReady())
    await log.close()
    expect(await ready).toBe('CLOSED')
    const reader = await openReadOnly<Order>('/log', { environment })
    expect(codeOf(() => reader.lookup('side', 'buy'))).toBe('NOT_READY')
    await reader.close()
    const again = await at(environment)
    expect(codeOf(() => again.lookup('side', 'buy'))).toBe('NOT_READY')
    await again.keysReady()
    expect(sequences(again, 'buy')).toEqual(BUYS)
    await again.close()
  })

  test('B14 with another definition than before is built anew, and never answers by the old one', async () => {
    const environment = await written()
    const log = await at(environment, { side: 'text' })
    await log.keysReady()
    await log.close()
    const changed = await at(environment, KEYS)
    expect(codeOf(() => changed.lookup('side', 'buy'))).toBe('NOT_READY')
    await changed.keysReady()
    expect(sequences(changed, 'buy')).toEqual(BUYS)
    expect(sequences(changed, 'x'.repeat(40))).toEqual([])
    await changed.close()
  })

  test('B14 leaves out a record that cannot be read', async () => {
    const environment = await written()
    const path = '/log/segment-0000000001.log'
    const bytes = readFile(environment, path)
    const place = bytes.indexOf('x'.repeat(40), bytes.length / 2)
    overwrite(environment, path, place, Uint8Array.of(0xff))
    const log = await at(environment, KEYS)
    await log.keysReady()
    const found = sequences(log, 'buy')
    const sold = sequences(log, 'sell')
    expect(found.length + sold.length).toBe(COUNT - 1)
    expect(BUYS).toEqual(expect.arrayContaining(found))
    await log.close()
  })

  test('B14 costs no definition of shapes that only a sidecar still holds', async () => {
    const environment = await written()
    const path = '/log/segment-0000000001.log'
    overwrite(environment, path, readFile(environment, path).indexOf('["id","side"'), Uint8Array.of(0xff))
    const log = await at(environment, KEYS)
    await log.keysReady()
    await log.close()
    const reader = await openReadOnly<Order>('/log', { environment })
    expect(Array.from(reader.read(), ({ value }) => value.id)).toEqual(Array.from({ length: COUNT }, (_, n) => n + 1))
    expect(sequences(reader, 'buy')).toEqual(BUYS)
    await reader.close()
  })

  test('B14 of a function is built too', async () => {
    const environment = await written()
    const log = await at(environment, { side: { version: '1', of: ({ side }) => side.toUpperCase() } })
    await log.keysReady()
    expect(sequences(log, 'BUY')).toEqual(BUYS)
    await log.close()
  })
})

test('B14 C9 a sidecar that is deleted, damaged or cut changes no answer of a lookup', async () => {
  const environment = memoryEnvironment({ seed: 1 })
  const log = await at(environment, KEYS)
  for (let id = 1; id <= COUNT; id++) await log.commit(order(id))
  await log.close()
  const sidecars = filesOf(environment, 'sidecar')
  expect(sidecars.length).toBeGreaterThan(3)
  for (const [n, name] of sidecars.entries()) {
    const path = `/log/${name}`
    const bytes = readFile(environment, path)
    environment.call({ do: 'unlink', path })
    if (n % 3 === 0) continue
    const handle = environment.call({ do: 'open', path, access: 'create' })
    const from = Buffer.from(n % 3 === 1 ? bytes.subarray(0, bytes.length - 4096) : bytes)
    // A byte of the last page before the footer: of the key table.
    if (n % 3 === 2) from[bytes.length - 4096 - 4090]! ^= 1
    environment.call({ do: 'write', handle, from, start: 0, length: from.length, position: 0 })
    environment.call({ do: 'close', handle })
  }
  const reader = await openReadOnly<Order>('/log', { environment })
  expect(sequences(reader, 'buy')).toEqual(BUYS)
  await reader.close()
  const again = await at(environment)
  expect(sequences(again, 'buy')).toEqual(BUYS)
  await again.close()
})
