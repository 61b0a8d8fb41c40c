import { describe, expect, test } from 'vitest'
import type { Entry } from '../../../lib/read/entry.ts'
import { WINDOW_BYTES } from '../../../segments/window.ts'
import {
  type ByteLog,
  type Subject,
  closeClean,
  codeOf,
  expectRecords,
  numberOf,
  on,
  outcome,
  record,
  subject,
} from '../world/sim.ts'

const SEGMENT_BYTES = 1024 * 1024

/** Lengths around all edges: a page, the scratch buffer of the decoder, a window, more than a window. */
const LENGTHS = [
  4,
  5,
  11,
  12,
  100,
  4063,
  4064,
  4065,
  4071,
  4072,
  4073,
  4096,
  8192,
  65_536,
  131_072 - 24,
  100_001,
  WINDOW_BYTES - 300,
  WINDOW_BYTES - 24,
  WINDOW_BYTES - 23,
  WINDOW_BYTES,
  WINDOW_BYTES + 9,
  2 * WINDOW_BYTES + 77,
]

async function edges(): Promise<Subject> {
  const it = await subject(1, { segmentBytes: SEGMENT_BYTES })
  for (let round = 0; round < 3; round++)
    for (const length of LENGTHS) it.log.append(record(it.log.lastSequence + 1, length + round))
  for (let n = 0; n < 3000; n++) it.log.append(record(it.log.lastSequence + 1, 4 + (n % 230)))
  await it.sim.drive(it.log.sync())
  return it
}

const lengthsOf = (entries: Iterable<Entry<Uint8Array>>): string =>
  Array.from(entries, ({ sequence, value }) => {
    expect(numberOf(value)).toBe(sequence)
    return `${sequence}:${value.length}:${value[value.length - 1]}`
  }).join(' ')

async function collect(log: ByteLog, options: Parameters<ByteLog['read']>[0]): Promise<Entry<Uint8Array>[]> {
  const found: Entry<Uint8Array>[] = []
  for await (const entry of log.read(options)) found.push(entry)
  return found
}

describe('walks over the borders of windows', () => {
  test('B2 B3 frames of every length, across windows and segments, in both directions, sync and async', async () => {
    const live = await edges()
    const count = live.log.lastSequence
    const forward = lengthsOf(live.log.read())
    expect(forward.split(' ').length).toBe(count)
    await closeClean(live)
    const again = await on(live.sim, { segmentBytes: SEGMENT_BYTES })
    for (const log of [again.log]) {
      const reversed = forward.split(' ').toReversed().join(' ')
      expect(lengthsOf(log.read())).toBe(forward)
      expect(lengthsOf(log.read({ reverse: true }))).toBe(reversed)
      const [there, back] = await again.sim.drive(Promise.all([collect(log, {}), collect(log, { reverse: true })]))
      expect(lengthsOf(there)).toBe(forward)
      expect(lengthsOf(back)).toBe(reversed)
      for (const from of [2, 17, 19, 22, 40, 67, 1000]) {
        expect(lengthsOf(log.read({ from, limit: 70 }))).toBe(
          forward
            .split(' ')
            .slice(from - 1, from + 69)
            .join(' '),
        )
        expect(lengthsOf([log.get(from)!])).toBe(forward.split(' ')[from - 1])
      }
    }
    await closeClean(again)
  })

  test('pages are read into again only when nobody needs them: kept entries show their own bytes', async () => {
    const it = await edges()
    for (const keep of [1, 2, 7]) {
      const kept: Entry<Uint8Array>[] = []
      const shown: string[] = []
      for (const entry of it.log.read()) {
        if (entry.sequence % keep === 0) kept.push(entry)
        else shown.push(lengthsOf([entry]))
      }
      expect(kept.length + shown.length).toBe(it.log.lastSequence)
      for (const entry of kept)
        expect([numberOf(entry.value), entry.value.at(-1)]).toEqual([entry.sequence, entry.value.at(-1)])
      for (const entry of kept) if (entry.value.length > 4) expect(entry.value.at(-1)).toBe(entry.sequence & 255)
    }
    await closeClean(it)
  })
})

