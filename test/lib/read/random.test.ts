import { describe, expect, test } from 'vitest'
import { BLOCK_BYTES } from '../../../lib/read/block-cache.ts'
import type { Entry } from '../../../lib/read/entry.ts'
import { openLogWith } from '../../../lib/open.ts'
import { bytes } from '../../../lib/codecs/bytes.ts'
import type { SimpleCodec } from '../../../lib/codecs/codec.ts'
import { type SimulatedEnvironment, simulate } from '../../../segments/env/simulated.ts'
import {
  type ByteLog,
  SEGMENT_BYTES,
  closeClean,
  codeOf,
  expectRecords,
  numberOf,
  on,
  record,
  subject,
} from '../world/sim.ts'
import { Counting } from './counting.ts'
import { makeSidecars } from './sidecars.ts'

const BIG = 1024 * 1024

interface Counted {
  readonly sim: SimulatedEnvironment
  readonly env: Counting
  readonly log: ByteLog
}

async function counted(sim: SimulatedEnvironment, options: object): Promise<Counted> {
  const env = new Counting(sim)
  const all = { segmentBytes: SEGMENT_BYTES, ...options, codec: bytes(), environment: env }
  const log = await sim.drive(openLogWith('/log', all, SEGMENT_BYTES))
  return { sim, env, log }
}

/** A closed log of so many records, and the machine that it is on. */
async function closed(
  count: number,
  options: object = {},
  lengthOf = (_: number) => 100,
): Promise<SimulatedEnvironment> {
  const it = await subject(1, options)
  for (let n = 1; n <= count; n++) it.log.append(record(n, lengthOf(n)))
  await it.sim.drive(it.log.sync())
  await closeClean(it)
  return it.sim
}

/** All numbers up to `count`, in an order that jumps about. */
function shuffled(count: number): number[] {
  return Array.from({ length: count }, (_, index) => 1 + ((index * 7919) % count))
}

function flip(sim: SimulatedEnvironment, path: string, at: number, mask: number): void {
  const handle = sim.call({ do: 'open', path, access: 'write' })
  const byte = new Uint8Array(1)
  sim.call({ do: 'read', handle, into: byte, start: 0, length: 1, position: at })
  byte[0]! ^= mask
  sim.call({ do: 'write', handle, from: byte, start: 0, length: 1, position: at })
  sim.call({ do: 'sync', handle })
  sim.call({ do: 'close', handle })
}

describe('single records', () => {
  test('B1 records of every length are found, whatever borders of blocks they lie on', async () => {
    const lengths = [
      4,
      100,
      4064,
      8192,
      BLOCK_BYTES - 24,
      BLOCK_BYTES - 23,
      BLOCK_BYTES,
      3 * BLOCK_BYTES + 5,
      65_536,
      300_001,
    ]
    const sim = await closed(180, { segmentBytes: BIG }, (n) => (n % 12 < 10 ? lengths[n % 12]! : n))
    for (const options of [{}, { blockCacheBytes: 0 }, { blockCacheBytes: 2 * BLOCK_BYTES }, { openFilesMax: 0 }]) {
      const it = await on(sim, { segmentBytes: BIG, ...options })
      for (let round = 0; round < 2; round++) {
        for (const n of shuffled(180)) {
          const { value } = it.log.get(n)!
          expect([numberOf(value), value.length]).toEqual([n, n % 12 < 10 ? lengths[n % 12] : n])
          if (value.length > 4) expect(value.at(-1)).toBe(n & 255)
        }
      }
      await closeClean(it)
    }
  })

  test('entries keep their own bytes while the blocks that they came from are read into again', async () => {
    const sim = await closed(2000, { segmentBytes: BIG })
    const it = await on(sim, { segmentBytes: BIG, blockCacheBytes: BLOCK_BYTES })
    const kept: Entry<Uint8Array>[] = []
    for (const n of shuffled(2000)) {
      const entry = it.log.get(n)!
      if (n % 3 === 0) expect(numberOf(entry.value)).toBe(n)
      kept.push(entry)
    }
    for (const entry of kept)
      expect([numberOf(entry.value), entry.value[99]]).toEqual([entry.sequence, entry.sequence & 255])
    await closeClean(it)
  })

  test('a record is found as soon as it is durable, also in a block that was read before', async () => {
    const it = await subject(1, { segmentBytes: BIG })
    for (let n = 1; n <= 500; n++) {
      it.log.append(record(n))
      expect(it.log.get(n)).toBeUndefined()
      it.log.commitSync(record(++n))
      expect([n - 1, n].map((each) => numberOf(it.log.get(each)!.value))).toEqual([n - 1, n])
    }
    await closeClean(it)
  })

  test('B15 a record whose value nobody asks for is never decoded, and one that is asked for is decoded once', async () => {
    let decoded = 0
    const codec: SimpleCodec<Uint8Array> = {
      name: 'counting',
      encode: (value) => value,
      decode: (value) => {
        decoded += 1
        return value
      },
    }
    const sim = simulate(2)
    const log = await sim.drive(openLogWith<Uint8Array>('/log', { codec, environment: sim }, BIG))
    for (let n = 1; n <= 100; n++) log.append(record(n))
    await sim.drive(log.sync())
    const entries = shuffled(100).map((n) => log.get(n)!)
    expect(entries.every(({ sequence, timestampNs }) => sequence > 0 && timestampNs > 0n)).toBe(true)
    expect(decoded).toBe(0)
    for (const entry of entries) expect(numberOf(entry.value)).toBe(entry.sequence)
    for (const entry of entries) expect(entry.value).toBe(entry.value)
    expect(decoded).toBe(100)
    await sim.drive(log.close())
  })

  test('what is in memory is found without a call', async () => {
    const sim = await closed(2000, { segmentBytes: BIG })
    const { env, log } = await counted(sim, { segmentBytes: BIG })
    for (const n of shuffled(2000)) log.get(n)
    env.reset()
    for (const n of shuffled(2000)) expect(numberOf(log.get(n)!.value)).toBe(n)
    expect(env.reads).toBe(0)
    await closeClean({ sim, env, log })
  })
})

