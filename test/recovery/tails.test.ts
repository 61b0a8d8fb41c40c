import { describe, expect, it } from 'vitest'
import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import {
  DIR,
  content,
  copyOf,
  fill,
  forgetSlots,
  item,
  names,
  openNow,
  position,
  readable,
  records,
  segment,
  segments,
  shorten,
  spoil,
  tryOpen,
  unacknowledged,
  upTo,
  zero,
} from './world.ts'

/** Features C1 to C5 and C14: what stands at the end of a log after an unclean end. */

const KILLED = { sameBoot: true } as const
const cutFiles = (env: SimulatedEnvironment): string[] => names(env).filter((name) => name.startsWith('cut/'))

describe('a last group that was never acknowledged', () => {
  it('truncated at every byte: exactly the whole records before it come back (C1)', () => {
    const { env, log } = records(5)
    const group = unacknowledged(env, () => fill(log, 6))
    for (let at = group.start; at < group.end; at++) {
      const cut = copyOf(env)
      zero(cut, segment(1), at)
      const wasThere = !env.files
        .read(segment(1))
        .subarray(at, group.end)
        .some((byte) => byte !== 0)
      const opened = tryOpen(cut, KILLED)
      const last = wasThere ? 6 : 5
      expect(readable(opened.log!), `at ${at}`).toEqual(upTo(last))
      expect(opened.report!.end).toBe(at === group.start || wasThere ? 'clean' : 'torn')
    }
  })

  it('the file ends there: likewise, and the missing rest is reported (C1)', () => {
    const { env, log } = records(5)
    const group = unacknowledged(env, () => fill(log, 6))
    for (let length = group.start; length < group.end; length++) {
      const cut = copyOf(env)
      shorten(cut, segment(1), length)
      const opened = tryOpen(cut, KILLED)
      expect(opened.report!.lastSequence, `length ${length}`).toBe(5)
      expect(opened.report!.findings.map(({ code, offset }) => [code, offset])).toEqual([['CORRUPT', length]])
      expect(cut.files.read(segment(1)).length).toBe(4096)
    }
  })

  it('the same cuts of an acknowledged group are CORRUPT, and change nothing (C1, C4)', () => {
    const { env, log } = records(5)
    const before = position(env).offset
    fill(log, 6)
    const end = position(env).offset
    for (let at = before; at < end - 8; at++) {
      const cut = copyOf(env)
      zero(cut, segment(1), at)
      const files = content(cut)
      const { refused } = tryOpen(cut, KILLED)
      expect(refused?.code, `at ${at}`).toBe('CORRUPT')
      expect(refused?.sequence).toBe(6)
      expect(content(cut)).toEqual(files)
    }
  })

  it('a batch of which any part is missing is not there at all', () => {
    const { env, log } = records(5)
    const group = unacknowledged(env, () => log.commitBatchSync([item(6), item(7), item(8)]))
    for (let at = group.start + 8; at < group.end - 8; at += 8) {
      const cut = copyOf(env)
      zero(cut, segment(1), at)
      const { log: opened, report } = tryOpen(cut, KILLED)
      expect(readable(opened!)).toEqual(upTo(5))
      expect(report).toMatchObject({ row: 'torn-tail', end: 'torn', lastSequence: 5 })
    }
  })

  it('garbage instead of zeros is cut likewise (etcd #11488)', () => {
    const { env, log } = records(5)
    const group = unacknowledged(env, () => fill(log, 6))
    spoil(env, segment(1), group.start, group.end + 100)
    const { report, log: opened } = tryOpen(copyOf(env), KILLED)
    expect(report).toMatchObject({ row: 'torn-tail', end: 'torn', cut: { from: 6, zeroSectors: false } })
    expect(readable(opened!)).toEqual(upTo(5))
  })

  it('after a power cut, with a slot that may be old, is reported as ambiguous', () => {
    const { env, log } = records(5)
    const group = unacknowledged(env, () => fill(log, 6))
    zero(env, segment(1), group.start + 16)
    forgetSlots(env)
    expect(tryOpen(copyOf(env)).report).toMatchObject({ row: 'torn-tail', end: 'ambiguous', lastSequence: 5 })
  })

  it('frames that overtook a lost one are cut from the hole on (C5, etcd #6378)', () => {
    const { env, log } = records(5)
    const group = unacknowledged(env, () => {
      for (let n = 6; n <= 9; n++) log.append(item(n))
      log.syncNow()
    })
    const frame = (group.end - group.start) / 4
    for (let lost = 0; lost < 4; lost++) {
      const torn = copyOf(env)
      zero(torn, segment(1), group.start + lost * frame, group.start + (lost + 1) * frame)
      const { report, log: opened } = tryOpen(torn, KILLED)
      expect(report!.lastSequence).toBe(5 + lost)
      expect(report!.row).toBe(lost === 3 ? 'clean-end' : 'overtaken')
      expect(readable(opened!)).toEqual(upTo(5 + lost))
    }
  })

  it('the same hole is damage when a later group stands behind it (C5)', () => {
    const { env, log } = records(5)
    const group = unacknowledged(env, () => fill(log, 6))
    fill(log, 7)
    forgetSlots(env)
    zero(env, segment(1), group.start, group.end)
    const { report, log: opened } = tryOpen(copyOf(env))
    expect(report).toMatchObject({ row: 'hole-in-proven', end: 'damaged', lost: [{ from: 6, to: 6 }], lastSequence: 7 })
    expect(readable(opened!)).toEqual([1, 2, 3, 4, 5, 7])
  })

  it('the first group of all is cut at any sector, and no record stands behind the hole', () => {
    const { env, log } = records(0)
    unacknowledged(env, () => {
      for (let n = 1; n <= 20; n++) log.append(item(n))
      log.syncNow()
    })
    for (const [from, to] of [
      [0, 256],
      [0, 512],
      [256, 512],
      [512, 1024],
      [1024, 1536],
    ] as const) {
      const torn = copyOf(env)
      zero(torn, segment(1), from, to)
      const { log: opened, report } = tryOpen(torn, KILLED)
      const found = readable(opened!, 20)
      expect(found, `sectors from ${from}`).toEqual(upTo(report!.lastSequence))
      expect(report!.lost).toEqual([])
    }
  })

  it('the first group of a rolled segment, torn so that nothing of it is sound, is reported', async () => {
    const { env, log } = await segments(5, 0)
    unacknowledged(env, () => fill(log, 6))
    spoil(env, segment(2), 0, 400)
    const { report, log: opened } = tryOpen(copyOf(env), KILLED)
    expect(report).toMatchObject({ lastSequence: 5, end: 'torn', cut: { file: segment(2), from: 6 } })
    expect(readable(opened!)).toEqual(upTo(5))
  })
})

