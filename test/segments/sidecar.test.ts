import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Environment, Handle } from '../../segments/env/environment.ts'
import { memoryEnvironment } from '../../segments/env/memory.ts'
import { runNow, type Steps } from '../../segments/env/steps.ts'
import { createFile, readAll, readUpTo, withFile, writeAll } from '../../segments/files.ts'
import { SIDECAR_FOOTER, SIDECAR_SECTION } from '../../segments/format/layout.ts'
import { sidecarName } from '../../segments/format/names.ts'
import { PAGE_BYTES, type SegmentIdentity, type SidecarFooter } from '../../segments/format/sidecar.ts'
import { openSidecar, type ReadPage, Sidecar, type SidecarProblem } from '../../segments/sidecar.ts'
import { type SidecarContent, writeSidecar } from '../../segments/sidecar-writing.ts'
import { mendEnd, mendPrefix, offsetsOf } from './format/bytes.ts'

const RECORDS = 2500
const IDENTITY: SegmentIdentity = {
  logId: '0123456789abcdef0123456789abcdef',
  ordinal: 3,
  firstSequence: 101,
  lastSequence: 100 + RECORDS,
  dataBytes: 256 + RECORDS * 32,
  salt: -9,
  digest: 77,
  head: '0'.repeat(64),
  baseTimestamp: 5n,
  lastTimestamp: 9n,
}
const PATH = `/log/${sidecarName(3)}`
const units = Array.from({ length: RECORDS }, (_, index) => (index === 1700 ? 0 : 32 + index * 4))
const definitions = [Buffer.from('one'), Buffer.alloc(0), Buffer.alloc(6000, 'x')]
const pairs = Uint32Array.from({ length: 1200 }, (_, place) => (place % 2 === 0 ? place * 1000 : place))
const CONTENT: SidecarContent = {
  offsets: offsetsOf(units),
  definitions,
  keyTables: [
    { name: 'orderId', fingerprint: 'ab'.repeat(16), pairs },
    { name: 'none', fingerprint: 'cd'.repeat(16), pairs: new Uint32Array() },
  ],
}

function world(content = CONTENT, identity = IDENTITY): { env: Environment; bytes: Buffer } {
  const env = memoryEnvironment()
  env.call({ do: 'makeDirectory', path: '/log' })
  runNow(env, writeSidecar(env, '/log', identity, content))
  return {
    env,
    bytes: runNow(
      env,
      withFile(PATH, 'read', (handle) => readAll(handle, PATH, 2 ** 20)),
    ),
  }
}

function put(env: Environment, bytes: Uint8Array): void {
  env.call({ do: 'unlink', path: PATH })
  runNow(env, createFile(PATH, bytes))
}

/** Runs `body` with the sidecar, or gives what is wrong with it. */
function opened<T>(env: Environment, body: (sidecar: Sidecar) => Steps<T>): T | SidecarProblem {
  const footer = runNow(env, openSidecar(PATH, IDENTITY))
  if (typeof footer === 'string') return footer
  return runNow(
    env,
    withFile(PATH, 'read', (handle) => body(new Sidecar(footer, pagesOf(handle)))),
  )
}

function pagesOf(handle: Handle): ReadPage {
  return function* (page, isSound) {
    const bytes = Buffer.alloc(PAGE_BYTES)
    const length = yield* readUpTo(handle, bytes, 0, PAGE_BYTES, page * PAGE_BYTES)
    return isSound(bytes.subarray(0, length)) ? bytes : undefined
  }
}

/** All that a sidecar says; undefined where it is of no use for that. */
function* all(sidecar: Sidecar): Steps<unknown> {
  const places: (number | undefined)[] = []
  for (let index = 0; index < RECORDS; index += 50) places.push(yield* sidecar.unitsOf(index))
  const found: [number, number][] = []
  for (const table of sidecar.keyTables) {
    for (let number = 0; number < table.pageCount; number++) {
      const page = yield* sidecar.keyPage(table, number)
      if (page === undefined) return undefined
      for (let item = 0; item < page.count; item++) found.push([page.hashAt(item), page.indexAt(item)])
    }
  }
  const payloads = yield* sidecar.definitions()
  if (payloads === undefined || places.includes(undefined)) return undefined
  return { places, found, payloads: payloads.map((payload) => Buffer.from(payload).toString()) }
}