/** Where the tenth record stands: the first frame has a whole timestamp. */
const TENTH = 256 + 136 + 128 * 8

describe('damage', () => {
  test('B7 a bit that is flipped fails its record only, each time, also where the block is in memory', async () => {
    const sim = await closed(70)
    const path = '/log/segment-0000000001.log'
    for (const at of [TENTH, TENTH + 12, TENTH + 60]) {
      flip(sim, path, at, 4)
      const it = await on(sim)
      for (let round = 0; round < 3; round++) {
        for (const n of [9, 11, 1, 28, 70]) expect(numberOf(it.log.get(n)!.value)).toBe(n)
        expect(codeOf(() => it.log.get(10))).toBe('CORRUPT')
      }
      await closeClean(it)
      flip(sim, path, at, 4)
    }
  })

  test('an error tells what stands on the disk, a record that was read before may be shown from memory', async () => {
    const it = await subject(1)
    for (let n = 1; n <= 20; n++) it.log.commitSync(record(n))
    const path = '/log/segment-0000000001.log'
    flip(it.sim, path, TENTH + 50, 1)
    expect(codeOf(() => it.log.get(10))).toBe('CORRUPT')
    flip(it.sim, path, TENTH + 50, 1)
    expect(numberOf(it.log.get(10)!.value)).toBe(10)
    flip(it.sim, path, TENTH + 50, 1)
    expect(numberOf(it.log.get(10)!.value)).toBe(10)
    expect(codeOf(() => [...it.log.read()])).toBe('CORRUPT')
    flip(it.sim, path, TENTH + 50, 1)
    await closeClean(it)
  })
})

describe('bounds', () => {
  test('B16 hundreds of segments read at random: open files stay at the limit, and all are closed', async () => {
    const count = 28 * 300
    const sim = await closed(count)
    for (const openFilesMax of [1, 8]) {
      const { env, log } = await counted(sim, { openFilesMax, blockCacheBytes: 8 * BLOCK_BYTES })
      const before = env.openFiles.length
      env.reset()
      for (const n of shuffled(count).slice(0, 1500)) expect(numberOf(log.get(n)!.value)).toBe(n)
      expect(env.openMost - before).toBe(openFilesMax)
      await closeClean({ sim, env, log })
    }
  })

  test('B6 a random read of a segment with a sidecar reads some blocks, never the segment', async () => {
    const sim = await closed(30_000, { segmentBytes: 8 * BIG })
    makeSidecars(sim)
    const { env, log } = await counted(sim, { segmentBytes: 8 * BIG })
    env.reset()
    expect(numberOf(log.get(12_345)!.value)).toBe(12_345)
    expect(env.bytesRead).toBeLessThanOrEqual(4 * BLOCK_BYTES)
    env.reset()
    expect(numberOf(log.get(12_346)!.value)).toBe(12_346)
    expect(env.reads).toBe(0)
    expect(numberOf(log.get(20_000)!.value)).toBe(20_000)
    expect(env.bytesRead).toBeLessThanOrEqual(2 * BLOCK_BYTES)
    await closeClean({ sim, env, log })
  })
})

describe('sidecars', () => {
  test('deleted, cut at every length and flipped at every byte they change no answer', async () => {
    const sim = await closed(70)
    const path = makeSidecars(sim)[0]!
    const check = async (): Promise<void> => {
      const it = await on(sim)
      expect([1, 17, 28, 29, 70].map((n) => numberOf(it.log.get(n)!.value))).toEqual([1, 17, 28, 29, 70])
      expect(Array.from(it.log.read({ from: 5, to: 40, reverse: true }), (entry) => numberOf(entry.value))).toEqual(
        Array.from({ length: 36 }, (_, index) => 40 - index),
      )
      expect(numberOf([...it.log.read({ from: 13, limit: 1 })][0]!.value)).toBe(13)
      await closeClean(it)
    }
    const size = sim.call({ do: 'stat', path })!.size
    for (let at = 0; at < size; at += 31) {
      flip(sim, path, at, 1 << (at & 7))
      await check()
      flip(sim, path, at, 1 << (at & 7))
    }
    for (let length = size - 1; length > 0; length -= 97) {
      const handle = sim.call({ do: 'open', path, access: 'write' })
      sim.call({ do: 'truncate', handle, size: length })
      sim.call({ do: 'close', handle })
      await check()
    }
    sim.call({ do: 'unlink', path })
    await check()
  }, 60_000)

  test('one that lies about places, with sound checks, changes no answer', async () => {
    const sim = await closed(70)
    makeSidecars(sim, (units) => units + 16)
    const it = await on(sim)
    expectRecords(it.log, 70)
    const forward = Array.from({ length: 70 }, (_, index) =>
      [...it.log.read({ from: index + 1, limit: 2 })].map((entry) => numberOf(entry.value)),
    )
    expect(forward).toEqual(forward.map((_, index) => (index === 69 ? [70] : [index + 1, index + 2])))
    await closeClean(it)
  })
})
