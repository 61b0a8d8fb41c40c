import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  BYTE_VALUES,
  CBOR_VALUES,
  type Command,
  type Exploration,
  explore,
  type ExploreOptions,
  KEY_WORKLOAD,
  KEYED_VALUES,
  LogSubject,
  SHAPE_WORKLOAD,
  WORKLOADS,
} from '../../lib/testing.ts'
import type { FaultOutcome } from '../../segments/env/simulated.ts'
import { failingCommands, operatedCommands, soundCommands } from './arbitraries.ts'

/**
 * A bounded exploration: a minute of what `npm run crash` goes on with, the same on every machine as long as time allows:
 * all explorations of this file share what is left of one limit, for machines that are busy. Short workloads die in each
 * of their calls.
 */
const SEED = 20_261
const CASES_MAX = 2_500
const UNTIL_MS = performance.now() + 105_000

const LEAST_MS = 1_000

function exploreWithin(subject: LogSubject, options: ExploreOptions<Command>): Promise<Exploration> {
  const withinMs = Math.max(LEAST_MS, UNTIL_MS - performance.now())
  return explore(subject, { casesMax: CASES_MAX, ...options, withinMs })
}

describe('whenever a process dies or the power goes, the promises hold', () => {
  const bySize = Object.entries(WORKLOADS)
  test.each(bySize)('%s', async (_name, commands) => {
    const done = await exploreWithin(new LogSubject(), { seed: SEED, commands, nested: 1 })
    // Where time did not allow for all of them: on a machine with much else to do.
    expect(done.cases).toBeGreaterThan(done.isPartial ? 0 : 100)
    if (done.isPartial) console.warn(`only ${done.cases} cases, because time was up`)
    else if (done.calls < 70) expect(done.points).toBeGreaterThan(2 * done.calls)
  })

  test('object shapes that appear late', async () => {
    const subject = new LogSubject({ values: CBOR_VALUES })
    await exploreWithin(subject, { seed: SEED, commands: SHAPE_WORKLOAD, every: 5, nested: 1 })
  })

  test('B14 keys are in step with their records, while they are written, sealed and after each crash', async () => {
    const subject = new LogSubject({ values: KEYED_VALUES })
    await exploreWithin(subject, { seed: SEED, commands: KEY_WORKLOAD, every: 5, nested: 1 })
  })

  test('each call of a reopening is the last one, after a commit that was torn', async () => {
    const commands = [{ do: 'commit', size: 300, wait: true } as const, { do: 'commitSync', size: 20 } as const]
    const options = { commands, every: 20, moments: ['during' as const], outcomes: 0, nestedAtEach: true }
    await exploreWithin(new LogSubject(), { ...options, seed: 59 })
  })

  test('random workloads with an operator', async () => {
    for (const [seed, commands] of fc.sample(operatedCommands(8), { seed: SEED, numRuns: 4 }).entries()) {
      await exploreWithin(new LogSubject(), { seed, commands, every: 11, nested: 1 })
    }
  })

  test('random workloads', async () => {
    for (const [index, commands] of fc.sample(soundCommands(8), { seed: SEED, numRuns: 6 }).entries()) {
      const values = index % 2 === 0 ? BYTE_VALUES : CBOR_VALUES
      await exploreWithin(new LogSubject({ values }), { seed: index, commands, every: 11, nested: 1 })
    }
  })
})

describe('and so they do with a hash chain, of which each opening may be verified', () => {
  const names = ['batches across rolls', 'closed and opened', 'copied and salvaged while it is written']
  test.each(names)('%s', async (name) => {
    const commands = WORKLOADS[name]!
    await exploreWithin(new LogSubject({ chain: 'sha256' }), { seed: SEED, commands, every: 7 })
  })
})

