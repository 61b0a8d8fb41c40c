import { describe, expect, it } from 'vitest'
import { cbor } from '../../lib/codecs/cbor.ts'
import { salvageLog, verifyLog } from '../../lib/operations.ts'
import { openLogWith, openReadOnly } from '../../lib/open.ts'
import type { CallNote, SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { type Ending, type Place, places, smallLog } from './small-log.ts'
import { DIR, type Item, content, exchange, item, machine, manifests, segment, shorten, spoil, zero } from './world.ts'

const NEW = '/new'
const ENDINGS: readonly Ending[] = ['closed', 'killed', 'power cut']

const salvage = (env: SimulatedEnvironment) => env.drive(salvageLog(DIR, NEW, { environment: env }))

const open = (env: SimulatedEnvironment, directory: string) =>
  env.drive(openLogWith<Item>(directory, { environment: env, codec: cbor<Item>(), segmentBytes: 4096 }, 512))

/** The records that a log gives one by one, with their times; a number for each that it does not give. */
async function readOneByOne(
  env: SimulatedEnvironment,
  directory: string,
): Promise<(readonly [Item, bigint] | number)[]> {
  const log = await open(env, directory)
  const found = Array.from({ length: log.highWatermark }, (_, index) => {
    try {
      const entry = log.get(index + 1)!
      return [entry.value, entry.timestampNs] as const
    } catch {
      return index + 1
    }
  })
  await env.drive(log.close())
  return found
}

const recordAt = (all: readonly Place[], sequence: number): Place =>
  all.find(({ region }) => region.kind === 'record' && region.sequence === sequence)!

describe('salvage of a sound log', () => {
  it.each(ENDINGS)('that was %s gives a closed log with the same records at the same times', async (ending) => {
    const env = await smallLog(ending)
    const before = content(env)
    const report = await salvage(env)
    expect(report).toMatchObject({ records: 12, lastSequence: 12, lost: [], findings: [] })
    expect(content(env)).toEqual(before)
    expect((await env.drive(verifyLog(NEW, { environment: env }))).findings).toEqual([])
    const found = await readOneByOne(env, NEW)
    expect(found).toEqual(await readOneByOne(env, DIR))
    const log = await open(env, NEW)
    expect(log.recovery.end).toBe('closed')
    expect(await env.drive(log.commit(item(13)))).toBe(13)
    await env.drive(log.close())
  })
})

describe('salvage beside a writer', () => {
  it.each(ENDINGS)('of a log %s takes no harm when a segment is cut to what it holds, at any time', async (ending) => {
    for (let index = 1, isCut = true; isCut; index++) {
      const env = await smallLog(ending)
      const last = recordAt(places(env), 12)
      let count = 0
      isCut = false
      const release = env.hold((call) => call.do === 'read' && ++count === index)
      const salvaged = salvageLog(DIR, NEW, { environment: env })
      await env.settle()
      if (count >= index) {
        isCut = true
        shorten(env, last.file, last.end)
      }
      release()
      expect(await env.drive(salvaged), `read ${index}`).toMatchObject({ records: 12, lost: [], findings: [] })
    }
  })
})

describe('salvage beside a writer that moves segments', () => {
  it.each([
    ['to archive/', undefined, false],
    ['to another directory', '/elsewhere', false],
    ['back from archive/', undefined, true],
    ['back from another directory', '/elsewhere', true],
  ])('%s has all records, whenever that is', async (_, to, isBack) => {
    for (let index = 1, isMoved = true; isMoved; index++) {
      const env = machine()
      const log = await open(env, DIR)
      for (const last of [4, 8, 12]) {
        while (log.lastSequence < last) log.commitSync(item(log.lastSequence + 1))
        log.roll()
      }
      log.commitSync(item(13))
      await env.settle()
      const archive = () => env.drive(log.archiveBefore(9, to === undefined ? {} : { to }))
      if (isBack) await archive()
      let count = 0
      const release = env.hold(() => ++count === index)
      const salvaged = salvageLog(DIR, NEW, { environment: env })
      await env.settle()
      isMoved = count >= index
      if (isMoved) await (isBack ? env.drive(log.restore()) : archive())
      release()
      expect(await env.drive(salvaged), `call ${index}`).toMatchObject({ records: 13, lost: [], findings: [] })
    }
  })
})

describe('salvage of a damaged log (C18)', () => {
  it('exactly the damaged records are missing, stated in the report and in the new log', async () => {
    const env = await smallLog('closed')
    const all = places(env)
    for (const sequence of [2, 7, 8, 10]) spoil(env, recordAt(all, sequence).file, recordAt(all, sequence).start + 30)
    const before = content(env)
    const report = await salvage(env)
    const lost = [
      { from: 2, to: 2 },
      { from: 7, to: 8 },
      { from: 10, to: 10 },
    ]
    expect(report).toMatchObject({ records: 8, lastSequence: 12, lost, findingsCount: 4 })
    expect(content(env)).toEqual(before)
    const found = await readOneByOne(env, NEW)
    expect(found.map((each, index) => (typeof each === 'number' ? each : each[0].n === index + 1))).toEqual([
      ...[true, 2, true, true, true, true, 7, 8, true, 10, true, true],
    ])
    const verified = await env.drive(verifyLog(NEW, { environment: env }))
    expect(verified).toMatchObject({ isSound: true, findings: [], lost, records: 8, lastSequence: 12 })
  })

  it.each<readonly [name: string, harm: (env: SimulatedEnvironment) => void, missing: readonly number[]]>([
    ['all manifests gone', (env) => manifests(env).forEach((path) => env.call({ do: 'unlink', path })), []],
    ['a header damaged', (env) => spoil(env, segment(2), 40), []],
    ['every header damaged', (env) => [1, 2, 3].forEach((ordinal) => spoil(env, segment(ordinal), 40)), []],
    ['a segment missing', (env) => env.call({ do: 'unlink', path: segment(2) }), [5, 6, 7, 8]],
    ['the first segment missing', (env) => env.call({ do: 'unlink', path: segment(1) }), [1, 2, 3, 4]],
    ['the last segment missing', (env) => env.call({ do: 'unlink', path: segment(3) }), [9, 10, 11, 12]],
    ['two segments that changed places', (env) => exchange(env, segment(1), segment(2)), []],
    ['a segment cut short', (env) => shorten(env, segment(1), env.files.read(segment(1)).length - 8), [4]],
    ['a segment of zeros', (env) => zero(env, segment(2), 0), [5, 6, 7, 8]],
    ['the slots gone', (env) => env.call({ do: 'unlink', path: '/log/durable' }), []],
  ])('%s', async (_, harm, missing) => {
    const env = await smallLog('closed')
    const whole = await readOneByOne(env.clone(1), DIR)
    harm(env)
    const before = content(env)
    const report = await salvage(env)
    expect(content(env)).toEqual(before)
    const lost = report.lost.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (__, at) => from + at))
    expect(lost).toEqual(missing)
    const found = await readOneByOne(env, NEW)
    expect(found).toEqual(whole.map((each, index) => (missing.includes(index + 1) ? index + 1 : each)))
    expect((await env.drive(verifyLog(NEW, { environment: env }))).findings).toEqual([])
  })

  it.each(ENDINGS)('a flipped bit anywhere costs the record that it is in, if any: %s', async (ending) => {
    const sound = await smallLog(ending)
    const whole = await readOneByOne(sound.clone(1), DIR)
    for (const place of places(sound)) {
      const { region } = place
      if (region.kind === 'zeros' || region.kind === 'slots' || region.kind === 'dictionary') continue
      if (ending === 'power cut' && region.kind === 'record' && region.sequence >= 11) continue
      for (let at = place.start; at < place.end; at += 23) {
        const env = sound.clone(1)
        spoil(env, place.file, at)
        await salvage(env)
        const missing = region.kind === 'record' ? region.sequence : 0
        const expected = whole.map((each, index) => (index + 1 === missing ? missing : each))
        expect(await readOneByOne(env, NEW), `${place.file} ${at}`).toEqual(expected)
      }
    }
  })

  it.each(['the first', 'every'])(
    '%s record gone is a gap for who reads from the beginning, never less to read',
    async (which) => {
      const env = machine()
      const log = await env.drive(openLogWith<Item>(DIR, { environment: env, codec: cbor<Item>() }, 512))
      for (const n of [1, 2, 3]) {
        await env.drive(log.commit(item(n)))
        log.roll()
      }
      await env.drive(log.close())
      for (const ordinal of which === 'every' ? [1, 2, 3] : [1]) env.files.remove(segment(ordinal))
      const { lost } = await salvage(env)
      expect(lost).toEqual([{ from: 1, to: which === 'every' ? 3 : 1 }])
      const salvaged = await open(env, NEW)
      const reader = await env.drive(openReadOnly<Item>(NEW, { environment: env, codec: cbor<Item>() }))
      for (const each of [salvaged, reader]) {
        expect(each.firstSequence).toBe(1)
        expect(() => [...each.read()]).toThrow(expect.objectContaining({ code: 'GAP', sequence: 1 }) as Error)
        expect(Array.from(each.read({ from: lost[0]!.to + 1 }), ({ value }) => value.n)).toEqual(
          which === 'every' ? [] : [2, 3],
        )
        await env.drive(each.close())
      }
    },
  )

  it('a header that a power cut tore off a first group that nothing proves is no damage, one that is proven is', async () => {
    const env = machine()
    const log = await env.drive(openLogWith<Item>(DIR, { environment: env, codec: cbor<Item>() }, 512))
    await env.drive(log.commit(item(1)))
    log.roll()
    // On disk, and nobody was told.
    const when = (call: CallNote): boolean => call.do === 'write' && call.path === segment(2)
    env.calls.fault({ when, outcome: 'done-but-reported-failed', times: 1 })
    await expect(env.drive(log.commit(item(2)))).rejects.toMatchObject({ code: 'IO' })
    const next = env.crash(1)
    zero(next, segment(2), 0, 256)
    expect(await salvage(next)).toMatchObject({ findings: [], lost: [], lastSequence: 2 })
    expect((await next.drive(verifyLog(DIR, { environment: next }))).findings).toEqual([])
    const told = await smallLog('killed')
    zero(told, segment(2), 0, 256)
    expect((await salvage(told)).findings).toMatchObject([{ code: 'CORRUPT', offset: 0 }])
  })

  it('a damaged dictionary frame whose second copy is sound costs no record, no key and no once', async () => {
    const env = machine()
    const keyed = { environment: env, codec: cbor<Item>(), keys: { n: 'n' } }
    const log = await env.drive(openLogWith<Item>(DIR, keyed, 512))
    for (const n of [1, 2, 3]) await env.drive(log.commit(item(n)))
    await env.drive(log.close())
    const dictionary = places(env).find(({ region }) => region.kind === 'dictionary')!
    spoil(env, dictionary.file, dictionary.start + 30)
    const report = await salvage(env)
    expect(report).toMatchObject({ records: 3, lost: [] })
    const salvaged = await env.drive(openLogWith<Item>(NEW, keyed, 512))
    const values: number[] = []
    // Each looked into before the next is read.
    for (const { value } of salvaged.read()) values.push(value.n)
    expect(values).toEqual([1, 2, 3])
    await env.drive(salvaged.keysReady())
    expect([1, 2, 3].map((n) => salvaged.lookup('n', n)?.sequence)).toEqual([1, 2, 3])
    expect(await env.drive(salvaged.commit(item(1), { once: 'n' }))).toEqual({ sequence: 1, duplicate: true })
    await env.drive(salvaged.close())
  })

  it('a damaged dictionary frame costs no record where the sidecar still holds what it said', async () => {
    const env = await smallLog('closed')
    const before = await readOneByOne(env, DIR)
    const dictionary = places(env).find(({ region }) => region.kind === 'dictionary')!
    spoil(env, dictionary.file, dictionary.start + 30)
    const report = await salvage(env)
    expect(report).toMatchObject({ lost: [], records: 12, findingsCount: 1 })
    expect(await readOneByOne(env, NEW)).toEqual(before)
  })

  it('an interrupted one is no log, and the same directory is refused', async () => {
    const sound = await smallLog('closed')
    let whole = 0
    for (let at = 1; whole === 0; at += 3) {
      const env = sound.clone(1)
      env.calls.dieAt(env.calls.count + at, 'before')
      const done = await salvage(env).then(
        () => true,
        () => false,
      )
      const next = env.kill(1)
      if (done) whole = at
      const opened = await open(next, NEW).then(
        (log) => `${log.recovery.end} ${log.highWatermark}`,
        (error: { readonly code: string }) => error.code,
      )
      expect(['new 0', 'CORRUPT', 'closed 12']).toContain(opened)
      if (opened === 'closed 12') break
    }
    expect(whole === 0 || whole > 10).toBe(true)
  })

  it.each(['/log', '/log/inside', '/'])('into %s is refused', async (to) => {
    const env = await smallLog('closed')
    const work = env.drive(salvageLog(DIR, to, { environment: env }))
    await expect(work).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  it('into a directory that is not empty is refused; of no log is NOT_A_LOG', async () => {
    const env = await smallLog('closed')
    await salvage(env)
    await expect(salvage(env)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(salvage(machine())).rejects.toMatchObject({ code: 'NOT_A_LOG' })
  })
})
