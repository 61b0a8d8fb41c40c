import { describe, expect, it, vi } from 'vitest'
import type { Log } from '../../lib/log.ts'
import { inspect } from '../../recovery/inspect.ts'
import type { CallNote } from '../../segments/env/faults.ts'
import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { runNow } from '../../segments/env/steps.ts'
import { SeglogError } from '../../segments/errors.ts'
import { FRAMES_START, TRAIL_LEG } from '../../segments/format/layout.ts'
import { trailName } from '../../segments/format/names.ts'
import {
  DIR,
  type Item,
  content,
  copyOf,
  fill,
  forgetSlots,
  item,
  look,
  machine,
  names,
  openNow,
  readable,
  segment,
  shorten,
  spoil,
  tryOpen,
  unacknowledged,
  upTo,
} from './world.ts'

// Thousands of openings in some tests.
vi.setConfig({ testTimeout: 120_000 })

/** A trail decides nothing: an opening with one finds, does and leaves behind what it would without. */

const TRAIL_BYTES = 512
const options = { trailBytes: TRAIL_BYTES }
const trail = (ordinal = 1): string => `${DIR}/${trailName(ordinal)}`
const trails = (env: SimulatedEnvironment): string[] => names(env).filter((name) => name.endsWith('.trail'))

/** Some records after the other, with time for the background in between. */
async function go(env: SimulatedEnvironment, log: Log<Item>, upTo: number, length?: number): Promise<void> {
  while (log.lastSequence < upTo) {
    fill(log, log.lastSequence + 1, length)
    await env.settle()
  }
}

/** A log of one segment with a trail of several legs, and some records behind it; still open. */
async function trailed(count = 40): Promise<{ readonly env: SimulatedEnvironment; readonly log: Log<Item> }> {
  const env = machine()
  const log = openNow(env, options)
  await go(env, log, count)
  return { env, log }
}

/** All that an opening says and leaves, but for the trails themselves and for how long it took. */
function opened(env: SimulatedEnvironment, keep: 'with' | 'without', sameBoot = false): unknown {
  const machine = copyOf(env)
  if (keep === 'without') for (const name of trails(machine)) machine.files.remove(`${DIR}/${name}`)
  const scans = scansOf(machine)
  const { log, report, refused } = tryOpen(machine, { ...options, sameBoot })
  const files = [...content(machine)].filter(([name]) => !name.endsWith('.trail'))
  if (log === undefined) return { refused: refused?.message, files, scans }
  const looks = upTo(log.highWatermark).map((n) => look(log, n))
  return { report: { ...report, durationMs: 0 }, looks, files, scans }
}

/** What an inspection finds in each segment. */
function scansOf(env: SimulatedEnvironment): unknown {
  try {
    return runNow(copyOf(env), inspect(DIR)).segments.map(({ scan }) => {
      if (scan === undefined) return undefined
      const { offsets, covered: _, ...found } = scan
      return { ...found, places: Array.from({ length: offsets.length }, (_, index) => offsets.at(index)) }
    })
  } catch (error) {
    if (!(error instanceof SeglogError)) throw error
    return error.message
  }
}

function expectSame(env: SimulatedEnvironment, what: string, sameBoot = false): void {
  expect(opened(env, 'with', sameBoot), what).toEqual(opened(env, 'without', sameBoot))
}

/** Up to where an opening would take the word of a trail. */
function covered(env: SimulatedEnvironment, ordinal = 1): number | undefined {
  const { segments } = runNow(copyOf(env), inspect(DIR))
  return segments.find((each) => each.ordinal === ordinal)!.scan?.covered?.end
}

/** Where its legs begin and how far they go, as the bytes say. */
function legs(env: SimulatedEnvironment, path = trail()): { readonly at: number; readonly end: number }[] {
  const bytes = Buffer.from(env.files.read(path))
  const found: { at: number; end: number }[] = []
  for (let at = 0; at < bytes.length;) {
    const number = (field: keyof typeof TRAIL_LEG.at): number => Number(bytes.readBigUInt64LE(at + TRAIL_LEG.at[field]))
    found.push({ at, end: number('end') })
    const records = number('lastSequence') - number('firstSequence') + 1
    const definitions = bytes.readUInt32LE(at + TRAIL_LEG.at.definitionBytes)
    at += TRAIL_LEG.size + Math.ceil((records * 4 + definitions) / 8) * 8
  }
  return found
}

