import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { cbor } from '../../lib/codecs/cbor.ts'
import type { Log } from '../../lib/log.ts'
import { openReadOnly } from '../../lib/open.ts'
import { copyLog, salvageLog, verifyLog } from '../../lib/operations.ts'
import { later } from '../../lib/read/later.ts'
import { type RebuildReport, rebuildSidecars } from '../../recovery/sidecars.ts'
import { Watch } from '../../recovery/verify-progress.ts'
import { SeglogError, type ErrorCode } from '../../segments/errors.ts'
import { SLOT } from '../../segments/format/layout.ts'
import { sidecarName } from '../../segments/format/names.ts'
import { type Ending, LAST, SMALL_BYTES, smallLog } from '../recovery/small-log.ts'
import { DIR, type Item, fill, item, machine, openNow } from '../recovery/world.ts'
import { forge, forgery } from './hostile-forgeries.ts'
import { mutate, mutation } from './hostile-mutations.ts'
import * as hostile from './hostile-world.ts'

/** Whole directories that somebody spoilt or forged: a typed error or a correct answer, in bounded time and memory. */

const ENDINGS = ['closed', 'killed', 'power cut'] as const
const logs = new Map<Ending, hostile.Directory>()
let other: hostile.Directory

beforeAll(async () => {
  for (const ending of ENDINGS) logs.set(ending, hostile.directoryOf(await smallLog(ending)))
  const env = machine(7)
  const log = openNow(env, { segmentBytes: SMALL_BYTES })
  fill(log, 4, 9)
  log.roll()
  fill(log, 9, 9)
  await env.drive(log.close())
  other = hostile.directoryOf(env)
})

/** What an opening and the reads after it may say without any fault of the machine. */
const TYPED: ReadonlySet<ErrorCode> = new Set([
  ...(['CORRUPT', 'GAP', 'ARCHIVED', 'DECODE', 'UNSUPPORTED_FORMAT', 'NOT_A_LOG', 'LOCKED'] as const),
  ...(['INVALID_ARGUMENT', 'IO', 'DISK_FULL', 'CRASHED_PREDECESSOR', 'TOO_LARGE', 'OUT_OF_ORDER', 'FAILED'] as const),
])

/** Said before anything is done. What the system refuses in the midst of it, a file called `cut` say, is another matter. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  ...(['CORRUPT', 'UNSUPPORTED_FORMAT', 'NOT_A_LOG', 'LOCKED', 'INVALID_ARGUMENT'] as const),
])

/** A code, or the defect that it is: an error of another class, or one that was only wrapped to look like ours. */
function codeOf(error: unknown): ErrorCode {
  if (!(error instanceof SeglogError)) throw new Error(`not typed: ${String(error)}`, { cause: error })
  if (!TYPED.has(error.code)) throw new Error(`not expected here: ${error.message}`, { cause: error })
  for (let cause: unknown = error.cause; cause !== undefined; cause = (cause as { readonly cause?: unknown }).cause) {
    const isOfSystem = typeof (cause as { readonly errno?: unknown }).errno === 'number'
    const isOfCodec = error.code === 'DECODE'
    if (isOfSystem || isOfCodec || cause instanceof SeglogError) continue
    throw new Error(`a defect in disguise: ${error.message}`, { cause })
  }
  return error.code
}

function attempt<R>(work: () => R): R | ErrorCode {
  try {
    return work()
  } catch (error) {
    return codeOf(error)
  }
}

type IsRight = (sequence: number, value: unknown) => boolean

const asWritten: IsRight = (sequence, value) => {
  const found = JSON.stringify(value)
  return [5, 9].some((length) => found === JSON.stringify(item(sequence, length)))
}
/** A forged frame holds what its forger wrote. */
const anything: IsRight = () => true

/** More than that no log here has; of one that says it has more, both ends are read. */
const READ_MAX = LAST + 8

