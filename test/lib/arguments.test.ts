import { describe, expect, test } from 'vitest'
import {
  type Environment,
  type Log,
  cbor,
  copyLog,
  memoryEnvironment,
  openArchived,
  openLog,
  openReadOnly,
  openStore,
  salvageLog,
  verifyLog,
} from '../../lib/index.ts'
import { temporaryDirectory } from '../crash/real/machine.ts'

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
      const refusal = refused(/expect must be a whole number from 0 on/)
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

describe('the world', () => {
  const calls: Readonly<Record<string, (options: { environment: Environment }, at: string) => unknown>> = {
    openLog: (options, at) => openLog(`${at}/log`, options),
    openReadOnly: (options, at) => openReadOnly(`${at}/log`, options),
    openArchived: (options, at) => openArchived(`${at}/log`, options),
    openStore: (options, at) => openStore(at, options),
    verifyLog: (options, at) => verifyLog(`${at}/log`, options),
    copyLog: (options, at) => copyLog(`${at}/log`, `${at}/copy`, options),
    salvageLog: (options, at) => salvageLog(`${at}/log`, `${at}/copy`, options),
  }

  test.each(Object.entries(calls))('of %s has all that it is asked for', async (_, call) => {
    const at = temporaryDirectory()
    for (const wrong of [null, {}, 5, 'memory', [], memoryEnvironment]) {
      const options = { environment: wrong } as never
      await expect(
        made(() => call(options, at)),
        typeof wrong,
      ).rejects.toThrow(refused(/environment/))
    }
  })

  test('is refused by the name of what it lacks', async () => {
    const whole = memoryEnvironment()
    const names = ['call', 'start', 'after', 'absolute', 'identity', 'listen', 'stayAlive'] as const
    for (const name of names) {
      const environment = new Proxy(whole, {
        get: (world, member) => {
          const found: unknown = Reflect.get(world, member, world)
          if (member === name) return undefined
          return typeof found === 'function' ? (found.bind(world) as unknown) : found
        },
      })
      await expect(openLog('/log', { environment })).rejects.toThrow(refused(new RegExp(`environment.${name} must be`)))
    }
  })
})

describe('options that are on or off, and those that are called', () => {
  test('cbor takes shapes, true or false', () => {
    for (const wrong of [null, 5, [], { shape: false }, { shapes: 'no' }, { shapes: 0 }, { shapes: null }]) {
      expect(() => cbor(wrong as never), JSON.stringify(wrong)).toThrow(refused(/options|shapes/))
    }
    expect(cbor({ shapes: true }).name).toBe('cbor-shapes')
    expect(cbor({}).name).toBe('cbor-shapes')
    expect(cbor({ shapes: undefined }).name).toBe('cbor-shapes')
    expect(cbor({ shapes: false }).name).toBe('cbor')
  })

  const flags: readonly (readonly [string, string, Call])[] = [
    ['read', 'reverse', (log, options) => log.read(options)],
    ['lookupAll', 'reverse', (log, options) => log.lookupAll('id', 'a', options)],
    ['archiveBefore', 'dryRun', (log, options) => log.archiveBefore(2, options)],
    ['archiveBefore', 'beyondAnchor', (log, options) => log.archiveBefore(2, options)],
  ]
  test.each(flags)('%s: %s is true or false', async (_, name, call) => {
    const log = await orders()
    log.roll()
    for (const wrong of ['no', 0, 1, null, {}]) {
      const options = { [name]: wrong } as never
      await expect(
        made(() => call(log, options)),
        typeof wrong,
      ).rejects.toThrow(refused(new RegExp(name)))
    }
    expect(log.firstSequence).toBe(1)
    await made(() => call(log, { [name]: undefined } as never))
    await log.close()
  })

  const watched: Readonly<Record<string, Call>> = {
    verify: (log, options) => log.verify(options),
    copyTo: (log, options) => log.copyTo('/copy', options),
    archiveBefore: (log, options) => log.archiveBefore(2, options),
    'archiveBefore as a dry run': (log, options: object) => log.archiveBefore(2, { ...options, dryRun: true }),
    restore: (log, options) => log.restore(options),
  }
  test.each(Object.entries(watched))('%s calls a function, and is ended by a signal', async (_, call) => {
    const log = await orders()
    log.roll()
    for (const wrong of [5, 'no', null, {}]) {
      for (const name of ['onProgress', 'signal']) {
        const options = { [name]: wrong } as never
        await expect(
          made(() => call(log, options)),
          typeof wrong,
        ).rejects.toThrow(refused(new RegExp(name)))
      }
    }
    expect(log.firstSequence).toBe(1)
    await log.close()
  })

  test('a replay is ended by a signal', async () => {
    const log = await orders()
    const applied: unknown[] = []
    const apply = (entry: unknown): unknown => applied.push(entry)
    for (const signal of [5, 'no', null, {}] as never[]) {
      await expect(log.replay({ apply, signal })).rejects.toThrow(refused(/signal/))
    }
    expect(applied).toStrictEqual([])
    await log.close()
  })
})

