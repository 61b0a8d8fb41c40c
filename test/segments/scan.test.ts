import { describe, expect, test } from 'vitest'
import { runNow } from '../../segments/env/steps.ts'
import { simulate } from '../../segments/env/simulated.ts'
import { FrameEncoder, frameBytes } from '../../segments/format/frame.ts'
import { KIND, NO_CLAIM, SEGMENT_HEADER, TAG, UNIT } from '../../segments/format/layout.ts'
import { SegmentScanner } from '../../segments/scan.ts'
import { type Scan } from '../../segments/stretches.ts'
import { WINDOW_BYTES, WINDOW_BYTES_MAX, Window } from '../../segments/window.ts'

const SALT = 5
const FRAMES_START = SEGMENT_HEADER.size
const KEY = { salt: SALT, firstSequence: 1, baseTimestamp: 1000n }

interface Built {
  readonly bytes: Buffer
  /** Offset of each record, and of the end. */
  readonly places: number[]
}

/** A segment of records with payloads of these lengths; `sequences` other than 1, 2, 3 … where given. */
function build(lengths: readonly number[], sequences?: readonly number[], tail = 0): Built {
  const places: number[] = [FRAMES_START]
  for (const length of lengths) places.push(places.at(-1)! + frameBytes(length, 0))
  const bytes = Buffer.alloc(places.at(-1)! + tail)
  const encoder = new FrameEncoder()
  for (const [index, length] of lengths.entries()) {
    const at = places[index]!
    const sequence = sequences?.[index] ?? index + 1
    const draft = {
      kind: KIND.record,
      flags: TAG.batchEnd,
      claim: NO_CLAIM,
      sequence,
      timeDelta: index,
      timestamp: undefined,
    }
    encoder.encode(bytes, at, at, SALT, draft, Buffer.alloc(length, index + 1))
  }
  return { bytes, places }
}

function scan(bytes: Uint8Array, end = bytes.length, beyond: 'stop' | 'search' = 'search'): Scan {
  const sim = simulate(1)
  sim.files.write('/segment', bytes)
  const handle = sim.call({ do: 'open', path: '/segment', access: 'read' })
  return runNow(sim, new SegmentScanner(handle, end, KEY).run(beyond))
}

const offsets = (found: Scan): number[] =>
  Array.from({ length: found.offsets.length }, (_, i) => found.offsets.at(i) * UNIT)
const brief = (found: Scan): unknown => ({
  stretches: found.stretches.map(({ start, end, firstSequence, lastSequence }) => [
    start,
    end,
    firstSequence,
    lastSequence,
  ]),
  holes: found.holes.map(({ start, end, finding }) => [start, end, finding]),
})

describe('a scan over the borders of windows', () => {
  const edges = [
    WINDOW_BYTES - 280,
    WINDOW_BYTES - 304,
    WINDOW_BYTES - 296,
    WINDOW_BYTES,
    2 * WINDOW_BYTES + 8,
    WINDOW_BYTES + WINDOW_BYTES_MAX - 200,
    4072,
    4096,
  ]

  test.each(edges)('a frame of %i bytes and its neighbours are found wherever they end', (first) => {
    for (const second of [0, 1, 4064, 4065, 4072, WINDOW_BYTES - 24, WINDOW_BYTES]) {
      const { bytes, places } = build([first, second, 100, 0, 100])
      const found = scan(bytes)
      expect(brief(found)).toEqual({ stretches: [[FRAMES_START, bytes.length, 1, 5]], holes: [] })
      expect(offsets(found)).toEqual(places.slice(0, 5))
    }
  })

  test('a window of small frames only, then zeros over several windows, is a clean end', () => {
    const { bytes } = build(
      Array.from({ length: 4000 }, (_, n) => n % 170),
      undefined,
      3 * WINDOW_BYTES,
    )
    const found = scan(bytes)
    expect([found.stretches.length, found.holes.length, found.stretches[0]!.lastSequence]).toEqual([1, 0, 4000])
  })

  test('frames behind a hole are found, also where the hole lies over a border, and offsets of lost ones are 0', () => {
    for (const first of [WINDOW_BYTES - 400, WINDOW_BYTES - 350, WINDOW_BYTES - 296, 100]) {
      const { bytes, places } = build([first, 200, 100, 100])
      bytes[places[1]! + 40]! ^= 1
      const found = scan(bytes)
      expect(brief(found)).toEqual({
        stretches: [
          [FRAMES_START, places[1], 1, 1],
          [places[2], bytes.length, 3, 4],
        ],
        holes: [[places[1], places[2], 'invalid']],
      })
      expect(offsets(found)).toEqual([places[0], 0, places[2], places[3]])
      expect(scan(bytes, bytes.length, 'stop').stretches.length).toBe(1)
    }
  })

  test('a file of any odd length gives the whole frames in it', () => {
    const { bytes, places } = build([10, 50, 4072, 30])
    for (let length = FRAMES_START; length <= bytes.length; length += length < 600 || length > 4400 ? 1 : 97) {
      const found = scan(bytes.subarray(0, length))
      const whole = places.filter((place) => place <= length).length - 1
      expect(found.offsets.length).toBe(whole)
      const rest = found.holes.reduce((sum, hole) => sum + hole.end - hole.start, 0)
      expect(rest).toBeLessThanOrEqual(length - places[whole]!)
    }
  })

  test('frames out of order are never records of another place', () => {
    const cases = [
      [[2, 3, 4], 'the first'],
      [[1, 3, 4], 'a gap'],
      [[1, 1, 2], 'a repeat'],
      [[1, 3, 2], 'a swap'],
      [[3, 2, 1], 'backwards'],
      [[9], 'one alone'],
    ] as const
    for (const [sequences, what] of cases) {
      const { bytes, places } = build(
        sequences.map(() => 100),
        sequences,
      )
      const found = scan(bytes)
      const known = offsets(found)
      for (const [index, place] of known.entries())
        if (place !== 0) expect(sequences[places.indexOf(place)], what).toBe(index + 1)
    }
  })
})

describe('a window', () => {
  test('holds what it loaded and nothing beyond the end; the rest of the last unit is zeros', () => {
    const sim = simulate(1)
    sim.files.write('/file', Buffer.alloc(1003, 7))
    const handle = sim.call({ do: 'open', path: '/file', access: 'read' })
    const window = new Window(512)
    runNow(sim, window.load(handle, 504, 1, 2000))
    expect([window.start, window.length]).toEqual([504, 499])
    expect([window.holds(504, 499), window.holds(504, 500), window.holds(503, 1)]).toEqual([true, false, false])
    expect([...window.block.bytes.subarray(497, 504)]).toEqual([7, 7, 0, 0, 0, 0, 0])
    runNow(sim, window.load(handle, 0, 1, 100))
    expect(window.length).toBe(100)
    const small = window.block
    runNow(sim, window.load(handle, 0, 900, 1003))
    expect([window.length, window.block === small]).toEqual([900, false])
  })

  test('a block that was left to its holder is not read into', () => {
    const sim = simulate(1)
    sim.files.write('/file', Buffer.from('a'.repeat(64) + 'b'.repeat(64)))
    const handle = sim.call({ do: 'open', path: '/file', access: 'read' })
    const window = new Window(64)
    runNow(sim, window.load(handle, 0, 64, 128))
    const kept = window.block
    window.renew()
    runNow(sim, window.load(handle, 64, 64, 128))
    expect([kept.bytes.toString(), window.block.bytes.toString()]).toEqual(['a'.repeat(64), 'b'.repeat(64)])
  })
})