describe('what was cut', () => {
  it('is kept aside, byte by byte, and the report names the file (C3)', () => {
    const { env, log } = records(5)
    const group = unacknowledged(env, () => log.commitBatchSync([item(6), item(7)]))
    spoil(env, segment(1), group.start)
    const torn = copyOf(env)
    const bytes = torn.files.read(segment(1)).slice(group.start, group.end)
    const { cut } = tryOpen(torn, KILLED).report!
    expect(cut).toMatchObject({ file: segment(1), offset: group.start, from: 6, to: 7 })
    const kept = Buffer.from(torn.files.read(cut!.keptIn))
    expect(kept).toEqual(Buffer.from(bytes.slice(0, cut!.bytes)))
    expect(bytes.slice(cut!.bytes).every((byte) => byte === 0)).toBe(true)
    expect(cutFiles(torn)).toEqual([cut!.keptIn.slice(DIR.length + 1)])
  })

  it('never comes back: shorter records over it, another crash, nothing old appears (C2)', () => {
    const { env, log } = records(5)
    const group = unacknowledged(env, () => {
      for (let n = 6; n <= 15; n++) log.append(item(n, 60))
      log.syncNow()
    })
    for (let torn = group.start; torn < group.end; torn += 24) {
      const machine = copyOf(env)
      spoil(machine, segment(1), torn)
      const again = openNow(machine, KILLED)
      const kept = again.lastSequence
      fill(again, kept + 2, 0)
      for (const after of [
        machine.clone(2),
        machine.clone(3).crash(torn),
        machine.clone(4).crash(torn, { unsynced: 'lost' }),
      ]) {
        const { log: opened, report } = tryOpen(after)
        expect(readable(opened!), `torn at ${torn}`).toEqual(upTo(kept + 2))
        expect(opened!.get(kept + 2)!.value).toEqual(item(kept + 2, 0))
        expect(report!.row).toBe('clean-end')
      }
    }
  })

  it('never comes back: a record of the same length in the place of a lost one', () => {
    const { env, log } = records(5)
    const group = unacknowledged(env, () => {
      for (let n = 6; n <= 9; n++) log.append(item(n))
      log.syncNow()
    })
    zero(env, segment(1), group.start, group.start + (group.end - group.start) / 4)
    const machine = copyOf(env)
    fill(openNow(machine, KILLED), 6)
    expect(readable(openNow(copyOf(machine), KILLED))).toEqual(upTo(6))
  })

  it('leaves zeros only behind the accepted end', () => {
    const { env, log } = records(5)
    const group = unacknowledged(env, () => log.commitBatchSync([item(6), item(7), item(8)]))
    spoil(env, segment(1), group.start)
    const torn = copyOf(env)
    openNow(torn, KILLED)
    expect(
      torn.files
        .read(segment(1))
        .subarray(group.start)
        .every((byte) => byte === 0),
    ).toBe(true)
  })
})

