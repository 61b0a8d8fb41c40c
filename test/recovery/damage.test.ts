import { describe, expect, it } from 'vitest'
import { places, smallLog, SMALL_BYTES } from './small-log.ts'
import {
  content,
  copyOf,
  fill,
  forgetSlots,
  look,
  openNow,
  position,
  readable,
  records,
  segment,
  segments,
  spoil,
  tryOpen,
  upTo,
  zero,
} from './world.ts'

/** Features C4, C6, C21: damage in what was acknowledged. */

const KILLED = { sameBoot: true } as const

describe('damage in the proven part of the active segment', () => {
  it('costs the damaged record, is reported, and writing goes on in a new segment (C4)', () => {
    const { env, log } = records(3)
    const at = position(env).offset
    fill(log, 8)
    spoil(env, segment(1), at + 25)
    const { log: opened, report } = tryOpen(env, KILLED)
    expect(report).toMatchObject({ end: 'damaged', row: 'hole-in-proven', lost: [{ from: 4, to: 4 }], lastSequence: 8 })
    expect(readable(opened!)).toEqual([1, 2, 3, 5, 6, 7, 8])
    expect(look(opened!, 4)).toBe('CORRUPT')
    fill(opened!, 10)
    expect(position(env)).toMatchObject({ ordinal: 2, sequence: 10 })
    const again = tryOpen(copyOf(env), KILLED)
    expect(again.report).toMatchObject({ end: 'clean', lost: [], lastSequence: 10 })
    expect(readable(again.log!)).toEqual([1, 2, 3, 5, 6, 7, 8, 9, 10])
  })

  it('is proven by a later group alone, with no slot', () => {
    const { env, log } = records(3)
    const at = position(env).offset
    fill(log, 8)
    spoil(env, segment(1), at + 25)
    forgetSlots(env)
    expect(tryOpen(env).report).toMatchObject({ end: 'damaged', lost: [{ from: 4, to: 4 }], lastSequence: 8 })
  })

  it('in the last acknowledged record is CORRUPT where the slot proves it, and refused (C1, C4)', () => {
    const { env } = records(8)
    spoil(env, segment(1), position(env).offset - 9)
    const before = content(env)
    const { refused } = tryOpen(env, KILLED)
    expect(refused).toMatchObject({ code: 'CORRUPT', file: segment(1), sequence: 8 })
    expect(content(env)).toEqual(before)
  })

  it('in the last group after a power cut with an old slot cannot be told from a tear: ambiguous, kept aside', () => {
    const { env, log } = records(8)
    const end = log.highWatermark
    spoil(env, segment(1), position(env).offset - 12)
    forgetSlots(env)
    const { report } = tryOpen(env)
    expect(report).toMatchObject({ end: 'ambiguous', row: 'torn-tail', cut: { from: end, to: end } })
    expect(env.files.paths('/log/cut').length).toBe(1)
  })

  it('in a length is recognised as such, each bit of it (C6)', async () => {
    const env = await smallLog('killed')
    const place = places(env).find(({ region }) => region.kind === 'record' && region.sequence === 9)!
    for (let bit = 0; bit < 24; bit++) {
      const flipped = env.clone(1)
      flipped.files.flip(place.file, (place.start + 8) * 8 + bit)
      const { log, report } = tryOpen(flipped, { segmentBytes: SMALL_BYTES })
      expect(report).toMatchObject({ end: 'damaged', lost: [{ from: 9, to: 9 }] })
      expect(() => log!.get(9)).toThrow(expect.objectContaining({ code: 'CORRUPT', sequence: 9 }) as Error)
    }
  })

  it('in the first frame: nothing before it is invented, what follows is there', () => {
    const { env } = records(8)
    // Of a log whose values need no shape, the first frame is a record.
    spoil(env, segment(1), 260)
    const { report } = tryOpen(env, KILLED)
    expect(report).toMatchObject({ end: 'damaged', row: 'hole-in-proven', lastSequence: 8 })
  })
})

