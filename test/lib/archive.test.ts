import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { describe, expect, it } from 'vitest'
import { planRetention } from '../../lib/archive-retention.ts'
import { bytes } from '../../lib/codecs/bytes.ts'
import { cbor } from '../../lib/codecs/cbor.ts'
import { openArchived, openLog, openReadOnly } from '../../lib/open.ts'
import { copyLog, salvageLog, verifyLog } from '../../lib/operations.ts'
import type { Log } from '../../lib/log.ts'
import type { Progress } from '../../recovery/verify-progress.ts'
import type { Call } from '../../segments/env/environment.ts'
import type { CallNote, SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { crc32 } from '../../segments/format/checksum.ts'
import { SLOTS_NAME, manifestName, segmentName, sidecarName } from '../../segments/format/names.ts'
import { DIR, type Item, content, fill, item, machine, open, segment, spoil } from '../recovery/world.ts'

const ELSEWHERE = '/volume/archive'

/** Twelve records in three sealed segments, one in the active one. */
async function sealed(): Promise<{ readonly env: SimulatedEnvironment; readonly log: Log<Item> }> {
  const env = machine()
  env.files.makeDirectory('/volume')
  const log = await open(env)
  for (const upTo of [4, 8, 12]) {
    fill(log, upTo)
    log.roll()
  }
  fill(log, 13)
  await env.settle()
  return { env, log }
}

const sequences = (log: Log<Item>): number[] => Array.from(log.read(), ({ value }) => value.n)

const upTo = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at)

const codeOf = (act: () => unknown): string => {
  try {
    act()
    return 'done'
  } catch (error) {
    return (error as { readonly code: string }).code
  }
}

/** Where each of the first three segments is: in the log, in the archive, or in both. */
function whereAre(env: SimulatedEnvironment, archive: string): string[] {
  return [1, 2, 3].map((ordinal) => {
    const all = env.files.paths()
    const has = (path: string): boolean => all.includes(path)
    const there = [has(segment(ordinal)) ? 'live' : '', has(`${archive}/${segmentName(ordinal)}`) ? 'archived' : '']
    return there.filter(Boolean).join(' and ')
  })
}

