import { describe, expect, it } from 'vitest'
import { salvageLog, verifyLog } from '../../lib/operations.ts'
import type { VerifyReport } from '../../recovery/verify.ts'
import { verify as verifySteps } from '../../recovery/verify.ts'
import { Watch } from '../../recovery/verify-progress.ts'
import { type SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { FRAMES_START } from '../../segments/format/layout.ts'
import { WINDOW_BYTES, WINDOW_BYTES_MAX } from '../../segments/window.ts'
import { between } from './between.ts'
import { type Ending, type Place, places, smallLog } from './small-log.ts'
import { content, exchange, fill, item, machine, manifests, open, segment, shorten, spoil, zero } from './world.ts'

const DIR = '/log'
const REQUEST = { findingsMax: 100, of: 'log', from: 'first', expect: undefined } as const
const anywhere: unknown = expect.any(Number)
const ENDINGS: readonly Ending[] = ['closed', 'killed', 'power cut']

const verify = (env: SimulatedEnvironment) => env.drive(verifyLog(DIR, { environment: env }))

const found = async (env: SimulatedEnvironment) =>
  (await verify(env)).findings.map(({ code, file, offset, from, to }) => ({
    code,
    file: file.slice(DIR.length + 1),
    offset,
    from,
    to,
  }))

const recordAt = (all: readonly Place[], sequence: number): Place =>
  all.find(({ region }) => region.kind === 'record' && region.sequence === sequence)!

/** Files that stay open push it up. */
function lowestHandle(env: SimulatedEnvironment): number {
  const handle = env.call({ do: 'open', path: segment(1), access: 'read' })
  env.call({ do: 'close', handle })
  return handle
}

describe('a sound log', () => {
  it.each(ENDINGS)('that was %s has no findings, and every record of it was seen', async (ending) => {
    const report = await verify(await smallLog(ending))
    expect(report.findings).toEqual([])
    expect(report).toMatchObject({ isSound: true, records: 12, lastSequence: 12, findingsCount: 0 })
  })
})

it.each([segment(1), segment(3)])(
  'C19 of %s, grown to 2 TiB of nothing, no more is read than a segment',
  async (path) => {
    const env = (await smallLog('killed')).clone(1)
    const handle = env.call({ do: 'open', path, access: 'write' })
    env.call({ do: 'truncate', handle, size: 2 ** 41 })
    env.call({ do: 'close', handle })
    const report = await verify(env)
    expect(report).toMatchObject({ isSound: path === segment(1), records: 12, lastSequence: 12 })
    expect(report.findings.map(({ code, file }) => [code, file])).toEqual(
      path === segment(1) ? [] : [['CORRUPT', path]],
    )
    const salvaged = await env.drive(salvageLog(DIR, '/salvaged', { environment: env }))
    expect(salvaged).toMatchObject({ records: 12, lost: [] })
  },
)

describe('three independent faults (C17)', () => {
  it('are three findings with their places, and no byte is changed', async () => {
    const env = await smallLog('closed')
    const all = places(env)
    const two = recordAt(all, 2)
    const seven = recordAt(all, 7)
    spoil(env, two.file, two.end - 1)
    spoil(env, seven.file, seven.start + 24)
    spoil(env, manifests(env)[1]!, 80)
    const before = content(env)
    const findings = await found(env)
    expect(findings).toHaveLength(3)
    expect(findings).toContainEqual(expect.objectContaining({ code: 'CORRUPT', file: manifests(env)[1]!.slice(5) }))
    expect(findings).toContainEqual({ code: 'CORRUPT', file: two.file.slice(5), offset: two.start, from: 2, to: 2 })
    expect(findings).toContainEqual({ code: 'CORRUPT', file: seven.file.slice(5), offset: seven.start, from: 7, to: 7 })
    expect(content(env)).toEqual(before)
  })
})

describe('one fault anywhere', () => {
  it.each(ENDINGS)('is one finding, at the frame or file that it is in, in a log that was %s', async (ending) => {
    const sound = await smallLog(ending)
    for (const place of places(sound)) {
      const { kind } = place.region
      // Zeros behind the end prove nothing, and a slot that cannot be read is no evidence.
      if (kind === 'zeros' || kind === 'slots') continue
      for (let at = place.start; at < place.end; at += 5) {
        const env = sound.clone(1)
        spoil(env, place.file, at)
        const findings = await found(env)
        const isLast = kind === 'record' && 'sequence' in place.region && place.region.sequence >= 11
        // What nothing proves is no damage.
        if (isLast && ending === 'power cut') continue
        const where = { file: place.file.slice(5), ...(kind.endsWith('manifest') ? {} : { offset: place.start }) }
        expect(findings, `${place.file} ${at} ${JSON.stringify(place)}`).toHaveLength(1)
        expect(findings[0], `${place.file} ${at} ${JSON.stringify(place)}`).toMatchObject(where)
        if (place.region.kind !== 'record') continue
        const { sequence } = place.region
        expect(findings[0], `${place.file} ${at}`).toMatchObject({ from: sequence, to: sequence })
      }
    }
  })
})

describe('files', () => {
  it.each<readonly [name: string, harm: (env: SimulatedEnvironment) => void, expected: readonly object[]]>([
    [
      'a sealed segment that is gone',
      (env) => env.call({ do: 'unlink', path: segment(1) }),
      [{ code: 'GAP', file: 'segment-0000000001.log', offset: undefined, from: 1, to: 4 }],
    ],
    [
      'a sealed segment that is cut in its last frame',
      (env) => shorten(env, segment(1), env.files.read(segment(1)).length - 8),
      [{ code: 'GAP', file: 'segment-0000000001.log', offset: anywhere, from: 4, to: 4 }],
    ],
    [
      'two segments that changed places',
      (env) => exchange(env, segment(1), segment(2)),
      [
        { code: 'GAP', file: 'segment-0000000001.log', offset: undefined, from: 1, to: 4 },
        { code: 'GAP', file: 'segment-0000000002.log', offset: undefined, from: 5, to: 8 },
      ],
    ],
    [
      'a sealed segment of zeros',
      (env) => zero(env, segment(2), 0),
      [
        { code: 'CORRUPT', file: 'segment-0000000002.log', offset: 0, from: undefined, to: undefined },
        { code: 'CORRUPT', file: 'segment-0000000002.log', offset: 256, from: 5, to: 8 },
      ],
    ],
    [
      'the active segment gone',
      (env) => env.call({ do: 'unlink', path: segment(3) }),
      [{ code: 'GAP', file: 'segment-0000000003.log', offset: undefined, from: undefined, to: undefined }],
    ],
    [
      'all manifests gone',
      (env) => manifests(env).forEach((path) => env.call({ do: 'unlink', path })),
      [{ code: 'CORRUPT', file: '', offset: undefined, from: undefined, to: undefined }],
    ],
    [
      'a file that is none of ours',
      (env) => env.files.write('/log/notes.txt', Buffer.from('mine')),
      [{ code: 'IGNORED', file: 'notes.txt', offset: undefined, from: undefined, to: undefined }],
    ],
  ])('%s', async (_, harm, expected) => {
    const env = await smallLog('closed')
    harm(env)
    expect(await found(env)).toEqual(expected)
  })

  it('adjacent damaged records are a finding each, as far as their headers can be believed', async () => {
    const env = await smallLog('killed')
    const all = places(env)
    for (const sequence of [5, 6, 7]) spoil(env, recordAt(all, sequence).file, recordAt(all, sequence).end - 9)
    expect((await found(env)).map(({ from, to }) => [from, to])).toEqual([
      [5, 5],
      [6, 6],
      [7, 7],
    ])
  })

  it('the last acknowledged record lost is CORRUPT where a slot proves it', async () => {
    const env = await smallLog('killed')
    const last = recordAt(places(env), 12)
    zero(env, last.file, last.start, last.end)
    expect(await found(env)).toEqual([
      { code: 'CORRUPT', file: last.file.slice(5), offset: anywhere, from: anywhere, to: 12 },
    ])
  })

  it('no log is NOT_A_LOG, traces of one are CORRUPT', async () => {
    const env = machine()
    await expect(verify(env)).rejects.toMatchObject({ code: 'NOT_A_LOG' })
    const dead = await smallLog('closed')
    for (const path of [...manifests(dead), segment(1), segment(2), segment(3)]) dead.call({ do: 'unlink', path })
    await expect(verify(dead)).rejects.toMatchObject({ code: 'CORRUPT' })
  })
})

describe('beside a writer at work', () => {
  const steps = (env: SimulatedEnvironment) => verifySteps(DIR, new Watch(() => env.monotonicMs()), REQUEST)

  it.each([1, 2, 3, 7])('that writes, rolls and seals between every %s calls, nothing is found', async (every) => {
    const env = machine()
    const log = await open(env, { segmentBytes: 1024 })
    fill(log, 30)
    const report = between(env, steps(env), (call) => {
      if (call % every !== 0 || log.lastSequence > 500) return
      fill(log, log.lastSequence + 3)
    })
    expect(report.findings).toEqual([])
    expect(report.records).toBeGreaterThanOrEqual(30)
    await env.drive(log.close())
  })

  it('that always writes just behind what is read, beyond where it is read next, nothing is found', async () => {
    const env = machine()
    const log = await open(env, { segmentBytes: 4 * WINDOW_BYTES_MAX })
    // The first segment is a small one, and so is one that is made on the spot.
    fill(log, 1)
    await env.settle()
    log.roll()
    await env.settle()
    const end = (): number => log['writer'].openSegments.at(-1)!.end
    const writeUpTo = (bytes: number): void => {
      expect(bytes).toBeLessThan(3 * WINDOW_BYTES_MAX)
      while (end() < bytes) log.commitSync({ n: log.lastSequence + 1, text: 'x'.repeat(8000) })
    }
    writeUpTo(WINDOW_BYTES - 10_000)
    let read: { readonly position: number; readonly length: number } | undefined
    let looks = 0
    let overtaken = 0
    const report = between(env, steps(env), (_, next) => {
      // Once in each look through the segment: when the end of the log was just read.
      if (read !== undefined && overtaken < looks && read.position + read.length > end()) {
        overtaken = looks
        writeUpTo(read.position + read.length + 20_000)
      }
      read = next.do === 'read' && next.length >= WINDOW_BYTES ? next : undefined
      if (read?.position === FRAMES_START) looks += 1
    })
    expect(overtaken).toBe(2)
    expect(report.findings).toEqual([])
    await env.drive(log.close())
  })

  it('whose groups are in flight, some of them torn, nothing is found', async () => {
    const env = machine()
    const log = await open(env, { segmentBytes: 4096 })
    fill(log, 3)
    const release = env.hold((call) => call.do === 'write')
    void log.commit(item(4))
    expect((await verify(env)).findings).toEqual([])
    release()
    await env.drive(log.close())
  })

  it('damage is found all the same', async () => {
    const env = machine()
    const log = await open(env, { segmentBytes: 1024 })
    fill(log, 30)
    await env.settle()
    spoil(env, segment(1), 300)
    const report = between(env, steps(env), (call) => {
      if (log.lastSequence < 200 && call % 2 === 0) fill(log, log.lastSequence + 1)
    })
    expect(report.findings).toHaveLength(1)
    await env.drive(log.close())
  })
})

describe('long work', () => {
  it('tells how far it is, at last that all is done', async () => {
    const env = await smallLog('closed')
    const told: number[] = []
    const onProgress = (progress: { readonly bytesDone: number; readonly bytesTotal: number }): void => {
      told.push(progress.bytesDone / progress.bytesTotal)
    }
    await env.drive(verifyLog(DIR, { environment: env, onProgress }))
    expect(told.at(-1)).toBe(1)
    expect(told).toEqual([...told].sort((a, b) => a - b))
  })

  it('ends when it is told to, with the reason of the signal, and closes its files', async () => {
    const sound = await smallLog('closed')
    const free = lowestHandle(sound)
    for (let at = 1; at < 30; at++) {
      const env = sound.clone(1)
      const controller = new AbortController()
      const reason = new Error('enough')
      let calls = 0
      const when = (): boolean => {
        calls += 1
        if (calls === at) controller.abort(reason)
        return false
      }
      env.calls.fault({ when, outcome: 'EIO' })
      const work = env.drive(verifyLog(DIR, { environment: env, signal: controller.signal }))
      await work.then(
        () => expect(calls).toBeLessThan(at + 1),
        (error: unknown) => expect(error).toBe(reason),
      )
      expect(lowestHandle(env)).toBe(free)
    }
  })

  it('lists as many findings as it is told to and counts the rest', async () => {
    const env = await smallLog('closed')
    const all = places(env)
    for (const sequence of [1, 3, 6, 9]) spoil(env, recordAt(all, sequence).file, recordAt(all, sequence).end - 9)
    const report = await env.drive(verifyLog(DIR, { environment: env, findingsMax: 2 }))
    expect(report).toMatchObject({ isSound: false, findingsCount: 4 })
    expect(report.findings).toHaveLength(2)
    await expect(verifyLog(DIR, { environment: env, findingsMax: 0 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
  })

  it('a read that fails is IO, and never a finding', async () => {
    const sound = await smallLog('closed')
    for (let at = 0; at < 60; at++) {
      const env = sound.clone(1)
      let left = at
      env.calls.fault({ when: () => left-- <= 0, outcome: 'EIO' })
      const report = await verify(env).catch((error: unknown) => error)
      if (report instanceof Error) expect(report).toMatchObject({ code: 'IO' })
      else expect((report as VerifyReport).findings).toEqual([])
    }
  })
})
