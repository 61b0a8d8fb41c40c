import { expect, test } from 'vitest'
import { cbor } from '../../lib/codecs/cbor.ts'
import { json } from '../../lib/codecs/json.ts'
import {
  SEGMENT_BYTES,
  codeLater,
  codeOf,
  everywhere,
  expected,
  fill,
  numbers,
  open,
  record,
  snapshot,
} from './worlds.ts'

everywhere((world) => {
  test('A1 an appended record is read back with the same value and metadata', async () => {
    const value = { id: 'O-1', side: 'buy', price: 101.25, tags: ['a', 'b'], raw: new Uint8Array([1, 2]) }
    const log = await open<unknown>(world(), { codec: cbor() })
    expect(await log.commit(value, { timestampNs: 1_700_000_000_000_000_001n })).toBe(1)
    const expectEntry = (entry: unknown): void =>
      expect(entry).toMatchObject({ sequence: 1, timestampNs: 1_700_000_000_000_000_001n, value })
    expectEntry(log.get(1))
    for (const entry of log.read()) expectEntry(entry)
    for await (const entry of log.read()) expectEntry(entry)
    await world().wait(log.close())
    const again = await open<unknown>(world(), { codec: cbor() })
    expectEntry(again.get(1))
    await world().wait(again.close())
  })

  test('A2 a batch is one unit: it gets consecutive sequences, over a roll too, or none', async () => {
    const log = await open(world())
    await fill(log, 25)
    const batch = Array.from({ length: 10 }, (_, i) => record(26 + i))
    expect(await log.commitBatch(batch)).toBe(35)
    expect(numbers(log.read())).toBe(expected(1, 35))
    const bad = [record(36), 'no bytes' as never, record(38)]
    expect(await codeLater(log.commitBatch(bad))).toBe('ENCODE')
    expect(codeOf(() => log.commitBatchSync(bad))).toBe('ENCODE')
    expect(log.lastSequence).toBe(35)
    expect(log.commitBatchSync([record(36), record(37)])).toBe(37)
    expect(numbers(log.read())).toBe(expected(1, 37))
    await world().wait(log.close())
  })

  test('A3 an empty batch resolves with the high-watermark and changes no byte', async () => {
    const log = await open(world())
    expect(await log.commitBatch([])).toBe(0)
    await fill(log, 3)
    const before = snapshot(world())
    expect(await log.commitBatch([])).toBe(3)
    expect(log.commitBatchSync([])).toBe(3)
    expect(snapshot(world())).toEqual(before)
    expect(log.lastSequence).toBe(3)
    await world().wait(log.close())
  })

  test('A4 n appends give 1 to n, whichever way they are made and over reopenings', async () => {
    const given: number[] = []
    for (let life = 0; life < 3; life++) {
      const log = await open(world())
      const next = (): Uint8Array => record(log.lastSequence + 1)
      for (let i = 0; i < 20; i++) {
        given.push(log.append(next()), await log.commit(next()), log.commitSync(next()))
        given.push(await log.commit(next(), { durability: 'queued' }))
      }
      await world().wait(log.close())
    }
    expect(given).toEqual(Array.from({ length: 240 }, (_, i) => i + 1))
    const log = await open(world())
    expect(numbers(log.read())).toBe(expected(1, 240))
    await world().wait(log.close())
  })

  test('A5 of two callers that expect the same sequence one wins, the other learns both numbers and writes nothing', async () => {
    const log = await open(world())
    const both = await Promise.allSettled([log.commit(record(1), { expect: 1 }), log.commit(record(9), { expect: 1 })])
    expect(both).toMatchObject([
      { status: 'fulfilled', value: 1 },
      { status: 'rejected', reason: { code: 'OUT_OF_ORDER', expected: 1, found: 2 } },
    ])
    expect(codeOf(() => log.append(record(9), { expect: 1 }))).toBe('OUT_OF_ORDER')
    expect(codeOf(() => log.commitBatchSync([record(9)], { expect: 7 }))).toBe('OUT_OF_ORDER')
    expect(log.lastSequence).toBe(1)
    expect(log.commitBatchSync([record(2), record(3)], { expect: 2 })).toBe(3)
    expect(numbers(log.read())).toBe(expected(1, 3))
    await world().wait(log.close())
  })

  test('A7 queued resolves in memory, written without a sync, synced with the high-watermark behind it', async () => {
    const log = await open(world())
    expect(await log.commit(record(1), { durability: 'queued' })).toBe(1)
    expect([log.stats().groups, log.highWatermark]).toEqual([0, 0])
    expect(await log.commit(record(2), { durability: 'written' })).toBe(2)
    expect([log.stats().groups, log.stats().syncs, log.highWatermark, log.get(1)]).toEqual([1, 0, 0, undefined])
    expect(await log.commit(record(3), { durability: 'synced' })).toBe(3)
    expect([log.highWatermark, log.stats().queuedBytes]).toEqual([3, 0])
    expect(numbers(log.read())).toBe(expected(1, 3))
    await world().wait(log.close())
  })

  test.each(['written', 'queued'] as const)(
    'A7 a log at level %s shows records once they are synced',
    async (durability) => {
      const log = await open(world(), { durability })
      for (let n = 1; n <= 5; n++) await log.commit(record(n))
      expect([log.highWatermark, log.lastSequence]).toEqual([0, 5])
      await log.durable(2)
      expect(log.highWatermark).toBeGreaterThanOrEqual(2)
      await log.commit(record(6))
      await log.sync()
      expect(log.highWatermark).toBe(6)
      await log.commit(record(7))
      log.syncNow()
      expect(log.highWatermark).toBe(7)
      for (let n = 8; n <= 100; n++) await log.commit(record(n))
      await world().wait(log.close())
      const again = await open(world(), { durability })
      expect(numbers(again.read())).toBe(expected(1, 100))
      await world().wait(again.close())
    },
  )

  test('A8 a hundred concurrent commits cost a handful of syncs', async () => {
    const log = await open(world(), { segmentBytes: 65_536 })
    await Promise.all(Array.from({ length: 100 }, (_, i) => log.commit(record(i + 1))))
    expect(log.highWatermark).toBe(100)
    expect(log.stats().syncs).toBeLessThan(5)
    await world().wait(log.close())
  })

  test('A9 a synchronous commit amid asynchronous ones returns when all before it is durable', async () => {
    const log = await open(world())
    const order: number[] = []
    const commits: Promise<unknown>[] = []
    for (let n = 1; n <= 90; n++) {
      if (n % 4 === 0) {
        expect(log.commitSync(record(n))).toBe(n)
        expect(log.highWatermark).toBe(n)
      } else {
        commits.push(log.commit(record(n)).then((sequence) => order.push(sequence)))
      }
      if (n % 10 === 0) await log.durable(n - 1)
    }
    await Promise.all(commits)
    expect(order).toEqual(order.toSorted((a, b) => a - b))
    expect(numbers(log.read())).toBe(expected(1, 90))
    await world().wait(log.close())
  })

  test('A10 waiters of a group resolve in order, each with the high-watermark at or past its record', async () => {
    const log = await open(world())
    const seen: number[] = []
    const waits = Array.from({ length: 50 }, (_, i) =>
      log.commit(record(i + 1)).then((n) => {
        expect(log.highWatermark).toBeGreaterThanOrEqual(n)
        seen.push(n)
      }),
    )
    expect(log.highWatermark).toBe(0)
    await Promise.all(waits)
    expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => i + 1))
    await world().wait(log.close())
  })

  test('A13 a caller that never waits stays under the memory limit', async () => {
    const log = await open(world(), {
      segmentBytes: 1024 * 1024,
      queueSoftBytes: 65_536,
      queueHardBytes: 2 * 1024 * 1024,
    })
    let most = 0
    for (let n = 1; n <= 1200; n++) {
      log.append(record(n, 10_000))
      most = Math.max(most, log.stats().queuedBytes)
    }
    // The limit, and the group that is being filled.
    expect(most).toBeLessThan(3.1 * 1024 * 1024)
    expect(most).toBeGreaterThan(1024 * 1024)
    expect(log.stats().isBehind).toBe(true)
    await log.ready()
    expect(log.stats().isBehind).toBe(false)
    await log.sync()
    expect(log.highWatermark).toBe(1200)
    await log.ready()
    await world().wait(log.close())
  })

  /** Segments are sealed and prepared in the background: waits until no name has changed for a while. */
  async function backgroundDone(): Promise<void> {
    for (let last = ''; ;) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      const now = [...snapshot(world()).keys()].join()
      if (now === last && !now.includes('tmp-')) return
      last = now
    }
  }

  test('A14 what is too large is refused before any effect', async () => {
    const log = await open(world(), { recordBytesMax: 1000 })
    await fill(log, 20)
    await backgroundDone()
    const before = snapshot(world())
    expect(codeOf(() => log.append(record(21, 1001)))).toBe('TOO_LARGE')
    expect(await codeLater(log.commit(record(21, 1001)))).toBe('TOO_LARGE')
    expect(codeOf(() => log.appendBatch([record(21), record(22, 1001)]))).toBe('TOO_LARGE')
    // A batch larger than a segment, of records that are not.
    expect(codeOf(() => log.appendBatch(Array.from({ length: 50 }, () => record(21))))).toBe('TOO_LARGE')
    expect(snapshot(world())).toEqual(before)
    expect([log.lastSequence, log.commitSync(record(21, 1000))]).toEqual([20, 21])
    await world().wait(log.close())
  })

  test('A15 a log rolls by size, reads cross segments in order, and a size that holds nothing is refused', async () => {
    const log = await open(world())
    await fill(log, 100)
    await world().wait(log.close())
    const names = [...snapshot(world()).keys()].filter((name) => name.endsWith('.log'))
    expect(names.length).toBeGreaterThanOrEqual(4)
    const again = await open(world())
    expect(numbers(again.read())).toBe(expected(1, 100))
    again.roll()
    expect(await again.commit(record(101))).toBe(101)
    expect(numbers(again.read())).toBe(expected(1, 101))
    await world().wait(again.close())
    for (const segmentBytes of [0, 24, SEGMENT_BYTES - 8, SEGMENT_BYTES + 1, 2 ** 31])
      expect(await codeLater(open(world(), { segmentBytes }))).toBe('INVALID_ARGUMENT')
  })

  test('A18 timestamps may be given, never go backwards, and survive rolls and reopenings', async () => {
    const log = await open(world())
    const base = 2_000_000_000_000_000_000n
    for (let n = 0n; n < 40n; n++) log.append(record(Number(n) + 1), { timestampNs: base + n / 2n })
    expect(codeOf(() => log.append(record(41), { timestampNs: base + 18n }))).toBe('OUT_OF_ORDER')
    expect(codeOf(() => log.append(record(41), { timestampNs: -1n }))).toBe('INVALID_ARGUMENT')
    expect(codeOf(() => log.append(record(41), { timestampNs: 1 as never }))).toBe('INVALID_ARGUMENT')
    // The clock lies before what was given.
    log.append(record(41))
    await log.sync()
    await world().wait(log.close())
    const again = await open(world())
    again.commitSync(record(42))
    const times = Array.from(again.read(), (entry) => entry.timestampNs)
    expect(times.slice(0, 40)).toEqual(Array.from({ length: 40 }, (_, n) => base + BigInt(n) / 2n))
    expect(times.slice(40)).toEqual([base + 19n, base + 19n])
    expect(codeOf(() => again.append(record(43), { timestampNs: base }))).toBe('OUT_OF_ORDER')
    await world().wait(again.close())
  })

  test('a value that the codec refuses leaves nothing behind', async () => {
    const log = await open<unknown>(world(), { codec: json() })
    await log.commit({ a: 1 })
    expect(codeOf(() => log.append(undefined))).toBe('ENCODE')
    expect(codeOf(() => log.append(10n))).toBe('ENCODE')
    expect(await log.commit({ a: 2 })).toBe(2)
    expect(Array.from(log.read(), (entry) => entry.value)).toEqual([{ a: 1 }, { a: 2 }])
    await world().wait(log.close())
  })
})