describe('a segment that is written has a trail', () => {
  it('a leg each so many bytes, of what is durable, and an opening scans only what is behind the last', async () => {
    const { env, log } = await trailed()
    const found = legs(env)
    expect(found.length).toBeGreaterThan(2)
    for (const [index, { end }] of found.entries()) {
      expect(end - (found[index - 1]?.end ?? FRAMES_START)).toBeGreaterThanOrEqual(TRAIL_BYTES)
    }
    expect(covered(env)).toBe(found.at(-1)!.end)
    expect(log.stats().backgroundFailure).toBeUndefined()
    expectSame(env, 'open')
    await env.drive(log.close())
    expect(covered(env)).toBe(found.at(-1)!.end)
    expectSame(env, 'closed')
  })

  it('also with a hash chain, which goes on from the last hash and the last checkpoint', async () => {
    const env = machine()
    const log = openNow(env, { ...options, chain: 'sha256' })
    await go(env, log, 23)
    expect(covered(env)).toBeGreaterThan(FRAMES_START)
    expectSame(env, 'chained')
    for (const count of [24, 26]) {
      const next = copyOf(env)
      await go(next, openNow(next, options), count)
      expectSame(next, `up to ${count}`)
      const { findings } = await next.drive(openNow(next, options).verify())
      expect(findings).toEqual([])
    }
  })

  it('that a later opening goes on with', async () => {
    const { env } = await trailed(25)
    const before = legs(env)
    const again = openNow(env, options)
    await go(env, again, 50)
    const after = legs(env)
    expect(after.slice(0, before.length)).toEqual(before)
    expect(after.length).toBeGreaterThan(before.length)
    expect(covered(env)).toBe(after.at(-1)!.end)
    expectSame(env, 'gone on with')
  })

  it('that is gone when it is sealed, and none where a segment is too short for a leg', async () => {
    const { env } = await trailed(150)
    expect(names(env).filter((name) => name.endsWith('.log')).length).toBeGreaterThan(2)
    expect(trails(env).length).toBeLessThan(2)
    const other = machine()
    await go(other, openNow(other, { trailBytes: 8192 }), 100)
    expect(trails(other)).toEqual([])
  })

  it('that is begun anew where recovery made a copy', async () => {
    const { env, log } = await trailed()
    unacknowledged(env, () => log.commitSync(item(41)))
    const again = openNow(env, options)
    expect(again.recovery.notes.join()).toContain('copied')
    expect(trails(env)).toEqual([])
    await go(env, again, 50)
    expect(covered(env)).toBe(legs(env).at(-1)!.end)
    expectSame(env, 'begun anew')
  })

  it('also of batches, shapes and a group that is written by nobody who waits', async () => {
    const env = machine()
    const log = openNow(env, options)
    const odd = (n: number): Item => ({ ...item(n), [`member${n}`]: n })
    for (let n = 1; n <= 12; n += 3) {
      log.append(odd(n))
      log.appendBatch([odd(n + 1), item(n + 2)])
      await env.drive(log.durable(n + 2))
      await env.settle()
    }
    expect(covered(env)).toBeGreaterThan(FRAMES_START)
    expectSame(env, 'shapes')
  })
})

