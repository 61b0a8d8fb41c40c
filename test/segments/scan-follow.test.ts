import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runNow } from '../../segments/env/steps.ts'
import { simulate } from '../../segments/env/simulated.ts'
import { FrameEncoder, frameBytes } from '../../segments/format/frame.ts'
import { FRAMES_START, KIND, NO_CLAIM, TAG } from '../../segments/format/layout.ts'
import { type SegmentKey, SegmentScanner } from '../../segments/scan.ts'
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

/** All that a scan says; with `each`, every frame is taken by the walk itself, as if none could be followed. */
function scan(bytes: Buffer, key: SegmentKey, how: 'each' | 'followed', watched: 'lists' | 'watcher'): unknown {
  const sim = simulate(1)
  sim.files.write('/segment', bytes)
  const handle = sim.call({ do: 'open', path: '/segment', access: 'read' })
  const told: unknown[] = []
  const watcher = {
    frame: ({ kind, length, payloadStart, payloadEnd }: Record<string, unknown>, at: number, sequence: number) =>
      told.push([kind, length, (payloadEnd as number) - (payloadStart as number), at, sequence]),
    hole: (hole: unknown, before: number, after: number | undefined) => told.push([hole, before, after]),
  }
  const scanner = new SegmentScanner(
    handle,
    bytes.length,
    key,
    FRAMES_START,
    watched === 'watcher' ? (watcher as never) : undefined,
  )
  let followed = 0
  const from = (scanner as unknown as { follow: (...given: unknown[]) => number }).follow.bind(scanner)
  const follow = (stretch: unknown, at: number): number => {
    const end = how === 'each' ? at : from(stretch, at)
    followed += end - at
    return end
  }
  Object.assign(scanner, { follow })
  const { offsets, ...found } = runNow(sim, scanner.run('search'))
  return { ...found, followed, told, places: Array.from({ length: offsets.length }, (_, n) => offsets.at(n)) }
}

const piece: fc.Arbitrary<Piece> = fc.record({
  kind: fc.constantFrom<number>(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, KIND.dictionary, KIND.lifecycle, 9),
  bytes: fc.oneof({ weight: 20, arbitrary: fc.nat(90) }, fc.constantFrom(5000, WINDOW_BYTES - 300, WINDOW_BYTES)),
  endsBatch: fc.integer({ min: 0, max: 3 }).map((n) => n > 0),
  claims: fc.boolean(),
  skipped: fc.integer({ min: 0, max: 32 }).map((n) => Math.max(0, n - 30)),
  time: fc.constantFrom<'delta' | 'whole'>('delta', 'delta', 'whole'),
  harmedAt: fc.integer({ min: 0, max: 4000 }),
  gap: fc.integer({ min: 0, max: 40 }).map((n) => Math.max(0, n - 38)),
})

test('records that are followed are taken as those that the walk takes one by one', () => {
  const key = fc.record({
    salt: fc.constant(SALT),
    firstSequence: fc.constantFrom(1, 7, 2 ** 32 - 3, 2 ** 40 - 2),
    baseTimestamp: fc.constantFrom(undefined, 1000n),
  })
  let most = 0
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60, size: 'max' }), key, (pieces, key) => {
      const bytes = segment(pieces, key.firstSequence)
      for (const watched of ['lists', 'watcher'] as const) {
        const found = scan(bytes, key, 'followed', watched) as { followed: number }
        most = Math.max(most, found.followed)
        expect({ ...found, followed: 0 }).toEqual(scan(bytes, key, 'each', watched))
      }
    }),
    { numRuns: 150 },
  )
  expect(most).toBeGreaterThan(1000)
})
