import { expect, test } from 'vitest'
import { cbor } from '../../lib/codecs/cbor.ts'
import type { Log } from '../../lib/log.ts'
import { codeLater, codeOf, everywhere, open } from './worlds.ts'

interface Command {
  readonly id?: string | readonly string[]
  readonly n?: number
}

const ONCE = { once: 'id' } as const

everywhere((world) => {
  const start = (): Promise<Log<Command>> => open<Command>(world(), { codec: cbor(), keys: { id: 'id' } })

  test('D23 the same key twice gives the first receipt and one record, also after reopening', async () => {
    const { wait } = world()
    let log = await start()
    expect(await wait(log.commit({ id: 'a' }, ONCE))).toEqual({ sequence: 1, duplicate: false })
    expect(await wait(log.commit({ id: 'a', n: 2 }, ONCE))).toEqual({ sequence: 1, duplicate: true })
    expect(log.commitSync({ id: 'a' }, ONCE)).toEqual({ sequence: 1, duplicate: true })
    await wait(log.close())
    log = await start()
    expect(await wait(log.commit({ id: 'a' }, ONCE))).toEqual({ sequence: 1, duplicate: true })
    expect(log.commitSync({ id: 'b' }, ONCE)).toEqual({ sequence: 2, duplicate: false })
    expect(log.lastSequence).toBe(2)
    await wait(log.close())
  })

  test('D23 of many commits of one key at the same time one is appended, and all wait until it is durable', async () => {
    const { wait } = world()
    const log = await start()
    const done = Array.from({ length: 20 }, async (_, n) => {
      const receipt = await log.commit({ id: 'a', n }, ONCE)
      expect(log.highWatermark).toBeGreaterThanOrEqual(receipt.sequence)
      return receipt
    })
    const receipts = await wait(Promise.all(done))
    expect(receipts.filter(({ duplicate }) => !duplicate)).toEqual([{ sequence: 1, duplicate: false }])
    expect(new Set(receipts.map(({ sequence }) => sequence))).toEqual(new Set([1]))
    expect(log.lastSequence).toBe(1)
    await wait(log.close())
  })

  test('D23 a key of a record that was appended without once is seen, in flight and in an earlier segment', async () => {
    const { wait } = world()
    const log = await start()
    log.append({ id: 'a' })
    expect(log.commitSync({ id: 'a' }, ONCE)).toEqual({ sequence: 1, duplicate: true })
    log.roll()
    log.append({ id: 'b' })
    expect(await wait(log.commit({ id: 'b' }, ONCE))).toEqual({ sequence: 2, duplicate: true })
    expect(await wait(log.commit({ id: 'a' }, ONCE))).toEqual({ sequence: 1, duplicate: true })
    await wait(log.close())
  })

  test('D23 a batch is a duplicate as a whole; of one that was seen in part nothing is appended', async () => {
    const { wait } = world()
    const log = await start()
    expect(await wait(log.commitBatch([{ id: 'a' }, { id: 'b' }], ONCE))).toEqual({ sequence: 2, duplicate: false })
    expect(await wait(log.commitBatch([{ id: 'a' }, { id: 'b' }], ONCE))).toEqual({ sequence: 2, duplicate: true })
    expect(log.commitBatchSync([{ id: 'a' }, { id: 'b' }], ONCE)).toEqual({ sequence: 2, duplicate: true })
    for (const part of [
      [{ id: 'b' }, { id: 'c' }],
      [{ id: 'b' }, { id: 'a' }],
      [{ id: 'c' }, { id: 'a' }],
    ]) {
      expect(await codeLater(wait(log.commitBatch(part, ONCE)))).toBe('OUT_OF_ORDER')
      expect(codeOf(() => log.commitBatchSync(part, ONCE))).toBe('OUT_OF_ORDER')
    }
    expect(log.lastSequence).toBe(2)
    await wait(log.close())
  })

  const WRONG: readonly (readonly [string, readonly Command[]])[] = [
    ['a value without the key', [{ n: 1 }]],
    ['a value with two keys', [{ id: ['a', 'b'] }]],
    ['the same key twice in a batch', [{ id: 'a' }, { id: 'a' }]],
  ]
  test.each(WRONG)('D23 %s is INVALID_ARGUMENT, and nothing is appended', async (_, values) => {
    const { wait } = world()
    const log = await start()
    expect(await codeLater(wait(log.commitBatch(values, ONCE)))).toBe('INVALID_ARGUMENT')
    expect(await codeLater(wait(log.commit({ id: 'a' }, { once: 'other' })))).toBe('INVALID_ARGUMENT')
    expect(log.lastSequence).toBe(0)
    await wait(log.close())
    expect(await codeLater(wait(log.commit({ id: 'a' }, ONCE)))).toBe('CLOSED')
  })
})
