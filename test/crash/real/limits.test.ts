import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { openLog } from '../../../lib/index.ts'
import { Child } from './children.ts'
import type { FillReport, FillSettings } from './fill-child.ts'
import { skipped, temporaryDirectory, whyNot } from './machine.ts'
import { type Expected, type Sample, problemsOf, sample } from './records.ts'

/** The first segment of a log is at most this long, so a limit below it strikes inside the active segment. */
const FIRST_SEGMENT_BYTES = 1024 * 1024
const SEGMENT_BYTES = 4 * FIRST_SEGMENT_BYTES
const SEED = 7

const limited = (bytes: number): string[] => ['prlimit', `--fsize=${bytes}`]

/** A closed log with a few records, whose first segment has its full length. */
async function begun(directory: string): Promise<Expected> {
  const log = await openLog<Sample>(directory, { segmentBytes: SEGMENT_BYTES })
  for (let sequence = 1; sequence <= 20; sequence++) log.append(sample(SEED, 1, sequence))
  await log.close()
  return { seed: SEED, beganAfter: [0], acknowledged: 20 }
}

async function fill(settings: FillSettings, limitBytes: number): Promise<Child> {
  const child = new Child('fill-child.ts', settings, { under: limited(limitBytes) })
  expect(await child.endWithin(20_000)).toEqual({ code: 0, signal: null })
  return child
}

/** Without the limit: all that was acknowledged is there, and the log goes on. */
async function checkWithoutLimit(directory: string, expected: Expected): Promise<string> {
  const life = expected.beganAfter.length + 1
  const log = await openLog<Sample>(directory, { segmentBytes: SEGMENT_BYTES })
  expect(problemsOf(log, expected)).toEqual([])
  const first = log.lastSequence + 1
  for (let sequence = first; sequence < first + 20; sequence++) await log.commit(sample(SEED, life, sequence))
  await log.close()
  const again = await openLog<Sample>(directory, { segmentBytes: SEGMENT_BYTES })
  const beganAfter = [...expected.beganAfter, first - 1]
  expect(again.recovery.end).toBe('closed')
  expect(problemsOf(again, { ...expected, beganAfter, acknowledged: first + 19 })).toEqual([])
  await again.close()
  return log.recovery.end
}

const reason = whyNot('prlimit', '--fsize=1000000', 'true')

describe.skipIf(skipped('a limit for the size of files', reason))('RLIMIT_FSIZE', () => {
  // 700,000 lies on no boundary: there the kernel takes a part of the write and says no error.
  test.each([
    { how: 'commit', limitBytes: 700_000 },
    { how: 'commitSync', limitBytes: 700_000 },
    { how: 'written', limitBytes: 700_001 },
    { how: 'commit', limitBytes: 4096 * 170 },
  ] as const)('in the active segment, $how up to $limitBytes bytes: DISK_FULL, and nothing is lost', async (each) => {
    const directory = path.join(temporaryDirectory(), 'log')
    const expected = await begun(directory)
    const { how, limitBytes } = each
    const child = await fill({ directory, segmentBytes: SEGMENT_BYTES, expected, records: 1e6, how }, limitBytes)
    const report = await child.told<FillReport>('report')
    expect(report.failure[0]).toBe('DISK_FULL')
    expect(report.problems).toEqual([])
    expect(report.highWatermark).toBe(report.acknowledged)
    // The first segment holds some 2,000 of these records.
    if (how !== 'written') expect(report.acknowledged).toBeGreaterThan(500)
    for (const code of report.rejected) expect(code).toMatch(/^(DISK_FULL|FAILED)$/)
    const answers = Object.entries(report.answers).filter(([what]) => what !== 'durable acknowledged')
    expect(report.answers['durable acknowledged']).toBe('ok')
    for (const [what, code] of answers) expect(code, what).toMatch(/^(DISK_FULL|FAILED)$/)
    const { acknowledged } = report
    const end = await checkWithoutLimit(directory, { ...expected, beganAfter: [0, 20], acknowledged })
    expect(end).toMatch(/^(clean|torn|ambiguous)$/)
  })

  test('who asks only after the failure is rejected too, also for what was still queued', async () => {
    const directory = path.join(temporaryDirectory(), 'log')
    const expected = await begun(directory)
    const child = await fill({ directory, segmentBytes: SEGMENT_BYTES, expected, records: 9000, how: 'pile' }, 700_000)
    const { answers, problems, acknowledged } = await child.told<FillReport>('report')
    expect(problems).toEqual([])
    for (const what of ['durable first', 'durable middle', 'durable last', 'sync', 'ready', 'append', 'commit']) {
      expect(answers[what], what).toMatch(/^(DISK_FULL|FAILED)$/)
    }
    expect(answers['durable acknowledged']).toBe('ok')
    await checkWithoutLimit(directory, { ...expected, beganAfter: [0, 20], acknowledged })
  })

  test('below the first segment: the opening says DISK_FULL, and the next one without it makes the log', async () => {
    const directory = path.join(temporaryDirectory(), 'log')
    const expected = { seed: SEED, beganAfter: [], acknowledged: 0 }
    const settings = { directory, segmentBytes: SEGMENT_BYTES, expected, records: 10, how: 'commit' } as const
    const child = await fill(settings, 100_000)
    expect(await child.told<string[]>('refused')).toEqual(['DISK_FULL', 'EFBIG'])
    expect(await checkWithoutLimit(directory, expected)).toBe('new')
  })

  test('between the first segment and the configured length: smaller segments serve', async () => {
    const directory = path.join(temporaryDirectory(), 'log')
    const expected = { seed: SEED, beganAfter: [], acknowledged: 0 }
    const settings = { directory, segmentBytes: SEGMENT_BYTES, expected, records: 7000, how: 'commit' } as const
    const child = await fill(settings, 2 * FIRST_SEGMENT_BYTES)
    const report = await child.told<FillReport>('report')
    expect(report).toMatchObject({ failure: [], acknowledged: 7000, problems: [] })
    expect(await checkWithoutLimit(directory, { ...expected, beganAfter: [0], acknowledged: 7000 })).toBe('closed')
  })

  test('a log that was left in a crash opens under a limit that its copy does not fit into, or fails unharmed', async () => {
    const directory = path.join(temporaryDirectory(), 'log')
    const nothing = { seed: SEED, beganAfter: [], acknowledged: 0 }
    const settings = {
      directory,
      segmentBytes: SEGMENT_BYTES,
      expected: nothing,
      records: 1000,
      how: 'commit',
    } as const
    const crashed = new Child('fill-child.ts', { ...settings, leave: true })
    expect(await crashed.endWithin(20_000)).toEqual({ code: 0, signal: null })
    const expected = { seed: SEED, beganAfter: [0], acknowledged: 1000 }
    for (const limitBytes of [300_000, 3000]) {
      const child = await fill({ ...settings, expected, records: 1e6 }, limitBytes)
      const report = await child.line('report')
      if (report === undefined) expect((await child.told<string[]>('refused'))[0]).toBe('DISK_FULL')
      else expect((await child.told<FillReport>('report')).failure[0]).toBe('DISK_FULL')
    }
    await checkWithoutLimit(directory, { ...expected, beganAfter: [0, 1000] })
  })
})
