import { describe, expect, test } from 'vitest'
import { type Log, memoryEnvironment, openLog } from '../../lib/index.ts'

/** What programs without types give to calls that take something else. */
const refused = (named: RegExp): unknown =>
  expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringMatching(named) as string })

async function orders(): Promise<Log<unknown>> {
  const log = await openLog<unknown>('/log', { environment: memoryEnvironment(), keys: { id: 'id' } })
  log.commitSync({ id: 'a' })
  return log
}

type Call = (log: Log<unknown>, options: never) => unknown

const APPENDS: Readonly<Record<string, Call>> = {
  append: (log, options) => log.append({ id: 'b' }, options),
  appendBatch: (log, options) => log.appendBatch([{ id: 'b' }], options),
}

const COMMITS: Readonly<Record<string, Call>> = {
  commit: (log, options) => log.commit({ id: 'b' }, options),
  commitBatch: (log, options) => log.commitBatch([{ id: 'b' }], options),
  commitSync: (log, options) => log.commitSync({ id: 'b' }, options),
  commitBatchSync: (log, options) => log.commitBatchSync([{ id: 'b' }], options),
}

/** Whether it throws or rejects. */
async function made(act: () => unknown): Promise<unknown> {
  return await act()
}

describe('options of a record', () => {
  test.each(Object.entries(APPENDS))(
    '%s with once names the calls that can do it, and appends nothing',
    async (_, call) => {
      const log = await orders()
      for (const once of ['id', 'other', null, 5]) {
        await expect(made(() => call(log, { once } as never))).rejects.toThrow(refused(/once.*commit, commitBatch/))
      }
      expect(log.lastSequence).toBe(1)
      expect(call(log, { once: undefined } as never)).toBe(2)
      await log.close()
    },
  )

  test.each(Object.entries({ ...APPENDS, ...COMMITS }))('%s expects a sequence, and nothing else', async (_, call) => {
    const log = await orders()
    for (const wrong of ['2', NaN, 1.5, -1, 2n, null, Infinity]) {
      const refusal = refused(/expect must be a whole number from 0 on/) as Error
      await expect(
        made(() => call(log, { expect: wrong } as never)),
        String(wrong),
      ).rejects.toThrow(refusal)
    }
    for (const other of [0, 1, 3]) {
      await expect(made(() => call(log, { expect: other } as never))).rejects.toThrow(/OUT_OF_ORDER/)
    }
    expect(log.lastSequence).toBe(1)
    expect(await call(log, { expect: 2 } as never)).toBe(2)
    await log.close()
  })

  test.each(Object.entries(COMMITS))('%s checks them also where once finds the record', async (_, call) => {
    const log = await orders()
    await made(() => call(log, { once: 'id' } as never))
    for (const wrong of [{ expcet: 3 }, { expect: '3' }, { durability: 'fsync' }, { timestampNs: 5 }]) {
      const options = { once: 'id', ...wrong } as never
      await expect(
        made(() => call(log, options)),
        Object.keys(wrong)[0],
      ).rejects.toThrow(refused(/./))
    }
    expect(await call(log, { once: 'id', expect: 3 } as never)).toStrictEqual({ sequence: 2, duplicate: true })
    expect(log.lastSequence).toBe(2)
    await log.close()
  })
})
