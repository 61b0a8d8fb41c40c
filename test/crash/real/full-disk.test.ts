import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Log, SeglogError, openLog } from '../../../lib/index.ts'
import { Child } from './children.ts'
import type { FillReport, FillSettings } from './fill-child.ts'
import { type SmallDisk, fillDisk, freeBytes, mountSmall, skipped, whyNoDisk } from './machine.ts'
import { type Expected, type Sample, problemsOf, sample } from './records.ts'

const SEGMENT_BYTES = 128 * 1024
const SEED = 11
/** A small ext4 needs a megabyte for its journal. */
const DISK_BYTES: Readonly<Record<SmallDisk, number>> = { tmpfs: 1536 * 1024, ext4: 4 * 1024 * 1024 }

const open = (directory: string): Promise<Log<Sample>> => openLog<Sample>(directory, { segmentBytes: SEGMENT_BYTES })

function codeOf(error: unknown): string {
  if (!(error instanceof SeglogError)) throw error
  return error.code
}

/** Mounts a disk on which something else takes space, and gives the directory of a log on it. */
function smallDisk(kind: SmallDisk): { mount: string; directory: string; makeRoom: () => void } {
  const mount = mountSmall(kind, DISK_BYTES[kind])
  const ballast = path.join(mount, 'ballast')
  fs.writeFileSync(ballast, Buffer.alloc(400 * 1024))
  return { mount, directory: path.join(mount, 'log'), makeRoom: () => fs.rmSync(ballast) }
}

interface Filled {
  /** The last record that was acknowledged. */
  readonly acknowledged: number
  /** Of the error that ended it. */
  readonly code: string
}

/** Appends until the disk is full, in every way, or one record after another. */
async function fillUp(log: Log<Sample>, way: 'mixed' | 'one by one'): Promise<Filled> {
  let acknowledged = log.highWatermark
  try {
    for (;;) {
      acknowledged = await log.commit(sample(SEED, 1, log.lastSequence + 1))
      if (way === 'one by one') continue
      const from = log.lastSequence + 1
      const values = Array.from({ length: 30 }, (_, index) => sample(SEED, 1, from + index, from, from + 29))
      acknowledged = from % 2 === 1 ? await log.commitBatch(values) : log.commitBatchSync(values)
    }
  } catch (error) {
    return { acknowledged, code: codeOf(error) }
  }
}

/** Opens, checks, appends twenty, closes; then once more to see them. */
async function goOn(directory: string, expected: Expected): Promise<void> {
  const life = expected.beganAfter.length + 1
  const log = await open(directory)
  expect(problemsOf(log, expected)).toEqual([])
  const began = log.lastSequence
  for (let sequence = began + 1; sequence <= began + 20; sequence++) await log.commit(sample(SEED, life, sequence))
  await log.close()
  const again = await open(directory)
  expect(again.recovery.end).toBe('closed')
  const beganAfter = [...expected.beganAfter, began]
  expect(problemsOf(again, { ...expected, beganAfter, acknowledged: began + 20 })).toEqual([])
  await again.close()
}

function namesIn(directory: string): string[] {
  return fs.existsSync(directory) ? fs.readdirSync(directory).sort() : []
}

