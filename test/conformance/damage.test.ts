import { expect, test } from 'vitest'
import type { Log } from '../../lib/log.ts'
import { FrameEncoder, resealFrame } from '../../segments/format/frame.ts'
import { KIND_OPTIONAL_FROM, NO_CLAIM } from '../../segments/format/layout.ts'
import { FIRST, framesOf, putRecord } from './frames.ts'
import {
  type World,
  codeOf,
  everywhere,
  expected,
  fill,
  numberOf,
  numbers,
  open,
  overwrite,
  readFile,
  record,
} from './worlds.ts'

function flip(world: World, name: string, bit: number): void {
  const path = `${world.directory}/${name}`
  const byte = readFile(world.env, path).subarray(bit >> 3, (bit >> 3) + 1)
  overwrite(
    world.env,
    path,
    bit >> 3,
    byte.map((value) => value ^ (1 << (bit & 7))),
  )
}

/** Nothing is kept from one read to the next, so that what happens to a file under an open log is seen at once. */
const UNCACHED = { blockCacheBytes: 0, openFilesMax: 0 }

async function sealed(world: World): Promise<Log<Uint8Array>> {
  const log = await open(world)
  await fill(log, 70)
  await world.wait(log.close())
  const again = await open(world, UNCACHED)
  // Makes the map of the first segment known: it is made by a scan, and kept.
  expect(numberOf(again.get(2)!.value)).toBe(2)
  return again
}

async function live(world: World): Promise<Log<Uint8Array>> {
  const log = await open(world, UNCACHED)
  await fill(log, 28)
  return log
}