describe('how the log ended', () => {
  it('a close is told from a crash (C14)', async () => {
    const { env, log } = records(5)
    expect(tryOpen(copyOf(env), KILLED).report).toMatchObject({ end: 'clean', row: 'clean-end', lastSequence: 5 })
    await env.drive(log.close())
    expect(tryOpen(copyOf(env), KILLED).report).toMatchObject({ end: 'closed', row: 'closed', lastSequence: 5 })
  })

  it('opening clears the mark before anything is written', async () => {
    const { env, log } = records(5)
    await env.drive(log.close())
    openNow(env)
    expect(tryOpen(copyOf(env), KILLED).report).toMatchObject({ end: 'clean', row: 'clean-end', lastSequence: 5 })
  })

  it('whatever opening reports is durable when it returns', () => {
    const { env, log } = records(5)
    unacknowledged(env, () => fill(log, 8))
    const opened = openNow(copyOf(env))
    expect(opened.lastSequence).toBe(8)
    const machine = copyOf(env)
    openNow(machine)
    expect(readable(openNow(machine.crash(1, { unsynced: 'lost' })))).toEqual(upTo(8))
  })

  it('a log without a record, with one, and an exactly full one open again (Pebble PR 107)', async () => {
    for (const count of [0, 1, 5]) {
      const { env, log } = records(count)
      expect(tryOpen(copyOf(env)).report).toMatchObject({ end: 'clean', lastSequence: count })
      await env.drive(log.close())
      expect(tryOpen(copyOf(env)).report).toMatchObject({ end: 'closed', lastSequence: count })
    }
    const { env, log } = records(60)
    // A frame has 24 bytes; what surrounds the text of this value takes 9 more.
    log.commitSync({ n: 61, text: 'x'.repeat(4096 - position(env).offset - 24 - 9) })
    expect(position(env)).toMatchObject({ ordinal: 1, offset: 4096 })
    expect(readable(openNow(copyOf(env)))).toEqual(upTo(61))
  })
})