function readAll(log: Pick<Log<Item>, 'get' | 'read' | 'highWatermark'>, isRight: IsRight): Map<number, string> {
  const found = new Map<number, string>()
  const note = (sequence: number, way: string, value: unknown): void => {
    if (!isRight(sequence, value)) throw new Error(`${way}: record ${sequence} reads as ${JSON.stringify(value)}`)
  }
  const last = log.highWatermark
  const sequences = Array.from({ length: Math.min(READ_MAX, last) }, (_, index) => index + 1)
  for (const sequence of [...sequences, last - 1, last, last + 1]) {
    attempt(() => {
      const entry = log.get(sequence)
      if (entry === undefined) return
      expect(entry.sequence).toBe(sequence)
      expect(typeof entry.timestampNs).toBe('bigint')
      note(sequence, 'get', entry.value)
      found.set(sequence, show(entry.value))
    })
  }
  for (const reverse of [false, true]) {
    for (const from of [undefined, 6]) {
      attempt(() => {
        let before: number | undefined
        for (const entry of log.read({ reverse, limit: READ_MAX, ...(from === undefined ? {} : { from }) })) {
          if (before !== undefined) expect(entry.sequence).toBe(before + (reverse ? -1 : 1))
          before = entry.sequence
          const value = attempt(() => ({ is: entry.value }))
          if (typeof value === 'object') note(entry.sequence, reverse ? 'reverse' : 'forward', value.is)
        }
      })
    }
  }
  return found
}

const show = (value: unknown): string => {
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    // A bigint, say; which one does not matter.
    return typeof value
  }
}

interface Run {
  readonly opened: boolean
  readonly code: ErrorCode | undefined
  readonly values: Map<number, string>
  readonly last: number
}

/** Opens, reads everything, appends where that is asked, closes; and looks at what it took and left behind. */
async function openAndRead(
  world: hostile.Guarded['world'],
  onDamage: hostile.OnDamage,
  isRight: IsRight,
  appending = false,
): Promise<Run> {
  const env = new hostile.Guarded(world)
  const before = hostile.picture(world)
  const stop = hostile.watchAllocations()
  let run: Run = { opened: false, code: undefined, values: new Map(), last: 0 }
  let thrown: unknown
  try {
    const log = await hostile.openGuarded(env, onDamage)
    const values = readAll(log, isRight)
    if (appending) attempt(() => log.commitSync(item(log.lastSequence + 1, 5)))
    run = { opened: true, code: undefined, values, last: log.highWatermark }
    await env.world.drive(log.close()).catch(codeOf)
  } catch (error) {
    thrown = error
  } finally {
    const excess = stop()
    expect(excess, 'memory').toEqual([])
  }
  expect(env.broken, 'time').toBeUndefined()
  if (thrown !== undefined) {
    run = { ...run, code: codeOf(thrown) }
    if (!run.opened && REFUSALS.has(run.code!))
      expect(hostile.picture(world) === before, `${run.code}: no change`).toBe(true)
  }
  expect([...env.open.values()], 'every file is closed').toEqual([])
  return run
}

const ending = fc.constantFrom(...ENDINGS)
const onDamage = fc.constantFrom('refuse' as const, 'accept-loss' as const)
const RUNS = Number(process.env.SEGLOG_HOSTILE_RUNS ?? 430)

const spoilt = fc.array(mutation, { minLength: 1, maxLength: 3 })

function spoiltLog(
  how: Ending,
  mutations: readonly Parameters<typeof mutate>[2][],
  forgeries: readonly Parameters<typeof forge>[1][],
): hostile.Directory {
  const directory = hostile.copyOf(logs.get(how)!)
  for (const each of forgeries) forge(directory, each)
  for (const each of mutations) mutate(directory, other, each)
  return directory
}

/** Does what must change none of the files that count, in bounded time and memory; gives what comes of it, or its code. */
async function harmless<R>(
  directory: hostile.Directory,
  work: (environment: hostile.Guarded) => Promise<R>,
  counts: (name: string) => boolean = () => true,
): Promise<R | ErrorCode> {
  const world = hostile.machineWith(directory)
  const env = new hostile.Guarded(world)
  const before = hostile.picture(world, counts)
  const stop = hostile.watchAllocations()
  const result = await world.drive(work(env)).catch(codeOf)
  expect(stop(), 'memory').toEqual([])
  expect(env.broken, 'time').toBeUndefined()
  expect([...env.open.values()], 'every file is closed').toEqual([])
  expect(hostile.picture(world, counts) === before, 'no change').toBe(true)
  return result
}