everywhere((world) => {
  const put = (sequence: number, extensions: Parameters<typeof putRecord>[3], extended: number): void =>
    putRecord(world(), sequence, record(sequence, 128 - 24 - extended), extensions)

  test.each([
    ['sealed', sealed],
    ['live', live],
  ])('B7 any flipped bit of a frame fails the read of its record, the others succeed: %s segment', async (_, make) => {
    const log = await make(world())
    const { places } = framesOf(world())
    const { offset, length } = places[9]!
    const bits = Array.from({ length: 8 * 124 }, (_each, bit) => 8 * offset + bit)
    expect(length).toBe(128)
    for (const bit of bits.filter((each) => each < 8 * (offset + 24) || each % 41 === 0)) {
      flip(world(), FIRST, bit)
      expect(codeOf(() => log.get(10))).toBe('CORRUPT')
      if (bit % 97 === 0) {
        for (const n of [1, 8, 9, 11, 12, 28]) expect(numberOf(log.get(n)!.value)).toBe(n)
        expect(numbers(log.read({ from: 11, to: 28 }))).toBe(expected(11, 28))
        expect(numbers(log.read({ to: 9, reverse: true })).split(' ').length).toBe(9)
      }
      flip(world(), FIRST, bit)
    }
    expect(numberOf(log.get(10)!.value)).toBe(10)
    await world().wait(log.close())
  })

  test('B7 damage that was there before the first read fails its record only', async () => {
    for (const [index, at] of [0, 9, 28].entries()) {
      const log = await open(world())
      if (index === 0) await fill(log, 70)
      await world().wait(log.close())
      const { places } = framesOf(world())
      const bit = 8 * (places[at]!.offset + 12) + 3
      flip(world(), FIRST, bit)
      const again = await open(world())
      expect(again.recovery.end).toBe('closed')
      const codes = Array.from({ length: 70 }, (_, n) => codeOf(() => again.get(n + 1)!.value))
      expect(codes.map((code, n) => (code === 'returned' ? 0 : n + 1)).filter((n) => n > 0)).toEqual([at + 1])
      await world().wait(again.close())
      flip(world(), FIRST, bit)
    }
  })

  test('B8 two frames swapped, with mended CRCs, are an error and never records in the wrong place', async () => {
    const log = await sealed(world())
    const { places, salt, bytes } = framesOf(world())
    const [a, b] = [places[9]!, places[10]!]
    const swapped = Buffer.concat([
      bytes.subarray(b.offset, b.offset + b.length),
      bytes.subarray(a.offset, a.offset + a.length),
    ])
    resealFrame(swapped, 0, b.length, a.offset, salt)
    resealFrame(swapped, b.length, a.length, a.offset + b.length, salt)
    overwrite(world().env, `${world().directory}/${FIRST}`, a.offset, swapped)
    const seen: number[] = []
    expect(
      codeOf(() => {
        for (const entry of log.read()) seen.push(entry.sequence)
      }),
    ).toBe('CORRUPT')
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    for (const n of [10, 11]) {
      const code = codeOf(() => expect(numberOf(log.get(n)!.value)).toBe(n))
      expect(['CORRUPT', 'returned']).toContain(code)
    }
    expect([10, 11].map((n) => codeOf(() => log.get(n)))).toContain('CORRUPT')
    for (const n of [9, 12, 13]) expect(numberOf(log.get(n)!.value)).toBe(n)
    await world().wait(log.close())
  })

  test('B8 a frame in the place of another, with a mended CRC, is named with what was expected', async () => {
    const log = await live(world())
    const { places, salt, bytes } = framesOf(world())
    const [a, b] = [places[4]!, places[20]!]
    const copy = Buffer.from(bytes.subarray(b.offset, b.offset + b.length))
    resealFrame(copy, 0, b.length, a.offset, salt)
    overwrite(world().env, `${world().directory}/${FIRST}`, a.offset, copy)
    expect(() => log.get(5)).toThrow(
      expect.objectContaining({ code: 'CORRUPT', offset: a.offset, expected: 5, found: 21 }),
    )
    await world().wait(log.close())
  })

  test('B9 a frame that is no record in the place of one, with a sound CRC, ends a walk in either direction', async () => {
    const log = await sealed(world())
    const { places, salt } = framesOf(world())
    const { offset, length } = places[9]!
    const draft = {
      kind: KIND_OPTIONAL_FROM,
      flags: 0,
      claim: NO_CLAIM,
      sequence: 10,
      timeDelta: 0,
      timestamp: undefined,
    }
    const frame = Buffer.alloc(length)
    new FrameEncoder().encode(frame, 0, offset, salt, draft, record(10, length - 24))
    overwrite(world().env, `${world().directory}/${FIRST}`, offset, frame)
    for (const [reverse, last] of [
      [false, 9],
      [true, 11],
    ] as const) {
      let seen = 0
      const walk = (): void => {
        for (const entry of log.read({ reverse })) seen = entry.sequence
      }
      expect(codeOf(walk)).toBe('CORRUPT')
      expect(seen).toBe(last)
    }
    expect(codeOf(() => log.get(10))).toBe('CORRUPT')
    await world().wait(log.close())
  })

  test('records with a hash and keys are read as if these were not there', async () => {
    const log = await sealed(world())
    put(10, { hash: Buffer.alloc(32, 7), keys: Buffer.alloc(8, 9) }, 32 + 4 + 8)
    expect(numberOf(log.get(10)!.value)).toBe(10)
    expect(log.get(10)!.value.length).toBe(128 - 24 - 44)
    expect(numbers(log.read({ from: 1, to: 70 }))).toBe(expected(1, 70))
    expect(numbers(log.read({ from: 5, to: 15, reverse: true })).split(' ')).toContain('10:10')
    await world().wait(log.close())
  })

  test('a compressed record in a segment that has none is damaged: its value only, the others are read', async () => {
    const log = await sealed(world())
    put(10, { originalBytes: 500 }, 4)
    expect(log.get(10)!.sequence).toBe(10)
    expect(codeOf(() => log.get(10)!.value)).toBe('CORRUPT')
    expect([...log.read({ from: 5 })].length).toBe(66)
    expect(codeOf(() => numbers(log.read({ from: 5 })))).toBe('CORRUPT')
    expect(numbers(log.read({ from: 11 }))).toBe(expected(11, 70))
    await world().wait(log.close())
    const again = await open(world())
    expect(codeOf(() => numbers(again.read()))).toBe('CORRUPT')
    expect(numberOf(again.get(9)!.value)).toBe(9)
    await world().wait(again.close())
  })

  test('B9 a walk over damage gives what is before it, then one error, then ends', async () => {
    const log = await sealed(world())
    flip(world(), FIRST, 8 * (framesOf(world()).places[9]!.offset + 30))
    const walk = log.read()[Symbol.iterator]()
    for (let n = 1; n <= 9; n++) expect(walk.next()).toMatchObject({ done: false, value: { sequence: n } })
    expect(codeOf(() => walk.next())).toBe('CORRUPT')
    for (let again = 0; again < 3; again++) expect(walk.next()).toEqual({ done: true, value: undefined })
    const back = log.read({ reverse: true })[Symbol.asyncIterator]()
    for (let n = 70; n > 10; n--) expect(await back.next()).toMatchObject({ value: { sequence: n } })
    await expect(back.next()).rejects.toMatchObject({ code: 'CORRUPT', sequence: 10 })
    expect(await back.next()).toEqual({ done: true, value: undefined })
    await world().wait(log.close())
  })

  test('B1 a segment that is gone is a GAP for its records, the others are read', async () => {
    const log = await sealed(world())
    world().env.call({ do: 'unlink', path: `${world().directory}/${FIRST}` })
    expect(codeOf(() => log.get(5))).toBe('GAP')
    expect(codeOf(() => [...log.read()])).toBe('GAP')
    expect(numberOf(log.get(30)!.value)).toBe(30)
    expect(numbers(log.read({ from: 30 }))).toBe(expected(30, 70))
    log.commitSync(record(71))
    await world().wait(log.close())
  })
})
