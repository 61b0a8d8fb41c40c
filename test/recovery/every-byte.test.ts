import { describe, expect, it, vi } from 'vitest'
import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { decodeManifest } from '../../segments/format/manifest.ts'
import { decodeSlot } from '../../segments/format/slots.ts'
import { type Ending, LAST, LAST_GROUP, type Place, SMALL_BYTES, places, smallLog } from './small-log.ts'
import { SLOTS, content, look, manifests, names, segment, shorten, tryOpen, upTo } from './world.ts'

// Tens of thousands of openings in one test: half a minute of a core, and more where others share it.
vi.setConfig({ testTimeout: 180_000 })

/** Each bit of each file turned round, and each file cut at each length, with what must come of it. */

interface Expected {
  /** Whether the opening is refused, as CORRUPT. */
  readonly refused: boolean
  /** Last record of the log, where it opens. */
  readonly last: number
  /** Records that say a typed error instead of a value. */
  readonly unreadable: readonly number[]
  /** Whether the report must speak of it: findings, a cut, or lost records. */
  readonly reported: boolean
}

const FINE: Expected = { refused: false, last: LAST, unreadable: [], reported: false }
const REPORTED: Expected = { ...FINE, reported: true }
const ofSegment = (ordinal: number): number[] => upTo(4).map((n) => n + (ordinal - 1) * 4)
const ACTIVE = 3

/** What must come of a flipped bit there. */
function expectedOfFlip({ region }: Place, ending: Ending): Expected {
  switch (region.kind) {
    case 'older manifest':
    case 'slots':
      return FINE
    case 'newest manifest':
    case 'header':
      return REPORTED
    case 'zeros':
      return ending === 'closed' ? FINE : REPORTED
    case 'dictionary':
      // Each definition is there twice; of a sealed segment nobody looks.
      return region.ordinal === ACTIVE ? REPORTED : FINE
    case 'record':
      if (region.ordinal < ACTIVE) return { ...FINE, unreadable: [region.sequence] }
      if (ending === 'power cut' && region.sequence >= LAST_GROUP) return { ...REPORTED, last: LAST_GROUP - 1 }
      return { ...REPORTED, refused: region.sequence === LAST, unreadable: [region.sequence] }
  }
}

/** What must come of a file that ends there; `all` are the places of its whole log. */
function expectedOfLength(file: string, length: number, all: readonly Place[], ending: Ending): Expected {
  const own = all.filter((place) => place.file === file)
  const { region } = own[0]!
  if (region.kind === 'newest manifest') return REPORTED
  if (region.kind !== 'header') return FINE
  const frames = own.filter((place) => place.region.kind === 'record' || place.region.kind === 'dictionary')
  const gone = frames.filter((place) => place.end > length).map((place) => place.region)
  if (region.ordinal < ACTIVE) {
    const missing = gone.flatMap((each) => (each.kind === 'record' ? [each.sequence] : []))
    return { ...REPORTED, unreadable: missing }
  }
  const first = gone.find((each) => each.kind === 'record')?.sequence ?? LAST + 1
  // The slot of the power cut names record 9, and frames beyond the cut prove nothing any more.
  const proven = ending === 'power cut' ? 9 : LAST
  return {
    ...REPORTED,
    refused: first <= proven,
    last: first >= LAST_GROUP && first <= LAST ? LAST_GROUP - 1 : first - 1,
  }
}

/** Opens, reads everything, and says what differs from the expectation. */
function check(env: SimulatedEnvironment, expected: Expected, what: string): void {
  const before = expected.refused ? content(env) : undefined
  const { log, report, refused } = tryOpen(env, { segmentBytes: SMALL_BYTES, sameBoot: true })
  if (log === undefined || report === undefined || expected.refused) {
    if (refused?.code !== 'CORRUPT' || !expected.refused) expect.fail(`${what}: ${refused?.message ?? 'not refused'}`)
    if (refused.sequence === undefined || refused.sequence > LAST)
      expect.fail(`${what}: no sequence in ${refused.message}`)
    expect(content(env), what).toEqual(before)
    return
  }
  const told = report.findings.length > 0 || report.cut !== undefined || report.lost.length > 0
  const unreadable: number[] = []
  for (let n = 1; n <= LAST + 1; n++) {
    const found = look(log, n)
    if (n <= report.lastSequence && found !== 'there') unreadable.push(n)
    if ((found === 'none') !== n > report.lastSequence) expect.fail(`${what}: record ${n} is ${found}`)
  }
  const isAsExpected =
    report.lastSequence === expected.last &&
    unreadable.join() === expected.unreadable.join() &&
    (told || !expected.reported)
  if (!isAsExpected) expect.fail(`${what}: ${JSON.stringify({ expected, unreadable, report })}`)
}

