import { describe, expect, it, vi } from 'vitest'
import { readKeys } from '../../lib/keys/definitions.ts'
import { lookAt } from '../../lib/look.ts'
import { openLogWith } from '../../lib/open.ts'
import { resolveReadOnlyOptions } from '../../lib/options.ts'
import { ReadOnlyLog } from '../../lib/read-only.ts'
import { DiskView } from '../../lib/read/view-disk.ts'
import type { CallNote } from '../../segments/env/faults.ts'
import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { runNow } from '../../segments/env/steps.ts'
import { decodeManifest, type SealedLine } from '../../segments/format/manifest.ts'
import { segmentName, sidecarName } from '../../segments/format/names.ts'
import { PAGE_BYTES } from '../../segments/format/sidecar.ts'
import { identityOf, openSidecar } from '../../segments/sidecar.ts'
import { mendPrefix } from '../segments/format/bytes.ts'
import { places } from './small-log.ts'
import {
  DIR,
  copyOf,
  exchange,
  fill,
  look,
  machine,
  manifests,
  openNow,
  readable,
  records,
  segment,
  segments,
  shorten,
  spoil,
  tryOpen,
  upTo,
  zero,
} from './world.ts'

// Each byte of a sidecar, twice: ten seconds of a core, and more where others share it.
vi.setConfig({ testTimeout: 180_000 })

/** Feature C9, promise 7: sidecars decide nothing. */

const LAST = 12
const sidecar = (ordinal: number): string => `${DIR}/${sidecarName(ordinal)}`

/** Three sealed segments of three records each and an active one, still open. */
const sealed = (): ReturnType<typeof segments> => segments(3, 3, 3, 3)

function lines(env: SimulatedEnvironment): { readonly logId: string; readonly sealed: SealedLine[] } {
  const finding = decodeManifest(Buffer.from(env.files.read(manifests(env)[0]!)))
  if (finding.found !== 'manifest') throw new Error(finding.found)
  const { logId, segments: all } = finding.manifest
  return { logId, sealed: all.filter((line) => line.state !== 'open') }
}

/** What each sidecar is good for, by its footer. */
function states(env: SimulatedEnvironment): string[] {
  const { logId, sealed } = lines(env)
  return sealed.map((line) => {
    const found = runNow(env, openSidecar(sidecar(line.ordinal), identityOf(logId, line)))
    return typeof found === 'string' ? found : 'sound'
  })
}

/** Reads everything, one by one and in reverse: each way looks places up. */
function readAll(log: ReturnType<typeof openNow>): void {
  expect(readable(log)).toEqual(upTo(LAST))
  expect(Array.from(log.read({ reverse: true }), ({ sequence }) => sequence)).toEqual(upTo(LAST).reverse())
  expect(Array.from(log.read({ from: 2 }), ({ value }) => value.n)).toEqual(upTo(LAST).slice(1))
}

describe('a sealed segment has a sidecar', () => {
  it('that is written behind its sealing, and there when the log is closed', async () => {
    const { env, log } = await sealed()
    await env.drive(log.close())
    expect(states(env)).toEqual(['sound', 'sound', 'sound'])
    expect(log.stats().backgroundFailure).toBeUndefined()
  })
})

describe('whatever becomes of a sidecar, reads stay the same, and it is made anew (C9)', () => {
  it.each<[string, (env: SimulatedEnvironment) => void]>([
    ['deleted', (env) => env.files.remove(sidecar(2))],
    ['all deleted', (env) => [1, 2, 3].forEach((ordinal) => env.files.remove(sidecar(ordinal)))],
    ['empty', (env) => shorten(env, sidecar(2), 0)],
    ['shorter by a byte', (env) => shorten(env, sidecar(2), env.files.read(sidecar(2)).length - 1)],
    ['shorter by its footer', (env) => shorten(env, sidecar(2), env.files.read(sidecar(2)).length - PAGE_BYTES)],
    ['longer', (env) => env.files.write(sidecar(2), Buffer.concat([env.files.read(sidecar(2)), Buffer.alloc(4096)]))],
    ['all zeros', (env) => zero(env, sidecar(2), 0)],
    ['damaged in its footer', (env) => spoil(env, sidecar(2), env.files.read(sidecar(2)).length - 100)],
    ['damaged in its offsets', (env) => spoil(env, sidecar(2), 0)],
    ['damaged in its definitions', (env) => spoil(env, sidecar(2), 4096)],
    ["another segment's", (env) => env.files.write(sidecar(2), env.files.read(sidecar(3)))],
    ['exchanged with another', (env) => exchange(env, sidecar(1), sidecar(2))],
    ['of another log', (env) => env.files.write(sidecar(2), Buffer.alloc(8192, 7))],
    [
      'of a newer version',
      (env) => {
        const bytes = Buffer.from(env.files.read(sidecar(2)))
        const footer = bytes.subarray(-PAGE_BYTES)
        footer.writeUInt16LE(1, 8)
        mendPrefix(footer)
        env.files.write(sidecar(2), bytes)
      },
    ],
  ])('%s', async (name, harm) => {
    const { env, log } = await sealed()
    await env.drive(log.close())
    harm(env)
    const { log: opened, report } = tryOpen(env)
    expect(report).toMatchObject({ end: 'closed', lastSequence: LAST, findings: [] })
    expect(report!.notes.some((note) => note.includes('is missing'))).toBe(name.includes('deleted'))
    readAll(opened!)
    await env.settle()
    expect(states(env)).toEqual(['sound', 'sound', 'sound'])
    expect(opened!.stats()).toMatchObject({ backgroundFailure: undefined })
    expect(opened!.stats().sidecarsRemade).toBeGreaterThan(0)
    readAll(opened!)
    const again = openNow(copyOf(env))
    readAll(again)
    expect(again.stats().sidecarsRemade).toBe(0)
  })
})

