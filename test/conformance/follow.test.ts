import { expect, test } from 'vitest'
import type { Log } from '../../lib/log.ts'
import type { Entry } from '../../lib/read/entry.ts'
import type { FollowOptions } from '../../lib/read/follow.ts'
import { type World, codeOf, everywhere, fill, numberOf, open, openToRead, record } from './worlds.ts'

interface Source {
  follow(options?: FollowOptions): AsyncIterable<Entry<Uint8Array>>
  close(): Promise<void>
}

/** Who follows: the process that writes, or one that only reads. */
const SOURCES: readonly (readonly [string, (world: World, log: Log<Uint8Array>) => Source | Promise<Source>])[] = [
  ['in the process that writes', (_, log) => log],
  ['by a reader', (world) => openToRead(world)],
]

/** Collects what a follower gets, in the background. */
function collect(entries: AsyncIterable<Entry<Uint8Array>>): {
  readonly got: number[]
  readonly done: Promise<string>
} {
  const got: number[] = []
  const run = async (): Promise<string> => {
    try {
      for await (const { sequence, value } of entries) got.push(numberOf(value) === sequence ? sequence : -sequence)
      return 'ended'
    } catch (error) {
      return (error as { readonly code?: string }).code ?? String(error)
    }
  }
  return { got, done: run() }
}

const upTo = (last: number, from = 1): number[] => Array.from({ length: last - from + 1 }, (_, i) => from + i)

/** Waits until a follower has so many. */
async function until(world: World, got: readonly number[], count: number): Promise<void> {
  while (got.length < count) await world.wait(new Promise<void>((resolve) => void world.env.after(5, resolve)))
}

/** Time enough for a follower to come to the end of what is there, and to wait. */
async function untilItWaits(world: World, next: Promise<unknown>): Promise<void> {
  let isAnswered = false
  const answered = (): void => void (isAnswered = true)
  next.then(answered, answered)
  await world.wait(new Promise<void>((resolve) => void world.env.after(50, resolve)))
  expect(isAnswered).toBe(false)
}

everywhere((world) => {
  test.each(SOURCES)('B11 %s: replay, then live, through rolls, no gap at the seam', async (_, of) => {
    const log = await open(world())
    await fill(log, 70)
    const source = await of(world(), log)
    const all = collect(source.follow())
    const some = collect(source.follow({ from: 40 }))
    const later = collect(source.follow({ from: 150 }))
    for (let round = 0; round < 30; round++) {
      log.append(record(log.lastSequence + 1))
      if (round % 3 === 0) await log.sync()
      else if (round % 3 === 1) await log.commitBatch([1, 2, 3].map((n) => record(log.lastSequence + n)))
      else log.commitSync(record(log.lastSequence + 1))
    }
    await log.sync()
    const last = log.lastSequence
    await until(world(), all.got, last)
    expect(all.got).toEqual(upTo(last))
    await fill(log, 70)
    await until(world(), later.got, log.lastSequence - 149)
    await until(world(), some.got, log.lastSequence - 39)
    expect(some.got).toEqual(upTo(log.lastSequence, 40))
    expect(later.got).toEqual(upTo(log.lastSequence, 150))
    await world().wait(log.close())
    if (source !== log) await world().wait(source.close())
    expect(await world().wait(Promise.all([all.done, some.done, later.done]))).toEqual(['ended', 'ended', 'ended'])
    expect(all.got).toEqual(upTo(log.lastSequence))
  })

  test.each(SOURCES)(
    'B11 %s: reads only as far as it is asked, and what was durable at the close is given',
    async (_, of) => {
      const log = await open(world())
      const source = await of(world(), log)
      const walk = source.follow()[Symbol.asyncIterator]()
      const waiting = walk.next()
      await fill(log, 50)
      expect((await world().wait(waiting)).value).toMatchObject({ sequence: 1 })
      // For who was not asked to look since, the end is where it was seen last.
      const known = source === log ? 50 : 1
      await world().wait(log.close())
      if (source !== log) await world().wait(source.close())
      const rest: number[] = []
      for (;;) {
        const next = await world().wait(walk.next())
        if (next.done === true) break
        rest.push(next.value.sequence)
      }
      expect(rest.slice(0, known - 1)).toEqual(upTo(known, 2))
      expect(rest).toEqual(upTo(rest.length + 1, 2))
      expect(await walk.next()).toEqual({ done: true, value: undefined })
    },
  )

  test.each(SOURCES)('B11 %s: a signal ends it, also while it waits', async (_, of) => {
    const log = await open(world())
    await fill(log, 3)
    const source = await of(world(), log)
    const controller = new AbortController()
    const walk = source.follow({ signal: controller.signal })[Symbol.asyncIterator]()
    for (let n = 1; n <= 3; n++) expect((await world().wait(walk.next())).value).toMatchObject({ sequence: n })
    const waiting = walk.next().catch((error: unknown) => error)
    await untilItWaits(world(), waiting)
    controller.abort(new Error('enough'))
    const found = (await world().wait(waiting)) as Error
    expect(found).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: { message: 'enough' } })
    expect(await walk.next()).toEqual({ done: true, value: undefined })
    const late = source.follow({ signal: controller.signal })[Symbol.asyncIterator]()
    expect(await late.next().catch((error: Error) => error.name)).toBe('AbortError')
    await world().wait(log.close())
    if (source !== log) await world().wait(source.close())
  })

  test.each(SOURCES)('B11 %s: leaving it ends it, also while it waits', async (_, of) => {
    const log = await open(world())
    await fill(log, 3)
    const source = await of(world(), log)
    for await (const { sequence } of source.follow()) if (sequence === 2) break
    const walk = source.follow({ from: 4 })[Symbol.asyncIterator]()
    const waiting = walk.next()
    await untilItWaits(world(), waiting)
    const left = walk.return!()
    expect(await world().wait(waiting)).toEqual({ done: true, value: undefined })
    expect(await world().wait(left)).toEqual({ done: true, value: undefined })
    for (const wrong of [{ from: -1 }, { from: 1.5 }, { signal: {} as never }])
      expect(codeOf(() => source.follow(wrong))).toBe('INVALID_ARGUMENT')
    await world().wait(log.close())
    if (source !== log) await world().wait(source.close())
    expect(codeOf(() => source.follow())).toBe('CLOSED')
  })

  test('B12 a reader follows from one writer to the next', async () => {
    let log = await open(world())
    await fill(log, 30)
    const reader = await openToRead(world())
    const all = collect(reader.follow())
    for (let life = 0; life < 5; life++) {
      await until(world(), all.got, log.lastSequence)
      await world().wait(log.close())
      log = await open(world())
      await fill(log, 40)
    }
    await until(world(), all.got, log.lastSequence)
    expect(all.got).toEqual(upTo(230))
    await world().wait(log.close())
    await world().wait(reader.close())
    expect(await world().wait(all.done)).toBe('ended')
  })
})
