import { describe, expect, test } from 'vitest'
import { bytes } from '../../lib/codecs/bytes.ts'
import { openLogWith } from '../../lib/open.ts'
import type { CallNote, FaultOutcome, SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { SeglogError } from '../../segments/errors.ts'
import { Watched } from './world/watched.ts'
import { SEGMENT_BYTES, expectRecords, numberOf, on, outcome, record, subject } from './world/sim.ts'

interface Life {
  readonly acknowledged: number
  readonly errors: unknown[]
  readonly env: Watched
}

/** Opens, appends in all ways over several rolls, reads, and closes; goes on after any error as a user might. */
async function live(sim: SimulatedEnvironment): Promise<Life> {
  const env = new Watched(sim)
  const errors: unknown[] = []
  let acknowledged = 0
  const opened = openLogWith(
    '/log',
    { codec: bytes(), environment: env, segmentBytes: SEGMENT_BYTES },
    SEGMENT_BYTES,
  ).catch((error: unknown) => void errors.push(error))
  const log = await sim.drive(opened)
  if (log === undefined) return { acknowledged, errors, env }
  const attempt = (act: () => unknown): void => {
    try {
      act()
    } catch (error) {
      errors.push(error)
    }
  }
  const told = (work: Promise<number>): Promise<void> =>
    work.then(
      (sequence) => void (acknowledged = Math.max(acknowledged, sequence)),
      (error: unknown) => void errors.push(error),
    )
  const next = (): Uint8Array => record(log.lastSequence + 1, 300)
  for (let round = 0; round < 4; round++) {
    const waiters: Promise<void>[] = []
    for (let i = 0; i < 5; i++) waiters.push(told(log.commit(next(), i === 2 ? { durability: 'written' } : {})))
    await sim.settle()
    waiters.push(told(log.commit(next())))
    attempt(() => (acknowledged = Math.max(acknowledged, log.commitSync(next()))))
    attempt(() => expect(Array.from(log.read(), (e) => numberOf(e.value)).length).toBe(log.highWatermark))
    attempt(() => log.get(1))
    const walk = log.read({ from: 3 })[Symbol.asyncIterator]()
    await sim.drive(walk.next().catch((error: unknown) => errors.push(error)))
    await sim.drive(walk.return!().catch((error: unknown) => errors.push(error)))
    await sim.drive(Promise.all(waiters))
  }
  await sim.drive(log.close().catch((error: unknown) => errors.push(error)))
  await sim.advance(1000)
  return { acknowledged, errors, env }
}

/** A machine with a closed log of a few segments on it, and what its second life does when nothing fails. */
async function prepared(): Promise<SimulatedEnvironment> {
  const first = await subject(1, {}, { trace: true })
  for (let n = 1; n <= 30; n++) first.log.commitSync(record(n, 300))
  await first.sim.drive(first.log.close())
  return first.sim
}

/** Calls that the system may answer in this way. */
function allows(call: CallNote, fault: FaultOutcome): boolean {
  if (fault === 'EMFILE') return call.do === 'open'
  return fault === 'EIO' || ['open', 'write', 'rename', 'sync', 'unlink'].includes(call.do)
}

async function livesWith(machine: SimulatedEnvironment, index: number, fault: FaultOutcome): Promise<void> {
  const sim = machine.clone(7)
  sim.calls.fault({ when: (call) => call.index === index, outcome: fault })
  const { env, errors, acknowledged } = await live(sim)
  const where = `call ${index} with ${JSON.stringify(fault)}`
  expect(env.breaches, where).toEqual([])
  expect([env.outstanding.size, env.openFiles], where).toEqual([0, []])
  const strangers = errors.filter((error) => !(error instanceof SeglogError))
  expect(strangers, where).toEqual([])
  const after = await on(sim.crash(index, { unsynced: 'lost' }))
  expect(after.log.highWatermark, where).toBeGreaterThanOrEqual(acknowledged)
  expectRecords(after.log, after.log.highWatermark)
  expect(outcome(after.log.close()).is()).toBe('pending')
}

describe('whichever call fails', () => {
  const faults: FaultOutcome[] = ['EIO', 'EMFILE', 'ENOSPC']
  test.each(faults)('every file is closed, every error is typed, nothing acknowledged is lost: %s', async (fault) => {
    const machine = await prepared()
    const sim = machine.clone(7)
    const free = await live(sim)
    expect(free.errors).toEqual([])
    const problems: unknown[] = []
    for (const call of sim.calls.trace) {
      if (!allows(call, fault)) continue
      const { index } = call
      await livesWith(machine, index, fault).catch((error: unknown) => problems.push((error as Error).message))
    }
    expect(problems).toEqual([])
  })
})
