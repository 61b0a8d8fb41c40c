import { beforeAll, describe, expect, test } from 'vitest'
import { verifyLog, type VerifyOptions } from '../../lib/operations.ts'
import { openReadOnly } from '../../lib/open.ts'
import type { VerifyReport } from '../../recovery/verify.ts'
import type { ChainHead } from '../../segments/chain.ts'
import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { KIND, TAG } from '../../segments/format/layout.ts'
import { DIR, fill, item } from '../recovery/world.ts'
import { edit, forge, frameOf, placeOf, rehash, renumber } from './forger.ts'
import { type PlainSegment, readSegments } from './frames.ts'
import { machine, openChained } from './world.ts'

const LAST = 66

/** A closed log of several segments, and its head. */
async function made(seed: number): Promise<{ env: SimulatedEnvironment; head: ChainHead }> {
  const env = machine(seed)
  const log = await openChained(env, { checkpointRecords: 4 })
  fill(log, 20, 30)
  await env.drive(log.commitBatch([item(21), item(22), item(23)]))
  fill(log, LAST, 30)
  const head = log.head()!
  await env.drive(log.close())
  return { env, head }
}

const verify = (env: SimulatedEnvironment, options: VerifyOptions = {}): Promise<VerifyReport> =>
  env.drive(verifyLog(DIR, { ...options, environment: env }))

let sound: { env: SimulatedEnvironment; head: ChainHead }
let other: { env: SimulatedEnvironment; head: ChainHead }
let firsts: number[]
beforeAll(async () => {
  sound = await made(1)
  other = await made(2)
  firsts = readSegments(sound.env).map(({ header }) => header.firstSequence)
})

/** At both ends of the log, of its segments, and amid. */
const places = (): number[] =>
  [...new Set([1, 2, ...firsts.slice(1).flatMap((first) => [first - 1, first, first + 1]), 17, LAST - 1, LAST])].sort(
    (a, b) => a - b,
  )

describe('a log that was written anew as it is', () => {
  test('is sound, and has the same head: the forger itself leaves no trace', async () => {
    const env = sound.env.clone(1)
    expect(firsts.length).toBeGreaterThan(2)
    forge(env, () => undefined)
    const report = await verify(env, { expect: sound.head })
    expect(report.findings).toEqual([])
    expect(report).toMatchObject({ isSound: true, records: LAST })
    expect(report.chain).toEqual({ from: 1, head: sound.head, attested: [{ from: 1, to: LAST }] })
  })
})

/** What is done to a record, and the first record at which it shows; undefined where that takes the head. */
type Tampering = readonly [name: string, change: (all: PlainSegment[], n: number) => void, shows: (n: number) => number]

const itself = (n: number): number => n
const next = (n: number): number => n + 1

const TAMPERINGS: readonly Tampering[] = [
  ['its value is edited', (all, n) => edit(frameOf(all, n)), itself],
  ['its time is moved', (all, n) => void (frameOf(all, n).timestamp += 1n), itself],
  ['its value is to be read in another way', (all, n) => void (frameOf(all, n).flags ^= TAG.plain), itself],
  ['its hash is changed', (all, n) => void (frameOf(all, n).hash![7]! ^= 1), itself],
  ['its hash is taken away', (all, n) => void (frameOf(all, n).hash = undefined), itself],
  [
    'it is edited, and its hash made to follow',
    (all, n) => {
      const { hash } = frameOf(all, n)
      edit(frameOf(all, n))
      rehash(all, n)
      for (const { frames } of all) for (const frame of frames) if (frame.sequence > n) frame.hash = OLD.get(frame)!
      expect(frameOf(all, n).hash).not.toEqual(hash)
    },
    next,
  ],
  [
    'it changes places with the next one',
    (all, n) => {
      const [a, b] = [frameOf(all, n), frameOf(all, n + 1)]
      const { payload, hash, timestamp } = a
      Object.assign(a, { payload: b.payload, hash: b.hash, timestamp: b.timestamp })
      Object.assign(b, { payload, hash, timestamp })
    },
    itself,
  ],
  [
    'it is dropped, and the others counted anew',
    (all, n) => {
      const { frames, at } = placeOf(all, n)
      frames.splice(at, 1)
      renumber(all)
    },
    itself,
  ],
  [
    'it stands there twice, and the others are counted anew',
    (all, n) => {
      const { frames, at } = placeOf(all, n)
      frames.splice(at, 0, { ...frames[at]! })
      renumber(all)
    },
    next,
  ],
  [
    'it is that of another run, hash and all',
    (all, n) => {
      const { payload, hash, timestamp } = frameOf(readSegments(other.env), n)
      Object.assign(frameOf(all, n), { payload, hash, timestamp })
    },
    itself,
  ],
  [
    'it and all before it are those of another run',
    (all, n) => {
      const theirs = readSegments(other.env)
      for (const [index, { frames }] of all.entries()) {
        for (const [at, frame] of frames.entries()) {
          if (frame.sequence <= n) Object.assign(frame, theirs[index]!.frames[at]!)
        }
      }
    },
    () => 1,
  ],
]

