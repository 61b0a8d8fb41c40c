import { describe, expect, test } from 'vitest'
import type { CallNote, FaultOutcome } from '../../segments/env/simulated.ts'
import { closeClean, codeOf, expectRecords, on, outcome, record, subject } from './world/sim.ts'

const isSegment = (call: CallNote): boolean => /\/segment-\d+\.log$/.test(call.path)
const isGroup = (call: CallNote): boolean => call.do === 'write' && isSegment(call)

describe('A6 acknowledged means synced, by default', () => {
  test.each([1, 2, 3, 4, 5, 6])('A6 no power cut after the promise resolves loses a record, seed %i', async (seed) => {
    const { sim, log } = await subject(seed)
    let acknowledged = 0
    for (let n = 1; n <= 60; n++) {
      const told = log.commit(record(n)).then((sequence) => (acknowledged = sequence))
      if (n % 3 === 0) continue
      await sim.drive(told)
      if (n % 7 !== 0) continue
      const machine = sim.clone(n)
      const count = acknowledged
      for (const unsynced of ['lost', 'any'] as const) {
        const after = await on(machine.clone(n).crash(n * seed, { unsynced }))
        expect(after.log.highWatermark).toBeGreaterThanOrEqual(count)
        expectRecords(after.log, after.log.highWatermark)
        await closeClean(after)
      }
    }
  })

  test('A10 the high-watermark moves only after the sync, and readers see nothing before', async () => {
    const { sim, log } = await subject(1)
    const release = sim.hold((call) => call.do === 'write')
    const told = outcome(log.commit(record(1)))
    await sim.settle()
    expect([told.is(), log.lastSequence, log.highWatermark, log.get(1), [...log.read()]]).toEqual([
      'pending',
      1,
      0,
      undefined,
      [],
    ])
    release()
    await sim.settle()
    expect([told.is(), log.highWatermark]).toEqual(['resolved', 1])
    expectRecords(log, 1)
  })
})

const FAULTS: readonly (readonly [string, FaultOutcome, string])[] = [
  ['EIO', 'EIO', 'IO'],
  ['done but reported failed', 'done-but-reported-failed', 'IO'],
  ['dirty pages dropped', 'sync-fails-and-drops-dirty-pages', 'IO'],
  ['dirty pages kept', 'sync-fails-and-keeps-pages', 'IO'],
  ['ENOSPC', 'ENOSPC', 'DISK_FULL'],
  ['EDQUOT', 'EDQUOT', 'DISK_FULL'],
  ['EFBIG', 'EFBIG', 'DISK_FULL'],
  ['a short count', { bytes: 40 }, 'DISK_FULL'],
  ['a short count, then an error', { bytes: 40, error: 'ENOSPC' }, 'DISK_FULL'],
]

describe('a close', () => {
  test.each([
    ['open', 1],
    ['read', 1],
    ['close', 1],
    ['unlink', 1],
    ['unlink', 2],
  ] as const)('lets go of the lock where an %s of its file fails, %i times', async (what, times) => {
    for (const failure of ['EIO', 'done-but-reported-failed'] as const) {
      const world = await subject(1)
      await world.sim.drive(world.log.commit(record(1)))
      const when = (call: CallNote): boolean => call.do === what && /\/lock-\d+$/.test(call.path)
      world.sim.calls.fault({ when, outcome: failure, times })
      await world.sim.drive(world.log.close())
      world.sim.calls.clearFaults()
      const other = await on(world.sim.spawn(2))
      expectRecords(other.log, 1)
      await closeClean(other)
    }
  })
})

