import { expect, test } from 'vitest'
import type { NamedCursor } from '../../lib/runs/cursors.ts'
import { codeLater, codeOf, everywhere, fill, numberOf, open, snapshot } from './worlds.ts'

const positions = (log: { cursors(): readonly { name: string; sequence: number }[] }): string =>
  log
    .cursors()
    .map(({ name, sequence }) => `${name} ${sequence}`)
    .join(', ')

/** Handles records until this many were handled, or the walk ends. */
async function handle(cursor: NamedCursor<Uint8Array>, countMax = Infinity): Promise<number[]> {
  const handled: number[] = []
  for await (const { sequence, value } of cursor) {
    expect(numberOf(value)).toBe(sequence)
    if (handled.length === countMax) break
    handled.push(sequence)
  }
  return handled
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)

everywhere((world, name) => {
  test('D21 a cursor goes on where it was saved, also after reopening', async () => {
    const log = await open(world())
    await fill(log, 30)
    const billing = log.cursor('billing')
    expect(billing.sequence).toBe(0)
    expect(await handle(billing, 10)).toEqual(range(1, 10))
    expect(billing.sequence).toBe(10)
    await log.cursor('audit').save(25)
    expect(positions(log)).toBe('audit 25, billing 10')
    await world().wait(log.close())
    const again = await open(world())
    expect(positions(again)).toBe('audit 25, billing 10')
    expect(await handle(again.cursor('billing'))).toEqual(range(11, 30))
    expect(await handle(again.cursor('audit'))).toEqual(range(26, 30))
    expect(await handle(again.cursor('audit'))).toEqual([])
    expect(positions(again)).toBe('audit 30, billing 30')
    await world().wait(again.close())
  })

  test('D21 a record whose body was left, or threw, is given again', async () => {
    const log = await open(world())
    await fill(log, 10)
    const cursor = log.cursor('c')
    const failing = async (): Promise<void> => {
      for await (const { sequence } of cursor) if (sequence === 4) throw new Error('cannot')
    }
    await expect(failing()).rejects.toThrow('cannot')
    expect(cursor.sequence).toBe(3)
    for await (const { sequence } of cursor) {
      expect(sequence).toBe(4)
      break
    }
    expect(cursor.sequence).toBe(3)
    expect(await handle(cursor)).toEqual(range(4, 10))
    await world().wait(log.close())
  })

  test('D21 saveEvery saves every so many records, and at the end', async () => {
    const log = await open(world())
    await fill(log, 25)
    const cursor = log.cursor('c', { saveEvery: 10 })
    const saved = new Set<number>()
    for await (const { sequence } of cursor) {
      saved.add(cursor.sequence)
      if (sequence === 24) break
    }
    expect([...saved]).toEqual([0, 10, 20])
    expect(cursor.sequence).toBe(23)
    expect(await handle(cursor)).toEqual([24, 25])
    expect(cursor.sequence).toBe(25)
    for (const saveEvery of [0, -1, 1.5, NaN]) {
      expect(codeOf(() => log.cursor('c', { saveEvery }))).toBe('INVALID_ARGUMENT')
    }
    await world().wait(log.close())
  })

  test('D21 a position never goes back, and never beyond what is durable', async () => {
    const log = await open(world())
    await fill(log, 10)
    const cursor = log.cursor('c')
    await cursor.save(5)
    expect(await codeLater(cursor.save(4))).toBe('OUT_OF_ORDER')
    expect(await codeLater(log.cursor('c').save(4))).toBe('OUT_OF_ORDER')
    for (const bad of [11, -1, 1.5, NaN]) expect(await codeLater(cursor.save(bad))).toBe('INVALID_ARGUMENT')
    const before = snapshot(world())
    await cursor.save(5)
    expect(snapshot(world())).toEqual(before)
    const both = [cursor.save(7), cursor.save(9), log.cursor('d').save(2)]
    expect(await codeLater(cursor.save(8))).toBe('OUT_OF_ORDER')
    await Promise.all(both)
    expect(positions(log)).toBe('c 9, d 2')
    await world().wait(log.close())
    expect(await codeLater(cursor.save(10))).toBe('CLOSED')
    expect(await codeLater(handle(cursor))).toBe('CLOSED')
    expect(codeOf(() => log.cursor('c'))).toBe('CLOSED')
  })

  test('D21 a deleted one is gone; 0 makes one known before anything is handled', async () => {
    const log = await open(world())
    await fill(log, 5)
    await log.cursor('a').save(0)
    await log.cursor('b').save(5)
    expect(positions(log)).toBe('a 0, b 5')
    await log.cursor('b').delete()
    await log.cursor('never').delete()
    expect(positions(log)).toBe('a 0')
    await world().wait(log.close())
    const again = await open(world())
    expect(positions(again)).toBe('a 0')
    expect(await handle(again.cursor('b'))).toEqual(range(1, 5))
    await world().wait(again.close())
  })

  test('D21 names are plain', async () => {
    const log = await open(world())
    for (const bad of ['', '.', '..', '../x', '/x', 'a/b', 'a\0', 'a b', '__proto__', 'ü', 'a.', 'x'.repeat(129), 5]) {
      expect(codeOf(() => log.cursor(bad as string))).toBe('INVALID_ARGUMENT')
    }
    for (const good of ['a', 'A-1_b.c', 'constructor', 'x'.repeat(128)]) await log.cursor(good).save(0)
    expect(log.cursors().map((each) => each.name)).toEqual(['A-1_b.c', 'a', 'constructor', 'x'.repeat(128)])
    await world().wait(log.close())
  })

  // On real disks a kill is tested in test/crash/real.
  if (name === 'simulated') {
    test('D21 a crash between handling and saving gives the record again', async () => {
      const log = await open(world())
      await fill(log, 10)
      const walk = log.cursor('c')[Symbol.asyncIterator]()
      for (let n = 1; n <= 4; n++) await walk.next()
      const env = world().killed!()
      const again = await open({ ...world(), env, wait: (work) => work })
      // The fourth was handled by nobody, as far as anyone was told.
      expect(await handle(again.cursor('c'))).toEqual(range(4, 10))
      await again.close()
    })
  }
})
