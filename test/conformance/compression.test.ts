import { deflateRawSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { cbor } from '../../lib/codecs/cbor.ts'
import type { Codec } from '../../lib/codecs/codec.ts'
import { json } from '../../lib/codecs/json.ts'
import type { Log } from '../../lib/log.ts'
import { openArchived, openReadOnly } from '../../lib/open.ts'
import { copyLog, salvageLog, verifyLog } from '../../lib/operations.ts'
import type { OpenOptions } from '../../lib/options.ts'
import type { ReadOnlyLog } from '../../lib/read-only.ts'
import { type CompressionName, canCompress, methodOf } from '../../segments/format/compression.ts'
import { memoryEnvironment } from '../../segments/env/memory.ts'
import { encodeHeader } from '../../segments/format/header.ts'
import { COMPRESSION, ORIGINAL_BYTES_MAX, SEGMENT_HEADER } from '../../segments/format/layout.ts'
import { FIRST, framesOf, putRecord } from './frames.ts'
import {
  type World,
  codeLater,
  codeOf,
  everywhere,
  expected,
  fill,
  numbers,
  open,
  openToRead,
  overwrite,
  readFile,
  record,
} from './worlds.ts'

interface Order {
  readonly id: string
  readonly side: string
  readonly note: string
}

/** Those that this Node has; zstd is tested where it does, and what is said where it does not. */
const METHODS = (Object.keys(COMPRESSION) as CompressionName[]).filter(
  (name) => name !== 'none' && canCompress(COMPRESSION[name]),
)
const LACKING = (Object.keys(COMPRESSION) as CompressionName[]).filter(
  (name) => name !== 'none' && !METHODS.includes(name),
)

const CODECS: readonly (readonly [string, () => Codec<Order>])[] = [
  ['cbor', () => cbor()],
  ['cbor without shapes', () => cbor({ shapes: false })],
  ['json', () => json()],
]

const COUNT = 60

/** Two of three can be compressed; the third is short. */
function order(n: number): Order {
  const note = n % 3 === 0 ? 'none' : `limit order number ${n}, limit order number ${n}, `.repeat(5)
  return { id: `O-${n}`, side: n % 2 === 0 ? 'buy' : 'sell', note }
}

const ORDERS = Array.from({ length: COUNT }, (_, index) => order(index + 1))

const KEYS = { id: 'id', side: { version: '1', of: ({ side }: Order) => side } } as const

type Options = Omit<OpenOptions<Order>, 'segmentBytes'>

async function orders(world: World, options: Options): Promise<Log<Order>> {
  const log = await open<Order>(world, options)
  for (const each of ORDERS.slice(0, 40)) log.append(each)
  log.appendBatch(ORDERS.slice(40, 45))
  for (const each of ORDERS.slice(45)) log.commitSync(each)
  return log
}

function values(entries: Iterable<{ readonly value: Order }>): Order[] {
  return Array.from(entries, ({ value }) => value)
}

/** Every way to read, of which each gives all records. */
async function readAll(world: World, log: Log<Order> | ReadOnlyLog<Order>): Promise<void> {
  const all = Array.from({ length: COUNT }, (_, index) => log.get(index + 1)!)
  expect(values(all)).toEqual(ORDERS)
  // From the copies that each entry owns, and again from the memory of the cache.
  expect(values(all)).toEqual(ORDERS)
  expect(values(all.map(({ sequence }) => log.get(sequence)!))).toEqual(ORDERS)
  expect(values(log.read())).toEqual(ORDERS)
  expect(values([...log.read({ reverse: true })].reverse())).toEqual(ORDERS)
  const later: Order[] = []
  const walk = log.read()[Symbol.asyncIterator]()
  for (let step = await world.wait(walk.next()); step.done !== true; step = await world.wait(walk.next())) {
    later.push(step.value.value)
  }
  expect(later).toEqual(ORDERS)
  const follow = log.follow({ from: 1 })[Symbol.asyncIterator]()
  for (const each of ORDERS) expect(await world.wait(follow.next())).toMatchObject({ value: { value: each } })
  await world.wait(follow.return!())
}

function segmentsOf({ env, directory }: World): string[] {
  const names = env.call({ do: 'list', path: directory }).map(({ name }) => name)
  return names.filter((name) => name.endsWith('.log')).sort()
}

/** A segment whose header, with a sound CRC, names another compression. */
function nameCompression(world: World, compression: number): void {
  const header = encodeHeader({ ...framesOf(world).header, compression })
  overwrite(world.env, `${world.directory}/${FIRST}`, 0, header)
}

everywhere((world) => {
  describe.each(METHODS)('%s', (compression) => {
    test.each(CODECS)('D17 what is compressed is read back in every way: %s', async (_, codec) => {
      const options = { codec: codec(), compression, compressionBytesMin: 40, keys: KEYS }
      const log = await orders(world(), options)
      await readAll(world(), log)
      expect(values(log.lookupAll('id', 'O-7'))).toEqual([order(7)])
      expect(values(log.lookupAll('side', 'buy')).length).toBe(30)
      await world().wait(log.close())
      const { compressed, header } = framesOf(world())
      expect(header.compression).toBe(COMPRESSION[compression])
      expect(compressed).toBeGreaterThan(5)
      expect(segmentsOf(world()).length).toBeGreaterThan(1)

      const again = await open<Order>(world(), options)
      await readAll(world(), again)
      expect(values(again.lookupAll('id', 'O-7'))).toEqual([order(7)])
      await world().wait(again.close())
      const { env: environment, directory } = world()
      const reader = await world().wait(openReadOnly<Order>(directory, { codec: codec(), environment, keys: KEYS }))
      await readAll(world(), reader)
      expect(values(reader.lookupAll('side', 'sell')).length).toBe(30)
      await reader.close()
    })

    test.each(['none', 'sha256'] as const)(
      'D17 copies, salvages and archives hold what the log held, and are sound: chain %s',
      async (chain) => {
        const { env: environment, directory } = world()
        const codec = json<Order>()
        const log = await orders(world(), { codec, compression, compressionBytesMin: 40, chain })
        await world().wait(log.close())
        await world().wait(copyLog(directory, `${directory}-copy`, { environment }))
        await world().wait(salvageLog(directory, `${directory}-salvage`, { environment }))
        for (const path of [directory, `${directory}-copy`, `${directory}-salvage`]) {
          const report = await world().wait(verifyLog(path, { environment }))
          expect(report).toMatchObject({ isSound: true, records: COUNT })
          const reader = await world().wait(openReadOnly<Order>(path, { codec, environment }))
          await readAll(world(), reader)
          await reader.close()
        }
        const again = await open<Order>(world(), { codec })
        const { segments, firstSequence } = await world().wait(again.archiveBefore(COUNT))
        expect(segments.length).toBeGreaterThan(0)
        const archived = await world().wait(openArchived<Order>(`${directory}/archive`, { codec, environment }))
        expect(values(archived.read())).toEqual(ORDERS.slice(0, firstSequence - 1))
        expect((await world().wait(archived.verify())).isSound).toBe(true)
        await archived.close()
        await world().wait(again.restore())
        await readAll(world(), again)
        await world().wait(again.close())
      },
    )

    test('D17 a walk that asks for no values decompresses none, and a value is decoded once', async () => {
      let decoded = 0
      const plain = json<Order>()
      const codec = {
        name: 'counting',
        encode: (value: Order) => plain.encoder([]).encode(value),
        decode: (bytes: Uint8Array) => {
          decoded += 1
          return plain.decoder().decode(bytes, 0, bytes.length, false)
        },
      }
      const log = await orders(world(), { codec, compression, compressionBytesMin: 40 })
      // Not what any of these methods makes, behind a sound CRC.
      const { length } = framesOf(world()).places[0]!
      const room = length - 24 - 8 - 4
      putRecord(world(), 1, new Uint8Array(room).fill(0xff), { originalBytes: 300, timestamp: 1n })
      expect([...log.read()].map(({ sequence, timestampNs }) => [sequence, typeof timestampNs]).length).toBe(COUNT)
      expect(log.get(1)!.sequence).toBe(1)
      expect(decoded).toBe(0)
      const entry = log.get(2)!
      expect(entry.value).toBe(entry.value)
      expect(decoded).toBe(1)
      expect(codeOf(() => log.get(1)!.value)).toBe('CORRUPT')
      await world().wait(log.close())
    })

    test.each([
      ['one byte less', (bytes: number) => bytes - 1],
      ['one byte more', (bytes: number) => bytes + 1],
      ['nothing', () => 0],
      ['the most that a record may be', () => ORIGINAL_BYTES_MAX],
      ['more than a record may be', () => ORIGINAL_BYTES_MAX + 1],
      ['4 GiB', () => 0xffffffff],
    ])('D17 a length that lies is CORRUPT at that record, the others are read: %s', async (_, lie) => {
      const log = await open(world(), { compression, compressionBytesMin: 1, blockCacheBytes: 0, openFilesMax: 0 })
      await fill(log, 12)
      const path = `${world().directory}/${FIRST}`
      const { places, salt, bytes } = framesOf(world())
      const { offset, length } = places[4]!
      const frame = Buffer.from(bytes.subarray(offset, offset + length))
      expect(frame.readUInt32LE(24)).toBe(100)
      const stored = frame.subarray(28, length - ((frame.readUInt16LE(6) & 0x70) >> 4))
      putRecord(world(), 5, Buffer.from(stored), { originalBytes: lie(100) })
      expect(framesOf(world()).salt).toBe(salt)
      expect(log.get(5)!.sequence).toBe(5)
      expect(codeOf(() => log.get(5)!.value)).toBe('CORRUPT')
      // Refused by its number, before memory is taken for it.
      const isTooLong = lie(100) > ORIGINAL_BYTES_MAX
      if (isTooLong) expect(() => log.get(5)!.value).toThrow('more than any record')
      expect(codeOf(() => numbers(log.read()))).toBe('CORRUPT')
      expect(numbers(log.read({ to: 4 })).split(' ').length).toBe(4)
      expect(numbers(log.read({ from: 6 })).split(' ').length).toBe(7)
      const { env: environment, directory } = world()
      for (const state of ['active', 'closed', 'sealed']) {
        if (state === 'closed') await world().wait(log.close())
        if (state === 'sealed') {
          const again = await open(world())
          again.roll()
          await fill(again, 1)
          await world().wait(again.close())
        }
        const report = await world().wait(verifyLog(directory, { environment }))
        const { isSound, findings } = report
        expect({ isSound, findings }).toMatchObject({
          isSound: false,
          findings: [{ code: 'CORRUPT', file: path, offset, from: 5, to: 5 }],
        })
        expect(findings.length).toBe(1)
      }
    })

    test('D17 what a lost header said stands in the manifest', async () => {
      const log = await orders(world(), { codec: json(), compression, compressionBytesMin: 40 })
      await world().wait(log.close())
      const names = segmentsOf(world())
      const { env: environment, directory } = world()
      for (const name of names) {
        overwrite(environment, `${directory}/${name}`, 0, Buffer.alloc(SEGMENT_HEADER.size, 0xee))
      }
      const reader = await world().wait(openReadOnly<Order>(directory, { codec: json(), environment }))
      await readAll(world(), reader)
      await reader.close()
      for (const next of ['none', compression] as const) {
        const again = await open<Order>(world(), { codec: json(), compression: next })
        await readAll(world(), again)
        await world().wait(again.close())
      }
    })

    test('D17 so it does where the setting is another by now', async () => {
      const log = await open(world(), { compression, compressionBytesMin: 1 })
      await fill(log, 5)
      await world().wait(log.close())
      const again = await open(world(), { compression: 'none' })
      await fill(again, 5)
      await world().wait(again.close())
      expect(framesOf(world()).compressed).toBe(5)
      overwrite(world().env, `${world().directory}/${FIRST}`, 0, Buffer.alloc(SEGMENT_HEADER.size, 0xee))
      const reader = await openToRead(world())
      expect(numbers(reader.read())).toBe(expected(1, 10))
      await reader.close()
      const last = await open(world())
      expect(numbers(last.read())).toBe(expected(1, 10))
      await world().wait(last.close())
    })

    test('D17 limits count what a record is before it is compressed', async () => {
      const log = await open(world(), { compression, recordBytesMax: 1000 })
      expect(codeOf(() => log.append(new Uint8Array(1001)))).toBe('TOO_LARGE')
      expect(log.append(new Uint8Array(1000))).toBe(1)
      const batch = Array.from({ length: 5 }, () => new Uint8Array(900))
      expect(codeOf(() => log.appendBatch(batch))).toBe('TOO_LARGE')
      expect(log.lastSequence).toBe(1)
      expect(log.appendBatch(batch.slice(0, 4))).toBe(5)
      await world().wait(log.close())
    })

    test('D17 what would not become shorter, or is below the threshold, is stored as it is', async () => {
      const noise = Uint8Array.from({ length: 700 }, (_, index) => Math.imul(index * index + 7, 0x9e3779b1) >>> 24)
      const log = await open(world(), { compression, compressionBytesMin: 300 })
      for (const value of [noise, new Uint8Array(299), new Uint8Array(300)]) log.append(value)
      await world().wait(log.close())
      const { places, compressed } = framesOf(world())
      expect(compressed).toBe(1)
      expect(places.map(({ length }) => length > 250)).toEqual([true, true, false])
    })

    test('D17 another setting holds from the next segment on, and what was written before stays readable', async () => {
      const settings = ['none', compression, 'deflate', 'none', 'brotli', compression] as const
      let count = 0
      for (const setting of settings) {
        const log = await open(world(), { compression: setting, compressionBytesMin: 1 })
        await fill(log, 3)
        log.roll()
        await fill(log, 3)
        count += 6
        expect(numbers(log.read()).split(' ').length).toBe(count)
        await world().wait(log.close())
      }
      const kept = await open(world(), { compressionBytesMin: 1 })
      kept.roll()
      await fill(kept, 1)
      await world().wait(kept.close())
      const found = segmentsOf(world()).map((name) => framesOf(world(), name))
      expect(found.map(({ header }) => header.compression)).toEqual(
        ['none', 'none', compression, 'deflate', 'none', 'brotli', compression, compression].map((name) =>
          methodOf(name),
        ),
      )
      for (const { header, compressed, places } of found) {
        if (header.compression === COMPRESSION.none) expect(compressed).toBe(0)
        else expect(compressed).toBeGreaterThanOrEqual(1)
        expect(places.length).toBeGreaterThanOrEqual(1)
      }
      for (const name of segmentsOf(world())) {
        overwrite(world().env, `${world().directory}/${name}`, 0, Buffer.alloc(SEGMENT_HEADER.size, 0xee))
      }
      const again = await open(world())
      expect(numbers(again.read()).split(' ').length).toBe(count + 1)
      await world().wait(again.close())
    })

    test('D17 what a killed writer left is recovered, read, and gone on with', async () => {
      const { killed } = world()
      if (killed === undefined) return
      const log = await orders(world(), { codec: json(), compression, compressionBytesMin: 40 })
      expect(log.highWatermark).toBe(COUNT)
      const next: World = { ...world(), env: killed() }
      const { env: environment, directory } = next
      const reader = await next.wait(openReadOnly<Order>(directory, { codec: json(), environment }))
      expect([reader.report.end, values(reader.read())]).toEqual(['unrecovered', ORDERS])
      await reader.close()
      const again = await open<Order>(next, { codec: json() })
      await readAll(next, again)
      expect(again.commitSync(order(1))).toBe(COUNT + 1)
      expect(again.get(COUNT + 1)!.value).toEqual(order(1))
    })
  })

  test('D17 a bomb is refused before it is made: what it says, and what it is, are both bounded', async () => {
    const log = await open(world(), { compression: 'deflate' })
    await fill(log, 3)
    const bomb = deflateRawSync(Buffer.alloc(4 * 1024 * 1024), { level: 9 })
    const big = await open(
      { ...world(), directory: `${world().directory}-big` },
      { segmentBytes: 64 * 1024, compression: 'deflate' },
    )
    const room = new Uint8Array(bomb.length).map((_, index) => Math.imul(index * index + 7, 0x9e3779b1) >>> 24)
    big.commitSync(room)
    const place = { ...world(), directory: `${world().directory}-big` }
    const { length } = framesOf(place).places[0]!
    const fitting = bomb.subarray(0, length - 24 - 8 - 4)
    for (const originalBytes of [100, 4 * 1024 * 1024 - 1]) {
      putRecord(place, 1, fitting, { originalBytes, timestamp: 1n })
      expect(codeOf(() => big.get(1)!.value)).toBe('CORRUPT')
    }
    await world().wait(big.close())
    await world().wait(log.close())
  })

  test('D17 the chain is that of what was appended, compressed or not, also in a log that was salvaged', async () => {
    const heads: unknown[] = []
    for (const compression of ['none', 'deflate', 'brotli'] as const) {
      const environment = memoryEnvironment({ seed: 5 })
      const place: World = { ...world(), env: environment, directory: '/chained', wait: (work) => work }
      const options = { compression, compressionBytesMin: 1, chain: 'sha256', segmentBytes: 65_536 } as const
      const log = await open(place, options)
      for (let n = 1; n <= 9; n++) log.append(record(n, 200), { timestampNs: BigInt(n) })
      log.syncNow()
      heads.push(log.head())
      await log.close()
      expect(framesOf(place).compressed).toBe(compression === 'none' ? 0 : 9)
      await salvageLog('/chained', '/salvaged', { environment })
      const salvaged = await open({ ...place, directory: '/salvaged' }, options)
      heads.push(salvaged.head())
      await salvaged.close()
    }
    const [head, ofSalvage, ...others] = heads
    expect(head).toMatchObject({ sequence: 9 })
    expect(ofSalvage).not.toEqual(head)
    // Each machine draws the same ids, so that only payloads could differ.
    expect(others).toEqual([head, ofSalvage, head, ofSalvage])
  })

  test('D17 a record that does not decompress has no keys, and keeps no others from having theirs', async () => {
    const options = { codec: json<Order>(), compression: 'deflate', compressionBytesMin: 40 } as const
    const log = await orders(world(), options)
    await world().wait(log.close())
    const { length } = framesOf(world()).places[1]!
    putRecord(world(), 2, new Uint8Array(length - 24 - 4).fill(0xff), { originalBytes: 300 })
    for (const name of segmentsOf(world())) {
      const sidecar = `${world().directory}/${name.replace('.log', '.idx')}`
      if (world().env.call({ do: 'stat', path: sidecar }) !== undefined)
        world().env.call({ do: 'unlink', path: sidecar })
    }
    const again = await open<Order>(world(), { codec: json(), keys: { id: 'id' } })
    await world().wait(again.keysReady())
    expect(values(again.lookupAll('id', 'O-3'))).toEqual([order(3)])
    expect(again.lookup('id', 'O-2')).toBe(undefined)
    await world().wait(again.close())
  })

  test('D17 a compression of a later version is UNSUPPORTED_FORMAT, for the records that have it', async () => {
    const log = await open(world(), { compression: 'deflate', compressionBytesMin: 101 })
    await fill(log, 2)
    log.commitSync(record(3, 200))
    await world().wait(log.close())
    nameCompression(world(), 9)
    const again = await open(world())
    expect(numbers(again.read({ to: 2 })).split(' ').length).toBe(2)
    expect(codeOf(() => again.get(3)!.value)).toBe('UNSUPPORTED_FORMAT')
    expect(() => again.get(3)!.value).toThrow('newer')
    await world().wait(again.close())
    const { env: environment, directory } = world()
    expect(await codeLater(world().wait(verifyLog(directory, { environment })))).toBe('UNSUPPORTED_FORMAT')
  })

  test.each(LACKING)('D17 where this Node lacks it, UNSUPPORTED_FORMAT says which has it: %s', async (compression) => {
    const log = await open(world(), { compression: 'deflate', compressionBytesMin: 101 })
    await fill(log, 2)
    log.commitSync(record(3, 200))
    await world().wait(log.close())
    const before = readFile(world().env, `${world().directory}/${FIRST}`)
    await expect(open(world(), { compression })).rejects.toMatchObject({
      code: 'UNSUPPORTED_FORMAT',
      message: expect.stringContaining('Node 22.15') as string,
    })
    expect(readFile(world().env, `${world().directory}/${FIRST}`)).toEqual(before)
    nameCompression(world(), COMPRESSION[compression])
    const again = await open(world())
    expect(numbers(again.read({ to: 2 })).split(' ').length).toBe(2)
    expect(() => again.get(3)!.value).toThrow('Node 22.15')
    await world().wait(again.close())
  })
})