/** Hashes as they were, by frame: what a forger puts back. */
const OLD = new Map<object, Buffer>()

describe('D13 a record was tampered with, and every CRC, line, slot and sidecar mended', () => {
  test.each(TAMPERINGS)('%s: the first finding is at the first record that it concerns', async (_, change, shows) => {
    for (const n of places()) {
      const env = sound.env.clone(1)
      let hasNext = true
      forge(env, (all) => {
        OLD.clear()
        for (const { frames } of all) for (const frame of frames) OLD.set(frame, Buffer.from(frame.hash!))
        hasNext = n < LAST
        if (hasNext) change(all, n)
      })
      if (!hasNext) continue
      const { findings, isSound, chain } = await verify(env)
      const first = Math.min(...findings.map(({ from }) => from ?? Infinity))
      expect({ n, first, isSound }).toEqual({ n, first: shows(n), isSound: false })
      expect(
        findings.every(({ code }) => code === 'HASH_MISMATCH'),
        JSON.stringify(findings),
      ).toBe(true)
      expect(chain!.attested.every(({ from, to }) => n < from || to < n)).toBe(true)
    }
  })

  test('a record that is dropped without counting anew is missing, where it was', async () => {
    for (const n of places().slice(0, -1)) {
      const env = sound.env.clone(1)
      forge(env, (all) => {
        const { frames, at } = placeOf(all, n)
        frames.splice(at, 1)
      })
      const { findings } = await verify(env)
      expect(findings.filter(({ code }) => code === 'GAP')).toMatchObject([{ from: n, to: n }])
    }
  })

  test('a control frame that was edited is found at the record that follows', async () => {
    const env = sound.env.clone(1)
    let sequence = 0
    forge(env, (all) => {
      const frame = all[1]!.frames.find(({ kind }) => kind === KIND.dictionary)!
      sequence = frame.sequence
      frame.payload = Buffer.from(frame.payload.toString().replace('"n"', '"m"'))
    })
    expect((await verify(env)).findings).toMatchObject([{ code: 'HASH_MISMATCH', from: sequence, to: sequence }])
  })

  test('what was tampered with is read all the same', async () => {
    const env = sound.env.clone(1)
    forge(env, (all) => edit(frameOf(all, 5)))
    const log = await env.drive(openReadOnly<{ n: number }>(DIR, { environment: env }))
    expect([...log.read()]).toHaveLength(LAST)
    const again = await openChained(env)
    fill(again, LAST + 3)
    expect((await verify(env)).findings).toMatchObject([{ code: 'HASH_MISMATCH', from: 5, to: 5 }])
  })
})