const EVERYTHING = {
  places: units.filter((_, index) => index % 50 === 0),
  found: Array.from({ length: 600 }, (_, pair) => [pairs[pair * 2], pairs[pair * 2 + 1]]),
  payloads: definitions.map(String),
}

test('all that went into a sidecar comes back', () => {
  const { env, bytes } = world()
  expect(bytes.length).toBe((3 + 2 + 2 + 0 + 1) * PAGE_BYTES)
  expect(opened(env, all)).toEqual(EVERYTHING)
  expect(opened(env, (sidecar) => sidecar.unitsOf(1700))).toBe(0)
  expect(opened(env, (sidecar) => sidecar.unitsOf(RECORDS))).toBe(0)
  expect(opened(env, (sidecar) => sidecar.unitsOf(-1))).toBe(0)
  const empty = { offsets: offsetsOf([]), definitions: [], keyTables: [] }
  const none = { ...IDENTITY, lastSequence: 100 }
  const small = world(empty, none)
  expect(small.bytes.length).toBe(PAGE_BYTES)
  expect(runNow(small.env, openSidecar(PATH, none))).toMatchObject({ lastSequence: 100 })
})

test('B6 opening reads the footer, and locating a record one page', () => {
  const { env } = world()
  let bytes = 0
  const counting: Environment = Object.create(env, {
    call: {
      value: (call: Parameters<Environment['call']>[0]) => {
        if (call.do === 'read') bytes += call.length
        return env.call(call)
      },
    },
  }) as Environment
  const footer = runNow(counting, openSidecar(PATH, IDENTITY))
  expect(bytes).toBe(PAGE_BYTES)
  const locate = withFile(PATH, 'read', (handle) => new Sidecar(footer as never, pagesOf(handle)).unitsOf(2400))
  expect(runNow(counting, locate)).toBe(units[2400])
  expect(bytes).toBe(2 * PAGE_BYTES)
})

