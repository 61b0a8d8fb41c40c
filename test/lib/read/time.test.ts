import { describe, expect, test } from 'vitest'
import { bytes } from '../../../lib/codecs/bytes.ts'
import { openLogWith } from '../../../lib/open.ts'
import { BLOCK_BYTES } from '../../../lib/read/block-cache.ts'
import { SEGMENT_BYTES, type Subject, closeClean, codeOf, on, record, subject } from '../world/sim.ts'
import { Counting } from './counting.ts'
import { makeSidecars } from './sidecars.ts'

const BASE = 1_700_000_000_000_000_000n

/** Three records for each time, a microsecond apart. */
const timeOf = (sequence: number): bigint => BASE + BigInt(Math.floor((sequence - 1) / 3)) * 1000n

async function filled(count: number, options: object): Promise<Subject> {
  const it = await subject(1, options)
  for (let n = 1; n <= count; n++) it.log.append(record(n), { timestampNs: timeOf(n) })
  await it.sim.drive(it.log.sync())
  await it.sim.settle()
  return it
}

const firstOf = ({ log }: Subject, fromTime: bigint): number | undefined =>
  [...log.read({ fromTime, limit: 1 })][0]?.sequence

describe('reading from a time on', () => {
  test('B10 begins with the first of several records of that time, and with the next where there is none', async () => {
    const it = await filled(100, {})
    for (let n = 1; n <= 100; n++) {
      const first = n - ((n - 1) % 3)
      expect(firstOf(it, timeOf(n))).toBe(first)
      expect(firstOf(it, timeOf(n) - 1n)).toBe(first)
      expect(firstOf(it, timeOf(n) + 1n)).toBe(first + 3 <= 100 ? first + 3 : undefined)
    }
    expect([0n, BASE - 1n].map((time) => firstOf(it, time))).toEqual([1, 1])
    expect(firstOf(it, 1n << 64n)).toBeUndefined()
    for (const fromTime of [-1n, 1, '1'])
      expect(codeOf(() => it.log.read({ fromTime: fromTime as never }))).toBe('INVALID_ARGUMENT')
    await closeClean(it)
  })

  test('B10 goes with from, to, reverse and limit: the later start counts, and in reverse it is the end', async () => {
    const it = await filled(100, {})
    const found = (options: object): number[] => Array.from(it.log.read(options), (entry) => entry.sequence)
    const fromTime = timeOf(40)
    expect(found({ fromTime, to: 43 })).toEqual([40, 41, 42, 43])
    expect(found({ fromTime, from: 42, limit: 2 })).toEqual([42, 43])
    expect(found({ fromTime, from: 10, limit: 2 })).toEqual([40, 41])
    expect(found({ fromTime, to: 43, reverse: true })).toEqual([43, 42, 41, 40])
    expect(found({ fromTime, to: 39 })).toEqual([])
    await closeClean(it)
  })

  test('B10 a damaged record is passed over on the way, and met where it may be what was asked for', async () => {
    const it = await filled(28, { blockCacheBytes: 0 })
    const path = '/log/segment-0000000001.log'
    const handle = it.sim.call({ do: 'open', path, access: 'write' })
    // Records 13 to 15 have one time; 14, in the middle of the segment, is where halving begins.
    const at = 256 + 136 + 128 * 12 + 50
    it.sim.call({ do: 'write', handle, from: new Uint8Array([1, 2, 3]), start: 0, length: 3, position: at })
    it.sim.call({ do: 'close', handle })
    expect(codeOf(() => it.log.get(14))).toBe('CORRUPT')
    expect([4, 13, 16, 25].map((n) => firstOf(it, timeOf(n)))).toEqual([4, 13, 16, 25])
    await closeClean(it)
  })

  test('B10 a seek by time reads some blocks, however long the log is', async () => {
    const options = { segmentBytes: 1024 * 1024 }
    const it = await filled(40_000, options)
    await closeClean(it)
    const { sim } = it
    makeSidecars(sim)
    const env = new Counting(sim)
    const log = await sim.drive(openLogWith('/log', { ...options, codec: bytes(), environment: env }, SEGMENT_BYTES))
    for (const n of [39_001, 20_002, 3, 30_000]) {
      env.reset()
      const entry = [...log.read({ fromTime: timeOf(n), limit: 1 })][0]!
      expect(entry.sequence).toBe(n - ((n - 1) % 3))
      // One block for each halving at most, one for the places of each, and the window of the walk.
      expect(env.bytesRead).toBeLessThan(30 * BLOCK_BYTES + 256 * 1024)
    }
    const later = await sim.drive(
      (async () => {
        for await (const entry of log.read({ fromTime: timeOf(15_000) })) return entry.sequence
        return 0
      })(),
    )
    expect(later).toBe(14_998)
    await closeClean({ sim, env, log })
    await closeClean(await on(sim, options))
  })
})