describe('options that a call knows from others, and cannot do', () => {
  const calls: Readonly<Record<string, (log: Log<unknown>, environment: Environment) => unknown>> = {
    'the length of segments for openArchived': (_, environment) =>
      openArchived('/cold', { environment, segmentBytes: 65_536 } as object),
    'keys for openArchived': (_, environment) => openArchived('/cold', { environment, keys: { id: 'id' } } as object),
    'no options for openArchived': () => openArchived('/cold', null as never),
    'another name for verify of archived segments': async (_, environment) => {
      const cold = await openArchived('/cold', { environment })
      return await cold.verify({ findings: 1 } as never)
    },
    'a dry run for planArchive': async (_, environment) => {
      const reader = await openReadOnly('/log', { environment })
      return reader.planArchive(2, { dryRun: true } as never)
    },
    'no options for planArchive': async (_, environment) => {
      const reader = await openReadOnly('/log', { environment })
      return reader.planArchive(2, null as never)
    },
    'another world for verify': (log, environment) => log.verify({ environment } as never),
    'another world for copyTo': (log, environment) => log.copyTo('/copy', { environment } as never),
    'a name for openStore': (_, environment) => openStore('/store', { environment, segmentByte: 65_536 } as never),
    'a size for openStore': (_, environment) => openStore('/store', { environment, segmentBytes: 1 }),
    'another world for openStream': (_, environment) =>
      openStore('/store', { environment }).openStream('a', { environment } as never),
    'another world for startRun': (_, environment) =>
      openStore('/store', { environment }).startRun('a', 'b', { environment } as never),
    'what becomes of a crash for startRun': (_, environment) =>
      openStore('/store', { environment }).startRun('a', 'b', { onCrash: 'resume' } as never),
    'what is no anchor for replay': (log) =>
      log.replay({ apply: () => undefined, restore: () => undefined as never, anchor: {} as never }),
  }

  test.each(Object.entries(calls))('%s', async (_, call) => {
    const environment = memoryEnvironment()
    const log = await openLog<unknown>('/log', { environment })
    log.commitSync({ id: 'a' })
    log.roll()
    log.commitSync({ id: 'b' })
    await log.archiveBefore(2, { to: '/cold' })
    await expect(made(() => call(log, environment))).rejects.toThrow(refused(/./))
    await log.close()
  })

  test('an anchor and a limit for a replay both count', async () => {
    const log = await orders()
    for (let n = 2; n <= 4; n++) log.commitSync({ id: n })
    for (let sequence = 1; sequence <= 3; sequence++) await log.anchor({ sequence, ref: 'there', hash: 'that' })
    const restore = (): { hash: string; install: () => void } => ({ hash: 'that', install: () => undefined })
    const [first, second, third] = log.anchors()
    const apply = (): void => undefined
    const found = async (options: object): Promise<unknown> =>
      (await log.replay({ apply, restore, ...options })).anchor?.sequence
    expect(await found({})).toBe(third!.sequence)
    expect(await found({ anchor: second })).toBe(2)
    expect(await found({ anchor: third, fromAnchor: 1 })).toBe(1)
    expect(await found({ anchor: first, fromAnchor: 3 })).toBe(1)
    expect(await found({ anchor: third, fromAnchor: 0 })).toBeUndefined()
    await log.close()
  })
})