describe('a sidecar that is of no use is recognised', () => {
  const { env, bytes } = world()

  test('missing, or something that is no file', () => {
    const { env } = world()
    env.call({ do: 'unlink', path: PATH })
    expect(opened(env, all)).toBe('missing')
    env.call({ do: 'makeDirectory', path: PATH })
    expect(opened(env, all)).toBe('missing')
  })

  test('cut at any length', () => {
    for (let length = 0; length < bytes.length; length += length < 64 ? 1 : 61) {
      put(env, bytes.subarray(0, length))
      expect(opened(env, all)).toBe(length < PAGE_BYTES ? 'short' : 'damaged')
    }
  })

  test('longer', () => {
    for (const more of [1, 8, PAGE_BYTES - 1, PAGE_BYTES]) {
      for (const added of [Buffer.alloc(more), Buffer.alloc(more, 7)]) {
        put(env, Buffer.concat([bytes, added]))
        expect(opened(env, all)).toBe('damaged')
      }
    }
    const footer = bytes.subarray(-PAGE_BYTES)
    put(env, Buffer.concat([bytes, footer]))
    expect(opened(env, all)).toBe('damaged')
    put(env, Buffer.concat([bytes.subarray(0, PAGE_BYTES), footer]))
    expect(opened(env, all)).toBe('damaged')
  })

  test('with a flipped bit', () => {
    put(env, bytes)
    for (let at = 0; at < bytes.length; at += at % PAGE_BYTES < 64 || at > bytes.length - PAGE_BYTES ? 1 : 13) {
      runNow(env, setByte(at, bytes[at]! ^ (1 << (at % 8))))
      const found = opened(env, all)
      runNow(env, setByte(at, bytes[at]!))
      if (found !== 'damaged' && found !== undefined) expect({ at, found }).toBe('damaged')
    }
  })

  test.each([
    ['of another log', { logId: 'f'.repeat(32) }, 'foreign'],
    ['of another segment', { ordinal: 4 }, 'foreign'],
    ['of an earlier life of the segment', { salt: 8 }, 'foreign'],
    ['of the segment when it was shorter', { lastSequence: IDENTITY.lastSequence + 1 }, 'outdated'],
    ['of a segment that starts elsewhere', { firstSequence: 100 }, 'outdated'],
    ['of another length', { dataBytes: IDENTITY.dataBytes + 8 }, 'outdated'],
    ['of other frames', { digest: 78 }, 'outdated'],
    ['of another chain', { head: '1'.repeat(64) }, 'outdated'],
    ['of other times', { baseTimestamp: 4n }, 'outdated'],
    ['of another end', { lastTimestamp: 10n }, 'outdated'],
  ] as const)('%s', (_, change, problem) => {
    put(env, bytes)
    expect(runNow(env, openSidecar(PATH, { ...IDENTITY, ...change }))).toBe(problem)
  })

  test('of a newer version', () => {
    const newer = Buffer.from(bytes)
    const footer = newer.subarray(-PAGE_BYTES)
    footer.writeUInt16LE(1, SIDECAR_FOOTER.at.version)
    mendPrefix(footer)
    put(env, newer)
    expect(opened(env, all)).toBe('newer')
  })

  test('with definitions that reach beyond their stream', () => {
    const row = SIDECAR_FOOTER.at.sections + SIDECAR_SECTION.size
    expect(bytes.readUInt32LE(bytes.length - PAGE_BYTES + row + SIDECAR_SECTION.at.count)).toBe(6015)
    put(env, bytes)
    const footer = runNow(env, openSidecar(PATH, IDENTITY)) as SidecarFooter
    for (const length of [2, 6000, 6012, 0xffffffff]) {
      const lying = Buffer.from(bytes)
      lying.writeUInt32LE(length, 3 * PAGE_BYTES)
      expect(runNow(env, new Sidecar(footer, trusting(lying)).definitions())).toBeUndefined()
    }
  })
})

/** Takes every page for sound, as if its check had been mended. */
function trusting(bytes: Buffer): ReadPage {
  return function* (page) {
    return bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES)
  }
}

function* setByte(at: number, byte: number): Steps<void> {
  yield* withFile(PATH, 'write', (handle) => writeAll(handle, Uint8Array.of(byte), 0, 1, at))
}

test('an error of the disk is thrown, and never taken for a missing sidecar', () => {
  const { env } = world()
  for (const failing of ['open', 'size', 'read']) {
    const failure = Object.assign(new Error('EIO'), { code: 'EIO', errno: -5 })
    const broken = Object.create(env, {
      call: {
        value: (call: Parameters<Environment['call']>[0]) => {
          if (call.do === failing) throw failure
          return env.call(call)
        },
      },
    }) as Environment
    expect(() => runNow(broken, openSidecar(PATH, IDENTITY))).toThrow(failure)
  }
})

test('whatever a sidecar says with sound checks: no answer but a number, bytes, or that it is of no use', () => {
  const { env, bytes } = world()
  const change = fc.tuple(fc.nat(bytes.length / 4 - 1), fc.nat(0xffffffff))
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
      const hostile = Buffer.from(bytes)
      for (const [word, value] of changes) hostile.writeUInt32LE(value, word * 4)
      const footer = hostile.subarray(-PAGE_BYTES)
      mendPrefix(footer)
      mendEnd(footer)
      put(env, hostile)
      const footerFound = runNow(env, openSidecar(PATH, IDENTITY))
      if (typeof footerFound === 'string') return
      const found = runNow(env, all(new Sidecar(footerFound, trusting(hostile))))
      expect(found === undefined || typeof found === 'object').toBe(true)
    }),
    { numRuns: 500 },
  )
})