describe('a write or sync that fails is final', () => {
  test.each(FAULTS)(
    'A11 A12 a group that meets %s fails all waiters and all later appends with that cause',
    async (_, fault, code) => {
      const it = await subject(1)
      const { sim, log } = it
      for (let n = 1; n <= 3; n++) await sim.drive(log.commit(record(n)))
      sim.calls.fault({ when: isGroup, outcome: fault })
      const waiters = [
        log.commit(record(4)),
        log.commit(record(5), { durability: 'written' }),
        log.durable(4),
        log.sync(),
      ]
      const told = waiters.map(outcome)
      expect(outcome(log.durable(3)).is()).toBe('pending')
      await sim.settle()
      expect(told.map((each) => each.is())).toEqual([code, code, code, code])
      expect(log.highWatermark).toBe(3)
      expectRecords(log, 3)
      const later = [log.commit(record(6)), log.durable(4), log.durable(5), log.sync(), log.ready()].map(outcome)
      await sim.settle()
      expect(later.map((each) => each.is())).toEqual(['FAILED', 'FAILED', 'FAILED', 'FAILED', 'FAILED'])
      for (const act of [
        () => log.append(record(6)),
        () => log.commitSync(record(6)),
        () => log.syncNow(),
        () => log.roll(),
      ])
        expect(codeOf(act)).toBe('FAILED')
      const calls = sim.calls.count
      await sim.advance(10_000)
      expect(sim.calls.count - calls).toBeLessThanOrEqual(1)
      expect(await closeClean(it)).toBe('FAILED')
      const after = await on(sim.crash(1, { unsynced: 'lost' }))
      expect([3, 4, 5]).toContain(after.log.highWatermark)
      expectRecords(after.log, after.log.highWatermark)
      after.log.commitSync(record(after.log.highWatermark + 1))
      await closeClean(after)
    },
  )

  test.each(FAULTS)(
    'A11 A12 a synchronous commit that meets %s throws it, and all that come later fail',
    async (_, fault, code) => {
      const it = await subject(1)
      const { sim, log } = it
      log.commitSync(record(1))
      sim.calls.fault({ when: isGroup, outcome: fault })
      const earlier = outcome(log.commit(record(2)))
      expect(codeOf(() => log.commitSync(record(3)))).toBe(code)
      await sim.settle()
      expect([earlier.is(), log.highWatermark]).toEqual([code, 1])
      expect(codeOf(() => log.commitSync(record(4)))).toBe('FAILED')
      expect(await closeClean(it)).toBe('FAILED')
    },
  )

  test('A11 the cause of a failure is what the system said', async () => {
    const { sim, log } = await subject(1)
    sim.calls.fault({ when: isGroup, outcome: 'EUCLEAN' })
    const error: unknown = await sim.drive(log.commit(record(1)).catch((reason: unknown) => reason))
    expect(error).toMatchObject({ name: 'SeglogError', code: 'IO', cause: { errno: -117 } })
    const later: unknown = await sim.drive(log.commit(record(2)).catch((reason: unknown) => reason))
    expect(later).toMatchObject({ code: 'FAILED', cause: { code: 'IO', cause: { errno: -117 } } })
  })

  test('A11 B11 who follows gets all that is durable, and then FAILED with the cause, whenever it began', async () => {
    const it = await subject(1)
    const { sim, log } = it
    for (let n = 1; n <= 3; n++) await sim.drive(log.commit(record(n)))
    const waiting = log.follow({ from: 4 })[Symbol.asyncIterator]().next()
    const told = outcome(waiting)
    await sim.settle()
    expect(told.is()).toBe('pending')
    sim.calls.fault({ when: isGroup, outcome: 'EUCLEAN' })
    const failed = outcome(log.commit(record(4)))
    await sim.settle()
    expect([failed.is(), told.is()]).toEqual(['IO', 'FAILED'])
    const error: unknown = await waiting.catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'FAILED', cause: { code: 'IO', cause: { errno: -117 } } })
    const got: number[] = []
    const all = async (): Promise<void> => {
      for await (const { sequence } of log.follow()) got.push(sequence)
    }
    expect(await sim.drive(all().catch((reason: { readonly code: string }) => reason.code))).toBe('FAILED')
    expect(got).toEqual([1, 2, 3])
    await closeClean(it)
  })

  test('A11 weak records fail with the sync that was to make them durable', async () => {
    const it = await subject(1, { durability: 'written' })
    const { sim, log } = it
    for (let n = 1; n <= 3; n++) await sim.drive(log.commit(record(n)))
    expect(log.highWatermark).toBe(0)
    sim.calls.fault({ when: (call) => call.do === 'sync' && isSegment(call), outcome: 'EIO' })
    const told = [log.commit(record(4)), log.durable(2), log.sync()].map(outcome)
    await sim.advance(1000)
    expect(told.map((each) => each.is())).toEqual(['IO', 'IO', 'IO'])
    const later = [log.durable(1), log.durable(3), log.durable(4), log.sync()].map(outcome)
    await sim.settle()
    expect(later.map((each) => each.is())).toEqual(['FAILED', 'FAILED', 'FAILED', 'FAILED'])
    expect(log.highWatermark).toBe(0)
    await closeClean(it)
  })

  test('A11 an append above the hard limit that meets it throws it, and what was queued is unknown', async () => {
    const { sim, log } = await subject(5, { queueSoftBytes: 4096, queueHardBytes: 4096, segmentBytes: 64 * 1024 })
    sim.hold((call) => call.do === 'write')
    sim.calls.fault({ when: isGroup, outcome: 'EIO' })
    let appended = 0
    const burst = (): void => {
      for (; appended < 10_000; appended++) log.append(record(appended + 1))
    }
    expect(codeOf(burst)).toBe('IO')
    expect([log.lastSequence, log.highWatermark]).toEqual([appended + 1, 0])
    expect(codeOf(() => log.append(record(1)))).toBe('FAILED')
  })

  test('A10 a slot that cannot be written moves nothing and fails the writer', async () => {
    const it = await subject(1)
    const { sim, log } = it
    await sim.drive(log.commit(record(1)))
    sim.calls.fault({ when: (call) => call.do === 'write' && call.path === '/log/durable', outcome: 'EIO' })
    const told = outcome(log.commit(record(2)))
    await sim.settle()
    expect([told.is(), log.highWatermark, log.get(2)]).toEqual(['IO', 1, undefined])
    expect(await closeClean(it)).toBe('FAILED')
  })
})
