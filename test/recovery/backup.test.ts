import { describe, expect, it } from 'vitest'
import { cbor } from '../../lib/codecs/cbor.ts'
import { copyLog, salvageLog, verifyLog } from '../../lib/operations.ts'
import { openLogWith, openReadOnly } from '../../lib/open.ts'
import { copyLog as copySteps } from '../../recovery/backup.ts'
import { Watch } from '../../recovery/verify-progress.ts'
import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { between } from './between.ts'
import { type Ending, smallLog } from './small-log.ts'
import { DIR, type Item, content, fill, item, machine, open, segment, spoil } from './world.ts'

const NEW = '/new'
const ENDINGS: readonly Ending[] = ['closed', 'killed', 'power cut']

const copy = (env: SimulatedEnvironment) => env.drive(copyLog(DIR, NEW, { environment: env }))

const openCopy = (env: SimulatedEnvironment) =>
  env.drive(openLogWith<Item>(NEW, { environment: env, codec: cbor<Item>(), segmentBytes: 4096 }, 512))

/** Opens the copy, which must be whole and sound, and gives its last record. */
async function checkCopy(env: SimulatedEnvironment): Promise<number> {
  const verified = await env.drive(verifyLog(NEW, { environment: env }))
  expect(verified).toMatchObject({ findings: [], lost: [] })
  const log = await openCopy(env)
  expect(log.recovery).toMatchObject({ end: 'closed', findings: [], cut: undefined })
  const last = log.highWatermark
  expect(Array.from(log.read(), ({ value }) => value.n)).toEqual(Array.from({ length: last }, (_, index) => index + 1))
  expect(await env.drive(log.commit(item(last + 1)))).toBe(last + 1)
  await env.drive(log.close())
  return last
}

describe('a copy (D22)', () => {
  it.each(ENDINGS)('of a log that was %s opens clean, with every record up to the high-watermark', async (ending) => {
    const env = await smallLog(ending)
    const before = content(env)
    const report = await copy(env)
    expect(content(env)).toEqual(before)
    // What the slot said is gone with the power; the frames behind it still prove one record more.
    expect(report.lastSequence).toBe(ending === 'power cut' ? 10 : 12)
    const reader = await env.drive(openReadOnly<Item>(DIR, { environment: env, codec: cbor<Item>() }))
    expect(reader.highWatermark).toBe(report.lastSequence)
    await env.drive(reader.close())
    expect(await checkCopy(env)).toBe(report.lastSequence)
  })

  it.each([1, 2, 3, 5, 8])(
    'while it is written between every %s calls equals the log up to its sequence',
    async (every) => {
      const env = machine()
      env.files.makeDirectory(NEW)
      const log = await open(env, { segmentBytes: 1024 })
      fill(log, 40)
      const steps = copySteps(env, DIR, NEW, new Watch(() => env.monotonicMs()))
      const report = between(env, steps, (call) => {
        if (call % every === 0 && log.lastSequence < 400) fill(log, log.lastSequence + 2)
      })
      expect(report.lastSequence).toBeGreaterThanOrEqual(40)
      expect(await checkCopy(env)).toBe(report.lastSequence)
      await env.drive(log.close())
    },
  )

  it('is made by the log itself, of a log without a record too', async () => {
    const env = machine()
    const log = await open(env)
    expect(await env.drive(log.copyTo(NEW))).toMatchObject({ lastSequence: 0 })
    expect(await checkCopy(env)).toBe(0)
    await env.drive(log.close())
  })

  it('survives a power cut when it is done', async () => {
    const env = await smallLog('closed')
    await copy(env)
    expect(await checkCopy(env.crash(1, { unsynced: 'lost' }))).toBe(12)
  })

  it('that was interrupted is never taken for a whole one, nor for a new log once it was begun', async () => {
    const sound = await smallLog('closed')
    const seen = new Set<string>()
    for (let at = 1; !seen.has('whole'); at++) {
      for (const how of ['kill', 'power cut'] as const) {
        const env = sound.clone(at)
        env.calls.dieAt(env.calls.count + at, 'before')
        await copy(env).catch(() => undefined)
        const next = how === 'kill' ? env.kill(at) : env.crash(at)
        const opened = await openCopy(next).then(
          (log) => (log.highWatermark === 12 && log.recovery.end === 'closed' ? 'whole' : log.recovery.end),
          (error: { readonly code: string }) => error.code,
        )
        seen.add(opened)
        expect(['new', 'CORRUPT', 'whole']).toContain(opened)
      }
    }
    expect(seen).toContain('CORRUPT')
  })

  it('of a damaged log is refused, and says what to do', async () => {
    const env = await smallLog('closed')
    spoil(env, segment(1), 300)
    await expect(copy(env)).rejects.toMatchObject({
      code: 'CORRUPT',
      message: expect.stringContaining('salvage') as string,
    })
    await expect(openCopy(env)).rejects.toMatchObject({ code: 'CORRUPT' })
  })

  it.each([
    ['copy', copyLog],
    ['salvage', salvageLog],
  ])('into the log itself, or a directory in it, is refused, and none is made there: %s', async (_name, act) => {
    const env = await smallLog('closed')
    const before = content(env)
    for (const to of [DIR, `${DIR}/copy`]) {
      await expect(env.drive(act(DIR, to, { environment: env }))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
    expect(content(env)).toEqual(before)
    expect(env.call({ do: 'list', path: DIR }).map(({ name }) => name)).not.toContain('copy')
  })

  it('into a directory that is not empty is refused', async () => {
    const env = await smallLog('closed')
    env.files.makeDirectory(NEW)
    env.files.write(`${NEW}/mine`, Buffer.from('mine'))
    await expect(copy(env)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})
