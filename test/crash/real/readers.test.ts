import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { openLog, openReadOnly } from '../../../lib/index.ts'
import { realFeeds } from '../../examples/real-feeds.ts'
import { Child } from './children.ts'
import type { FeedRecord, FeedSettings } from './feed-child.ts'
import { pictureOf } from './hostile.ts'
import { mountSmall, openHandles, skipped, temporaryDirectory, whyNoDisk } from './machine.ts'
import type { ReadSettings, WasRead } from './read-child.ts'
import { ANY_SEED, SMALL_SEGMENT_BYTES, type Sample, sample } from './records.ts'

const NOBODY = 65_534
const isRoot = process.getuid?.() === 0

/** A log with some segments; closed, or left as by a kill of its writer. */
async function madeLog(directory: string): Promise<void> {
  const log = await openLog<Sample>(directory, { segmentBytes: SMALL_SEGMENT_BYTES })
  for (let sequence = 1; sequence <= 400; sequence++) log.append(sample(ANY_SEED, 1, sequence))
  await log.close()
}

/** Everything of a directory, and when each file was last changed. */
function lookOf(directory: string): unknown {
  const times = fs.readdirSync(directory).map((name) => {
    const { mtimeNs, ctimeNs } = fs.statSync(path.join(directory, name), { bigint: true })
    return [name, mtimeNs, ctimeNs]
  })
  return [pictureOf(directory), times, fs.statSync(directory, { bigint: true }).mtimeNs]
}

async function read(settings: ReadSettings): Promise<WasRead> {
  const child = new Child('read-child.ts', settings)
  const found = await child.told<WasRead>('read')
  expect(await child.ended).toEqual({ code: 0, signal: null })
  return found
}

const WHOLE = { end: 'closed', count: 400, last: 400, single: 200, followed: 400 }

test('B13 another user who may not write reads all, and changes nothing', async () => {
  const base = temporaryDirectory()
  fs.chmodSync(base, 0o755)
  const directory = path.join(base, 'log')
  await madeLog(directory)
  for (const name of fs.readdirSync(directory)) fs.chmodSync(path.join(directory, name), 0o444)
  fs.chmodSync(directory, 0o555)
  const before = lookOf(directory)
  expect(await read({ directory, ...(isRoot ? { uid: NOBODY } : {}) })).toEqual(WHOLE)
  expect(lookOf(directory)).toEqual(before)
  fs.chmodSync(directory, 0o755)
})

test.skipIf(skipped('a read-only disk', whyNoDisk('tmpfs')))('B13 a disk that is mounted to read', async () => {
  const mount = mountSmall('tmpfs', 4 * 1024 * 1024)
  const directory = path.join(mount, 'log')
  await madeLog(directory)
  expect(spawnSync('mount', ['-o', 'remount,ro', mount]).status).toBe(0)
  expect(await read({ directory })).toEqual(WHOLE)
})

const FEED = realFeeds[0]!
const KILLS = 6
const PER_LIFE = 1500

test(
  'B12 a follower beside a writer that is killed again and again: each record once, in order, none too early',
  { timeout: 120_000 },
  async () => {
    const directory = path.join(temporaryDirectory(), 'log')
    const settings = (life: number): FeedSettings => ({
      directory,
      feed: FEED.absent ? undefined : FEED.path,
      count: PER_LIFE * life,
    })
    // The log is made by the first one.
    let child = new Child('feed-child.ts', settings(1))
    await child.line('ack')
    const reader = await openReadOnly<FeedRecord>(directory)
    const got: string[] = []
    let problem: unknown
    const following = (async () => {
      for await (const { sequence, value } of reader.follow()) {
        if (value.n !== sequence || sequence !== got.length + 1)
          throw new Error(`record ${value.n} at ${got.length + 1}`)
        got.push(value.message)
      }
    })().catch((error: unknown) => (problem = error))
    let opened = 0
    let isOver = false
    const another = (async () => {
      while (!isOver) {
        const second = await openReadOnly<FeedRecord>(directory)
        const { highWatermark } = second
        let count = 0
        for (const { value } of second.read({ from: Math.max(1, highWatermark - 100) })) count += value.n > 0 ? 1 : 0
        if (highWatermark > 0 && count === 0) throw new Error('a second reader found nothing')
        await second.close()
        opened += 1
      }
    })().catch((error: unknown) => (problem = error))
    const handles = openHandles()
    let acknowledged = 0
    for (let life = 1; life <= KILLS; life++) {
      const last = PER_LIFE * life - ((life * 97) % 700)
      const isThere = (): boolean =>
        child.lines.some((line) => line.startsWith('ack ') && Number(line.slice(4)) >= last)
      while (!isThere()) await new Promise((resolve) => setTimeout(resolve, 5))
      await child.kill()
      for (const line of child.lines) if (line.startsWith('ack ')) acknowledged = Number(line.slice(4))
      if (life < KILLS) child = new Child('feed-child.ts', settings(life + 1))
    }
    while (got.length < acknowledged && problem === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
    isOver = true
    await another
    await reader.close()
    await following
    expect(problem).toBeUndefined()
    expect(openHandles()).toBeLessThanOrEqual(handles + 2)
    // What it saw is what the log holds: nothing that a recovery took back.
    const log = await openLog<FeedRecord>(directory)
    expect(log.lastSequence).toBeGreaterThanOrEqual(got.length)
    const held = Array.from(log.read({ to: got.length }), ({ value }) => value.message)
    expect(held).toEqual(got)
    await log.close()
    console.log(
      `followed ${got.length} records through ${KILLS} kills; another reader opened and closed ${opened} times`,
    )
    expect(opened).toBeGreaterThan(KILLS)
  },
)