describe('hostile directories', () => {
  it('a spoilt one opens, or says why not; each read gives what was written there, or says why not', async () => {
    let opened = 0
    const spoilt = fc.array(mutation, { minLength: 1, maxLength: 4 })
    const property = fc.asyncProperty(ending, onDamage, spoilt, async (how, damage, mutations) => {
      const directory = hostile.copyOf(logs.get(how)!)
      for (const each of mutations) mutate(directory, other, each)
      const world = hostile.machineWith(directory)
      const run = await openAndRead(world, damage, asWritten)
      if (run.opened) opened += 1
    })
    await fc.assert(property, { numRuns: RUNS * 2 })
    expect(opened).toBeGreaterThan(RUNS / 2)
  })

  it('a forged one, every checksum right, does no worse', async () => {
    let opened = 0
    const lies = fc.array(forgery, { minLength: 1, maxLength: 3 })
    const property = fc.asyncProperty(ending, onDamage, lies, async (how, damage, forgeries) => {
      const directory = hostile.copyOf(logs.get(how)!)
      for (const each of forgeries) forge(directory, each)
      const run = await openAndRead(hostile.machineWith(directory), damage, anything)
      if (run.opened) opened += 1
    })
    await fc.assert(property, { numRuns: RUNS })
    expect(opened).toBeGreaterThan(RUNS / 4)
  })

  it('one that was opened opens again, with all that it gave', async () => {
    const spoilt = fc.array(mutation, { minLength: 1, maxLength: 3 })
    const property = fc.asyncProperty(ending, onDamage, spoilt, async (how, damage, mutations) => {
      const directory = hostile.copyOf(logs.get(how)!)
      for (const each of mutations) mutate(directory, other, each)
      const world = hostile.machineWith(directory)
      const first = await openAndRead(world, damage, asWritten, true)
      if (!first.opened) return
      const second = await openAndRead(world.kill(2), 'refuse', asWritten)
      expect(second.code).toBeUndefined()
      expect(second.last).toBe(first.last)
      for (const [sequence, value] of first.values) expect(second.values.get(sequence)).toBe(value)
    })
    await fc.assert(property, { numRuns: RUNS / 2 })
  })

  it('opening one to read changes nothing: each read gives what was written there, or says why not', async () => {
    let opened = 0
    const property = fc.asyncProperty(
      ending,
      spoilt,
      fc.array(forgery, { maxLength: 1 }),
      async (how, spoils, lies) => {
        await harmless(spoiltLog(how, spoils, lies), async (environment) => {
          const log = await openReadOnly<Item>(DIR, { environment, codec: cbor<Item>() })
          readAll(log, lies.length === 0 ? asWritten : anything)
          await log.close()
          opened += 1
        })
      },
    )
    await fc.assert(property, { numRuns: RUNS })
    expect(opened).toBeGreaterThan(RUNS / 4)
  })

  it('verifying one changes nothing: findings or a typed error, in bounded time and memory', async () => {
    let verified = 0
    const property = fc.asyncProperty(
      ending,
      spoilt,
      fc.array(forgery, { maxLength: 2 }),
      async (how, spoils, lies) => {
        const report = await harmless(spoiltLog(how, spoils, lies), (environment) => verifyLog(DIR, { environment }))
        if (typeof report !== 'object') return
        verified += 1
        expect(report.findings.length).toBeLessThanOrEqual(report.findingsCount)
      },
    )
    await fc.assert(property, { numRuns: RUNS })
    expect(verified).toBeGreaterThan(RUNS / 4)
  })

  // Found by the properties above in one run of several: lists as long as somebody said, until there was no memory left.
  it.each(
    [2n ** 31n - 1n, 2n ** 32n, 2n ** 45n].flatMap((value) => {
      const of = (member: string): number => SLOT.fields.findIndex(({ name }) => name === member)
      const members = ['ordinal', 'offset', 'sequence'] as const
      const slot = (member: (typeof members)[number]) =>
        [0, 1].map((which) => ({ do: 'slot', which, field: of(member), value }) as const)
      const manifest = (path: string[]) =>
        [0, 1].map((which) => ({ do: 'manifest', which, path, value: Number(value) }) as const)
      return members.flatMap((member) => [
        ['slots', member, value, slot(member), [{ do: 'flip', file: 1, at: 0, by: 1 }]] as const,
        ...['highWatermark', 'clean'].map(
          (where) =>
            [
              `manifests (${where})`,
              member,
              value,
              manifest([where, member]),
              [{ do: 'truncate', file: 0, at: 0 }],
            ] as const,
        ),
      ])
    }),
  )('%s that lie about their %s, %d, are read in bounded time and memory', async (_1, _2, _3, lies, spoils) => {
    for (const how of ENDINGS) {
      for (const some of [[], spoils]) {
        const make = (): hostile.Directory => spoiltLog(how, some, lies)
        await harmless(make(), async (environment) => {
          const log = await openReadOnly<Item>(DIR, { environment, codec: cbor<Item>() })
          readAll(log, asWritten)
          await log.close()
        })
        await harmless(make(), (environment) => verifyLog(DIR, { environment }))
        await openAndRead(hostile.machineWith(make()), 'refuse', asWritten)
      }
    }
  })

  describe('rebuilding sidecars changes nothing else, in bounded time and memory', () => {
    const rebuilt = (directory: hostile.Directory): Promise<RebuildReport | ErrorCode> => {
      const work = new Watch(() => 0)
      return harmless(
        directory,
        (environment) => later(environment, rebuildSidecars(environment, DIR, work)),
        (name) => !name.endsWith('.idx'),
      )
    }

    it('of a directory that was spoilt or forged', async () => {
      let made = 0
      const lies = fc.array(forgery, { maxLength: 2 })
      const property = fc.asyncProperty(ending, spoilt, lies, async (how, spoils, forgeries) => {
        const report = await rebuilt(spoiltLog(how, spoils, forgeries))
        if (typeof report === 'object') made += report.sidecars.length
      })
      await fc.assert(property, { numRuns: RUNS })
      expect(made).toBeGreaterThan(RUNS / 10)
    })

    it.each([2 ** 26, 2 ** 32, 2 ** 45])('of a manifest that says that a segment ends at record %d', async (value) => {
      const path = ['segments', '0', 'lastSequence']
      const directory = spoiltLog(
        'closed',
        [],
        [0, 1].map((which) => ({ do: 'manifest', which, path, value })),
      )
      directory.delete(sidecarName(1))
      expect(await rebuilt(directory)).toMatchObject({ sidecars: [{ ordinal: 1, outcome: 'damaged segment' }] })
    })
  })

  it.each([
    ['salvaging', salvageLog],
    ['copying', copyLog],
  ] as const)(
    '%s one changes nothing; what is made opens, and each read of it gives what was written',
    async (_, make) => {
      let made = 0
      const property = fc.asyncProperty(
        ending,
        spoilt,
        fc.array(forgery, { maxLength: 1 }),
        async (how, spoils, lies) => {
          await harmless(spoiltLog(how, spoils, lies), async (environment) => {
            const { lastSequence } = await make(DIR, '/made', { environment })
            const log = await openReadOnly<Item>('/made', { environment, codec: cbor<Item>() })
            expect([log.highWatermark, log.report.end]).toEqual([lastSequence, 'closed'])
            readAll(log, lies.length === 0 ? asWritten : anything)
            await log.close()
            made += 1
          })
        },
      )
      await fc.assert(property, { numRuns: RUNS / 2 })
      expect(made).toBeGreaterThan(RUNS / 10)
    },
  )
})
