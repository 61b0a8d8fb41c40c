import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { openLog } from '../../../lib/index.ts'
import { Child } from './children.ts'
import type { FillReport, FillSettings } from './fill-child.ts'
import { skipped, temporaryDirectory, whyNot } from './machine.ts'
import { type Expected, type Sample, problemsOf, sample } from './records.ts'

const SEGMENT_BYTES = 1024 * 1024
const SEED = 5
const FIRST = 'segment-0000000001.log'

interface Fault {
  readonly name: string
  readonly how: FillSettings['how']
  /** A system call on this file, and which of its calls fails; counted by the thread. */
  readonly file: string
  readonly call: string
  readonly from: number
  /** 6000 roll. */
  readonly records?: number
}

/**
 * One thread in the pool, because strace counts by the thread. Once struck, the call goes on to fail: a log that tried
 * again would be seen to. A group goes out by `pwrite64` through an O_DSYNC descriptor of the segment: so an error of it
 * is an error of the write or of its sync.
 */
function under(fault: Fault, directory: string, trace: string): string[] {
  const { file, call, from } = fault
  const inject = `inject=${call}:error=EIO:when=${from}+`
  return ['strace', '-f', '-qq', '-o', trace, '-e', `trace=${call}`, '-P', path.join(directory, file), '-e', inject]
}

async function run(fault: Fault): Promise<{ directory: string; expected: Expected; child: Child; struck: number }> {
  const base = temporaryDirectory()
  const directory = path.join(base, 'log')
  // The file that is struck is there from the start, with ten records in it.
  const log = await openLog<Sample>(directory, { segmentBytes: SEGMENT_BYTES })
  for (let sequence = 1; sequence <= 10; sequence++) log.append(sample(SEED, 1, sequence))
  await log.close()
  const expected = { seed: SEED, beganAfter: [0], acknowledged: 10 }
  const { how, records = 6000 } = fault
  const settings: FillSettings = { directory, segmentBytes: SEGMENT_BYTES, expected, records, how }
  const trace = path.join(base, 'trace')
  const options = { under: under(fault, directory, trace), environment: { UV_THREADPOOL_SIZE: '1' } }
  const child = new Child('fill-child.ts', settings, options)
  expect(await child.endWithin(30_000)).toEqual({ code: 0, signal: null })
  const struck = fs
    .readFileSync(trace, 'utf8')
    .split('\n')
    .filter((line) => line.includes('(INJECTED)')).length
  return { directory, expected, child, struck }
}

async function checkAfter(directory: string, expected: Expected, acknowledged: number): Promise<string> {
  const log = await openLog<Sample>(directory, { segmentBytes: SEGMENT_BYTES })
  const beganAfter = [...expected.beganAfter, 10]
  expect(problemsOf(log, { ...expected, beganAfter, acknowledged })).toEqual([])
  const began = log.lastSequence
  for (let sequence = began + 1; sequence <= began + 10; sequence++) await log.commit(sample(SEED, 3, sequence))
  expect(problemsOf(log, { ...expected, beganAfter: [...beganAfter, began], acknowledged: began + 10 })).toEqual([])
  await log.close()
  return log.recovery.end
}

const traceable = whyNot('strace', '-f', '-qq', '-o', '/dev/null', '-e', 'trace=fdatasync', '-P', '/', 'true')

describe.skipIf(skipped('injected errors of system calls', traceable))('EIO, injected', () => {
  test.each<Fault>([
    { name: 'a group write', how: 'commit', file: FIRST, call: 'pwrite64', from: 30 },
    { name: 'a synchronous write', how: 'commitSync', file: FIRST, call: 'pwrite64', from: 30 },
    { name: 'the first write', how: 'commit', file: FIRST, call: 'pwrite64', from: 1 },
    { name: 'a group write amid a pile', how: 'pile', file: FIRST, call: 'pwrite64', from: 1 },
    { name: 'the sync of a segment that is full', how: 'written', file: FIRST, call: 'fdatasync', from: 1 },
    { name: 'a sync that was asked for', how: 'written', file: FIRST, call: 'fdatasync', from: 1, records: 400 },
    // The opening writes the first two slots; from then on each group that was synced writes one.
    { name: 'the write of a slot', how: 'commit', file: 'durable', call: 'pwrite64', from: 20 },
  ])('in $name: the writer fails for good, all that was acknowledged is there', async (fault) => {
    const { directory, expected, child, struck } = await run(fault)
    const report = await child.told<FillReport>('report')
    if (fault.how !== 'pile') expect(report.failure).toEqual(['IO', 'EIO'])
    expect(report.problems).toEqual([])
    expect(report.highWatermark).toBe(report.acknowledged)
    expect(report.lastSequence).toBeGreaterThan(report.acknowledged)
    for (const code of report.rejected) expect(code).toMatch(/^(IO|FAILED)$/)
    const { 'durable acknowledged': safe, ...others } = report.answers
    expect(safe).toBe('ok')
    for (const [what, code] of Object.entries(others)) expect(code, what).toMatch(/^(IO|FAILED)$/)
    // Not once more, for whatever was asked after the first failure.
    expect(struck).toBe(1)
    // Who appended and never waited learns it at the latest here.
    expect(child.lines.at(-1)).toBe('close "FAILED"')
    expect(await checkAfter(directory, expected, report.acknowledged)).toMatch(/^(clean|torn|ambiguous)$/)
  })

  test('in a read while opening: IO, and nothing is changed', async () => {
    const fault: Fault = { name: '', how: 'commit', file: FIRST, call: 'pread64', from: 1 }
    const { directory, expected, child, struck } = await run(fault)
    expect(struck).toBeGreaterThan(0)
    expect(await child.told<string[]>('refused')).toEqual(['IO', 'EIO'])
    expect(await checkAfter(directory, { ...expected, beganAfter: [0] }, 10)).toBe('closed')
  })

  test('in the sync of the directory while opening: IO, and the log opens without it', async () => {
    const fault: Fault = { name: '', how: 'commit', file: '.', call: 'fsync', from: 1 }
    const { directory, expected, child, struck } = await run(fault)
    expect(struck).toBeGreaterThan(0)
    const refused = await child.line('refused')
    if (refused !== undefined) expect(await child.told<string[]>('refused')).toEqual(['IO', 'EIO'])
    const acknowledged = refused === undefined ? (await child.told<FillReport>('report')).acknowledged : 10
    await checkAfter(directory, expected, acknowledged)
  })
})