describe('a header that cannot be read (C21)', () => {
  it.each([
    ['of a log that was killed', false],
    ['of a log that was closed', true],
  ])('%s loses nothing, and is written anew', async (_, isClosed) => {
    const { env, log } = await segments(4, 4)
    if (isClosed) await env.drive(log.close())
    spoil(env, segment(2), 0, 256)
    const { log: opened, report } = tryOpen(env, KILLED)
    expect(report).toMatchObject({ end: 'clean', lastSequence: 8, lost: [] })
    expect(report!.findings).toMatchObject([{ code: 'CORRUPT', file: segment(2), offset: 0 }])
    expect(readable(opened!)).toEqual(upTo(8))
    const times = upTo(8).map((n) => opened!.get(n)!.timestampNs)
    expect(times.every((time) => time > 10n ** 18n)).toBe(true)
    expect(tryOpen(copyOf(env), KILLED).report!.findings).toEqual([])
  })

  it('of zeros, as a lost sector leaves it, likewise', async () => {
    const { env } = await segments(4, 4)
    zero(env, segment(2), 0, 256)
    const { log, report } = tryOpen(env, KILLED)
    expect(report).toMatchObject({ lastSequence: 8, lost: [] })
    expect(readable(log!)).toEqual(upTo(8))
  })

  it('and a first frame that is damaged too: the rest is there, and its times are not invented', async () => {
    const { env } = await segments(4, 4)
    const before = openNow(copyOf(env)).get(4)!.timestampNs
    spoil(env, segment(2), 0, 300)
    const { log, report } = tryOpen(env, KILLED)
    expect(report).toMatchObject({ end: 'damaged', lastSequence: 8 })
    for (const n of [6, 7, 8]) expect(log!.get(n)!.timestampNs >= before, `time of ${n}`).toBe(true)
    expect(report!.findings.length).toBeGreaterThan(0)
  })

  it('of a segment that is sealed: reported, and its records are read under the salt of the manifest', async () => {
    const { env } = await segments(4, 4)
    spoil(env, segment(1), 70)
    const { log, report } = tryOpen(env, KILLED)
    expect(report).toMatchObject({ end: 'clean', lastSequence: 8 })
    expect(report!.findings).toMatchObject([{ code: 'CORRUPT', file: segment(1), from: 1, to: 4 }])
    expect(readable(log!)).toEqual(upTo(8))
  })

  it('of a predecessor that is not sealed yet loses nothing', () => {
    const { env, log } = records(4)
    log.roll()
    fill(log, 6)
    spoil(env, segment(1), 70)
    const { log: opened, report } = tryOpen(env, KILLED)
    expect(report).toMatchObject({ lastSequence: 6, lost: [] })
    expect(readable(opened!)).toEqual(upTo(6))
  })
})

describe('a predecessor that its used successor proves whole', () => {
  it.each([
    ['its last frame', 4, -9],
    ['a frame inside', 3, -70],
  ])('damaged in %s: that record fails, the others and what follows stand', (_, sequence, from) => {
    const { env, log } = records(4)
    const { offset } = position(env)
    log.roll()
    fill(log, 6)
    spoil(env, segment(1), offset + from)
    const { log: opened, report } = tryOpen(env, KILLED)
    expect(report).toMatchObject({ end: 'clean', lastSequence: 6 })
    expect(report!.findings).toContainEqual(
      expect.objectContaining({ code: 'CORRUPT', file: segment(1), from: sequence }),
    )
    expect(readable(opened!)).toEqual(upTo(6).filter((n) => n !== sequence))
    expect(readable(openNow(copyOf(env)))).toEqual(upTo(6).filter((n) => n !== sequence))
  })

  it('damaged in its first frame is reported, too', () => {
    const { env, log } = records(4)
    log.roll()
    fill(log, 6)
    spoil(env, segment(1), 300)
    expect(tryOpen(env, KILLED).report!.findings).toMatchObject([{ code: 'CORRUPT', file: segment(1) }])
  })
})

describe('lost records that are given up by name', () => {
  it('are refused first, and then recorded: the log goes on, their numbers are not given again', async () => {
    const { env, log } = await segments(3, 3)
    const at = position(env).offset
    fill(log, 9)
    zero(env, segment(2), at)
    expect(tryOpen(env, KILLED).refused).toMatchObject({ code: 'CORRUPT', sequence: 7 })
    const { log: opened, report } = tryOpen(env, { onDamage: 'accept-loss' })
    expect(report).toMatchObject({ end: 'accepted-loss', lost: [{ from: 7, to: 9 }] })
    expect(opened!.lastSequence).toBe(9)
    expect(readable(opened!)).toEqual(upTo(6))
    expect([7, 8, 9].map((n) => look(opened!, n))).toEqual(['GAP', 'GAP', 'GAP'])
    fill(opened!, 11)
    const again = tryOpen(copyOf(env), KILLED)
    expect(again.report).toMatchObject({ end: 'clean', lastSequence: 11, findings: [] })
    expect(readable(again.log!)).toEqual([...upTo(6), 10, 11])
  })

  it('with no record written since, a crash and another opening know them still', () => {
    const { env, log } = records(3)
    const at = position(env).offset
    fill(log, 5)
    zero(env, segment(1), at)
    openNow(env, { onDamage: 'accept-loss' })
    const again = tryOpen(env.clone(1).crash(1, { unsynced: 'lost' }))
    expect(again.refused).toBeUndefined()
    expect(again.log!.lastSequence).toBe(5)
    expect(again.log!.append({ n: 6, text: '' })).toBe(6)
  })
})
