import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Log, openLog } from '../../../lib/index.ts'
import { Child, type End } from './children.ts'
import type { ExitSettings } from './exit-child.ts'
import { temporaryDirectory } from './machine.ts'
import { ANY_SEED, SMALL_SEGMENT_BYTES, type Sample, problemsOf } from './records.ts'

/** The slots of an idle log are synced after a tenth of a second; whatever holds a process longer holds it for ever. */
const ENDS_WITHIN_MS = 10_000

interface Run {
  readonly child: Child
  readonly end: End | 'hangs'
  /** What it left, opened here. */
  readonly log: Log<Sample>
}

async function run(settings: Omit<ExitSettings, 'directory'>): Promise<Run> {
  const directory = path.join(temporaryDirectory(), 'log')
  const child = new Child('exit-child.ts', { directory, ...settings })
  const end = await child.endWithin(ENDS_WITHIN_MS)
  const log = await openLog<Sample>(directory, { segmentBytes: SMALL_SEGMENT_BYTES })
  return { child, end, log }
}

/** Last record, once all of them were looked at. */
async function soundUpTo(log: Log<Sample>): Promise<number> {
  expect(problemsOf(log, { seed: ANY_SEED, beganAfter: [0], acknowledged: 0 })).toEqual([])
  const { lastSequence } = log
  await log.close()
  return lastSequence
}

const DONE = { code: 0, signal: null }

describe('the end of a process', () => {
  test('an open log keeps no process alive; its lock is left, proven dead and taken over', async () => {
    const { end, log } = await run({ program: 'open', records: 0 })
    expect(end).toEqual(DONE)
    expect(log.recovery.end).toBe('clean')
    expect(await soundUpTo(log)).toBe(0)
  })

  test('a closed log keeps no process alive', async () => {
    const { end, log } = await run({ program: 'open and close', records: 0 })
    expect(end).toEqual(DONE)
    expect(log.recovery.end).toBe('closed')
    expect(await soundUpTo(log)).toBe(0)
  })

  // What the docs may say: work under way keeps the event loop alive, so a process that comes to its natural end has
  // written all that it appended, without `close`. Nobody was told so, and `process.exit` takes it back.
  test.each([1, 40, 600])(
    '%i records appended and never awaited are all there after a natural end',
    async (records) => {
      const { end, log } = await run({ program: 'append', records })
      expect(end).toEqual(DONE)
      expect(log.recovery.end).toBe('clean')
      expect(await soundUpTo(log)).toBe(records)
    },
  )

  test('process.exit right after append loses what nobody was told is there, and harms nothing', async () => {
    const { end, log } = await run({ program: 'append and exit', records: 300 })
    expect(end).toEqual(DONE)
    expect(log.recovery.end).toMatch(/^(clean|torn)$/)
    expect(await soundUpTo(log)).toBeLessThan(300)
  })

  test('a writer that fails while nobody asks does not bring the process down', async () => {
    const { child, end, log } = await run({ program: 'append to a failing disk', records: 40 })
    expect(child.lines).toEqual(['appended 40', 'durable 0', 'alive'])
    expect(end).toEqual(DONE)
    expect(log.recovery.end).toBe('clean')
    expect(await soundUpTo(log)).toBe(0)
  })

  test('an answer that is let go is an unhandled rejection, like that of any promise', async () => {
    const { child, end, log } = await run({ program: 'ask a failing disk', records: 40 })
    expect(child.lines).toEqual(['appended 40'])
    expect(end).not.toEqual(DONE)
    expect(await soundUpTo(log)).toBe(0)
  })
})
