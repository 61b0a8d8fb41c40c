import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runNow } from '../../segments/env/steps.ts'
import { simulate } from '../../segments/env/simulated.ts'
import { bareRecords } from '../../segments/format/bare-records.ts'
import { FrameEncoder, frameBytes } from '../../segments/format/frame.ts'
import { FRAMES_START, KIND, NO_CLAIM, TAG, UNIT } from '../../segments/format/layout.ts'
import { type ScanWatcher, type SegmentKey, SegmentScanner } from '../../segments/scan.ts'
import { WINDOW_BYTES } from '../../segments/window.ts'

const SALT = 5

interface Piece {
  readonly kind: number
  readonly bytes: number
  readonly endsBatch: boolean
  readonly claims: boolean
  /** Sequences that are left out before it. */
  readonly skipped: number
  readonly time: 'delta' | 'whole'
  /** Which of its bytes is changed; none where the frame is shorter. */
  readonly harmedAt: number
  /** Zeros before it. */
  readonly gap: number
}

function segment(pieces: readonly Piece[], firstSequence: number): Buffer {
  const length = pieces.reduce((sum, { bytes, gap }) => sum + frameBytes(bytes, 8) + gap * 8, FRAMES_START + 1000)
  const target = Buffer.alloc(length)
  const encoder = new FrameEncoder()
  let at: number = FRAMES_START
  let sequence = firstSequence
  for (const [index, piece] of pieces.entries()) {
    at += piece.gap * 8
    sequence += piece.skipped
    const draft = {
      kind: piece.kind,
      flags: piece.endsBatch ? TAG.batchEnd : 0,
      claim: piece.claims ? Math.min(3, (at - FRAMES_START) / 8) : NO_CLAIM,
      sequence,
      timeDelta: index * 1_000_000_000,
      timestamp: piece.time === 'whole' ? 2n ** 60n + BigInt(index) : undefined,
    }
    const start = at
    at += encoder.encode(target, at, at, SALT, draft, Buffer.alloc(piece.bytes, index + 1))
    if (piece.kind === KIND.record) sequence += 1
    if (piece.harmedAt < at - start) target[start + piece.harmedAt]! ^= 0x10
  }
  return target
}

/** `each`: every frame is taken by the walk itself, as if none could be followed; `bare`: many at once where that can be. */
type How = 'each' | 'followed' | 'bare'

type Follow = (window: unknown, stretch: unknown, at: number) => number

/** `places`: whoever watches wants no more of bare records than those. */
type Watched = 'lists' | 'frames' | 'places'

interface Found {
  readonly bytesTaken: { readonly follow: number; readonly followBare: number }
  readonly [other: string]: unknown
}

/** What is inside of a scanner. */
interface Inside {
  readonly taker: { mayTakeBare: boolean; follow: Follow; followBare: Follow }
}

/** All that a scan says. */
function scan(bytes: Buffer, key: SegmentKey, how: How, watched: Watched): Found {
  const sim = simulate(1)
  sim.files.write('/segment', bytes)
  const handle = sim.call({ do: 'open', path: '/segment', access: 'read' })
  const told: unknown[] = []
  const watcher: ScanWatcher = {
    frame: ({ kind, length, payloadStart, payloadEnd }, at, sequence) =>
      told.push(watched === 'places' ? at / UNIT : [kind, length, payloadEnd - payloadStart, at, sequence]),
    bareRecords: watched === 'places' ? (units) => told.push(...units) : undefined,
    hole: (hole, before, after) => told.push([hole, before, after]),
  }
  const scanner = new SegmentScanner(handle, bytes.length, key, FRAMES_START, watched === 'lists' ? undefined : watcher)
  const { taker } = scanner as unknown as Inside
  const bytesTaken = { follow: 0, followBare: 0 }
  if (how !== 'bare') taker.mayTakeBare = false
  for (const name of ['follow', 'followBare'] as const) {
    const taking = taker[name].bind(taker)
    taker[name] = (window, stretch, at) => {
      const end = how === 'each' ? at : taking(window, stretch, at)
      bytesTaken[name] += end - at
      return end
    }
  }
  const { offsets, ...found } = runNow(sim, scanner.run('search'))
  return { ...found, bytesTaken, told, places: Array.from({ length: offsets.length }, (_, n) => offsets.at(n)) }
}

const piece: fc.Arbitrary<Piece> = fc.record({
  kind: fc.constantFrom<number>(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, KIND.dictionary, KIND.lifecycle, 9),
  bytes: fc.oneof(
    { weight: 20, arbitrary: fc.nat(90) },
    { weight: 5, arbitrary: fc.integer({ min: 600, max: 900 }) },
    fc.constantFrom(5000, WINDOW_BYTES - 300, WINDOW_BYTES),
  ),
  endsBatch: fc.integer({ min: 0, max: 3 }).map((n) => n > 0),
  claims: fc.boolean(),
  skipped: fc.integer({ min: 0, max: 32 }).map((n) => Math.max(0, n - 30)),
  time: fc.constantFrom<'delta' | 'whole'>('delta', 'delta', 'whole'),
  harmedAt: fc.integer({ min: 0, max: 4000 }),
  gap: fc.integer({ min: 0, max: 40 }).map((n) => Math.max(0, n - 38)),
})

test('records that are followed, each by itself or many at once, are taken as the walk takes them one by one', () => {
  expect(bareRecords(Infinity)).toBeDefined()
  const key = fc.record({
    salt: fc.constant(SALT),
    firstSequence: fc.constantFrom(1, 7, 2 ** 32 - 3, 2 ** 40 - 2),
    baseTimestamp: fc.constantFrom(undefined, 1000n),
  })
  const most = { follow: 0, followBare: 0 }
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60, size: 'max' }), key, (pieces, key) => {
      const bytes = segment(pieces, key.firstSequence)
      for (const watched of ['lists', 'frames', 'places'] as const) {
        const expected = { ...scan(bytes, key, 'each', watched), bytesTaken: undefined }
        for (const how of ['followed', 'bare'] as const) {
          const { bytesTaken, ...found } = scan(bytes, key, how, watched)
          most.follow = Math.max(most.follow, bytesTaken.follow)
          most.followBare = Math.max(most.followBare, bytesTaken.followBare)
          expect({ ...found, bytesTaken: undefined }).toEqual(expected)
        }
      }
    }),
    { numRuns: 150 },
  )
  expect(most.follow).toBeGreaterThan(1000)
  expect(most.followBare).toBeGreaterThan(1000)
})
