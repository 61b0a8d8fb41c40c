import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Log } from '../../lib/log.ts'
import type { Anchor } from '../../segments/format/manifest.ts'
import { codeLater, everywhere, expected, fill, numberOf, open } from './worlds.ts'

const draft = (sequence: number, ref = `at-${sequence}`): { sequence: number; ref: string; hash: string } => ({
  sequence,
  ref,
  hash: hashOf(ref),
})
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')
const refs = (log: Log<Uint8Array>): string =>
  log
    .anchors()
    .map(({ sequence, ref }) => `${sequence} ${ref}`)
    .join(', ')

/** A state that shows which records went into it, in which order. */
class Sum {
  text = ''
  readonly take = ({ value }: { readonly value: Uint8Array }): void => void (this.text += `${numberOf(value)} `)
  readonly load = (to: number): void => void (this.text = upTo(to))
}

const upTo = (to: number): string => expected(1, to).replaceAll(/\d+:(\d+) ?/g, '$1 ')

everywhere((world) => {
  test('D9 anchors are listed by sequence, and survive closing', async () => {
    const log = await open(world())
    await fill(log, 30)
    expect(log.anchors()).toEqual([])
    await log.anchor(draft(10))
    await log.anchor(draft(20))
    expect(refs(log)).toBe('10 at-10, 20 at-20')
    expect(log.anchors()[0]).toMatchObject({ hash: hashOf('at-10'), at: expect.stringMatching(/^\d{19}$/) as string })
    const before = log.anchors()
    await world().wait(log.close())
    const again = await open(world())
    expect(again.anchors()).toEqual(before)
    await world().wait(again.close())
  })

  test('D9 above the high-watermark or backwards is refused, an equal one replaces, so many are kept', async () => {
    const log = await open(world(), { anchorsKept: 3 })
    expect(await codeLater(log.anchor(draft(1)))).toBe('INVALID_ARGUMENT')
    await fill(log, 30)
    for (const sequence of [0, -1, 1.5, NaN, 31]) {
      expect(await codeLater(log.anchor(draft(sequence)))).toBe('INVALID_ARGUMENT')
    }
    for (const bad of [{ ref: '' }, { hash: '' }, { ref: 5 }, { hash: null }, { ref: 'x'.repeat(4097) }]) {
      expect(await codeLater(log.anchor({ ...draft(1), ...bad } as never))).toBe('INVALID_ARGUMENT')
    }
    await log.anchor(draft(10))
    expect(await codeLater(log.anchor(draft(9)))).toBe('OUT_OF_ORDER')
    await log.anchor(draft(10, 'better'))
    expect(refs(log)).toBe('10 better')
    for (const sequence of [11, 12, 13]) await log.anchor(draft(sequence))
    expect(refs(log)).toBe('11 at-11, 12 at-12, 13 at-13')
    await world().wait(log.close())
    expect(await codeLater(log.anchor(draft(20)))).toBe('CLOSED')
    expect(await codeLater(open(world(), { anchorsKept: 0 }))).toBe('INVALID_ARGUMENT')
  })

  test('D9 many at once are all there, in order, also when the log is closed right behind them', async () => {
    const log = await open(world(), { anchorsKept: 8 })
    await fill(log, 8)
    const all = [1, 2, 3, 4, 5, 6, 7, 8].map((sequence) => log.anchor(draft(sequence)))
    const closing = log.close()
    await Promise.all(all)
    await world().wait(closing)
    const again = await open(world(), { anchorsKept: 8 })
    expect(again.anchors().map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    await world().wait(again.close())
  })

  test('D10 a replay without anchors applies every record', async () => {
    const log = await open(world())
    await fill(log, 100)
    const sum = new Sum()
    const replayed = await log.replay({ apply: sum.take })
    expect(sum.text).toBe(upTo(100))
    expect(replayed).toMatchObject({ anchor: undefined, refused: [], sequence: 100, records: 100 })
    await world().wait(log.close())
    expect(await codeLater(log.replay({ apply: sum.take }))).toBe('CLOSED')
  })

  test('D10 a replay takes the newest anchor whose snapshot loads and whose hash agrees, and says which it refused', async () => {
    const log = await open(world())
    await fill(log, 100)
    for (const sequence of [20, 40, 60, 80]) await log.anchor(draft(sequence))
    const cases: readonly (readonly [bad: Readonly<Record<number, 'hash' | 'throws' | 'install'>>, used: number])[] = [
      [{}, 80],
      [{ 80: 'hash' }, 60],
      [{ 80: 'throws', 60: 'hash' }, 40],
      [{ 80: 'install', 60: 'throws', 40: 'hash' }, 20],
      [{ 80: 'hash', 60: 'hash', 40: 'throws', 20: 'hash' }, 0],
    ]
    for (const [bad, used] of cases) {
      const sum = new Sum()
      const restore = async ({ sequence, ref }: Anchor): Promise<{ hash: string; install: () => void }> => {
        await Promise.resolve()
        if (bad[sequence] === 'throws') throw new Error(`${ref} is gone`)
        const install = (): void => {
          if (bad[sequence] === 'install') throw new Error(`${ref} cannot be read`)
          sum.load(sequence)
        }
        return { hash: bad[sequence] === 'hash' ? 'other' : hashOf(ref), install }
      }
      const { anchor, refused, records, sequence } = await log.replay({ apply: sum.take, restore })
      expect(sum.text).toBe(upTo(100))
      expect([anchor?.sequence ?? 0, records, sequence]).toEqual([used, 100 - used, 100])
      expect(refused.map((each) => each.anchor.sequence)).toEqual([80, 60, 40, 20].filter((at) => at > used))
      for (const {
        anchor: { sequence: at },
        reason,
      } of refused) {
        if (bad[at] === 'hash') expect(reason).toMatchObject({ code: 'HASH_MISMATCH', sequence: at, found: 'other' })
        else expect(reason).toMatchObject({ message: expect.stringContaining(`at-${at}`) as string })
      }
    }
    await world().wait(log.close())
  })

  test('D10 fromAnchor leaves out later anchors; 0 leaves out all', async () => {
    const log = await open(world())
    await fill(log, 50)
    for (const sequence of [20, 40]) await log.anchor(draft(sequence))
    for (const [fromAnchor, used] of [
      [50, 40],
      [40, 40],
      [39, 20],
      [20, 20],
      [19, 0],
      [0, 0],
    ] as const) {
      const sum = new Sum()
      const restore = ({ sequence, hash }: Anchor) => ({ hash, install: () => sum.load(sequence) })
      const { anchor } = await log.replay({ apply: sum.take, restore, fromAnchor })
      expect([anchor?.sequence ?? 0, sum.text]).toEqual([used, upTo(50)])
    }
    await world().wait(log.close())
  })

  test('D10 progress rises to the end, the event loop runs in between, and a signal ends it', async () => {
    const log = await open(world())
    // More than one slice.
    for (let n = 1; n <= 20_000; n++) log.append(new Uint8Array([n >> 24, n >> 16, n >> 8, n]))
    await log.sync()
    const seen: { sequence: number; records: number; secondsLeft: number }[] = []
    let turns = 0
    const count = (): void => {
      turns += 1
      if (seen.at(-1)?.secondsLeft !== 0) world().env.defer(count)
    }
    count()
    let last = 0
    await log.replay({ apply: ({ sequence }) => (last = sequence), progress: (at) => seen.push({ ...at }) })
    expect(last).toBe(20_000)
    expect(seen.length).toBeGreaterThan(2)
    expect(turns).toBeGreaterThan(2)
    expect(seen.every(({ sequence }, index) => index === 0 || sequence > seen[index - 1]!.sequence)).toBe(true)
    expect(seen.at(-1)).toMatchObject({ sequence: 20_000, to: 20_000, records: 20_000, secondsLeft: 0 })
    const signal = new AbortController()
    const reason = new Error('enough')
    const applied = log.replay({
      apply: ({ sequence }) => (last = sequence),
      progress: () => signal.abort(reason),
      signal: signal.signal,
    })
    await expect(applied).rejects.toBe(reason)
    expect(last).toBeLessThan(20_000)
    await world().wait(log.close())
  })

  test('D10 what apply throws ends the replay, and an apply that gives a promise is refused', async () => {
    const log = await open(world())
    await fill(log, 10)
    const wrong = new Error('no such order')
    await expect(
      log.replay({
        apply: ({ sequence }) => {
          if (sequence === 5) throw wrong
        },
      }),
    ).rejects.toBe(wrong)
    const later = { apply: () => Promise.resolve() }
    for (const bad of [later, {}, { apply: 5 }, { apply: () => 0, restore: 5 }, { apply: () => 0, fromAnchor: -1 }]) {
      expect(await codeLater(log.replay(bad as never))).toBe('INVALID_ARGUMENT')
    }
    expect(await log.replay({ apply: () => undefined })).toMatchObject({ records: 10 })
    await world().wait(log.close())
  })
})
