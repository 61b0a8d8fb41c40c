import { describe, expect, it } from 'vitest'
import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import {
  DIR,
  SLOTS,
  content,
  copyOf,
  exchange,
  fill,
  forgetSlots,
  item,
  look,
  machine,
  names,
  open,
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

/** Features C7, C8, C16, C20: files that are missing, swapped, short, long, or not ours. */

const KILLED = { sameBoot: true } as const

describe('a sealed segment', () => {
  it.each<[string, (env: SimulatedEnvironment) => void, readonly number[]]>([
    ['missing', (env) => env.files.remove(segment(1)), [1, 2, 3]],
    ['empty', (env) => shorten(env, segment(1), 0), [1, 2, 3]],
    ['without its last bytes', (env) => shorten(env, segment(1), env.files.read(segment(1)).length - 1), [3]],
    ['a link', (env) => (env.files.remove(segment(1)), env.files.placeOther(segment(1), 'link')), [1, 2, 3]],
    ['a pipe', (env) => (env.files.remove(segment(1)), env.files.placeOther(segment(1), 'pipe')), [1, 2, 3]],
    ['exchanged with another', (env) => exchange(env, segment(1), segment(2)), [1, 2, 3, 4, 5, 6]],
    [
      'a segment of another log',
      (env) => env.files.write(segment(2), records(3, 77).env.files.read(segment(1))),
      [4, 5, 6],
    ],
  ])('%s: its records fail, the others are there, writing goes on, the report names it (C7)', async (_, harm, lost) => {
    const { env } = await segments(3, 3, 3)
    harm(env)
    const { log, report } = tryOpen(env, KILLED)
    expect(report).toMatchObject({ end: 'clean', lastSequence: 9 })
    const findings = report!.findings.filter(({ code }) => code !== 'IGNORED')
    expect(findings.map(({ file }) => file)).toContain(segment(lost[0] === 4 ? 2 : 1))
    expect(upTo(9).filter((n) => look(log!, n) !== 'there')).toEqual(lost)
    expect(() => [...log!.read()].length).toThrow(expect.objectContaining({ sequence: lost[0] }) as Error)
    fill(log!, 11)
    expect(readable(openNow(copyOf(env), KILLED))).toEqual(upTo(11).filter((n) => !lost.includes(n)))
  })

  it('longer than its line says is read up to there', async () => {
    const { env } = await segments(3, 3)
    env.files.write(segment(1), Buffer.concat([env.files.read(segment(1)), Buffer.alloc(500, 7)]))
    expect(readable(openNow(env))).toEqual(upTo(6))
  })
})

describe('the active segment or the one after it', () => {
  it.each([
    ['the active one', 2],
    ['the spare', 3],
  ])('%s missing is CORRUPT, and changes nothing (C7)', async (_, ordinal) => {
    const { env, log } = await segments(3, 0)
    fill(log, 60)
    await env.settle()
    expect(names(env)).toContain('segment-0000000003.log')
    env.files.remove(segment(ordinal))
    const before = content(env)
    expect(tryOpen(env, KILLED).refused).toMatchObject({ code: 'CORRUPT' })
    expect(content(env)).toEqual(before)
    expect(readable(openNow(env, { onDamage: 'accept-loss' }))).toEqual(upTo(ordinal === 3 ? 60 : 3))
  })

  it('replaced by the same segment of another log is CORRUPT', () => {
    const { env } = records(3)
    env.files.write(segment(1), records(3, 77).env.files.read(segment(1)))
    expect(tryOpen(env, KILLED).refused).toMatchObject({ code: 'CORRUPT', sequence: 1 })
  })

  it('longer than its header says, by zeros: nothing happens; by bytes: they are cut', () => {
    for (const byte of [0, 9]) {
      const { env } = records(5)
      env.files.write(segment(1), Buffer.concat([env.files.read(segment(1)), Buffer.alloc(5000, byte)]))
      const { log, report } = tryOpen(env, KILLED)
      expect(report).toMatchObject({ end: byte === 0 ? 'clean' : 'torn', lastSequence: 5 })
      fill(log!, 200)
      expect(readable(openNow(copyOf(env)))).toEqual(upTo(200))
    }
  })

  it('swapped with a sealed one is CORRUPT: the slot names what is not there', async () => {
    const { env } = await segments(3, 3)
    exchange(env, segment(1), segment(2))
    expect(tryOpen(env, KILLED).refused).toMatchObject({ code: 'CORRUPT' })
  })
})

describe('the tail of a log that was closed (C8)', () => {
  it.each<[string, (env: SimulatedEnvironment, at: number) => void]>([
    ['whole frames zeroed', (env, at) => zero(env, segment(1), at)],
    ['whole frames cut off', (env, at) => shorten(env, segment(1), at)],
    ['and the slots gone as well', (env, at) => (zero(env, segment(1), at), forgetSlots(env))],
    [
      'and the slots of another log',
      (env, at) => (zero(env, segment(1), at), env.files.write(SLOTS, records(9, 77).env.files.read(SLOTS))),
    ],
  ])('%s: CORRUPT with the records', async (_, harm) => {
    const { env, log } = records(3)
    const at = position(env).offset
    fill(log, 5)
    await env.drive(log.close())
    harm(env, at)
    expect(tryOpen(env).refused).toMatchObject({ code: 'CORRUPT', sequence: 4 })
  })
})

describe('spares', () => {
  it('an unused one is taken over after a close, and made anew after a crash', async () => {
    const { env, log } = records(60)
    await env.settle()
    const crashed = copyOf(env)
    openNow(crashed)
    expect(names(crashed)).not.toContain('segment-0000000002.log')
    await env.drive(log.close())
    openNow(env)
    expect(names(env)).toContain('segment-0000000002.log')
  })

  it('with bytes in it that are nothing is kept aside, and reported', async () => {
    const { env } = records(60)
    await env.settle()
    spoil(env, segment(2), 1000, 1010)
    const { report, log } = tryOpen(env, KILLED)
    expect(report).toMatchObject({ lastSequence: 60, cut: { file: segment(2), from: 61 } })
    expect(readable(log!)).toEqual(upTo(60))
    expect(names(env).filter((name) => name.startsWith('cut/')).length).toBe(1)
  })

  it('used, its predecessor not sealed: the sealing is finished', () => {
    const { env, log } = records(4)
    log.roll()
    fill(log, 6)
    const { report, log: opened } = tryOpen(env, KILLED)
    expect(report!.notes.join()).toContain('finished the sealing')
    expect(readable(opened!)).toEqual(upTo(6))
    expect(env.files.read(segment(1)).length).toBeLessThan(4096)
  })

  it('two that are unused, one listed and one not: only one stays', async () => {
    const { env } = records(60)
    await env.settle()
    env.files.write(segment(3), new Uint8Array(4096))
    const { log } = tryOpen(env, KILLED)
    fill(log!, 300)
    await env.settle()
    expect(readable(openNow(copyOf(env)))).toEqual(upTo(300))
  })
})

describe('names (C16, C20)', () => {
  it('of files that are none of ours are left alone, and reported', () => {
    const { env } = records(3)
    const foreign = ['notes.txt', 'segment-1.log', 'segment-00000000001.log', 'manifest-0000000000.json', '.hidden']
    for (const name of foreign) env.files.write(`${DIR}/${name}`, Buffer.from(name))
    const { report } = tryOpen(env)
    expect(report!.findings.map(({ code, file }) => [code, file])).toEqual(
      foreign.sort().map((name) => ['IGNORED', `${DIR}/${name}`]),
    )
    for (const name of foreign) expect(Buffer.from(env.files.read(`${DIR}/${name}`)).toString()).toBe(name)
  })

  it.each(['cut', 'durable', 'segment-0000000002.log', 'manifest-0000000002.json'])(
    'a link named %s is not followed',
    (name) => {
      const { env, log } = records(5)
      const group = unacknowledged(env, () => log.commitSync(item(6)))
      spoil(env, segment(1), group.start)
      if (name === 'durable') env.files.remove(SLOTS)
      env.files.placeOther(`${DIR}/${name}`, 'link')
      const { log: opened, refused } = tryOpen(env)
      if (name === 'cut') expect(refused?.code).toBe('IO')
      else expect(readable(opened!)).toEqual(upTo(5))
    },
  )

  it('that were not durable at a power cut lose nothing that was acknowledged (C16)', async () => {
    for (let seed = 0; seed < 60; seed++) {
      const env = machine(seed)
      const log = await open(env, { segmentBytes: 1024 })
      const count = 5 + (seed % 40)
      for (let n = 1; n <= count; n++) await env.drive(log.commit(item(n)))
      const after = await open(env.crash(seed, seed % 2 === 0 ? {} : { unsynced: 'lost' }), { segmentBytes: 1024 })
      expect(readable(after)).toEqual(upTo(count))
    }
  })
})
