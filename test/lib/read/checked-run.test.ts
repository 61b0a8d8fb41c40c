import fc from 'fast-check'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { cbor } from '../../../lib/codecs/cbor.ts'
import { CheckedRun } from '../../../lib/read/checked-run.ts'
import type { ReadOptions } from '../../../lib/read/range.ts'
import { type Log, openLog } from '../../../lib/index.ts'
import { type SimulatedEnvironment, simulate } from '../../../segments/env/simulated.ts'
import { bareRecords } from '../../../segments/format/bare-records.ts'
import { Block, FrameDecoder, FrameEncoder } from '../../../segments/format/frame.ts'
import { emptyDraft } from '../../../segments/format/frame-draft.ts'
import { FRAMES_START, KIND, SEGMENT_HEADER, TAG, UNIT } from '../../../segments/format/layout.ts'
import { segmentName } from '../../../segments/format/names.ts'
import { WINDOW_BYTES, Window } from '../../../segments/window.ts'

/** Short records that follow each other are checked many at once; a walk shows the same as if each were looked at. */

beforeAll(() => {
  expect(bareRecords(Infinity), 'this Node has WebAssembly').toBeDefined()
})

afterEach(() => {
  vi.restoreAllMocks()
})

interface Order {
  readonly n: number
  readonly text: string
}

/** Mostly short, now and then of another shape, longer than a bare record may be, or longer than a window. */
function orderOf(n: number): Order & { readonly extra?: boolean } {
  const length = n % 997 === 0 ? WINDOW_BYTES + 5 : n % 97 === 0 ? 900 : n % 23
  const order = { n, text: 'x'.repeat(length) }
  return n % 1500 > 1400 && n % 7 === 0 ? { ...order, extra: true } : order
}

const COUNT = 12_000
const FILE = `/log/${segmentName(1)}`

interface Filled {
  readonly sim: SimulatedEnvironment
  readonly log: Log<Order>
  readonly times: readonly bigint[]
}

async function filled(): Promise<Filled> {
  const sim = simulate(1)
  const options = { environment: sim, codec: cbor<Order>(), segmentBytes: 8 * 1024 * 1024 }
  const log = await sim.drive(openLog<Order>('/log', options))
  const times: bigint[] = []
  for (let n = 1; n <= COUNT; n++) {
    times.push(1_700_000_000_000_000_000n + BigInt(n) * 1_234_567_891n)
    log.append(orderOf(n), { timestampNs: times.at(-1)! })
  }
  await sim.drive(log.sync())
  return { sim, log, times }
}

/** Where the frame of each record stands. */
function placesOf(bytes: Buffer): { readonly at: number; readonly length: number }[] {
  const block = new Block(Math.ceil(bytes.length / UNIT) * UNIT)
  block.bytes.set(bytes)
  const decoder = new FrameDecoder()
  const salt = bytes.readInt32LE(SEGMENT_HEADER.at.salt)
  const places: { at: number; length: number }[] = []
  for (
    let at: number = FRAMES_START;
    decoder.read(block, at, bytes.length, at, salt) === 'frame';
    at += decoder.length
  ) {
    if (decoder.kind === KIND.record) places.push({ at, length: decoder.length })
  }
  return places
}

function countOfFramesLookedAt(work: () => void): number {
  const look = vi.spyOn(FrameDecoder.prototype, 'read')
  work()
  return look.mock.calls.length
}