describe('it changes nothing but the time that an opening takes', () => {
  it('at a crash before each call', async () => {
    const env = machine()
    const crashes: SimulatedEnvironment[] = []
    const kinds = ['lost', 'kept', 'any'] as const
    const when = ({ index }: CallNote): boolean => {
      crashes.push(env.clone(index).crash(index, { unsynced: kinds[index % kinds.length]! }))
      return false
    }
    env.calls.fault({ when, outcome: 'EIO' })
    const log = openNow(env, options)
    await go(env, log, 20)
    unacknowledged(env, () => log.commitSync(item(21)))
    await go(env, openNow(env, options), 60)
    expect(crashes.length).toBeGreaterThan(200)
    let used = 0
    for (const [index, crashed] of crashes.entries()) {
      if (crashed.files.paths(DIR).some((path) => path.endsWith('.trail'))) used += 1
      expectSame(crashed, `before call ${index + 1}`)
    }
    expect(used).toBeGreaterThan(50)
  })

  it('with any bit of the segment turned round', async () => {
    const { env } = await trailed(20)
    const { length } = env.files.read(segment(1))
    for (const slots of ['there', 'lost'] as const) {
      const start = copyOf(env)
      if (slots === 'lost') forgetSlots(start)
      for (let at = slots === 'lost' ? 1 : 0; at < length; at += at < 1600 ? 5 : 101) {
        const machine = copyOf(start)
        const bytes = machine.files.read(segment(1))
        bytes[at]! ^= 1 << (at % 8)
        machine.files.write(segment(1), bytes)
        expectSame(machine, `byte ${at}, slots ${slots}`)
      }
    }
  })

  it('with any of its bytes changed, or cut anywhere', async () => {
    const { env } = await trailed(16)
    const { length } = env.files.read(trail())
    expect(length).toBeGreaterThan(TRAIL_LEG.size)
    const without = opened(env, 'without')
    for (let at = 0; at < length; at++) {
      const damaged = copyOf(env)
      spoil(damaged, trail(), at)
      expect(opened(damaged, 'with'), `byte ${at}`).toEqual(without)
      const short = copyOf(env)
      shorten(short, trail(), at)
      expect(opened(short, 'with'), `cut at ${at}`).toEqual(without)
    }
  })

  it.each<[string, (env: SimulatedEnvironment, log: Log<Item>) => void | Promise<void>]>([
    ['of zeros', (env) => env.files.write(trail(), new Uint8Array(4096))],
    [
      'with more behind it',
      (env) => env.files.write(trail(), Buffer.concat([env.files.read(trail()), Buffer.alloc(999, 1)])),
    ],
    ['twice', (env) => env.files.write(trail(), Buffer.concat([env.files.read(trail()), env.files.read(trail())]))],
    [
      'of a segment that was cut since',
      (env) => {
        env.files.write(segment(1), Buffer.concat([env.files.read(segment(1)).subarray(0, 900)], 4096))
        forgetSlots(env)
      },
    ],
    [
      'that is a directory',
      (env) => {
        env.files.remove(trail())
        env.files.makeDirectory(trail())
      },
    ],
    [
      'of another log',
      async (env) => {
        const other = machine(2)
        await go(other, openNow(other, options), 40)
        env.files.write(trail(), other.files.read(trail()))
      },
    ],
    [
      'of its earlier life',
      (env, log) => {
        const before = env.files.read(trail())
        unacknowledged(env, () => log.commitSync(item(41)))
        openNow(env, options)
        env.files.write(trail(), before)
      },
    ],
  ])('a trail %s', async (_, harm) => {
    const { env, log } = await trailed()
    await harm(env, log)
    expectSame(env, 'harmed')
  })

  it('read with an error of the disk', async () => {
    const { env } = await trailed()
    const without = opened(env, 'without') as object
    const machine = copyOf(env)
    machine.calls.fault({ when: (call) => call.do === 'open' && call.path === trail(), outcome: 'EIO' })
    const { log, report } = tryOpen(machine, options)
    expect(without).toMatchObject({ report: { ...report, durationMs: 0 } })
    expect(readable(log!)).toEqual(upTo(40))
  })

  it('written with an error of the disk: the log goes on, says so, and has no trail', async () => {
    for (const which of ['open', 'write', 'sync', 'syncDirectory'] as const) {
      const env = machine()
      const log = openNow(env, options)
      const isOfTrail = (call: CallNote): boolean => call.path === trail() || which === 'syncDirectory'
      env.calls.fault({ when: (call) => call.do === which && isOfTrail(call), outcome: 'EIO' })
      await go(env, log, 20)
      expect(log.highWatermark, which).toBe(20)
      expect(log.stats().backgroundFailure, which).toBeDefined()
      env.calls.clearFaults()
      expectSame(env, which)
    }
  })
})
