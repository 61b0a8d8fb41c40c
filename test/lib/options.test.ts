import { readdirSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  SeglogError,
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
import { LIMITS, type OpenOptions, resolveOptions } from '../../lib/options.ts'

const resolve = (options: object): ReturnType<typeof resolveOptions> =>
  resolveOptions(options as OpenOptions<unknown>, LIMITS.segmentBytes.min)

const NUMBERS = Object.entries(LIMITS)

describe('options', () => {
  test('have defaults that hold together, and cannot be changed afterwards', () => {
    const resolved = resolve({})
    for (const [name, { default: value }] of NUMBERS) expect(resolved).toMatchObject({ [name]: value })
    expect(resolved).toMatchObject({ durability: 'synced', onDamage: 'refuse', codec: { name: 'cbor-shapes' } })
    expect(Object.isFrozen(resolved)).toBe(true)
  })

  test.each(NUMBERS)('%s is a whole number within its limits', (name, { min, max }) => {
    for (const good of [min, max]) expect(() => resolve({ [name]: good })).not.toThrow()
    for (const bad of [min - 1, max + 1, min + 0.5, NaN, Infinity, -1, String(min), null, BigInt(min), [min]]) {
      expect(() => resolve({ [name]: bad }), String(bad)).toThrow(
        expect.objectContaining({
          code: 'INVALID_ARGUMENT',
          message: expect.stringContaining(name) as string,
          found: bad,
        }),
      )
    }
  })

  const wrong: readonly (readonly [string, unknown])[] = [
    ['a size that is no multiple of 8', { segmentBytes: 65_537 }],
    ['an unknown name', { segmentByte: 65_536 }],
    ['an unknown level', { durability: 'fsync' }],
    ['a level of another kind', { durability: true }],
    ['an unknown choice', { onDamage: 'ignore' }],
    ['a codec that is none', { codec: {} }],
    ['a codec without a name', { codec: { encode: () => new Uint8Array(), decode: () => 1 } }],
    ['nothing', null],
    ['text', 'synced'],
  ]
  test.each(wrong)('%s is refused', (_, options) => {
    expect(() => resolve(options as object)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })

  test('limits that exceed each other are lowered: a record to its segment, the soft limit to the hard one', () => {
    const small = resolve({ segmentBytes: 65_536, queueHardBytes: 65_536 })
    expect(small.recordBytesMax).toBeLessThan(65_536)
    expect(small.recordBytesMax).toBeGreaterThan(64_000)
    expect(small.queueSoftBytes).toBe(65_536)
    expect(resolve({ segmentBytes: 65_536, recordBytesMax: 100 }).recordBytesMax).toBe(100)
  })
})

describe('calls with options that they do not know', () => {
  const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' }) as Error

  test('are refused by name, and do nothing', async () => {
    const environment = memoryEnvironment()
    const log = await openLog<unknown>('/log', { environment, keys: { id: 'id' } })
    await log.commit({ id: 1 })
    const reader = await openReadOnly('/log', { environment })
    const calls: Record<string, (options: never) => unknown> = {
      append: (options) => log.append(1, options),
      appendBatch: (options) => log.appendBatch([1], options),
      commit: (options) => log.commit(1, options),
      commitBatch: (options) => log.commitBatch([1], options),
      commitSync: (options) => log.commitSync(1, options),
      commitBatchSync: (options) => log.commitBatchSync([1], options),
      read: (options) => log.read(options),
      follow: (options) => log.follow(options),
      lookupAll: (options) => log.lookupAll('id', 1, options),
      anchor: (options) => log.anchor(options),
      cursor: (options) => log.cursor('name', options),
      replay: (options) => log.replay(options),
      archiveBefore: (options) => log.archiveBefore(1, options),
      restore: (options) => log.restore(options),
      planRetention: (options) => log.planRetention(options),
      'read of a reader': (options) => reader.read(options),
      'follow of a reader': (options) => reader.follow(options),
      openLog: (options) => openLog('/other', options),
      openReadOnly: (options) => openReadOnly('/log', options),
      openStore: (options) => openStore('/store', options).openStream('a'),
      verifyLog: (options) => verifyLog('/log', options),
      copyLog: (options) => copyLog('/log', '/copy', options),
      salvageLog: (options) => salvageLog('/log', '/copy', options),
    }
    for (const [name, call] of Object.entries(calls)) {
      for (const options of [{ expected: 5 }, null, 5, 'synced', [1]]) {
        const made = Promise.resolve().then(() => call(options as never))
        await expect(made, `${name} ${JSON.stringify(options)}`).rejects.toThrow(refused)
      }
    }
    expect(log.lastSequence).toBe(1)
    expect(log.anchors()).toStrictEqual([])
    await reader.close()
    await log.close()
  })

  test('what is no directory is no log to those who only read, and nothing is made for it', async () => {
    const base = temporaryDirectory()
    writeFileSync(`${base}/file`, 'text')
    const readers: Record<string, (from: string) => Promise<unknown>> = {
      verifyLog: (from) => verifyLog(from),
      copyLog: (from) => copyLog(from, `${base}/copy`),
      salvageLog: (from) => salvageLog(from, `${base}/salvaged`),
      openReadOnly: (from) => openReadOnly(from),
      openArchived: (from) => openArchived(from),
    }
    for (const [name, read] of Object.entries(readers)) {
      for (const from of ['missing', 'missing/too', 'file', 'file/in']) {
        const found = await read(`${base}/${from}`).catch((error: unknown) => (error as SeglogError).code)
        expect(found, `${name} of ${from}`).toBe('NOT_A_LOG')
      }
    }
    expect(readdirSync(base)).toStrictEqual(['file'])
  })

  test('what is a file is never told to be opened for writing', async () => {
    const base = temporaryDirectory()
    writeFileSync(`${base}/file`, 'text')
    for (const [path, message] of [
      ['file', 'a log is a directory, and this is something else'],
      ['file/in', 'a log is a directory, and this is something else'],
      ['missing', 'there is no log here. Open it for writing to make one.'],
    ] as const) {
      const rejected = expect(openReadOnly(`${base}/${path}`), path).rejects
      await rejected.toMatchObject({ code: 'NOT_A_LOG', message: `NOT_A_LOG: ${message}`, file: `${base}/${path}` })
    }
  })

  test.each(['', 'a\0b', undefined, 5])('a directory is a path: %j', async (path) => {
    await expect(openLog(path as string, { environment: memoryEnvironment() })).rejects.toThrow(refused)
    await expect(openReadOnly(path as string, { environment: memoryEnvironment() })).rejects.toThrow(refused)
  })
})