describe.each(['tmpfs', 'ext4'] as const)('a full disk (%s)', (kind) => {
  const disk = test.skipIf(skipped(`a small ${kind}`, whyNoDisk(kind)))

  disk('is met before a record is acknowledged; all that was is readable at once, and later', async () => {
    const { directory, makeRoom } = smallDisk(kind)
    const log = await open(directory)
    const { acknowledged, code } = await fillUp(log, 'mixed')
    expect(code).toBe('DISK_FULL')
    expect(acknowledged).toBeGreaterThan(300)
    const expected = { seed: SEED, beganAfter: [0], acknowledged }
    expect(problemsOf(log, expected)).toEqual([])
    expect(await log.commit(sample(SEED, 1, log.lastSequence + 1)).catch(codeOf)).toMatch(/^(\d+|DISK_FULL|FAILED)$/)
    // It says so where even the mark of a clean close finds no room, and where records were lost that nobody waited for.
    expect(await log.close().then(() => 'ok', codeOf)).toMatch(/^(ok|DISK_FULL|FAILED)$/)
    makeRoom()
    await goOn(directory, expected)
  })

  disk('lets the same log go on once there is room, unless its writer failed', async () => {
    const { directory, makeRoom } = smallDisk(kind)
    const log = await open(directory)
    const { acknowledged } = await fillUp(log, 'one by one')
    const isFailed = (await log.sync().catch(codeOf)) !== undefined
    makeRoom()
    if (!isFailed) {
      const next = log.lastSequence + 1
      expect(await log.commit(sample(SEED, 1, next))).toBe(next)
    }
    expect(await log.close().then(() => 'ok', codeOf)).toBe(isFailed ? 'FAILED' : 'ok')
    await goOn(directory, { seed: SEED, beganAfter: [0], acknowledged: acknowledged + (isFailed ? 0 : 1) })
  })

  disk('opens a closed log, or fails unharmed, with any little room that is left', async () => {
    const { mount, directory, makeRoom } = smallDisk(kind)
    const log = await open(directory)
    const { acknowledged } = await fillUp(log, 'mixed')
    await log.close().catch(codeOf)
    const expected = { seed: SEED, beganAfter: [0], acknowledged }
    for (const leaveBytes of [0, 8192, 40_000]) {
      const free = fillDisk(mount, leaveBytes)
      const again = await open(directory).catch(codeOf)
      if (typeof again === 'string') expect(again).toBe('DISK_FULL')
      else {
        expect(problemsOf(again, expected)).toEqual([])
        await again.close().catch(codeOf)
      }
      free()
    }
    makeRoom()
    await goOn(directory, expected)
  })

  disk('opens a log that was left in a crash, or fails unharmed', async () => {
    const { mount, directory, makeRoom } = smallDisk(kind)
    const nothing = { seed: SEED, beganAfter: [], acknowledged: 0 }
    const how = { segmentBytes: SEGMENT_BYTES, expected: nothing, records: 1e6, how: 'commit', leave: true } as const
    const settings: FillSettings = { directory, ...how }
    const child = new Child('fill-child.ts', settings)
    onTestFinished(() => child.kill().then(() => undefined))
    expect(await child.endWithin(20_000)).toEqual({ code: 0, signal: null })
    const report = await child.told<FillReport>('report')
    expect(report.failure[0]).toBe('DISK_FULL')
    expect(report.problems).toEqual([])
    const expected = { seed: SEED, beganAfter: [0], acknowledged: report.acknowledged }
    for (const leaveBytes of [0, 8192, 60_000]) {
      const free = fillDisk(mount, leaveBytes)
      const again = await open(directory).catch(codeOf)
      if (typeof again === 'string') expect(again).toBe('DISK_FULL')
      else {
        expect(problemsOf(again, expected)).toEqual([])
        await again.close().catch(codeOf)
      }
      free()
    }
    makeRoom()
    await goOn(directory, expected)
  })

  disk('an opening that fails there leaves nothing behind', async () => {
    const { mount, directory, makeRoom } = smallDisk(kind)
    const nothing = { seed: SEED, beganAfter: [], acknowledged: 0 }
    const how = { segmentBytes: SEGMENT_BYTES, expected: nothing, records: 0, how: 'commit', leave: true } as const
    const child = new Child('fill-child.ts', { directory, ...how } satisfies FillSettings)
    expect(await child.endWithin(20_000)).toEqual({ code: 0, signal: null })
    const before = namesIn(directory).filter((name) => !name.startsWith('lock-'))
    for (const leaveBytes of [0, 24_000]) {
      const free = fillDisk(mount, leaveBytes)
      const freeBefore = freeBytes(mount)
      for (let attempt = 0; attempt < 3; attempt++) expect(await open(directory).catch(codeOf)).toBe('DISK_FULL')
      const after = namesIn(directory).filter((name) => !name.startsWith('lock-'))
      free()
      expect(after, `with ${leaveBytes} bytes free`).toEqual(before)
      expect(freeBefore).toBeLessThan(leaveBytes + 8192)
    }
    makeRoom()
    await goOn(directory, nothing)
  })
})
