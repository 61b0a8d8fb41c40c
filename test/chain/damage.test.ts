import { describe, expect, test } from 'vitest'
import { openArchived } from '../../lib/open.ts'
import { copyLog, salvageLog, verifyLog, type VerifyOptions } from '../../lib/operations.ts'
import { cbor } from '../../lib/codecs/cbor.ts'
import type { VerifyReport } from '../../recovery/verify.ts'
import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { decodeManifest, encodeManifest, type Manifest } from '../../segments/format/manifest.ts'
import { encodeHeader } from '../../segments/format/header.ts'
import { DIR, fill, type Item, manifests, readable, segment, spoil, upTo } from '../recovery/world.ts'
import { followChain, readSegments } from './frames.ts'
import { placeOf } from './forger.ts'
import { machine, openChained } from './world.ts'

const verify = (env: SimulatedEnvironment, options: VerifyOptions = {}, directory = DIR): Promise<VerifyReport> =>
  env.drive(verifyLog(directory, { ...options, environment: env }))

const LARGE = { segmentBytes: 64 * 1024 }

/** A log of so many records, its writer killed. */
async function killed(records: number, options = {}): Promise<SimulatedEnvironment> {
  const env = machine()
  const log = await openChained(env, options)
  fill(log, records)
  await env.settle()
  return env.kill(1)
}

function harm(env: SimulatedEnvironment, sequence: number): void {
  const segments = readSegments(env)
  const { frames, at } = placeOf(segments, sequence)
  const { path } = segments.find((each) => each.frames === frames)!
  const frame = frames[at]!
  spoil(env, path, frame.at + frame.length - 12)
}

describe('damage in the middle of a log with a chain', () => {
  test.each([
    ['in the part of the active segment that is proven', LARGE],
    ['in a sealed segment', {}],
  ])('%s loses that record only; the chain goes on, and verify says what is attested', async (_, options) => {
    const env = await killed(40, options)
    harm(env, 5)
    const log = await openChained(env, options)
    expect(readable(log)).toEqual(upTo(40).filter((n) => n !== 5))
    fill(log, 60)
    expect(readable(log)).toEqual(upTo(60).filter((n) => n !== 5))
    const head = log.head()!
    const { findings, chain } = await verify(env, { expect: head })
    expect(findings).toMatchObject([{ code: 'CORRUPT', from: 5, to: 5 }])
    expect(chain).toEqual({
      from: 1,
      head,
      attested: [
        { from: 1, to: 4 },
        { from: 7, to: 60 },
      ],
    })
    await env.drive(log.close())
    expect((await openChained(env, options)).head()).toEqual(head)
  })

  test('at the end of a segment it is one finding, and the next one is attested from its header on', async () => {
    const env = await killed(40)
    const last = readSegments(env)[1]!.header.firstSequence - 1
    harm(env, last)
    const { findings, chain } = await verify(env)
    expect(findings).toMatchObject([{ code: 'CORRUPT', from: last, to: last }])
    expect(chain!.attested).toEqual([
      { from: 1, to: last - 1 },
      { from: last + 1, to: 40 },
    ])
  })

  test('a salvage begins a chain of its own over what is saved, and goes on from it', async () => {
    const env = await killed(40)
    harm(env, 5)
    harm(env, 20)
    env.files.makeDirectory('/saved')
    const { lost } = await env.drive(salvageLog(DIR, '/saved', { environment: env }))
    expect(lost).toEqual([
      { from: 5, to: 5 },
      { from: 20, to: 20 },
    ])
    const report = await verify(env, {}, '/saved')
    expect(report).toMatchObject({ isSound: true, records: 38 })
    const saved = readSegments(env, '/saved')
    expect(report.chain).toMatchObject({ from: 1, head: { sequence: 40, hash: followChain(saved).toString('hex') } })
    expect((await verify(env)).chain!.head!.hash).not.toBe(report.chain!.head!.hash)
  })

  test('a header that cannot be read costs no link', async () => {
    for (const ordinal of [1, 2, 3]) {
      const env = await killed(40)
      spoil(env, segment(ordinal), 100)
      const log = await openChained(env)
      fill(log, 50)
      const { findings, chain } = await verify(env, { expect: log.head()! })
      expect(findings.every(({ code, offset }) => code === 'CORRUPT' && offset === 0)).toBe(true)
      expect(chain!.attested).toEqual([{ from: 1, to: 50 }])
    }
  })

  test('without its manifests the chain goes on from what the segments say', async () => {
    const env = await killed(40)
    const before = (await verify(env)).chain!.head
    for (const path of manifests(env)) env.call({ do: 'unlink', path })
    const log = await openChained(env, { chain: undefined })
    expect(log.head()).toEqual(before)
    fill(log, 50)
    const last = log.head()!
    expect(last.hash).toBe(followChain(readSegments(env)).toString('hex'))
    expect(await verify(env, { expect: before! })).toMatchObject({ isSound: true })
  })
})

