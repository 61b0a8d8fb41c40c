import { describe, expect, test } from 'vitest'
import { bytes } from '../../../lib/codecs/bytes.ts'
import { openLogWith } from '../../../lib/open.ts'
import { simulate } from '../../../segments/env/simulated.ts'
import { WINDOW_BYTES } from '../../../segments/window.ts'
import { SEGMENT_BYTES, type Subject, closeClean, numberOf, outcome, record } from '../world/sim.ts'
import { Counting } from './counting.ts'

const options = { segmentBytes: 2 * 1024 * 1024 }

interface Counted extends Subject {
  readonly env: Counting
}

/** A log that was opened again, of records so long, of which the first segments are longer than a window. */
async function filled(count: number, length: (n: number) => number): Promise<Counted> {
  const sim = simulate(3)
  const open = async (): Promise<Counted> => {
    const env = new Counting(sim)
    const all = { ...options, codec: bytes(), environment: env }
    return { sim, env, log: await sim.drive(openLogWith('/log', all, SEGMENT_BYTES)) }
  }
  const it = await open()
  for (let n = 1; n <= count; n++) it.log.append(record(n, length(n)))
  await it.sim.drive(it.log.sync())
  await closeClean(it)
  return open()
}

/** Walks up to a record, and says how many reads were out at most when an entry came. */
async function walk({ log, env }: Counted, last: number): Promise<{ seen: number[]; outMost: number }> {
  const seen: number[] = []
  let outMost = 0
  for await (const { sequence, value } of log.read()) {
    expect(numberOf(value)).toBe(sequence)
    seen.push(sequence)
    outMost = Math.max(outMost, env.outstanding.size)
    if (sequence === last) break
  }
  return { seen, outMost }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1)

describe('reading ahead', () => {
  test('B3 an asynchronous walk reads one window ahead and no more, and little of it twice', async () => {
    const it = await filled(12_000, () => 150)
    it.env.reset()
    const { seen, outMost } = await it.sim.drive(walk(it, 12_000))
    expect(seen).toEqual(upTo(12_000))
    expect(outMost).toBe(1)
    const data = 12_000 * 176
    expect(it.env.bytesRead).toBeGreaterThan(data)
    expect(it.env.bytesRead).toBeLessThan(data * 1.05 + WINDOW_BYTES)
    await closeClean(it)
  })

  test('frames longer than the overlap, and longer than a window, come whole', async () => {
    const lengths = [100, 5000, 9000, 30_000, WINDOW_BYTES + 1000]
    const it = await filled(150, (n) => lengths[(n * n) % 5]!)
    expect((await it.sim.drive(walk(it, 150))).seen).toEqual(upTo(150))
    await closeClean(it)
  })

  test('B16 who leaves while a read is out waits for it, and its file is closed', async () => {
    const it = await filled(6000, () => 150)
    const open = it.env.openFiles.length
    for (const last of [1, 1500, 1501, 2990, 3000, 4500, 5999]) {
      expect((await it.sim.drive(walk(it, last))).seen).toEqual(upTo(last))
      expect([it.env.openFiles.length, it.env.outstanding.size]).toEqual([open, 0])
    }
    const iterator = it.log.read()[Symbol.asyncIterator]()
    const calls = [...upTo(4000).map(() => iterator.next()), iterator.return!(), iterator.next()]
    const found = await it.sim.drive(Promise.all(calls))
    expect(found.map(({ done }) => done)).toEqual([...upTo(4000).map(() => false), true, true])
    expect([it.env.openFiles.length, it.env.outstanding.size]).toEqual([open, 0])
    await closeClean(it)
  })

  test('B9 an error of a read ahead is told when its records are due, after all before them', async () => {
    const it = await filled(6000, () => 150)
    it.sim.calls.fault({ when: (call) => call.do === 'read' && call.position! > 500_000, outcome: 'EIO', times: 50 })
    const seen: number[] = []
    const told = outcome(
      (async () => {
        for await (const { sequence } of it.log.read()) seen.push(sequence)
      })(),
    )
    await it.sim.advance(1000)
    expect(told.is()).toBe('IO')
    expect(seen).toEqual(upTo(seen.length))
    expect(seen.length).toBeGreaterThan(500_000 / 176 - 30)
    it.sim.calls.clearFaults()
    await closeClean(it)
  })
})