describe('a walk over short records', () => {
  test('shows each as it was written, whatever stands between them, and looks at few frames by themselves', async () => {
    const { log, times } = await filled()
    let n = 0
    const looked = countOfFramesLookedAt(() => {
      for (const { sequence, timestampNs, value } of log.read()) {
        n += 1
        expect([sequence, timestampNs]).toEqual([n, times[n - 1]])
        expect(value).toEqual(orderOf(n))
      }
    })
    expect(n).toBe(COUNT)
    expect(looked).toBeLessThan(COUNT / 4)
  })

  test('keeps to ranges and budgets, which may end in the middle of what was checked', async () => {
    const { sim, log } = await filled()
    const lengths = placesOf(Buffer.from(sim.files.read(FILE))).map(({ length }) => length)
    const half = Math.floor(lengths.length / 2)
    const property = fc.property(
      fc.integer({ min: 1, max: half }),
      fc.integer({ min: 1, max: half }),
      fc.integer({ min: 1, max: 30_000 }),
      (from, limit, maxBytes) => {
        const show = (options: ReadOptions): number[] => Array.from(log.read(options), ({ sequence }) => sequence)
        const first = (count: number): number[] => Array.from({ length: count }, (_, index) => from + index)
        expect(show({ from, limit })).toEqual(first(limit))
        expect(show({ from, to: from + limit })).toEqual(first(limit + 1))
        let fits = 1
        let left = maxBytes - lengths[from - 1]!
        while ((left -= lengths[from - 1 + fits]!) >= 0) fits += 1
        expect(show({ from, maxBytes })).toEqual(first(fits))
      },
    )
    fc.assert(property, { numRuns: 50 })
  })

  test('ends at a record that was damaged, with its sequence, after all that stand before it', async () => {
    const { sim, log } = await filled()
    const bytes = Buffer.from(sim.files.read(FILE))
    const places = placesOf(bytes)
    const property = fc.property(
      fc.nat(places.length - 1),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (index, where, by) => {
        const { at, length } = places[index]!
        const spoilt = Buffer.from(bytes)
        spoilt[at + (where % length)]! ^= by
        sim.files.write(FILE, spoilt)
        let last = 0
        const walk = (): void => {
          for (const { sequence, value } of log.read()) {
            expect(value).toEqual(orderOf(sequence))
            expect(sequence).toBe(last + 1)
            last = sequence
          }
        }
        expect(walk).toThrow(expect.objectContaining({ code: 'CORRUPT', sequence: index + 1 }) as Error)
        expect(last).toBe(index)
      },
    )
    fc.assert(property, { numRuns: 60 })
  })

  test('checks again what is read again', async () => {
    const { sim, log } = await filled()
    const walk = log.read({ to: 6000 })[Symbol.iterator]()
    for (let n = 0; n < 1000; n++) walk.next()
    const spoilt = Buffer.from(sim.files.read(FILE))
    // Beyond any window that was read by now.
    for (const { at } of placesOf(spoilt).slice(3000, 3500)) spoilt[at + 25]! ^= 1
    sim.files.write(FILE, spoilt)
    expect(() => Array.from({ [Symbol.iterator]: () => walk })).toThrow('CORRUPT')
  })
})

describe('a run', () => {
  const SALT = 7

  /** So many frames of 32 bytes, the first with sequence 1. */
  function windowOf(count: number): Window {
    const window = new Window(count * 32)
    const encoder = new FrameEncoder()
    for (let n = 0; n < count; n++) {
      const draft = { ...emptyDraft(), kind: KIND.record, flags: TAG.batchEnd, claim: 0xffffff, sequence: n + 1 }
      encoder.encode(window.block.bytes, n * 32, 4096 + n * 32, SALT, draft, new Uint8Array(8))
    }
    window.start = 4096
    window.length = count * 32
    return window
  }

  test('is of the window in which it was checked, and of no other', () => {
    const window = windowOf(20)
    const run = new CheckedRun()
    expect(run.holds(window, 4096, 1, SALT, Infinity)).toBe(true)
    window.block.bytes[5 * 32 + 25]! ^= 1
    expect(run.holds(window, 4096 + 5 * 32, 6, SALT, Infinity)).toBe(true)
    run.forget()
    expect(run.holds(window, 4096 + 5 * 32, 6, SALT, Infinity)).toBe(false)
  })

  test.each([
    ['of another sequence', 4096, 2, SALT],
    ['of another salt', 4096, 1, SALT + 1],
    ['at another place', 4096 + 8, 1, SALT],
  ])('begins at no record %s', (_, at, sequence, salt) => {
    expect(new CheckedRun().holds(windowOf(20), at, sequence, salt, Infinity)).toBe(false)
  })

  test('that is short is not tried at each frame: a piece is copied for each try', () => {
    const window = windowOf(100)
    for (let n = 1; n < 100; n += 2) window.block.bytes[n * 32 + 25]! ^= 1
    const run = new CheckedRun()
    const take = vi.spyOn(bareRecords(Infinity)!, 'take')
    for (let n = 0; n < 100; n += 2) run.holds(window, 4096 + n * 32, n + 1, SALT, Infinity)
    expect(take.mock.calls.length).toBeLessThan(10)
  })
})