describe('what is noted of the chain beside its frames', () => {
  const change = (env: SimulatedEnvironment, of: (manifest: Manifest) => Manifest): void => {
    for (const path of manifests(env)) {
      const finding = decodeManifest(Buffer.from(env.files.read(path)))
      if (finding.found === 'manifest') env.files.write(path, encodeManifest(of(finding.manifest)))
    }
  }

  test('a line of another head is found at the end of its segment', async () => {
    const env = await killed(40)
    const { lastSequence, header } = { lastSequence: 0, header: readSegments(env)[1]!.header }
    change(env, (manifest) => ({
      ...manifest,
      segments: manifest.segments.map((line) =>
        line.ordinal === 1 && line.state === 'sealed' ? { ...line, head: '1'.repeat(64) } : line,
      ),
    }))
    const { findings } = await verify(env)
    const last = header.firstSequence - 1 + lastSequence
    expect(findings[0]).toMatchObject({ code: 'HASH_MISMATCH', file: segment(1), from: last, to: last })
  })

  test('a header that begins from another head, or says that there is no chain', async () => {
    const { header } = readSegments(await killed(40))[1]!
    const predecessor = { ...header.predecessor!, head: '2'.repeat(64) }
    const begins = { code: 'HASH_MISMATCH', from: header.firstSequence, to: header.firstSequence }
    const cases = [
      [{ ...header, predecessor }, begins],
      [
        { ...header, chain: 0 },
        { code: 'CORRUPT', offset: 0 },
      ],
    ] as const
    for (const [changed, expected] of cases) {
      const env = await killed(40)
      const bytes = env.files.read(segment(2))
      bytes.set(encodeHeader({ ...changed, salt: readSegments(env)[1]!.header.salt }))
      env.files.write(segment(2), bytes)
      expect((await verify(env)).findings).toMatchObject([{ ...expected, file: segment(2), offset: 0 }])
    }
  })
})

describe('D14 the chain moves with its segments', () => {
  test('archived and restored: attested from the first record, and each archived segment alone', async () => {
    const env = machine()
    const log = await openChained(env)
    fill(log, 60, 90)
    await env.settle()
    const head = log.head()!
    await env.drive(log.archiveBefore(50))
    const archived = log.archives()
    expect(archived.length).toBeGreaterThan(2)
    const whole = { isSound: true, chain: { from: 1, head, attested: [{ from: 1, to: 60 }] } }
    expect(await verify(env, { expect: head })).toMatchObject(whole)
    for (const { ordinal, from, to, place } of archived) {
      const name = segment(ordinal).slice(DIR.length)
      const alone = machine()
      alone.files.makeDirectory('/alone')
      alone.files.write(`/alone${name}`, env.files.read(`${place}${name}`))
      const segments = await alone.drive(openArchived<Item>('/alone', { environment: alone, codec: cbor<Item>() }))
      const report = await alone.drive(segments.verify())
      expect(report).toMatchObject({ isSound: true, chain: { from, attested: [{ from, to }] } })
    }
    const lost = env.clone(1)
    for (const path of manifests(lost)) lost.call({ do: 'unlink', path })
    const again = await openChained(lost)
    expect(again.archives()).toHaveLength(archived.length)
    expect(await verify(lost, { expect: head })).toMatchObject(whole)
    await env.drive(log.restore())
    fill(log, 80)
    expect(await verify(env, { expect: head })).toMatchObject({ isSound: true, records: 80 })
    expect(log.head()!.hash).toBe(followChain(readSegments(env)).toString('hex'))
  })

  test('an archive that is away: what is left is attested from its header on', async () => {
    const env = machine()
    env.files.makeDirectory('/volume')
    const log = await openChained(env)
    fill(log, 60)
    await env.settle()
    await env.drive(log.archiveBefore(30, { to: '/volume/away' }))
    const first = log.firstSequence
    for (const path of env.files.paths('/volume/away')) env.call({ do: 'unlink', path })
    const { isSound, chain } = await verify(env, { expect: log.head()! })
    expect(isSound).toBe(true)
    expect(chain!.attested).toEqual([{ from: first, to: 60 }])
  })

  test('copied while it is written: the copy goes on from the same head', async () => {
    const env = machine()
    const log = await openChained(env)
    fill(log, 40)
    const head = log.head()!
    env.files.makeDirectory('/copy')
    await env.drive(copyLog(DIR, '/copy', { environment: env }))
    expect(await verify(env, { expect: head }, '/copy')).toMatchObject({ isSound: true, chain: { head } })
    fill(log, 45)
    expect((await verify(env, { expect: log.head()! }, '/copy')).findings).toMatchObject([{ from: 41, to: 45 }])
  })
})

describe('a chain of a later version', () => {
  test('is refused by who verifies and who opens, and nothing is written', async () => {
    const env = await killed(5)
    for (const path of manifests(env)) {
      const finding = decodeManifest(Buffer.from(env.files.read(path)))
      if (finding.found !== 'manifest') continue
      const { manifest } = finding
      env.files.write(path, encodeManifest({ ...manifest, options: { ...manifest.options, chain: 'sha3' } }))
    }
    await expect(verify(env)).rejects.toMatchObject({ code: 'UNSUPPORTED_FORMAT' })
    await expect(openChained(env)).rejects.toMatchObject({ code: 'UNSUPPORTED_FORMAT' })
  })
})