interface Keyed {
  readonly n: number
  readonly side: string
}

/** Answers of all kinds, by a log that is opened anew but for what its manifest and slots say. */
async function answersOf(env: SimulatedEnvironment): Promise<() => string> {
  const { report, state } = await env.drive(lookAt(env, DIR))
  const resolved = resolveReadOnlyOptions<Keyed>({ openFilesMax: 0, blockCacheBytes: 0 })
  const options = { ...resolved, segmentBytes: 4096 }
  return () => {
    const view = new DiskView(DIR, state)
    const keys = readKeys(options.keys, state.manifest)
    const log = new ReadOnlyLog<Keyed>({ env, directory: DIR, options, report, view, keys })
    const told: unknown[] = [log.get(2)?.value, log.get(3)?.value, log.get(5)]
    for (const { value } of log.lookupAll('side', 'sell')) told.push(value.n)
    told.push(log.lookup('side', 'none')?.sequence)
    return JSON.stringify(told)
  }
}

it('C9 any bit of a sidecar turned round, and an end at each of its bytes, changes no answer', async () => {
  const env = machine()
  const options = { environment: env, segmentBytes: 4096, keys: { side: 'side' } }
  const log = await env.drive(openLogWith<Keyed>(DIR, options, 512))
  for (let n = 1; n <= 4; n++) {
    if (n === 4) log.roll()
    log.commitSync({ n, side: n % 2 === 0 ? 'sell' : 'buy' })
  }
  await env.drive(log.close())
  const sound = env.files.read(sidecar(1))
  expect(sound.length).toBe(4 * PAGE_BYTES)
  const answers = await answersOf(env)
  const expected = answers()
  expect(expected).toContain('{"n":3,"side":"buy"}')
  for (let at = 0; at < sound.length; at++) {
    env.files.flip(sidecar(1), at * 8 + (at % 8))
    if (answers() !== expected) expect.fail(`byte ${at}: ${answers()}`)
    env.files.flip(sidecar(1), at * 8 + (at % 8))
  }
  for (let length = sound.length - 1; length >= 0; length--) {
    shorten(env, sidecar(1), length)
    if (answers() !== expected) expect.fail(`length ${length}: ${answers()}`)
  }
})

it('a flipped bit of a sidecar, or an end anywhere in it, changes nothing for who opens the log to write', async () => {
  const { env, log } = await segments(3, 1)
  await env.drive(log.close())
  const { length } = env.files.read(sidecar(1))
  const bytes = env.files.read(sidecar(1))
  for (let at = 0; at < length; at++) {
    // The test above reads with each byte changed; zeros are many and all alike.
    if (bytes[at] === 0 && at % 37 !== 0) continue
    const flipped = copyOf(env)
    flipped.files.flip(sidecar(1), at * 8 + (at % 8))
    if (readable(openNow(flipped)).join() !== '1,2,3,4') expect.fail(`byte ${at}`)
    const cut = copyOf(env)
    shorten(cut, sidecar(1), at)
    if (readable(openNow(cut)).join() !== '1,2,3,4') expect.fail(`length ${at}`)
  }
})

/** How many bytes of which files are read on a copy of the machine by what `body` does there. */
function traced(env: SimulatedEnvironment, body: (env: SimulatedEnvironment) => void): ReadonlyMap<string, number> {
  const copy = copyOf(env)
  const bytes = new Map<string, number>()
  const count = (call: CallNote): boolean => {
    const name = call.path.slice(DIR.length + 1)
    if (call.do === 'read') bytes.set(name, (bytes.get(name) ?? 0) + call.length!)
    return false
  }
  copy.calls.fault({ when: count, outcome: 'EIO' })
  body(copy)
  return bytes
}

it('B6 a single read of a sealed segment reads some pages, however long the segment is', async () => {
  for (const count of [200, 2000]) {
    const env = machine()
    const log = openNow(env, { segmentBytes: 1024 * 1024 })
    fill(log, count)
    log.roll()
    fill(log, count + 1)
    await env.drive(log.close())
    expect(env.files.read(segment(1)).length).toBeGreaterThan(count * 40)
    let before = 0
    const bytes = traced(env, (copy) => {
      const opened = openNow(copy)
      before = copy.calls.count
      expect(look(opened, count >> 1)).toBe('there')
      expect(copy.calls.count - before).toBeLessThan(16)
    })
    // The footer, and the block of places and definitions.
    expect(bytes.get(sidecarName(1))).toBeLessThanOrEqual(5 * PAGE_BYTES)
    expect(bytes.get(segmentName(1))).toBeLessThanOrEqual(256 + 16 * 1024)
  }
})