describe('D16 what only a head that was kept elsewhere can show', () => {
  /** A head for each record: that of the last frame before the next. */
  const headAt = (n: number): ChainHead => {
    const frames = readSegments(sound.env).flatMap((segment) => segment.frames)
    const last = frames.findLast(({ kind, sequence }) => (kind === KIND.record ? sequence <= n : sequence <= n + 1))!
    return { sequence: n, hash: last.hash!.toString('hex') }
  }

  test('every head that the log ever had is one that it goes on from', async () => {
    for (let n = 0; n <= LAST; n++) {
      for (const from of ['first', 'checkpoint'] as const) {
        const report = await verify(sound.env, { expect: headAt(n), from })
        expect({ n, from, findings: report.findings }).toEqual({ n, from, findings: [] })
      }
      const wrong = { sequence: n, hash: headAt((n + 20) % LAST).hash }
      expect((await verify(sound.env, { expect: wrong })).findings).toMatchObject([
        { code: 'HASH_MISMATCH', ...(n > 0 && { to: n }) },
      ])
    }
  })

  test.each([1, 2, 5, 40])('a tail of %i records that was cut off is named', async (count) => {
    const env = sound.env.clone(1)
    let head: ChainHead | undefined
    forge(env, (all) => {
      for (const segment of all) segment.frames = segment.frames.filter(({ sequence }) => sequence <= LAST - count)
      frameOf(all, LAST - count).flags |= TAG.batchEnd
      head = { sequence: LAST - count, hash: frameOf(all, LAST - count).hash!.toString('hex') }
    })
    expect(await verify(env)).toMatchObject({ isSound: true, records: LAST - count })
    const cut = { code: 'HASH_MISMATCH', from: LAST - count + 1, to: LAST }
    for (const from of ['first', 'checkpoint'] as const) {
      expect((await verify(env, { expect: sound.head, from })).findings).toMatchObject([cut])
    }
    expect((await verify(env, { expect: head! })).isSound).toBe(true)
  })

  test('a history that was written anew from a record on, hashes and all', async () => {
    for (const n of places()) {
      const env = sound.env.clone(1)
      forge(env, (all) => {
        edit(frameOf(all, n))
        rehash(all, n)
      })
      const alone = await verify(env)
      expect(alone).toMatchObject({ isSound: true, findings: [] })
      const { findings } = await verify(env, { expect: sound.head })
      expect(findings).toMatchObject([{ code: 'HASH_MISMATCH', from: 1, to: LAST }])
      expect((await verify(env, { expect: headAt(n - 1) })).isSound).toBe(true)
      expect((await verify(env, { expect: headAt(n), from: 'checkpoint' })).isSound).toBe(false)
    }
  })

  test('a log that was made anew without a chain', async () => {
    const env = machine()
    const log = await openChained(env, { chain: 'none' })
    fill(log, LAST)
    await env.drive(log.close())
    expect((await verify(env, { expect: sound.head })).findings).toMatchObject([{ code: 'HASH_MISMATCH' }])
    await expect(verify(env, { from: 'checkpoint' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('a head that is none is refused', async () => {
    for (const expected of [{ sequence: -1, hash: '0'.repeat(64) }, { sequence: 1, hash: 'ab' }, null, 'x']) {
      const wrong = verify(sound.env, { expect: expected as never })
      await expect(wrong).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
    await expect(verify(sound.env, { from: 'last' as never })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})

describe('D15 from the newest checkpoint on', () => {
  test('only what follows it is hashed: what was tampered with before it is not found, and behind it is', async () => {
    const frames = readSegments(sound.env).at(-1)!.frames
    const mark = frames.findLast(({ kind }) => kind === KIND.checkpoint)
    const from = mark!.sequence
    expect(from).toBeLessThan(LAST)
    expect((await verify(sound.env, { from: 'checkpoint' })).chain).toEqual({
      from,
      head: sound.head,
      attested: [{ from, to: LAST }],
    })
    for (let n = 1; n <= LAST; n++) {
      const env = sound.env.clone(1)
      forge(env, (all) => edit(frameOf(all, n)))
      const { findings } = await verify(env, { from: 'checkpoint' })
      expect({ n, findings: findings.map((finding) => finding.from) }).toEqual({ n, findings: n < from ? [] : [n] })
    }
  })
})
