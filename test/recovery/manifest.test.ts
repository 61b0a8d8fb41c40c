import { describe, expect, it } from 'vitest'
import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { crc32 } from '../../segments/format/checksum.ts'
import { decodeManifest, encodeManifest } from '../../segments/format/manifest.ts'
import {
  DIR,
  SLOTS,
  content,
  copyOf,
  fill,
  forgetSlots,
  look,
  machine,
  manifests,
  open,
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

/** Features C10, C11 and the rows about manifests, slots and traces. */

const removeManifests = (env: SimulatedEnvironment): void => manifests(env).forEach((path) => env.files.remove(path))
const isValid = (env: SimulatedEnvironment, path: string): boolean =>
  decodeManifest(Buffer.from(env.files.read(path))).found === 'manifest'

describe('manifests that are gone or damaged (C10)', () => {
  it.each<[string, (env: SimulatedEnvironment) => void]>([
    ['the newest damaged', (env) => spoil(env, manifests(env)[0]!, 90)],
    ['the newest empty', (env) => env.files.write(manifests(env)[0]!, new Uint8Array())],
    ['the older damaged', (env) => spoil(env, manifests(env)[1]!, 90)],
    ['both damaged', (env) => manifests(env).forEach((path) => spoil(env, path, 90))],
    ['all removed', removeManifests],
    ['all removed, and the slots', (env) => (removeManifests(env), env.files.remove(SLOTS))],
    [
      'both damaged, and the slots',
      (env) => (manifests(env).forEach((path) => spoil(env, path, 90)), forgetSlots(env)),
    ],
  ])('%s: every record is there, closed or not, and what is written then can be read', async (_, harm) => {
    for (const isClosed of [false, true]) {
      const { env, log } = await segments(3, 3, 3)
      if (isClosed) await env.drive(log.close())
      harm(env)
      const { log: opened, report } = tryOpen(env)
      expect(readable(opened!)).toEqual(upTo(9))
      expect(report!.lost).toEqual([])
      fill(opened!, 12)
      expect(isValid(env, manifests(env)[0]!)).toBe(true)
      expect(readable(openNow(copyOf(env)))).toEqual(upTo(12))
    }
  })

  it.each<[string, (env: SimulatedEnvironment) => void]>([
    ['a middle segment missing', (env) => env.files.remove(segment(2))],
    ['the header of a middle segment damaged', (env) => spoil(env, segment(2), 30)],
  ])('none left, and %s: a GAP on its records, and a manifest that can be read again', async (_, harm) => {
    const { env } = await segments(3, 3, 3)
    removeManifests(env)
    harm(env)
    const { log, report } = tryOpen(env)
    expect(report!.findings).toContainEqual(expect.objectContaining({ code: 'GAP', from: 4, to: 6 }))
    expect(upTo(9).filter((n) => look(log!, n) !== 'there')).toEqual([4, 5, 6])
    expect(isValid(env, manifests(env)[0]!)).toBe(true)
    expect(tryOpen(copyOf(env)).report!.findings.some(({ message }) => message.includes('manifest'))).toBe(false)
  })

  it('none left, and a segment of another log: refused, nothing changed', async () => {
    const { env } = await segments(3, 3)
    removeManifests(env)
    const { env: foreign, log } = records(1, 77)
    for (const n of [2, 3]) {
      log.roll()
      fill(log, n)
    }
    env.files.write(segment(3), foreign.files.read(segment(3)))
    const before = content(env)
    expect(tryOpen(env).refused).toMatchObject({ code: 'CORRUPT' })
    expect(content(env)).toEqual(before)
  })

  it('a damaged newest one does not push out the older one that can be read', async () => {
    const { env } = await segments(3, 3, 3)
    spoil(env, manifests(env)[0]!, 90)
    openNow(env)
    expect(manifests(env).filter((path) => isValid(env, path)).length).toBeGreaterThanOrEqual(2)
  })
})

describe('the mark of a close', () => {
  it('is not believed where the manifest that cleared it is lost and more was written', async () => {
    for (const slotsGone of [false, true]) {
      const { env, log } = records(5)
      await env.drive(log.close())
      fill(openNow(env), 8)
      if (slotsGone) forgetSlots(env)
      env.files.remove(manifests(env)[0]!)
      const { log: opened, report } = tryOpen(env)
      expect(report!.row).not.toBe('closed')
      expect(readable(opened!)).toEqual(upTo(8))
    }
  })

  it('is a proof all the same: the log is never shorter than it says', async () => {
    const { env, log } = records(3)
    const at = position(env).offset
    fill(log, 5)
    await env.drive(log.close())
    spoil(env, segment(1), at + 4)
    expect(tryOpen(env).report ?? tryOpen(env).refused).toMatchObject({ end: 'damaged', lost: [{ from: 4, to: 4 }] })
  })
})

describe('the high-watermark of the manifest', () => {
  it('is a proof, where slots are gone and nothing behind it is left', async () => {
    const { env, log } = records(2)
    const at = position(env).offset
    fill(log, 60)
    await env.settle()
    forgetSlots(env)
    zero(env, segment(1), at)
    expect(tryOpen(env).refused).toMatchObject({ code: 'CORRUPT', sequence: 3 })
  })
})

describe('slots', () => {
  it.each<[string, (env: SimulatedEnvironment) => void]>([
    ['missing', (env) => env.files.remove(SLOTS)],
    ['empty', (env) => env.files.write(SLOTS, new Uint8Array())],
    ['garbage', (env) => env.files.write(SLOTS, Buffer.alloc(8192, 0xab))],
    ['torn', (env) => (zero(env, SLOTS, 40, 60), zero(env, SLOTS, 4136, 4150))],
    ['of another log', (env) => env.files.write(SLOTS, records(9, 77).env.files.read(SLOTS))],
  ])('%s are no evidence, and no error', (_, harm) => {
    const { env } = records(5)
    harm(env)
    const { log, report } = tryOpen(env)
    expect(report).toMatchObject({ end: 'clean', lastSequence: 5 })
    fill(log!, 7)
    expect(position(env)).toMatchObject({ sequence: 7 })
    expect(readable(openNow(copyOf(env)))).toEqual(upTo(7))
  })

  it('of an earlier epoch say nothing against what a later opening settled', () => {
    const { env } = records(5)
    const old = env.files.read(SLOTS)
    zero(env, segment(1), 0)
    expect(tryOpen(env).refused).toMatchObject({ code: 'CORRUPT', sequence: 1 })
    openNow(env, { onDamage: 'accept-loss' })
    env.files.write(SLOTS, old)
    expect(tryOpen(env).report).toMatchObject({ lastSequence: 5, lost: [] })
  })

  it('and manifests get a higher epoch with each opening, with or without slots', () => {
    const { env } = records(2)
    for (let epoch = 2; epoch < 6; epoch++) {
      if (epoch % 2 === 0) forgetSlots(env)
      openNow(env)
      expect(position(env)).toMatchObject({ epoch })
      expect(decodeManifest(Buffer.from(env.files.read(manifests(env)[0]!)))).toMatchObject({ manifest: { epoch } })
    }
  })
})

describe('a directory without a log', () => {
  it('that is empty, or was left by a first opening that died, becomes one (C10)', async () => {
    const probe = machine()
    await open(probe)
    for (let call = 1; call <= probe.calls.count; call++) {
      const env = machine()
      env.calls.dieAt(call, 'after')
      await open(env).catch(() => undefined)
      for (const next of [env.clone(1).kill(1), env.crash(call), env.crash(call, { unsynced: 'lost' })]) {
        next.files.makeDirectory(DIR)
        const log = await open(next)
        expect(log.lastSequence).toBe(0)
        log.commitSync({ n: 1, text: '' })
      }
    }
  })

  it.each<[string, (env: SimulatedEnvironment) => void]>([
    ['a slot', (env) => env.files.write(SLOTS, records(2).env.files.read(SLOTS))],
    ['cut/', (env) => env.files.makeDirectory(`${DIR}/cut`)],
    ['archive/', (env) => env.files.makeDirectory(`${DIR}/archive`)],
    ['a manifest that cannot be read', (env) => env.files.write(`${DIR}/manifest-0000000007.json`, Buffer.from('{}'))],
    ['a segment that cannot be read', (env) => env.files.write(segment(1), Buffer.alloc(900, 3))],
    ['a sidecar', (env) => env.files.write(`${DIR}/segment-0000000001.idx`, Buffer.alloc(0))],
    ['a trail', (env) => env.files.write(`${DIR}/segment-0000000001.trail`, Buffer.alloc(0))],
  ])('but with %s was one: CORRUPT, never a new log', (_, place) => {
    const env = machine()
    place(env)
    const before = content(env)
    expect(tryOpen(env).refused).toMatchObject({ code: 'CORRUPT' })
    expect(content(env)).toEqual(before)
  })
})

describe('a newer format (C11)', () => {
  /** A sound prefix of version 1. */
  function newer(bytes: Uint8Array, at = 0): Buffer {
    const made = Buffer.from(bytes)
    made.writeUInt16LE(1, at + 8)
    made.writeInt32LE(crc32(made.subarray(at, at + 12)), at + 12)
    return made
  }

  it.each<[string, (env: SimulatedEnvironment) => void]>([
    ['of a sealed segment', (env) => env.files.write(segment(1), newer(env.files.read(segment(1))))],
    ['of the active segment', (env) => env.files.write(segment(2), newer(env.files.read(segment(2))))],
    ['of a slot', (env) => env.files.write(SLOTS, newer(env.files.read(SLOTS), 4096))],
    ['of the newest manifest', writeNewerManifest],
  ])('%s: UNSUPPORTED_FORMAT, no byte written', async (_, change) => {
    const { env } = await segments(3, 3)
    change(env)
    const before = content(env)
    expect(tryOpen(env).refused).toMatchObject({ code: 'UNSUPPORTED_FORMAT' })
    expect(content(env)).toEqual(before)
  })

  function writeNewerManifest(env: SimulatedEnvironment): void {
    const path = manifests(env)[0]!
    const finding = decodeManifest(Buffer.from(env.files.read(path)))
    if (finding.found !== 'manifest') throw new Error('no manifest')
    const text = encodeManifest(finding.manifest).toString()
    const body = text.slice(68, -2)
    const crc = (crc32(Buffer.from(body), crc32(Buffer.from('0001'))) >>> 0).toString(16).padStart(8, '0')
    env.files.write(path, Buffer.from(`${text.slice(0, 38)}0001${text.slice(42, 51)}${crc}${text.slice(59)}`))
  }
})
