import { describe, expect, test } from 'vitest'
import { bytes } from '../../lib/codecs/bytes.ts'
import type { Log } from '../../lib/log.ts'
import { openArchived } from '../../lib/open.ts'
import { copyLog, type VerifyOptions, verifyLog } from '../../lib/operations.ts'
import type { OpenOptions } from '../../lib/options.ts'
import type { VerifyReport } from '../../recovery/verify.ts'
import type { Environment } from '../../segments/env/environment.ts'
import { FrameEncoder } from '../../segments/format/frame.ts'
import { KIND } from '../../segments/format/layout.ts'
import { followChain, type PlainFrame, type PlainSegment, putFrame, segmentsIn } from '../chain/frames.ts'
import {
  codeLater,
  everywhere,
  expected,
  fill,
  numbers,
  open,
  openToRead,
  overwrite,
  readFile,
  record,
} from './worlds.ts'
import type { World } from './worlds.ts'

const openChained = (world: World, options: OpenOptions<Uint8Array> = {}): Promise<Log<Uint8Array>> =>
  open(world, { chain: 'sha256', checkpointRecords: 7, ...options })

const verify = ({ env, directory, wait }: World, options: VerifyOptions = {}, of = directory): Promise<VerifyReport> =>
  wait(verifyLog(of, { ...options, environment: env }))

/** All files below a directory. */
function filesIn(env: Environment, directory: string): (readonly [path: string, bytes: Buffer])[] {
  return env.call({ do: 'list', path: directory }).flatMap(({ name, kind }) => {
    const path = `${directory}/${name}`
    if (kind === 'directory') return filesIn(env, path)
    return kind === 'file' ? [[path, readFile(env, path)] as const] : []
  })
}

const segmentsOf = ({ env, directory }: World): PlainSegment[] => segmentsIn(filesIn(env, directory))

/** The last hash, as whoever knows only the specification computes it. */
const followed = (world: World): string => followChain(segmentsOf(world)).toString('hex')

/** Changes the frame of a record where it stands, its CRC mended. */
function tamper(world: World, n: number, change: (frame: PlainFrame) => void): void {
  for (const { path, header, frames } of segmentsOf(world)) {
    const frame = frames.find(({ kind, sequence }) => kind === KIND.record && sequence === n)
    if (frame === undefined) continue
    change(frame)
    const whole = Buffer.alloc(frame.at + 2 * frame.length)
    expect(putFrame(new FrameEncoder(), whole, frame.at, header, frame)).toBe(frame.length)
    overwrite(world.env, path, frame.at, whole.subarray(frame.at, frame.at + frame.length))
  }
}

/** Makes the directory what it was: who can write to it can take back what was acknowledged. */
function putBack({ env, directory }: World, files: readonly (readonly [path: string, bytes: Buffer])[]): void {
  for (const [path] of filesIn(env, directory)) env.call({ do: 'unlink', path })
  for (const [path, bytes] of files) {
    env.call({ do: 'close', handle: env.call({ do: 'open', path, access: 'create' }) })
    overwrite(env, path, 0, bytes)
  }
}

/** What is changed, and how many records do not follow then. */
const TAMPERINGS: readonly (readonly [name: string, change: (frame: PlainFrame) => void, count: number])[] = [
  ['its value', ({ payload }) => void (payload[9]! ^= 1), 1],
  ['its time', (frame) => void (frame.timestamp += 1n), 1],
  ['its hash', ({ hash }) => void (hash![31]! ^= 0x80), 2],
]