describe('and so they do with compressed payloads, whose setting changes with the openings', () => {
  const compressions = ['none', 'deflate', 'brotli'] as const

  test('shapes that appear late', async () => {
    const subject = new LogSubject({ values: CBOR_VALUES, compressions })
    await exploreWithin(subject, { seed: SEED, commands: SHAPE_WORKLOAD, every: 5, nested: 1 })
  })

  test('rolls, reopenings, copies', async () => {
    const commands: Command[] = [
      { do: 'commit', size: 300, wait: true },
      { do: 'close-and-open' },
      { do: 'commitSync', size: 300 },
      { do: 'roll' },
      { do: 'batch', sizes: [200, 8, 200], how: 'wait' },
      { do: 'close-and-open' },
      { do: 'commitSync', size: 400 },
      { do: 'copy', wait: true },
      { do: 'salvage', rot: 33 },
      { do: 'commit', size: 100, wait: true },
    ]
    const subject = new LogSubject({ compressions, chain: 'sha256', trailBytes: 128 })
    await exploreWithin(subject, { seed: SEED, commands, every: 5, nested: 1 })
  })

  test('random workloads', async () => {
    for (const [seed, commands] of fc.sample(soundCommands(8), { seed: SEED + 1, numRuns: 4 }).entries()) {
      await exploreWithin(new LogSubject({ compressions }), { seed, commands, every: 11, nested: 1 })
    }
  })
})

describe('and so they do with limits that small logs reach', () => {
  test.each([
    ['a queue of a few records', { queueSoftBytes: 64, queueHardBytes: 256 }],
    ['a trail with a leg each few records', { trailBytes: 128 }],
    ['a sync every 20 ms', { durability: 'written', syncIntervalMs: 20 } as const],
  ])('%s', async (_name, limits) => {
    const pause: Command = { do: 'pause', ms: 50 }
    for (const [seed, commands] of fc.sample(soundCommands(8), { seed: SEED, numRuns: 3 }).entries()) {
      const options = { seed, commands: [...commands, pause, { do: 'ready' } as const], every: 11, nested: 1 }
      await exploreWithin(new LogSubject(limits), { ...options })
    }
  })
})

describe('whichever call fails, what was acknowledged is there after a restart', () => {
  const outcomes: FaultOutcome[] = [
    'EIO',
    'ENOSPC',
    { bytes: 3 },
    { bytes: 100, error: 'EIO' },
    'done-but-reported-failed',
    'sync-fails-and-drops-dirty-pages',
    'sync-fails-and-keeps-pages',
  ]
  test.each(outcomes)('%j', async (outcome) => {
    const commands = [...WORKLOADS['synchronous commits through several segments']!, ...WORKLOADS['one record']!]
    await exploreWithin(new LogSubject(), { seed: SEED, commands, every: 7, faults: [outcome] })
  })

  test('a read on a live log that ends before the file does is an error of the disk, and no damage', async () => {
    const commands: Command[] = [
      { do: 'commitSync', size: 400 },
      { do: 'commit', size: 400, wait: true },
      { do: 'read', how: 'now' },
      { do: 'commitSync', size: 40 },
      { do: 'read', how: 'later' },
    ]
    await exploreWithin(new LogSubject(), { seed: 3, commands, faults: [{ bytes: 0 }], every: 2 })
  })

  test('each call of a reopening, after a tail was torn: a failed read is never the end', async () => {
    const commands: Command[] = [
      { do: 'commitSync', size: 400 },
      { do: 'commit', size: 400, wait: true },
      { do: 'commit', size: 40, level: 'written', wait: true },
    ]
    const faults: FaultOutcome[] = ['EIO', { bytes: 5 }, { bytes: 5, error: 'EIO' }]
    const options = { commands, faults, nestedAtEach: true, every: 10_000 }
    await exploreWithin(new LogSubject(), { ...options, seed: 6288 })
  })

  test('archive, restore, copy and salvage on a system that fails', async () => {
    const outcomes: FaultOutcome[] = ['EIO', 'ENOSPC', 'sync-fails-and-drops-dirty-pages']
    for (const name of ['archived and restored, here and elsewhere', 'copied and salvaged while it is written']) {
      const options = { commands: WORKLOADS[name]!, every: 29, faults: outcomes }
      await exploreWithin(new LogSubject(), { ...options, seed: SEED })
    }
  })

  test('random workloads that fail, and die', async () => {
    for (const [seed, commands] of fc.sample(failingCommands(8), { seed: SEED, numRuns: 6 }).entries()) {
      await exploreWithin(new LogSubject(), { seed, commands, every: 11, nested: 1 })
    }
  })
})