it('C12 opening forty sealed segments reads their headers and the active tail, whatever they hold', async () => {
  const counts = [3, 30].map((each) => Array.from({ length: 41 }, () => each))
  const found: { calls: number; bytes: number; whole: number }[] = []
  for (const each of counts) {
    const { env, log } = await segments(...each)
    await env.drive(log.close())
    let calls = 0
    const bytes = traced(env, (copy) => {
      expect(openNow(copy).recovery).toMatchObject({ end: 'closed' })
      calls = copy.calls.count
    })
    const sealedNames = upTo(40).map(segmentName)
    for (const name of sealedNames) expect(bytes.get(name)).toBe(256)
    expect([...bytes.keys()].filter((name) => name.endsWith('.idx'))).toEqual([])
    const whole = sealedNames.reduce((sum, name) => sum + env.files.read(`${DIR}/${name}`).length, 0)
    found.push({ calls, bytes: sealedNames.reduce((sum, name) => sum + bytes.get(name)!, 0), whole })
  }
  const [small, large] = found as [(typeof found)[0], (typeof found)[0]]
  expect(large.whole).toBeGreaterThan(3 * small.whole)
  expect(large.bytes).toBe(small.bytes)
  expect(large.calls).toBe(small.calls)
  expect(large.calls).toBeLessThan(40 * 4 + 60)
})

describe('sidecars of what is no sealed segment', () => {
  it('are removed by an opening for writing, and nothing else is', async () => {
    const { env, log } = await sealed()
    await env.drive(log.close())
    for (const ordinal of [4, 5, 99]) env.files.write(sidecar(ordinal), env.files.read(sidecar(1)))
    env.files.write(`${DIR}/segment-1.idx`, Buffer.from('of somebody'))
    const opened = openNow(env)
    await env.settle()
    const left = env.files.paths(DIR).filter((path) => path.endsWith('.idx'))
    expect(left).toEqual([sidecar(1), sidecar(2), sidecar(3), `${DIR}/segment-1.idx`])
    readAll(opened)
  })

  it('alone are a trace of a log: never a new one', () => {
    const env = machine()
    env.files.write(sidecar(1), Buffer.alloc(4096))
    expect(tryOpen(env).refused).toMatchObject({ code: 'CORRUPT' })
  })
})

it('damaged dictionary frames of a sealed segment cost nothing while its sidecar is there', async () => {
  const { env, log } = await sealed()
  await env.drive(log.close())
  for (const { file, start, region } of places(env)) {
    if (region.kind === 'dictionary' && region.ordinal === 2) spoil(env, file, start + 30)
  }
  const opened = openNow(env)
  expect(upTo(LAST).filter((n) => look(opened, n) !== 'there')).toEqual([])
  const without = copyOf(env)
  without.files.remove(sidecar(2))
  expect(upTo(LAST).filter((n) => look(openNow(without), n) !== 'there')).toEqual([4, 5, 6])
})

it('what was damaged after its sealing is not remembered by a sidecar made anew', async () => {
  const { env, log } = await sealed()
  await env.drive(log.close())
  const sound = env.files.read(segment(2))
  spoil(env, segment(2), sound.length - 4)
  env.files.remove(sidecar(2))
  const opened = openNow(env)
  expect(upTo(LAST).filter((n) => look(opened, n) !== 'there')).toEqual([6])
  await env.settle()
  expect(states(env)).toEqual(['sound', 'missing', 'sound'])
  await env.drive(opened.close())
  env.files.write(segment(2), sound)
  readAll(openNow(env))
})

it.each(['open', 'write', 'sync', 'rename', 'syncDirectory'] as const)(
  'a sidecar whose %s fails fails nothing else, is told, and is made when it is needed',
  async (doing) => {
    const { env, log } = records(3)
    let failing = false
    env.calls.fault({
      when: (call) => {
        failing ||= call.path?.includes('tmp-sidecar') === true
        return failing && call.do === doing
      },
      outcome: 'EIO',
    })
    log.roll()
    fill(log, 6)
    await env.settle()
    env.calls.clearFaults()
    expect(log.stats().backgroundFailure).toMatchObject({ code: 'EIO' })
    expect(readable(log)).toEqual(upTo(6))
    expect(states(env)).toEqual([doing === 'syncDirectory' ? 'sound' : 'missing'])
    fill(log, 9)
    await env.drive(log.close())
    const opened = openNow(copyOf(env))
    expect(readable(opened)).toEqual(upTo(9))
    const left = env.files.paths(DIR).filter((path) => path.includes('tmp-'))
    expect(left).toEqual([])
  },
)
