import { describe, expect, test } from 'vitest'
import type { CallNote, FaultOutcome } from '../../segments/env/simulated.ts'
import { closeClean, codeOf, expectRecords, on, outcome, record, type Subject, subject } from './world/sim.ts'

const isOfSpare = (call: CallNote): boolean => call.path.includes('/tmp-segment')
/** Zeros, or the hole where there is no time for them. */
const isSpare = (call: CallNote): boolean => isOfSpare(call) && (call.do === 'write' || call.do === 'truncate')
const names = ({ sim }: Subject): string[] => sim.files.paths('/log').filter((path) => /segment/.test(path))
const FULL: readonly FaultOutcome[] = ['ENOSPC', 'EDQUOT', 'EFBIG']

async function commits(it: Subject, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await it.sim.drive(it.log.commit(record(it.log.lastSequence + 1)))
    await it.sim.settle()
  }
}

describe('a segment is prepared ahead', () => {
  test.each(['synced', 'written', 'queued'] as const)(
    'A17 from half of the active one on, at level %s',
    async (level) => {
      const it = await subject(1, { durability: level })
      await commits(it, 10)
      expect(names(it)).toEqual(['/log/segment-0000000001.log'])
      await commits(it, 10)
      expect(names(it)).toEqual(['/log/segment-0000000001.log', '/log/segment-0000000002.log'])
      expect(it.sim.files.read('/log/segment-0000000002.log')).toEqual(new Uint8Array(4096))
      await closeClean(it)
      expectRecords((await on(it.sim)).log, 20)
    },
  )

  test('A16 a roll into a prepared segment adds no sync to the append path', async () => {
    const it = await subject(1, {}, { trace: true, landing: 'prompt' })
    await commits(it, 29)
    const before = it.sim.calls.trace.length
    const told = it.sim.drive(it.log.commit(record(30)))
    await told
    const calls = it.sim.calls.trace.slice(before).map((call) => call.do)
    expect(calls.slice(0, 2)).toEqual(['write', 'write'])
    await closeClean(it)
  })

  test('a loop of synchronous commits goes on in segments made on the spot', async () => {
    const it = await subject(1)
    for (let n = 1; n <= 200; n++) it.log.commitSync(record(n))
    expect(it.log.highWatermark).toBe(200)
    expectRecords(it.log, 200)
    expect(it.env.openFiles.length).toBeLessThan(40)
    await it.sim.settle()
    expectRecords(it.log, 200)
    await closeClean(it)
    const after = await on(it.sim.crash(1, { unsynced: 'lost' }))
    expect(after.log.recovery.end).toBe('closed')
    expectRecords(after.log, 200)
    await closeClean(after)
  })

  test.each([2, 3, 6])('%i rolls in one turn keep every record, and no file is filled on the thread', async (rolls) => {
    for (let seed = 1; seed <= 20; seed++) {
      const it = await subject(seed, {}, { trace: true })
      const opened = it.sim.calls.trace.length
      for (let n = 1; n <= 28 * rolls; n++) it.log.append(record(n))
      await it.sim.drive(it.log.sync())
      const ofSpares = it.sim.calls.trace.slice(opened).filter(isOfSpare)
      const made = ofSpares.filter((call) => call.do === 'open')
      const filled = ofSpares.filter((call) => isSpare(call) || call.do === 'sync')
      expect(filled.length).toBeGreaterThanOrEqual(2 * made.length)
      expect(filled.map((call) => call.mode)).toEqual(filled.map(() => 'started'))
      // Each file is made once: none is thrown away for the next.
      expect(made.length).toBe(names(it).filter((name) => name.endsWith('.log')).length - 1)
      expectRecords(it.log, 28 * rolls)
      await closeClean(it)
      const after = await on(it.sim.crash(seed, { unsynced: 'lost' }))
      expectRecords(after.log, 28 * rolls)
      await closeClean(after)
    }
  })

  test('of several in one turn, one that fails while the one before it is named does not have that made twice', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const it = await subject(seed, {}, { trace: true })
      let closed = 0
      it.sim.calls.fault({
        when: (call) => call.do === 'close' && /tmp-segment/.test(call.path) && ++closed === 2,
        outcome: 'ENOSPC',
      })
      const opened = it.sim.calls.trace.length
      for (let n = 1; n <= 28 * 4; n++) it.log.append(record(n))
      await it.sim.drive(it.log.sync())
      const named = it.sim.calls.trace.slice(opened).filter((call) => call.do === 'rename' && isOfSpare(call))
      // A name may be given to the same file once more, after the sync of another.
      const files = new Map(named.map(({ path, to }) => [path, to]))
      expect([...files.values()]).toEqual([...new Set(files.values())])
      const after = await on(it.sim.crash(seed, { unsynced: 'lost' }))
      expectRecords(after.log, 28 * 4)
      await closeClean(after)
    }
  })

  test('the files for all rolls of one turn are begun before it ends', async () => {
    const it = await subject(1, {}, { trace: true })
    for (let n = 1; n <= 28 * 4; n++) it.log.append(record(n))
    expect(it.sim.calls.trace.filter((call) => call.do === 'open' && isOfSpare(call)).length).toBe(3)
    await it.sim.drive(it.log.sync())
    expectRecords(it.log, 28 * 4)
    await closeClean(it)
  })

  test('rolls in one turn, and then all at once on this thread: every record stays, whatever was under way', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const it = await subject(seed)
      for (let n = 1; n <= 100; n++) it.log.append(record(n))
      for (let steps = 0; steps < seed; steps++) await it.sim.advance(0.01)
      for (let n = 101; n <= 140; n++) it.log.append(record(n))
      it.log.syncNow()
      expect(it.log.highWatermark).toBe(140)
      expectRecords(it.log, 140)
      for (let n = 141; n <= 260; n++) it.log.append(record(n))
      await it.sim.drive(it.log.sync())
      expectRecords(it.log, 260)
      await closeClean(it)
      const after = await on(it.sim.crash(seed, { unsynced: 'lost' }))
      expect(after.log.recovery.end).toBe('closed')
      expectRecords(after.log, 260)
      await closeClean(after)
    }
  })
})