/** With it, every bit of every file and every length of every file, in minutes instead of seconds. */
const THOROUGH = process.env['SEGLOG_THOROUGH'] === '1'

/** All bits of the segments; one bit of each byte of manifests and slots, whose checks do not care which. */
function* bitsOf(place: Place): Iterable<number> {
  const { kind } = place.region
  const isWhole = THOROUGH || ['header', 'dictionary', 'record', 'zeros'].includes(kind)
  for (let at = place.start; at < place.end; at++) {
    if (!THOROUGH && kind === 'slots' && at % 4096 >= 80 && at % 97 !== 0) continue
    for (let bit = 0; bit < 8; bit++) if (isWhole || bit === (at * 5) % 8) yield at * 8 + bit
  }
}

describe.each(['closed', 'killed', 'power cut'] as const)('a log that ended so: %s', (ending) => {
  it('has its parts where they are expected', async () => {
    const env = await smallLog(ending)
    const kinds = places(env).map(({ region }) => region.kind)
    expect(kinds.filter((kind) => kind === 'record').length).toBe(LAST)
    expect(kinds.filter((kind) => kind === 'dictionary').length).toBe(6)
    expect(kinds.filter((kind) => kind === 'zeros').length).toBe(ending === 'power cut' ? 1 : 2)
    check(env.clone(1), FINE, 'as it is')
  })

  it('a flipped bit anywhere harms the record that it is in, if any', async () => {
    const env = await smallLog(ending)
    for (const place of places(env)) {
      const expected = expectedOfFlip(place, ending)
      for (const bit of bitsOf(place)) {
        const flipped = env.clone(1)
        flipped.files.flip(place.file, bit)
        check(flipped, expected, `bit ${bit % 8} of byte ${Math.floor(bit / 8)} of ${place.file}`)
      }
    }
  })

  it('a file that ends anywhere is noticed, and the rest stays readable', async () => {
    const env = await smallLog(ending)
    const all = places(env)
    for (const file of new Set(all.map((place) => place.file))) {
      const size = env.files.read(file).length
      for (let length = file === SLOTS ? size - 80 : size - 1; length >= 0; length -= file === SLOTS ? 61 : 1) {
        const cut = env.clone(1)
        shorten(cut, file, length)
        check(cut, expectedOfLength(file, length, all, ending), `${file} of ${length} bytes`)
      }
    }
  })

  it('a file that is gone is noticed, and the rest stays readable', async () => {
    const env = await smallLog(ending)
    for (const name of names(env)) {
      const gone = env.clone(1)
      gone.files.remove(`/log/${name}`)
      const { report, refused, log } = tryOpen(gone, { segmentBytes: SMALL_BYTES })
      const isOpen = name === 'segment-0000000003.log' || name === 'segment-0000000004.log'
      expect(refused?.code, name).toBe(isOpen ? 'CORRUPT' : undefined)
      if (isOpen) continue
      expect(report!.lastSequence, name).toBe(LAST)
      const ordinal = [1, 2].find((each) => segment(each).endsWith(name))
      const missing = ordinal === undefined ? [] : ofSegment(ordinal)
      expect(upTo(LAST).filter((n) => look(log!, n) === 'GAP')).toEqual(missing)
    }
  })
})

describe('the small structures, every bit', () => {
  it('a manifest with a flipped bit is never read, nor taken for a newer one', async () => {
    const env = await smallLog('closed')
    for (const file of manifests(env)) {
      const bytes = Buffer.from(env.files.read(file))
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        bytes[bit >> 3]! ^= 1 << (bit % 8)
        expect(['damaged', 'foreign']).toContain(decodeManifest(bytes).found)
        bytes[bit >> 3]! ^= 1 << (bit % 8)
      }
    }
  })

  it('a slot with a flipped bit is no evidence, nor taken for a newer one', async () => {
    const env = await smallLog('killed')
    const bytes = Buffer.from(env.files.read(SLOTS)).subarray(0, 72)
    expect(decodeSlot(bytes)).toBeDefined()
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      bytes[bit >> 3]! ^= 1 << (bit % 8)
      expect(decodeSlot(bytes)).toBeUndefined()
      bytes[bit >> 3]! ^= 1 << (bit % 8)
    }
  })
})
