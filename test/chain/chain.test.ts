import { describe, expect, test } from 'vitest'
import { KIND } from '../../segments/format/layout.ts'
import { salvageLog, verifyLog } from '../../lib/operations.ts'
import { DIR, fill, item } from '../recovery/world.ts'
import { followChain, readSegments } from './frames.ts'
import { machine, openChained } from './world.ts'

describe('the chain', () => {
  test('D14 goes on over rolls and restarts, and its head is that of the last frame', async () => {
    let env = machine()
    for (let life = 0; life < 6; life++) {
      const log = await openChained(env)
      const before = log.head()
      if (life > 0) expect(before!.hash).toBe(followChain(readSegments(env)).toString('hex'))
      fill(log, log.lastSequence + 15, 40)
      await env.drive(log.commitBatch([item(1), item(2), item(3)]))
      const head = log.head()!
      expect(head).toEqual({ sequence: log.highWatermark, hash: followChain(readSegments(env)).toString('hex') })
      if (life % 2 === 0) await env.drive(log.close())
      else env = env.kill(life)
    }
    const segments = readSegments(env)
    expect(segments.length).toBeGreaterThan(6)
    expect(segments.flatMap(({ frames }) => frames).filter(({ kind }) => kind === KIND.record)).toHaveLength(6 * 18)
  })

  test('D14 goes on after a power cut from what was left', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const env = machine(seed)
      const log = await openChained(env)
      fill(log, 20)
      for (let n = 0; n < 4; n++) void log.commit(item(n, 60)).catch(() => undefined)
      const after = env.crash(seed)
      const again = await openChained(after)
      fill(again, again.lastSequence + 20)
      expect(followChain(readSegments(after)).toString('hex')).toBe(again.head()!.hash)
    }
  })

  test('is fixed when a log is made: another wish is refused, none is none', async () => {
    const env = machine()
    const log = await openChained(env)
    fill(log, 3)
    await env.drive(log.close())
    const refused = { code: 'INVALID_ARGUMENT', expected: 'sha256', found: 'none' }
    await expect(openChained(env, { chain: 'none' })).rejects.toMatchObject(refused)
    const again = await openChained(env, { chain: undefined })
    fill(again, 6)
    expect(again.head()!.hash).toBe(followChain(readSegments(env)).toString('hex'))
    const other = machine()
    const plain = await openChained(other, { chain: undefined })
    fill(plain, 3)
    expect(plain.head()).toBeUndefined()
    expect(
      readSegments(other)
        .flatMap(({ frames }) => frames)
        .every(({ hash }) => hash === undefined),
    ).toBe(true)
    await other.drive(plain.close())
    await expect(openChained(other)).rejects.toMatchObject({ ...refused, expected: 'none', found: 'sha256' })
  })

  test('D15 checkpoints stand where the policy says, and no reader of records sees them', async () => {
    const env = machine()
    const log = await openChained(env, { segmentBytes: 64 * 1024, checkpointRecords: 5 })
    fill(log, 12)
    await env.drive(log.commitBatch(Array.from({ length: 8 }, (_, index) => item(index))))
    fill(log, 26)
    const frames = readSegments(env)[0]!.frames
    const marks = frames.filter(({ kind }) => kind === KIND.checkpoint)
    expect(marks.map(({ sequence }) => sequence - 1)).toEqual([5, 10, 20, 25])
    expect([...log.read()].map(({ sequence }) => sequence)).toEqual(Array.from({ length: 26 }, (_, index) => index + 1))
    expect(log.head()!.hash).toBe(followChain(readSegments(env)).toString('hex'))
  })
})

describe('D17 with compression the hash covers the payload as it was', () => {
  test.each(['deflate', 'brotli'] as const)(
    '%s: the same records have the same hashes as without',
    async (compression) => {
      const logs = []
      for (const options of [{ compression, compressionBytesMin: 32 }, {}]) {
        const env = machine()
        const log = await openChained(env, { segmentBytes: 64 * 1024, ...options })
        fill(log, 12, 90)
        await env.drive(log.commitBatch([item(13, 100), item(14, 2)]))
        const report = await env.drive(log.verify({ expect: log.head()! }))
        expect(report).toMatchObject({ isSound: true, chain: { attested: [{ from: 1, to: 14 }] } })
        const [segment] = readSegments(env)
        logs.push({ log, env, frames: segment!.frames, logId: segment!.header.logId })
      }
      const [packed, plain] = logs as [(typeof logs)[0], (typeof logs)[0]]
      expect(packed.logId).toBe(plain.logId)
      expect(packed.frames.filter(({ originalBytes }) => originalBytes !== undefined).length).toBeGreaterThan(10)
      expect(packed.log.head()).toEqual(plain.log.head())
      expect(packed.frames.map(({ hash }) => hash)).toEqual(plain.frames.map(({ hash }) => hash))
      const copy = packed.env.clone(1)
      copy.files.makeDirectory('/saved')
      await copy.drive(salvageLog(DIR, '/saved', { environment: copy }))
      const saved = await copy.drive(verifyLog('/saved', { environment: copy }))
      expect(saved).toMatchObject({ isSound: true, chain: { attested: [{ from: 1, to: 14 }] } })
    },
  )
})