describe('files of walks', () => {
  test('B16 every way to leave a walk closes its file', async () => {
    const it = await subject(1)
    for (let n = 1; n <= 70; n++) await it.sim.drive(it.log.commit(record(n)))
    await it.sim.settle()
    const { log, env, sim } = it
    const open = env.openFiles.length
    for (const entry of log.read()) if (entry.sequence === 40) break
    expect(() => {
      for (const entry of log.read()) if (entry.sequence === 40) throw new Error('mine')
    }).toThrow('mine')
    const first = log.read()[Symbol.iterator]()
    first.next()
    expect(env.openFiles.length).toBe(open + 1)
    expect(first.return!()).toEqual({ done: true, value: undefined })
    expect(first.next()).toEqual({ done: true, value: undefined })
    expect(env.openFiles.length).toBe(open)
    await sim.drive(
      (async () => {
        for await (const entry of log.read()) if (entry.sequence === 40) break
      })(),
    )
    const walk = log.read()[Symbol.asyncIterator]()
    const overlapping = [walk.next(), walk.next(), walk.return!(), walk.next(), walk.return!()]
    const found = await sim.drive(Promise.all(overlapping))
    expect(found.map((each) => each.done)).toEqual([false, false, true, true, true])
    log.read()[Symbol.asyncIterator]()
    expect(env.openFiles.length).toBe(open)
    await closeClean(it)
  })

  test('B9 an error of the disk ends a walk once, typed, and closes its file', async () => {
    const it = await subject(1, { openFilesMax: 0 })
    for (let n = 1; n <= 70; n++) await it.sim.drive(it.log.commit(record(n)))
    await it.sim.settle()
    const { log, env, sim } = it
    const open = env.openFiles.length
    for (const what of ['open', 'read', 'close'] as const) {
      for (const reverse of [false, true]) {
        sim.calls.fault({ when: (call) => call.do === what && call.path.includes('segment'), outcome: 'EIO' })
        expect(['IO', 'returned']).toContain(codeOf(() => [...log.read({ reverse })]))
        sim.calls.clearFaults()
        sim.calls.fault({ when: (call) => call.do === what && call.path.includes('segment'), outcome: 'EIO' })
        const told = outcome(collect(log, { reverse }))
        await sim.settle()
        expect(['IO', 'resolved']).toContain(told.is())
        sim.calls.clearFaults()
        sim.calls.fault({ when: (call) => call.do === what && call.path.includes('segment'), outcome: 'EIO' })
        expect(['IO', 'returned']).toContain(codeOf(() => log.get(33)))
        sim.calls.clearFaults()
      }
    }
    expect(env.openFiles.length).toBe(open)
    expect([...log.read()].length).toBe(70)
    await closeClean(it)
  })

  test('a short read is gone on with, never taken for an end', async () => {
    const it = await subject(1)
    for (let n = 1; n <= 70; n++) it.log.commitSync(record(n))
    it.sim.calls.fault({ when: (call) => call.do === 'read', outcome: { bytes: 100 }, times: 50 })
    expect(Array.from(it.log.read(), (entry) => numberOf(entry.value)).length).toBe(70)
    it.sim.calls.clearFaults()
    await closeClean(it)
  })
})

describe('walks beside the writer', () => {
  test.each([1, 2, 3, 4])(
    'B4 walks in both directions see every record once while segments roll and are sealed, seed %i',
    async (seed) => {
      const it = await subject(seed)
      const { log, sim } = it
      for (let n = 1; n <= 60; n++) log.append(record(n))
      await sim.drive(log.sync())
      const walks = [log.read(), log.read({ reverse: true }), log.read({ from: 20 })].map((each) =>
        each[Symbol.asyncIterator](),
      )
      const seen: number[][] = [[], [], []]
      for (let turn = 0; turn < 62; turn++) {
        for (const [index, walk] of walks.entries()) {
          const next = await sim.drive(walk.next())
          if (next.done === true) continue
          expect(numberOf(next.value.value)).toBe(next.value.sequence)
          seen[index]!.push(next.value.sequence)
        }
        log.append(record(log.lastSequence + 1))
        if (turn % 5 === seed % 5) log.commitSync(record(log.lastSequence + 1))
        expect(numberOf(log.get(1 + ((turn * 7) % 60))!.value)).toBe(1 + ((turn * 7) % 60))
      }
      const all = Array.from({ length: 60 }, (_, i) => i + 1)
      expect(seen).toEqual([all, all.toReversed(), all.slice(19)])
      await closeClean(it)
    },
  )

  test('a walk begun before the close goes on after it', async () => {
    const it = await subject(1)
    for (let n = 1; n <= 70; n++) it.log.commitSync(record(n))
    const walk = it.log.read()[Symbol.iterator]()
    walk.next()
    const closing = it.log.close()
    await it.sim.drive(closing)
    let count = 1
    while (walk.next().done !== true) count += 1
    expect(count).toBe(70)
    await closeClean(it)
  })

  test.each(['truncate', 'sync'] as const)(
    'B1 records behind a segment whose sealing failed are read: %s',
    async (what) => {
      const it = await subject(1)
      const isFirst = (path: string): boolean => path.endsWith('segment-0000000001.log')
      it.sim.calls.fault({ when: (call) => call.do === what && isFirst(call.path), outcome: 'EIO' })
      for (let n = 1; n <= 150; n++) await it.sim.drive(it.log.commit(record(n)))
      await it.sim.settle()
      expect(it.log.stats().backgroundFailure).toMatchObject({ code: 'EIO' })
      expectRecords(it.log, 150)
      expect(await closeClean(it)).toBe('resolved')
      const after = await on(it.sim)
      expectRecords(after.log, 150)
      await closeClean(after)
    },
  )
})