describe.each([
  ['archive/ of the log', undefined, `${DIR}/archive`, undefined],
  ['another directory', ELSEWHERE, ELSEWHERE, undefined],
  ['another volume', ELSEWHERE, ELSEWHERE, 'EXDEV' as const],
])('archiving into %s (D18)', (_, to, archive, outcome) => {
  const options = to === undefined ? {} : { to }
  const prepared = async () => {
    const world = await sealed()
    if (outcome)
      world.env.calls.fault({
        when: (call) => call.do === 'link' && call.path.includes('/segment-'),
        outcome,
        times: 1e9,
      })
    return world
  }

  it('hides only segments that lie wholly before the record, and reads of them say ARCHIVED and where', async () => {
    const { env, log } = await prepared()
    const report = await env.drive(log.archiveBefore(8, options))
    expect(report).toMatchObject({ firstSequence: 5, unreadable: { from: 1, to: 4 }, cutOff: [] })
    expect(report.segments.map(({ ordinal, place }) => [ordinal, place])).toEqual([[1, archive]])
    expect(whereAre(env, archive)).toEqual(['archived', 'live', 'live'])
    expect(log.firstSequence).toBe(5)
    expect(sequences(log)).toEqual(upTo(5, 13))
    expect(codeOf(() => log.get(2))).toBe('ARCHIVED')
    expect(() => log.get(2)).toThrow(to ?? 'archive/')
    expect(log.archives()).toMatchObject([{ ordinal: 1, from: 1, to: 4, place: archive }])
    await env.drive(log.close())
  })

  it('stays over reopenings, is verified with the log, and a restored log reads all', async () => {
    const { env, log } = await prepared()
    await env.drive(log.archiveBefore(9, options))
    expect((await env.drive(log.verify())).records).toBe(13)
    await env.drive(log.close())
    const again = await open(env)
    expect(again.recovery).toMatchObject({ end: 'closed', findings: [], notes: [] })
    expect(sequences(again)).toEqual(upTo(9, 13))
    expect(await env.drive(again.restore({ from: 6 }))).toMatchObject([{ ordinal: 2 }])
    expect(sequences(again)).toEqual(upTo(5, 13))
    await env.drive(again.restore())
    expect(sequences(again)).toEqual(upTo(1, 13))
    expect(whereAre(env, archive)).toEqual(['live', 'live', 'live'])
    expect(again.archives()).toEqual([])
    expect((await env.drive(again.verify())).findings).toEqual([])
    await env.drive(again.close())
  })

  it('a dry run changes nothing and says the same', async () => {
    const { env, log } = await prepared()
    const before = env.files.paths()
    const dry = await env.drive(log.archiveBefore(9, { ...options, dryRun: true }))
    expect(env.files.paths()).toEqual(before)
    expect(sequences(log)).toEqual(upTo(1, 13))
    expect(await env.drive(log.archiveBefore(9, options))).toEqual(dry)
    await env.drive(log.close())
  })

  it('tells how far it is, and where its signal ends it nothing has changed', async () => {
    const { env, log } = await prepared()
    const reason = new Error('enough')
    const ended = (path: string): AbortSignal => {
      const controller = new AbortController()
      const when = (call: { readonly do: string; readonly path: string }): boolean => {
        if (call.path.startsWith(path)) controller.abort(reason)
        return false
      }
      env.calls.fault({ when, outcome: 'EIO', times: 1 })
      return controller.signal
    }
    const archiving = log.archiveBefore(9, { ...options, signal: ended(`${archive}/segment-`) })
    await expect(env.drive(archiving)).rejects.toBe(reason)
    expect(sequences(log)).toEqual(upTo(1, 13))
    expect(log.archives()).toEqual([])
    const told: Progress[] = []
    const onProgress = (progress: Progress): void => void told.push(progress)
    const { bytes: total } = await env.drive(log.archiveBefore(9, { ...options, onProgress }))
    expect(told.at(-1)).toMatchObject({ bytesDone: total, bytesTotal: total })
    const restoring = log.restore({ signal: ended(`${archive}/segment-`) })
    await expect(env.drive(restoring)).rejects.toBe(reason)
    expect(sequences(log)).toEqual(upTo(9, 13))
    await env.drive(log.restore({ onProgress }))
    expect(told.at(-1)).toMatchObject({ bytesDone: 2 * total, bytesTotal: 2 * total })
    expect(sequences(log)).toEqual(upTo(1, 13))
    await env.drive(log.close())
  })

  it('whose manifest fails changes nothing, here or after a power cut, and can be done again', async () => {
    const { env, log } = await prepared()
    const isManifest = ({ do: what, path }: CallNote): boolean => what === 'open' && path.includes('/tmp-manifest')
    env.calls.fault({ when: isManifest, outcome: 'EIO' })
    await expect(env.drive(log.archiveBefore(9, options))).rejects.toMatchObject({ code: 'IO' })
    expect([log.archives().length, log.firstSequence, sequences(log)]).toEqual([0, 1, upTo(1, 13)])
    await env.drive(log.archiveBefore(9, options))
    expect(whereAre(env, archive)).toEqual(['archived', 'archived', 'live'])
    env.calls.fault({ when: isManifest, outcome: 'EIO' })
    await expect(env.drive(log.restore())).rejects.toMatchObject({ code: 'IO' })
    expect([log.archives().length, log.firstSequence]).toEqual([2, 9])
    const crashed = env.clone(1).crash(1, { unsynced: 'lost' })
    const after = await open(crashed)
    expect([after.archives().length, after.firstSequence, sequences(after)]).toEqual([2, 9, upTo(9, 13)])
    await crashed.drive(after.close())
    await env.drive(log.restore())
    expect(sequences(log)).toEqual(upTo(1, 13))
  })

  it('of a segment that no manifest calls sealed yet, and that dies on its way, leaves it in one place', async () => {
    for (let dies = 1; ; dies++) {
      const { env, log } = await prepared()
      log.roll()
      env.calls.fault({
        when: ({ do: what, path }) => what === 'open' && path.includes('/tmp-manifest'),
        outcome: 'EIO',
      })
      fill(log, 14)
      await env.settle()
      env.calls.dieAt(env.calls.count + dies)
      const isDone = await env.drive(log.archiveBefore(14, options)).then(
        () => true,
        () => false,
      )
      env.calls.dieAt(Infinity)
      if (isDone) return
      const next = env.crash(dies)
      const after = await open(next)
      const isInBoth = next.files.has(segment(4)) && next.files.has(`${DIR}/archive/${segmentName(4)}`)
      expect(isInBoth, `death ${dies}`).toBe(false)
      expect(sequences(after).at(-1)).toBe(14)
    }
  })

  it('waits for what is still being sealed', async () => {
    const env = machine()
    env.files.makeDirectory('/volume')
    const log = await open(env)
    fill(log, 4)
    log.roll()
    await env.settle()
    const release = env.hold((call) => call.do === 'truncate')
    await env.drive(log.commit(item(5)))
    const archiving = log.archiveBefore(5, options)
    await env.settle()
    expect(log.archives()).toEqual([])
    release()
    expect(await env.drive(archiving)).toMatchObject({ firstSequence: 5, unreadable: { from: 1, to: 4 } })
    await env.drive(log.close())
  })

  it('is planned by who only reads, beside the writer', async () => {
    const { env, log } = await prepared()
    const reader = await env.drive(openReadOnly<Item>(DIR, { environment: env }))
    const planned = reader.planArchive(9, options)
    expect(reader.archives()).toEqual([])
    expect(await env.drive(log.archiveBefore(9, options))).toEqual(planned)
    expect(reader.archives()).toEqual(log.archives())
    expect(codeOf(() => reader.planArchive(0))).toBe('INVALID_ARGUMENT')
    await env.drive(log.close())
    await env.drive(reader.close())
  })

  it.each(['archiving', 'restoring'] as const)(
    'a crash at each step of %s leaves each segment in one place that counts',
    async (what) => {
      const { env: start, log: first } = await prepared()
      if (what === 'restoring') await start.drive(first.archiveBefore(9, options))
      await start.drive(first.close())
      let isDone = false
      for (let at = 1; !isDone; at++) {
        for (const moment of ['before', 'during'] as const) {
          for (const end of ['kill', 'lost', 'kept', 'any'] as const) {
            const env = start.clone(at)
            if (outcome)
              env.calls.fault({
                when: (call) => call.do === 'link' && call.path.includes('/segment-'),
                outcome,
                times: 1e9,
              })
            const log = await open(env)
            env.calls.dieAt(env.calls.count + at, moment)
            const work: Promise<unknown> = what === 'archiving' ? log.archiveBefore(9, options) : log.restore()
            isDone = await env.drive(work).then(
              () => true,
              () => false,
            )
            const crash = end === 'any' ? {} : { unsynced: end as 'lost' | 'kept' }
            const next = end === 'kill' ? env.kill(at) : env.crash(at, crash)
            const again = await open(next)
            const where = `${what} ${at} ${moment} ${end}`
            expect(again.recovery.findings, where).toEqual([])
            const all = sequences(again)
            expect([upTo(1, 13), upTo(9, 13)], where).toContainEqual(all)
            const away = all.length === 13 ? 'live' : 'archived'
            // What an interrupted move left in another directory nobody knows of; it counts nowhere.
            const stray = archive === ELSEWHERE ? [away, 'live and archived'] : [away]
            for (const each of whereAre(next, archive).slice(0, 2)) expect(stray, where).toContain(each)
            if (isDone) expect(all.length, where).toBe(what === 'archiving' ? 5 : 13)
            await next.drive(again.restore())
            expect(sequences(again), where).toEqual(upTo(1, 13))
            await next.drive(again.archiveBefore(9, options))
            expect(sequences(again), where).toEqual(upTo(9, 13))
            await next.drive(again.close())
          }
        }
      }
    },
  )

  it.each(['EIO', 'ENOSPC'] as const)('a call that fails with %s loses nothing, and the log goes on', async (error) => {
    const { env: start, log: first } = await prepared()
    await start.drive(first.close())
    let isDone = false
    for (let at = 0; !isDone; at++) {
      const env = start.clone(at)
      const log = await open(env)
      let left = at
      if (outcome)
        env.calls.fault({ when: (call) => call.do === 'link' && call.path.includes('/segment-'), outcome, times: 1e9 })
      env.calls.fault({ when: (call) => call.do !== 'close' && left-- <= 0, outcome: error })
      isDone = await env.drive(log.archiveBefore(9, options)).then(
        () => left >= 0,
        () => false,
      )
      env.calls.clearFaults()
      expect(log.commitSync(item(14))).toBe(14)
      await env.drive(log.close()).catch(() => undefined)
      const again = await open(env.kill(1))
      expect([upTo(1, 14), upTo(9, 14)]).toContainEqual(sequences(again))
    }
  })
})

