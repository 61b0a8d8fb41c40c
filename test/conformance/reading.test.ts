import { expect, test } from 'vitest'
import type { Log } from '../../lib/log.ts'
import type { SimpleCodec } from '../../lib/codecs/codec.ts'
import { type World, codeOf, everywhere, expected, fill, numberOf, numbers, open, record } from './worlds.ts'

/** A log of `count` records, of which the first segments are sealed. */
async function filled(world: World, count: number): Promise<Log<Uint8Array>> {
  const log = await open(world)
  await fill(log, count)
  return log
}

/** The same, opened again: sealed segments are known from the manifest only. */
async function reopened(world: World, count: number): Promise<Log<Uint8Array>> {
  const log = await filled(world, count)
  await world.wait(log.close())
  return open(world)
}

async function walked(
  entries: AsyncIterable<{ readonly sequence: number; readonly value: Uint8Array }>,
): Promise<string> {
  const found: { sequence: number; value: Uint8Array }[] = []
  for await (const { sequence, value } of entries) found.push({ sequence, value })
  return numbers(found)
}

everywhere((world) => {
  test.each([
    ['live', filled],
    ['opened again', reopened],
  ])('B1 get gives the record inside 1 to the high-watermark and undefined outside, %s', async (_, make) => {
    const log = await make(world(), 70)
    for (const n of [35, 1, 70, 29, 30, 58, 59, 2, 69]) {
      expect(log.get(n)).toMatchObject({ sequence: n })
      expect(numberOf(log.get(n)!.value)).toBe(n)
    }
    for (const n of [0, -1, 71, 2 ** 40]) expect(log.get(n)).toBeUndefined()
    for (const n of [NaN, 1.5, Infinity, '1' as never]) expect(codeOf(() => log.get(n))).toBe('INVALID_ARGUMENT')
    const appended = log.append(record(71))
    expect(log.get(appended)).toBeUndefined()
    await log.sync()
    expect(numberOf(log.get(71)!.value)).toBe(71)
    await world().wait(log.close())
    expect(codeOf(() => log.get(1))).toBe('CLOSED')
  })

  test.each([
    ['live', filled],
    ['opened again', reopened],
  ])('B2 a range is clipped, and reverse equals forward reversed, %s', async (_, make) => {
    const log = await make(world(), 90)
    const ranges = [
      [1, 90],
      [0, 200],
      [29, 30],
      [30, 30],
      [45, 60],
      [80, 1000],
      [91, 95],
      [10, 9],
      [1, 1],
      [90, 90],
    ] as const
    for (const [from, to] of ranges) {
      const text = expected(Math.max(1, from), Math.min(90, to))
      expect(numbers(log.read({ from, to }))).toBe(text)
      expect(await walked(log.read({ from, to }))).toBe(text)
      const reversed = text === '' ? '' : text.split(' ').toReversed().join(' ')
      expect(numbers(log.read({ from, to, reverse: true }))).toBe(reversed)
      expect(await walked(log.read({ from, to, reverse: true }))).toBe(reversed)
    }
    for (const bad of [{ from: -1 }, { to: 1.5 }, { limit: 0 }, { maxBytes: NaN }, { from: '1' as never }])
      expect(codeOf(() => log.read(bad))).toBe('INVALID_ARGUMENT')
    await world().wait(log.close())
  })

  test('B3 sync and async walks agree, each loop starts anew, and both can be left early', async () => {
    const log = await reopened(world(), 64)
    const all = log.read()
    for (let round = 0; round < 2; round++) {
      expect(numbers(all)).toBe(expected(1, 64))
      expect(await walked(all)).toBe(expected(1, 64))
    }
    for (const entry of all) if (entry.sequence === 31) break
    for await (const entry of all) if (entry.sequence === 31) break
    const walk = all[Symbol.asyncIterator]()
    const parallel = await Promise.all(Array.from({ length: 66 }, () => walk.next()))
    expect(parallel.map((each) => (each.done === true ? 0 : each.value.sequence))).toEqual([
      ...Array.from({ length: 64 }, (_, i) => i + 1),
      0,
      0,
    ])
    await world().wait(log.close())
  })

  test('B4 appends during a walk make neither gap nor repeat, and walks end at what was durable when they began', async () => {
    const log = await filled(world(), 40)
    const seen: number[] = []
    for await (const { sequence, value } of log.read()) {
      expect(numberOf(value)).toBe(sequence)
      seen.push(sequence)
      log.append(record(log.lastSequence + 1))
      if (sequence % 7 === 0) log.commitSync(record(log.lastSequence + 1))
      if (sequence % 9 === 0) await log.sync()
    }
    expect(seen).toEqual(Array.from({ length: 40 }, (_, i) => i + 1))
    await log.sync()
    const rest = Array.from(log.read({ from: 41 }), (entry) => entry.sequence)
    expect(rest).toEqual(Array.from({ length: log.lastSequence - 40 }, (_, i) => 41 + i))
    expect(numbers(log.read())).toBe(expected(1, log.lastSequence))
    await world().wait(log.close())
  })

  test('B5 budgets: at least one record, then as many as fit, resumable', async () => {
    const log = await reopened(world(), 50)
    expect(numbers(log.read({ limit: 7 }))).toBe(expected(1, 7))
    expect(numbers(log.read({ from: 20, limit: 1 }))).toBe(expected(20, 20))
    expect(numbers(log.read({ maxBytes: 1 }))).toBe(expected(1, 1))
    expect(numbers(log.read({ from: 5, maxBytes: 3 * 128 }))).toBe(expected(5, 7))
    for (const options of [{ limit: 3 }, { maxBytes: 500 }, { limit: 10, maxBytes: 900 }]) {
      let from = 1
      for (
        let text = numbers(log.read({ ...options, from }));
        text !== '';
        text = numbers(log.read({ ...options, from }))
      ) {
        const count = text.split(' ').length
        expect(text).toBe(expected(from, from + count - 1))
        from += count
      }
      expect(from).toBe(51)
    }
    await world().wait(log.close())
  })

  test('B15 values are decoded when asked for: a scan of sequences never calls the codec, one of values once each', async () => {
    let decoded = 0
    const codec: SimpleCodec<Uint8Array> = {
      name: 'counting',
      encode: (value) => value,
      decode: (bytes) => {
        decoded += 1
        return bytes
      },
    }
    const log = await open(world(), { codec })
    await fill(log, 60)
    expect(Array.from(log.read(), (entry) => entry.sequence + Number(entry.timestampNs > 0n)).length).toBe(60)
    for await (const entry of log.read()) expect(entry.sequence).toBeGreaterThan(0)
    expect(decoded).toBe(0)
    const kept = [...log.read()]
    expect(kept.map((entry) => numberOf(entry.value))).toEqual(kept.map((entry) => entry.sequence))
    expect(kept.map((entry) => numberOf(entry.value))).toEqual(kept.map((entry) => entry.sequence))
    expect(decoded).toBe(60)
    expect(kept[0]!.value).toBe(kept[0]!.value)
    await world().wait(log.close())
  })

  test('entries outlive their walk, also where only some were looked at, and show the same bytes', async () => {
    const log = await reopened(world(), 300)
    for (const reverse of [false, true]) {
      const sync = [...log.read({ reverse })]
      const later: (typeof sync)[number][] = []
      for await (const entry of log.read({ reverse })) {
        later.push(entry)
        if (entry.sequence % 3 === 0) expect(numberOf(entry.value)).toBe(entry.sequence)
      }
      await world().wait(
        log.close().then(
          () => undefined,
          () => undefined,
        ),
      )
      for (const entry of [...sync, ...later]) expect(numberOf(entry.value)).toBe(entry.sequence)
      if (reverse) return
      const again = await open(world())
      for (const entry of [...again.read()]) expect(numberOf(entry.value)).toBe(entry.sequence)
      await world().wait(again.close())
      return
    }
  })
})