describe('a spare that cannot be made', () => {
  test('fails nothing: it is thrown away, said in stats, and made anew when it is needed', async () => {
    const it = await subject(1)
    await commits(it, 10)
    it.sim.calls.fault({ when: isSpare, outcome: 'EIO' })
    await commits(it, 15)
    expect(it.log.stats().backgroundFailure).toMatchObject({ code: 'IO' })
    expect(names(it)).toEqual(['/log/segment-0000000001.log'])
    await commits(it, 40)
    expect(it.log.stats().backgroundFailure).toBeUndefined()
    expectRecords(it.log, 65)
    expect(await closeClean(it)).toBe('resolved')
  })

  test.each(FULL)(
    'A12 refuses an append with DISK_FULL once the active one is full, and goes on with room: %s',
    async (fault) => {
      const it = await subject(1)
      await commits(it, 10)
      it.sim.calls.fault({ when: isSpare, outcome: fault, times: Infinity })
      await commits(it, 19)
      for (let i = 0; i < 3; i++) {
        expect(codeOf(() => it.log.append(record(30)))).toBe('DISK_FULL')
        expect(codeOf(() => it.log.commitSync(record(30)))).toBe('DISK_FULL')
        expect(codeOf(() => it.log.appendBatch([record(30), record(31)]))).toBe('DISK_FULL')
        const told = outcome(it.log.commit(record(30)))
        await it.sim.settle()
        expect(told.is()).toBe('DISK_FULL')
      }
      expect([it.log.lastSequence, it.log.highWatermark]).toEqual([29, 29])
      expectRecords(it.log, 29)
      it.sim.calls.clearFaults()
      expect(it.log.commitSync(record(30))).toBe(30)
      await commits(it, 40)
      expectRecords(it.log, 70)
      expect(await closeClean(it)).toBe('resolved')
    },
  )

  test.each(FULL)('A12 a spare that fails while groups wait for it fails them with DISK_FULL: %s', async (fault) => {
    const it = await subject(1)
    it.sim.calls.fault({ when: isSpare, outcome: fault, times: Infinity })
    const told = Array.from({ length: 40 }, (_, i) => outcome(it.log.commit(record(i + 1))))
    await it.sim.settle()
    const codes = told.map((each) => each.is())
    expect(codes.slice(0, 29)).toEqual(Array.from({ length: 29 }, () => 'resolved'))
    expect(new Set(codes.slice(29))).toEqual(new Set(['DISK_FULL']))
    expectRecords(it.log, 29)
    await closeClean(it)
    it.sim.calls.clearFaults()
    const after = await on(it.sim)
    expect(after.log.highWatermark).toBe(29)
    after.log.commitSync(record(30))
    expectRecords(after.log, 30)
    await closeClean(after)
  })

  test.each(FULL)('A12 a manifest that cannot be written keeps the spare from use: %s', async (fault) => {
    const it = await subject(1)
    await commits(it, 10)
    const isManifest = (call: CallNote): boolean => call.path.includes('/tmp-manifest') && call.do === 'write'
    it.sim.calls.fault({ when: isManifest, outcome: fault, times: Infinity })
    await commits(it, 19)
    expect(codeOf(() => it.log.append(record(30)))).toBe('DISK_FULL')
    expectRecords(it.log, 29)
    it.sim.calls.clearFaults()
    await commits(it, 40)
    expectRecords(it.log, 69)
    await closeClean(it)
    const after = await on(it.sim.crash(2))
    expectRecords(after.log, 69)
    await closeClean(after)
  })
})