describe('what archiving leaves', () => {
  it('a log of which nothing is sealed begins where it began, whatever is to be archived', async () => {
    const env = machine()
    const log = await open(env)
    fill(log, 4)
    expect(await env.drive(log.archiveBefore(4))).toMatchObject({ segments: [], firstSequence: 1 })
    await env.drive(log.close())
  })

  it('a name that a killed process removed from the archive does not come back with a power cut', async () => {
    const { env, log } = await sealed()
    await env.drive(log.archiveBefore(9))
    env.hold((call) => call.do === 'syncDirectory' && call.path.endsWith('/archive'))
    void log.restore().catch(() => undefined)
    await env.settle()
    const next = env.kill(3)
    expect(whereAre(next, `${DIR}/archive`)).toEqual(['live', 'live', 'live'])
    expect((await open(next)).recovery.notes).toEqual([])
    const last = next.crash(1, { unsynced: 'lost' })
    expect((await open(last)).recovery.notes).toEqual([])
    expect(whereAre(last, `${DIR}/archive`)).toEqual(['live', 'live', 'live'])
  })
})

describe('anchors and named cursors (D19)', () => {
  const withNeeds = async (anchor: number, cursor: number) => {
    const { env, log } = await sealed()
    const at = '1767225600000000000'
    const { manifests } = log as unknown as { manifests: { latest: object } }
    manifests.latest = {
      ...manifests.latest,
      anchors: [{ sequence: anchor, ref: 'a', hash: 'h', at }],
      cursors: { billing: { sequence: cursor, at } },
    }
    return { env, log }
  }

  it.each([
    [4, 12, 5, true],
    [4, 12, 6, false],
    [12, 4, 5, true],
    [12, 4, 6, false],
    [12, 12, 13, true],
  ])('with an anchor at %i and a cursor at %i archiving before %i is allowed: %s', async (...row) => {
    const [anchor, cursor, before, isAllowed] = row
    const { env, log } = await withNeeds(anchor, cursor)
    const code = await env.drive(log.archiveBefore(before)).then(
      () => true,
      (error: { readonly code: string }) => error.code,
    )
    expect(code).toBe(isAllowed ? true : 'INVALID_ARGUMENT')
    await env.drive(log.close())
  })

  it('who is told goes beyond them, and hears whom that cuts off', async () => {
    const { env, log } = await withNeeds(4, 6)
    const report = await env.drive(log.archiveBefore(9, { beyondAnchor: true }))
    expect(report).toMatchObject({ unreadable: { from: 1, to: 8 }, cutOff: ['anchor 4', 'cursor billing'] })
    await env.drive(log.close())
  })
})