everywhere((world) => {
  test('D14 the chain goes on over rolls and restarts: the head of who writes and who reads is that of the last frame', async () => {
    let at = world()
    for (let life = 1; life <= 4; life++) {
      const log = await openChained(at)
      if (life > 1) expect(log.head()!.hash).toBe(followed(at))
      await fill(log, 25)
      await at.wait(log.commitBatch([record(1), record(2), record(3)]))
      const head = { sequence: life * 28, hash: followed(at) }
      const reader = await openToRead(at)
      expect([log.head(), reader.head()]).toEqual([head, head])
      await at.wait(reader.close())
      expect(await at.wait(log.verify({ expect: head }))).toMatchObject({
        isSound: true,
        records: head.sequence,
        chain: { from: 1, head, attested: [{ from: 1, to: head.sequence }] },
      })
      // Only the simulator can kill a process and go on.
      if (life % 2 === 0 && at.killed !== undefined) at = { ...at, env: at.killed() }
      else await at.wait(log.close())
    }
    expect(segmentsOf(at).length).toBeGreaterThan(3)
  })

  test('D14 a log without a chain has no head, and none is begun in it', async () => {
    const log = await open(world())
    await fill(log, 3)
    expect(log.head()).toBe(undefined)
    expect((await world().wait(log.verify())).chain).toBe(undefined)
    await world().wait(log.close())
    expect(await codeLater(openChained(world()))).toBe('INVALID_ARGUMENT')
    expect(await codeLater(verify(world(), { from: 'checkpoint' }))).toBe('INVALID_ARGUMENT')
  })

  test('D15 checkpoints are no records, and a verification from the newest one hashes only what follows', async () => {
    const log = await openChained(world(), { segmentBytes: 65_536 })
    await fill(log, 30)
    expect(numbers(log.read())).toBe(expected(1, 30))
    await world().wait(log.close())
    const { frames } = segmentsOf(world())[0]!
    const marks = frames.flatMap(({ kind, sequence }) => (kind === KIND.checkpoint ? [sequence - 1] : []))
    expect(marks).toEqual([7, 14, 21, 28])
    tamper(world(), 20, TAMPERINGS[0]![1])
    expect(await verify(world(), { from: 'checkpoint' })).toMatchObject({ isSound: true, chain: { from: 29 } })
    expect((await verify(world())).findings).toMatchObject([{ code: 'HASH_MISMATCH', from: 20, to: 20 }])
  })

  describe('D13 with its CRC mended', () => {
    test.each(TAMPERINGS)('%s cannot be changed unseen', async (_, change, count) => {
      const log = await openChained(world(), { segmentBytes: 65_536 })
      await fill(log, 20)
      const head = log.head()!
      await world().wait(log.close())
      const before = filesIn(world().env, world().directory)
      for (const n of [1, 2, 7, 8, 19]) {
        tamper(world(), n, change)
        const { isSound, findings } = await verify(world(), { expect: head })
        const wrong = Array.from({ length: count }, (_, i) => ({ code: 'HASH_MISMATCH', from: n + i, to: n + i }))
        expect([n, isSound, findings]).toMatchObject([n, false, wrong])
        putBack(world(), before)
      }
      expect(await verify(world(), { expect: head })).toMatchObject({ isSound: true, findings: [] })
    })
  })

  test('D16 a head that was kept elsewhere shows that the log was put back to what it was', async () => {
    let log = await openChained(world())
    await fill(log, 50)
    const early = log.head()!
    await world().wait(log.close())
    const before = filesIn(world().env, world().directory)
    log = await openChained(world())
    await fill(log, 12)
    const late = log.head()!
    await world().wait(log.close())
    for (const from of ['first', 'checkpoint'] as const) {
      for (const head of [early, late]) expect(await verify(world(), { expect: head, from })).toMatchObject(SOUND)
    }
    putBack(world(), before)
    expect(await verify(world())).toMatchObject(SOUND)
    for (const from of ['first', 'checkpoint'] as const) {
      expect(await verify(world(), { expect: early, from })).toMatchObject(SOUND)
      const { findings } = await verify(world(), { expect: late, from })
      expect(findings).toMatchObject([{ code: 'HASH_MISMATCH', from: 51, to: 62 }])
    }
  })

  test('D14 copied, archived and restored, the log has the head that it had, and archived segments are attested alone', async () => {
    const { env: environment, directory, wait } = world()
    const log = await openChained(world())
    await fill(log, 60)
    const head = log.head()!
    await wait(copyLog(directory, `${directory}-copy`, { environment }))
    expect(await verify(world(), { expect: head }, `${directory}-copy`)).toMatchObject({
      isSound: true,
      chain: { head },
    })
    await wait(log.archiveBefore(40))
    const first = log.firstSequence
    expect(first).toBeGreaterThan(1)
    const archived = await wait(openArchived<Uint8Array>(`${directory}/archive`, { codec: bytes(), environment }))
    expect((await wait(archived.verify())).chain).toMatchObject({ from: 1, attested: [{ from: 1, to: first - 1 }] })
    await wait(archived.close())
    expect(await wait(log.verify({ expect: head }))).toMatchObject(SOUND)
    await wait(log.restore())
    await fill(log, 5)
    expect(log.head()).toEqual({ sequence: 65, hash: followed(world()) })
    expect((await wait(log.verify({ expect: head }))).chain).toMatchObject({ attested: [{ from: 1, to: 65 }] })
    await wait(log.close())
  })
})

const SOUND = { isSound: true, findings: [] }
