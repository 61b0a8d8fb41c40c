import { describe, expect, test } from 'vitest'
import { bytes } from '../../lib/codecs/bytes.ts'
import { openReadOnly } from '../../lib/open.ts'
import { copyLog, salvageLog, verifyLog } from '../../lib/operations.ts'
import { runNow } from '../../segments/env/steps.ts'
import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { newestManifest } from '../../segments/manifest-files.ts'
import { type Subject, closeClean, expectRecords, numberOf, on, record, subject } from '../lib/world/sim.ts'

/**
 * A loop of synchronous commits lets nothing run that was left to the background: past a few, segments are sealed on the
 * spot, before those that wait for it. Whoever looks at such a log, beside its writer or after it was killed, sees a sound one.
 */

const CODEC = bytes()

/** How the segments are listed, in order: s for sealed, o for open. */
function states(environment: SimulatedEnvironment): string {
  const manifest = runNow(environment, newestManifest('/log', undefined))!
  return manifest.segments.map(({ state }) => state[0]).join('')
}

async function expectReadable(environment: SimulatedEnvironment, directory: string, count: number): Promise<void> {
  const log = await environment.drive(openReadOnly(directory, { environment, codec: CODEC }))
  const numbers = Array.from({ length: count }, (_, index) => index + 1)
  expect(Array.from(log.read(), ({ value }) => numberOf(value))).toEqual(numbers)
  expect(numbers.map((n) => numberOf(log.get(n)!.value))).toEqual(numbers)
  await environment.drive(log.close())
}

/** After so many synchronous commits in one turn of the event loop. */
async function committed(count: number, chain: 'none' | 'sha256'): Promise<Subject> {
  const it = await subject(count, { chain })
  for (let n = 1; n <= count; n++) it.log.commitSync(record(n))
  return it
}

const MOMENTS: readonly (readonly [string, (it: Subject) => SimulatedEnvironment])[] = [
  ['beside its writer', ({ sim }) => sim.spawn(2)],
  ['after a kill', ({ sim }) => sim.kill(2)],
  ['after a power cut', ({ sim }) => sim.crash(2, { unsynced: 'lost' })],
]

describe.each(MOMENTS)('segments that were sealed before those in front of them, %s', (moment, later) => {
  test.each([
    [150, 'none'],
    [171, 'none'],
    [400, 'none'],
    [250, 'sha256'],
  ] as const)('%i commits, chain %s: verified, copied, salvaged, read', async (count, chain) => {
    const it = await committed(count, chain)
    const environment = later(it)
    expect(states(environment)).toMatch(/os/)
    const report = await environment.drive(verifyLog('/log', { environment }))
    expect([report.findings, report.records, report.lastSequence]).toEqual([[], count, count])
    // The slot that proves the last one was not synced.
    const proven = moment === 'after a power cut' ? count - 1 : count
    await expectReadable(environment, '/log', proven)
    for (const [make, to, made] of [[copyLog, '/copy', proven] as const, [salvageLog, '/salvaged', count] as const]) {
      expect((await environment.drive(make('/log', to, { environment }))).lastSequence).toBe(made)
      const verified = await environment.drive(verifyLog(to, { environment }))
      expect([verified.findings, verified.records, verified.lost]).toEqual([[], made, []])
      await expectReadable(environment, to, made)
    }
    if (moment === 'beside its writer') await closeClean(it)
    expectRecords((await on(environment)).log, count)
  })
})