describe('A12 a disk that fills up', () => {
  test.each([0, 1, 2, 3, 4, 5, 6, 7])(
    'never loses what was acknowledged, and the log goes on with room: %i pages left',
    async (pages) => {
      const it = await subject(pages + 1)
      await commits(it, 5)
      const files = it.sim.files.paths('/log').filter((path) => !path.endsWith('.sock'))
      const used = files.reduce((sum, path) => sum + Math.ceil(it.sim.files.read(path).length / 4096), 0)
      it.sim.capacity = (used + pages) * 4096
      let acknowledged = 5
      const codes = new Set<string>()
      for (let i = 0; i < 300; i++) {
        const next = record(it.log.lastSequence + 1)
        if (i % 3 === 0) codes.add(codeOf(() => (acknowledged = it.log.commitSync(next))))
        else
          await it.sim.drive(
            it.log.commit(next).then(
              (n) => void (acknowledged = n),
              (error: { readonly code: string }) => codes.add(error.code),
            ),
          )
        if (i % 5 === 0) await it.sim.settle()
      }
      expect([...codes].filter((code) => !['returned', 'DISK_FULL', 'FAILED'].includes(code))).toEqual([])
      expect(codes).toContain('DISK_FULL')
      expect(it.log.highWatermark).toBe(acknowledged)
      expectRecords(it.log, acknowledged)
      await closeClean(it)
      const cut = it.sim.crash(1)
      cut.capacity = Infinity
      const after = await on(cut)
      expect(after.log.highWatermark).toBeGreaterThanOrEqual(acknowledged)
      for (let i = 0; i < 60; i++) after.log.commitSync(record(after.log.lastSequence + 1))
      expectRecords(after.log, after.log.highWatermark)
      await closeClean(after)
    },
  )
})

describe('a sync of the directory that fails, and takes along names that are not on disk yet', () => {
  const RECORDS = 200
  const DROPS = 'sync-fails-and-drops-dirty-pages'

  interface Run {
    readonly it: Subject
    /** How many records were acknowledged when the power is cut. */
    readonly acknowledged: number
    readonly isStruck: boolean
  }

  async function run(seed: number, which: number): Promise<Run> {
    const it = await subject(seed)
    let count = 0
    it.sim.calls.fault({ when: (call) => call.do === 'syncDirectory' && ++count === which, outcome: DROPS })
    let acknowledged = 0
    const note = (sequence: number): void => void (acknowledged = Math.max(acknowledged, sequence))
    const fill = record(1)
    // Rolls so close to each other that one segment is sealed while the next is named.
    for (let n = 1; n <= RECORDS; n++) {
      try {
        if (n % 45 === seed % 45) note(it.log.commitSync(fill))
        else it.log.commit(fill).then(note, () => undefined)
      } catch (error) {
        expect((error as { readonly code: string }).code).toMatch(/IO|FAILED/)
      }
      if (n % 20 === 0) await it.sim.drive(it.log.sync()).catch(() => undefined)
    }
    return { it, acknowledged, isStruck: count >= which }
  }

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'nothing that was acknowledged goes with them: the %i. of them',
    async (which) => {
      let struck = 0
      for (let seed = 1; seed <= 20; seed++) {
        const { it, acknowledged, isStruck } = await run(seed, which)
        if (isStruck) struck += 1
        const after = await on(it.sim.crash(seed, { unsynced: 'lost' }))
        expect(after.log.highWatermark, `seed ${seed}`).toBeGreaterThanOrEqual(acknowledged)
        await closeClean(after)
      }
      expect(struck).toBe(20)
    },
  )
})