describe('an archive and its log', () => {
  it('a damaged archived segment is not restored, a missing one is a GAP, and nothing is changed', async () => {
    const { env, log } = await sealed()
    await env.drive(log.archiveBefore(9))
    spoil(env, `${DIR}/archive/${segmentName(1)}`, 300)
    await expect(env.drive(log.restore())).rejects.toMatchObject({ code: 'CORRUPT' })
    env.call({ do: 'unlink', path: `${DIR}/archive/${segmentName(1)}` })
    await expect(env.drive(log.restore())).rejects.toMatchObject({ code: 'GAP' })
    expect(sequences(log)).toEqual(upTo(9, 13))
    const findings = (await env.drive(verifyLog(DIR, { environment: env }))).findings
    expect(findings).toMatchObject([{ code: 'GAP', from: 1, to: 4 }])
    await env.drive(log.close())
  })

  it('a damaged one keeps all that are asked for with it archived, newer and older, until it is mended', async () => {
    const { env, log } = await sealed()
    await env.drive(log.archiveBefore(13))
    const path = `${DIR}/archive/${segmentName(3)}`
    const whole = env.files.read(path)
    spoil(env, path, 300)
    for (const from of [1, 5, 9]) {
      await expect(env.drive(log.restore({ from }))).rejects.toMatchObject({ code: 'CORRUPT', file: path })
      expect(whereAre(env, `${DIR}/archive`)).toEqual(['archived', 'archived', 'archived'])
    }
    env.files.write(path, whole)
    expect(await env.drive(log.restore({ from: 5 }))).toHaveLength(2)
    expect(sequences(log)).toEqual(upTo(5, 13))
    await env.drive(log.close())
  })

  it('a log whose first segment could not be sealed begins with that one', async () => {
    const env = machine()
    const log = await open(env)
    fill(log, 4)
    log.roll()
    env.calls.fault({ when: (call) => call.do === 'truncate', outcome: 'ENOSPC', times: 1 })
    fill(log, 8)
    await env.settle()
    log.roll()
    fill(log, 9)
    await env.settle()
    expect(log.stats().backgroundFailure).toBeDefined()
    expect(await env.drive(log.archiveBefore(9))).toMatchObject({ segments: [], firstSequence: 1 })
    expect(log.firstSequence).toBe(1)
    await env.drive(log.close())
  })

  it('a place that cannot be looked at is an error of ours, and nothing is changed', async () => {
    const { env, log } = await sealed()
    env.calls.fault({ when: (call) => call.do === 'stat' && call.path === ELSEWHERE, outcome: 'EIO', times: 1 })
    const archiving = env.drive(log.archiveBefore(9, { to: ELSEWHERE }))
    await expect(archiving).rejects.toMatchObject({ name: 'SeglogError', code: 'IO', file: ELSEWHERE })
    expect(sequences(log)).toEqual(upTo(1, 13))
    await env.drive(log.close())
  })

  it('a file of another log in the place is left alone', async () => {
    const { env, log } = await sealed()
    env.files.makeDirectory(ELSEWHERE)
    env.files.write(`${ELSEWHERE}/${segmentName(1)}`, Buffer.from('mine'))
    await expect(env.drive(log.archiveBefore(9, { to: ELSEWHERE }))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(Buffer.from(env.files.read(`${ELSEWHERE}/${segmentName(1)}`)).toString()).toBe('mine')
    expect(sequences(log)).toEqual(upTo(1, 13))
    await env.drive(log.close())
  })

  it('a walk that is on its way goes on or says ARCHIVED, never GAP', async () => {
    for (let calls = 0; calls < 40; calls++) {
      const { env, log } = await sealed()
      const walk = log.read()[Symbol.asyncIterator]()
      const seen: number[] = []
      for (let each = 0; each <= calls % 6; each++) {
        const next = await env.drive(walk.next())
        if (next.done !== true) seen.push(next.value.sequence)
      }
      const archiving = log.archiveBefore(9)
      const rest = async (): Promise<string> => {
        try {
          for (let next = await walk.next(); !next.done; next = await walk.next()) seen.push(next.value.sequence)
          return 'end'
        } catch (error) {
          return (error as { readonly code: string }).code
        }
      }
      const end = await env.drive(Promise.all([rest(), archiving]).then(([said]) => said))
      expect(['end', 'ARCHIVED']).toContain(end)
      expect(seen).toEqual(upTo(1, seen.length))
      await env.drive(log.close())
    }
  })

  it('a file that is moved away just before a walk opens it is ARCHIVED', async () => {
    const { env, log } = await sealed()
    const release = env.hold((call) => call.do === 'open' && call.path === segment(1))
    const walking = log
      .read()
      [Symbol.asyncIterator]()
      .next()
      .then(
        () => 'read',
        (error: { readonly code: string }) => error.code,
      )
    await env.drive(log.archiveBefore(9))
    release()
    expect(await env.drive(walking)).toBe('ARCHIVED')
    await env.drive(log.close())
  })

  it('without manifests the archive is adopted, and a live copy is preferred', async () => {
    const { env, log } = await sealed()
    await env.drive(log.archiveBefore(5))
    await env.drive(log.close())
    for (const path of env.files.paths(DIR)) if (path.includes('/manifest-')) env.call({ do: 'unlink', path })
    const again = await open(env)
    expect(again.archives()).toMatchObject([{ ordinal: 1, from: 1, to: 4 }])
    expect(sequences(again)).toEqual(upTo(5, 13))
    await env.drive(again.restore())
    expect(sequences(again)).toEqual(upTo(1, 13))
    await env.drive(again.close())
  })

  it('what a move to archive/ left that failed is removed once the segment is archived elsewhere, and only then', async () => {
    const { env, log } = await sealed()
    const link = (call: CallNote): boolean => call.do === 'link'
    env.calls.fault({ when: link, outcome: 'done-but-reported-failed' })
    await expect(env.drive(log.archiveBefore(5))).rejects.toMatchObject({ code: 'IO' })
    await env.drive(log.archiveBefore(5, { to: ELSEWHERE }))
    await env.drive(log.close())
    const left = `${DIR}/archive/${segmentName(1)}`
    expect(env.files.paths()).toContain(left)
    const away = `${ELSEWHERE}/${segmentName(1)}`
    const bytes = env.files.read(away)
    env.call({ do: 'unlink', path: away })
    await env.drive((await open(env)).close())
    expect(env.files.paths()).toContain(left)
    env.files.write(away, bytes)
    const again = await open(env)
    expect(env.files.paths()).not.toContain(left)
    expect(whereAre(env, ELSEWHERE)[0]).toBe('archived')
    await env.drive(again.restore())
    expect(sequences(again)).toEqual(upTo(1, 13))
    await env.drive(again.close())
  })

  it('a live segment that is only in archive/ is adopted as archived', async () => {
    const { env, log } = await sealed()
    await env.drive(log.close())
    env.call({ do: 'makeDirectory', path: `${DIR}/archive` })
    env.call({ do: 'rename', from: segment(1), to: `${DIR}/archive/${segmentName(1)}` })
    const again = await open(env)
    expect(again.recovery.findings).toMatchObject([{ code: 'ARCHIVED', from: 1, to: 4 }])
    expect(codeOf(() => again.get(2))).toBe('ARCHIVED')
    await env.drive(again.restore())
    expect(sequences(again)).toEqual(upTo(1, 13))
    await env.drive(again.close())
  })
})

/** A log of which segments were moved to `archive/` by hand, its sidecars perhaps with them. */
async function movedByHand(
  ordinals: readonly number[],
  sidecars: 'too' | 'left',
): Promise<{ readonly env: SimulatedEnvironment }> {
  const { env, log } = await sealed()
  await env.drive(log.close())
  env.call({ do: 'makeDirectory', path: `${DIR}/archive` })
  for (const ordinal of ordinals) {
    const names = [segmentName(ordinal), ...(sidecars === 'too' ? [sidecarName(ordinal)] : [])]
    for (const name of names) env.call({ do: 'rename', from: `${DIR}/${name}`, to: `${DIR}/archive/${name}` })
  }
  return { env }
}

describe('segments that somebody moved to archive/', () => {
  it.each([
    ['the first', [1], 'too'],
    ['the first, without its sidecar', [1], 'left'],
    ['one in the middle', [2], 'too'],
    ['all that are sealed', [1, 2, 3], 'too'],
  ] as const)(
    '%s: are sound before the next opening as well, and nothing is changed',
    async (_, ordinals, sidecars) => {
      const { env } = await movedByHand(ordinals, sidecars)
      const [before, paths] = [content(env), env.files.paths()]
      const found = ordinals.map((ordinal) => ({
        code: 'ARCHIVED',
        file: `${DIR}/archive/${segmentName(ordinal)}`,
        from: 4 * ordinal - 3,
        to: 4 * ordinal,
      }))
      const report = await env.drive(verifyLog(DIR, { environment: env }))
      expect(report).toMatchObject({ isSound: true, records: 13, lastSequence: 13, segments: 4, unproven: 0 })
      expect(report.findings).toMatchObject(found)
      const reader = await env.drive(openReadOnly<Item>(DIR, { environment: env, codec: cbor<Item>() }))
      expect(await env.drive(reader.verify())).toMatchObject({ isSound: true, findings: found })
      await env.drive(reader.close())
      expect(env.files.paths()).toEqual(paths)
      expect(content(env)).toEqual(before)
      const again = await open(env)
      expect(again.recovery.findings).toMatchObject(found)
      expect((await env.drive(again.verify())).findings).toEqual([])
      await env.drive(again.close())
    },
  )

  it('are copied as archived ones, and salvaged', async () => {
    const { env } = await movedByHand([1, 2], 'left')
    for (const [copied, to] of [[copyLog, '/copy'] as const, [salvageLog, '/salvaged'] as const]) {
      expect(await env.drive(copied(DIR, to, { environment: env }))).toMatchObject({ lastSequence: 13 })
      const report = await env.drive(verifyLog(to, { environment: env }))
      expect(report).toMatchObject({ records: 13, findings: [] })
    }
    expect(env.files.paths('/copy/archive')).toHaveLength(2)
  })

  it('and that are damaged, cut, or of another log are not called sound', async () => {
    const away = `${DIR}/archive/${segmentName(2)}`
    const damages: Readonly<Record<string, (env: SimulatedEnvironment) => void>> = {
      'a damaged record': (env) => spoil(env, away, 300),
      'a damaged header': (env) => spoil(env, away, 20),
      'a cut one': (env) => env.files.write(away, env.files.read(away).subarray(0, -8)),
      'another segment': (env) => env.files.write(away, env.files.read(segment(3))),
    }
    for (const [name, damage] of Object.entries(damages)) {
      const { env } = await movedByHand([2], 'too')
      damage(env)
      const { isSound, findings } = await env.drive(verifyLog(DIR, { environment: env }))
      expect(isSound, name).toBe(false)
      expect(findings, name).toContainEqual(
        expect.objectContaining({ code: 'GAP', file: segment(2), from: 5, to: 8 }) as unknown,
      )
      await expect(env.drive(copyLog(DIR, '/copy', { environment: env })), name).rejects.toMatchObject({
        code: 'CORRUPT',
      })
    }
  })

  it('are not looked for where archive/ is a file', async () => {
    const { env, log } = await sealed()
    await env.drive(log.close())
    env.call({ do: 'unlink', path: segment(2) })
    env.files.write(`${DIR}/archive`, Buffer.from('mine'))
    const { findings } = await env.drive(verifyLog(DIR, { environment: env }))
    expect(findings).toMatchObject([{ code: 'IGNORED' }, { code: 'GAP', file: segment(2), from: 5, to: 8 }])
  })

  it.each(['archives', 'restores'] as const)(
    'are not those that a writer %s while a verification reads',
    async (act) => {
      for (let index = 1, isMoved = true; isMoved; index++) {
        const { env, log } = await sealed()
        if (act === 'restores') await env.drive(log.archiveBefore(9))
        let count = 0
        const release = env.hold(() => ++count === index)
        const verified = verifyLog(DIR, { environment: env })
        await env.settle()
        isMoved = count >= index
        // The other copies are still there when the verification goes on.
        const remove = env.hold((call) => call.do === 'unlink' && call.path.includes('/segment-'))
        const moved: Promise<unknown> = act === 'restores' ? log.restore() : log.archiveBefore(9)
        await env.settle()
        release()
        expect(await env.drive(verified), `call ${index}`).toMatchObject({ records: 13, findings: [] })
        remove()
        await env.drive(moved)
      }
    },
  )
})

describe('an archived segment, alone in a directory (D20)', () => {
  async function alone(ordinal: number, before = 9) {
    const { env, log } = await sealed()
    await env.drive(log.archiveBefore(before))
    await env.drive(log.close())
    const other = machine(5)
    other.files.makeDirectory('/alone')
    const path = `/alone/${segmentName(ordinal)}`
    other.files.write(path, env.files.read(`${DIR}/archive/${segmentName(ordinal)}`))
    return { env: other, path }
  }
  const openIt = (env: SimulatedEnvironment) =>
    env.drive(openArchived<Item>('/alone', { environment: env, codec: cbor<Item>() }))

  it.each([1, 2])('segment %i opens, gives its values in every way, and is verified', async (ordinal) => {
    const { env } = await alone(ordinal)
    const segments = await openIt(env)
    const [first, last] = [ordinal * 4 - 3, ordinal * 4]
    expect([segments.firstSequence, segments.lastSequence]).toEqual([first, last])
    expect(Array.from(segments.read(), ({ value }) => value)).toEqual(upTo(first, last).map((n) => item(n)))
    expect(Array.from(segments.read({ reverse: true }), ({ value }) => value.n)).toEqual(upTo(first, last).reverse())
    expect(segments.get(first + 1)!.value).toEqual(item(first + 1))
    expect([segments.get(first - 1), segments.get(last + 1)]).toEqual([undefined, undefined])
    const report = await env.drive(segments.verify())
    expect(report).toMatchObject({ isSound: true, records: 4, unproven: 0, findings: [] })
    await env.drive(segments.close())
  })

  it('damage in it is found, and costs its record only', async () => {
    const { env, path } = await alone(2)
    spoil(env, path, env.files.read(path).length - 70)
    const segments = await openIt(env)
    const { findings } = await env.drive(segments.verify())
    expect(findings).toMatchObject([{ code: 'CORRUPT', from: 7, to: 7 }])
    expect(codeOf(() => segments.get(7))).toBe('CORRUPT')
    expect(segments.get(8)!.value).toEqual(item(8))
    spoil(env, path, env.files.read(path).length - 10)
    expect((await env.drive(segments.verify())).findings).toMatchObject([{ from: 7 }, { from: 8, to: 8 }])
    await env.drive(segments.close())
  })

  it('one of a newer version is refused, and one without its header is named where its records are missed', async () => {
    const { env, path } = await alone(1)
    const whole = env.files.read(path)
    const newer = Buffer.from(whole)
    newer.writeUInt16LE(1, 8)
    newer.writeInt32LE(crc32(newer.subarray(0, 12)), 12)
    env.files.write(path, newer)
    await expect(openIt(env)).rejects.toMatchObject({ code: 'UNSUPPORTED_FORMAT' })
    env.files.write(path, whole)
    for (const ordinal of [2, 3]) {
      const other = await alone(ordinal, 13)
      env.files.write(`/alone/${segmentName(ordinal)}`, other.env.files.read(other.path))
    }
    spoil(env, `/alone/${segmentName(2)}`, 20)
    const segments = await openIt(env)
    expect(Array.from([2, 9], (n) => segments.get(n)!.value)).toEqual([item(2), item(9)])
    expect(() => segments.get(6)).toThrow(`no segment that is here, unless in ${segmentName(2)}`)
    expect(codeOf(() => segments.get(6))).toBe('GAP')
    await env.drive(segments.close())
  })

  it('is told from a damaged log as far as its names tell', async () => {
    const { env } = await alone(1)
    const hint = expect.stringContaining('--archived') as string
    const report = await env.drive(verifyLog('/alone', { environment: env }))
    expect(report.findings).toContainEqual(expect.objectContaining({ code: 'CORRUPT', message: hint }))
    const reader = await env.drive(openReadOnly<Item>('/alone', { environment: env, codec: cbor<Item>() }))
    expect(reader.report.findings).toContainEqual(expect.objectContaining({ message: hint }))
    await env.drive(reader.close())
    for (const name of [SLOTS_NAME, manifestName(3)]) {
      env.files.write(`/alone/${name}`, Buffer.alloc(100))
      const { findings } = await env.drive(verifyLog('/alone', { environment: env }))
      expect(findings).not.toContainEqual(expect.objectContaining({ message: hint }))
      env.call({ do: 'unlink', path: `/alone/${name}` })
    }
  })

  it('another codec, nothing, or segments of two logs are refused', async () => {
    const { env, path } = await alone(1)
    const codec = bytes()
    const wrong = env.drive(openArchived('/alone', { environment: env, codec }))
    await expect(wrong).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    const foreign = machine(9)
    const log = await open(foreign)
    fill(log, 2)
    log.roll()
    fill(log, 3)
    await foreign.drive(log.close())
    env.files.write(`/alone/${segmentName(2)}`, foreign.files.read(segment(2)))
    await expect(openIt(env)).rejects.toMatchObject({ code: 'CORRUPT' })
    env.call({ do: 'unlink', path: `/alone/${segmentName(2)}` })
    env.call({ do: 'unlink', path })
    await expect(openIt(env)).rejects.toMatchObject({ code: 'NOT_A_LOG' })
  })
})

describe('a sync of a directory that fails, and takes along names that are not on disk yet', () => {
  const outcome = 'sync-fails-and-drops-dirty-pages'

  /** Sees after a power cut that all records are in the log or come back from its archives. */
  async function expectAll(env: SimulatedEnvironment): Promise<void> {
    const next = env.crash(1, { unsynced: 'lost' })
    const log = await open(next)
    await next.drive(log.restore())
    expect(sequences(log)).toEqual(upTo(1, 13))
    await next.drive(log.close())
  }

  it.each([
    ['archived to archive/', undefined, false],
    ['archived elsewhere', ELSEWHERE, false],
    ['archived to directories that are not there yet', `${ELSEWHERE}/of/2026`, false],
    ['restored from archive/', undefined, true],
    ['restored from elsewhere', ELSEWHERE, true],
  ])('makes nothing of what is %s again go with them', async (_, to, isRestored) => {
    for (let which = 1, isStruck = true; isStruck; which++) {
      const { env, log } = await sealed()
      if (to === ELSEWHERE) env.files.makeDirectory(ELSEWHERE)
      env.files.syncAll()
      const archive = (): Promise<unknown> => log.archiveBefore(9, to === undefined ? {} : { to })
      if (isRestored) await env.drive(archive())
      const move = isRestored ? (): Promise<unknown> => log.restore() : archive
      let count = 0
      env.calls.fault({ when: (call) => call.do === 'syncDirectory' && ++count === which, outcome })
      await env.drive(move()).catch((error: unknown) => expect(error).toMatchObject({ code: 'IO' }))
      isStruck = count >= which
      env.calls.clearFaults()
      await env.drive(move())
      await expectAll(env)
    }
  })

  it('does not take archive/ along when it is that of another', async () => {
    const { env, log } = await sealed()
    const syncs: Call[] = []
    const isSync = (call: Call, which: number): boolean => {
      if (call.do === 'syncDirectory' && !syncs.includes(call)) syncs.push(call)
      return syncs[which] === call
    }
    const [ofAnchor, ofArchive] = [0, 1].map((which) => env.hold((call) => isSync(call, which)))
    const anchored = log
      .anchor({ sequence: 12, ref: 'state', hash: 'ab' })
      .catch((error: { code: string }) => error.code)
    await env.settle()
    const archived = log.archiveBefore(9).catch((error: { code: string }) => error.code)
    await env.settle()
    env.calls.fault({ when: (call) => call.do === 'syncDirectory', outcome })
    ofAnchor!()
    await env.settle()
    ofArchive!()
    expect([await env.drive(anchored), await env.drive(archived)]).toEqual(['IO', 'IO'])
    await env.drive(log.archiveBefore(9))
    await expectAll(env)
  })
})

/** A log of three sealed records and one more in `<directory>/log`, with a link to it beside. */
async function linked(act: (directory: string, log: Log<number>) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(`${tmpdir()}/seglog-archive-`)
  try {
    const log = await openLog<number>(`${directory}/log`)
    log.appendBatch([1, 2, 3])
    log.roll()
    await log.commit(4)
    symlinkSync(`${directory}/log`, `${directory}/link`)
    await act(directory, log)
    await log.close()
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const all = (log: Log<number>): number[] => Array.from(log.read(), ({ value }) => value)

it.each([
  ['the log itself', 'log'],
  ['a link to it', 'link'],
  ['its cut/', 'log/cut'],
  ['another directory in it', 'log/cold'],
  ['one in a directory that is not there', 'log/far/below'],
  ['one in its archive/', 'log/archive/2026'],
  ['one through a link', 'link/cold'],
  ['one in its archive/ through a link', 'link/archive/2026'],
  ['a detour', 'log/../elsewhere/../log/./cold'],
  ['a link out of it', 'log/out'],
  ['a link in another directory that leads in', 'in/cold'],
])('%s is no place for archived segments, and nothing is changed (D18)', async (_, to) => {
  await linked(async (directory, log) => {
    for (const each of ['outside', 'log/within']) mkdirSync(`${directory}/${each}`)
    symlinkSync(`${directory}/outside`, `${directory}/log/out`)
    symlinkSync(`${directory}/log/within`, `${directory}/in`)
    // Waits for what is being sealed.
    await log.archiveBefore(4, { dryRun: true })
    const before = readdirSync(directory, { recursive: true })
    const refused = { code: 'INVALID_ARGUMENT', message: expect.stringContaining('outside of the log') as string }
    const place = `${directory}/${to}`
    await expect(log.archiveBefore(4, { to: place })).rejects.toMatchObject(refused)
    await expect(log.archiveBefore(4, { to: place, dryRun: true })).rejects.toMatchObject(refused)
    const reader = await openReadOnly(`${directory}/log`)
    expect(codeOf(() => reader.planArchive(4, { to: place }))).toBe('INVALID_ARGUMENT')
    await reader.close()
    expect(readdirSync(directory, { recursive: true })).toEqual(before)
    expect(all(log)).toEqual([1, 2, 3, 4])
  })
})

it.each([
  ['its path', 'log/archive'],
  ['its path with a slash behind', 'log/archive/'],
  ['a link to the log', 'link/archive'],
  ['a detour', 'link/../log/./cut/../archive'],
])('archive/ of the log may be named by %s, and stays its own (D18)', async (_, to) => {
  await linked(async (directory, log) => {
    for (const _time of ['not there', 'there']) {
      const { segments } = await log.archiveBefore(4, { to: `${directory}/${to}` })
      expect(segments).toMatchObject([{ from: 1, to: 3, place: `${directory}/log/archive` }])
      await log.restore()
    }
    await log.archiveBefore(4, { to: `${directory}/${to}` })
    await log.copyTo(`${directory}/copy`)
    expect(readdirSync(`${directory}/copy/archive`)).toHaveLength(1)
  })
})

it.each([
  ['the directory that the log is in', '.'],
  ['one beside it whose name begins alike', 'log-cold'],
  ['one that is deep and not there', 'a/b/c'],
  ['one through a link beside it', 'aside/cold'],
])('%s is a place for archived segments (D18)', async (_, to) => {
  await linked(async (directory, log) => {
    mkdirSync(`${directory}/outside`)
    symlinkSync(`${directory}/outside`, `${directory}/aside`)
    await log.archiveBefore(4, { to: `${directory}/${to}` })
    expect(all(log)).toEqual([4])
    expect(readdirSync(`${directory}/${to}`)).toContain(segmentName(1))
    await log.restore()
    expect(all(log)).toEqual([1, 2, 3, 4])
  })
})

describe('retention only plans', () => {
  it.each([
    [{ segments: 1 }, 9],
    [{ segments: 3 }, undefined],
    [{ segments: 0 }, 13],
    [{ bytes: 0 }, 13],
    [{ bytes: 1e9 }, undefined],
    [{ ageMs: 0 }, 13],
    [{ ageMs: 1e9 }, undefined],
    [{ segments: 1, ageMs: 1e9 }, undefined],
  ])('%o keeps records from %s on', async (keep, before) => {
    const { env, log } = await sealed()
    await env.advance(1000)
    expect(log.planRetention(keep).before).toBe(before)
    expect(sequences(log)).toEqual(upTo(1, 13))
    await env.drive(log.close())
  })

  it('of nothing is refused', () => {
    const manifest = { segments: [] } as never
    expect(codeOf(() => planRetention(manifest, {}, 0))).toBe('INVALID_ARGUMENT')
    expect(codeOf(() => planRetention(manifest, { segments: -1 }, 0))).toBe('INVALID_ARGUMENT')
    const misnamed = { segments: 1, records: 1000 } as never
    expect(codeOf(() => planRetention(manifest, misnamed, 0))).toBe('INVALID_ARGUMENT')
  })
})
