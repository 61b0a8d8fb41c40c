import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Entry } from '../../../lib/read/entry.ts'
import type { ReadOptions } from '../../../lib/read/range.ts'
import { simulate } from '../../../segments/env/simulated.ts'
import { type ByteLog, type Subject, closeClean, numberOf, on, record } from '../world/sim.ts'
import { makeSidecars } from './sidecars.ts'

type Step =
  | { readonly do: 'append'; readonly count: number; readonly length: number; readonly apart: bigint }
  | { readonly do: 'batch'; readonly count: number; readonly length: number; readonly apart: bigint }
  | { readonly do: 'roll' | 'reopen' | 'index' }

interface Told {
  readonly sequence: number
  readonly time: bigint
  readonly length: number
}

const BASE = 1_700_000_000_000_000_000n
const DAY = 86_400_000_000_000n

const added = {
  count: fc.integer({ min: 1, max: 20 }),
  length: fc.oneof(fc.integer({ min: 4, max: 300 }), fc.constantFrom(1000, 3000)),
  apart: fc.constantFrom(0n, 0n, 1n, 1000n, DAY),
}
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('append' as const), ...added }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('batch' as const), ...added, length: fc.constant(60) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('roll' as const, 'reopen' as const, 'index' as const) }) },
  ),
  { minLength: 1, maxLength: 14 },
)

/** Shares of the log, so that ranges fit whatever its length. */
interface Asked {
  readonly from: number | undefined
  readonly to: number | undefined
  readonly time: number | undefined
  readonly off: bigint
  readonly reverse: boolean
  readonly limit: number | undefined
  readonly maxBytes: number | undefined
}
const share = fc.option(fc.double({ min: 0, max: 1.1, noNaN: true }), { nil: undefined })
const asked: fc.Arbitrary<Asked> = fc.record({
  from: share,
  to: share,
  time: share,
  off: fc.constantFrom(-1n, 0n, 1n),
  reverse: fc.boolean(),
  limit: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
  maxBytes: fc.option(fc.integer({ min: 1, max: 4000 }), { nil: undefined }),
})

const caches = fc.constantFrom(
  {},
  { blockCacheBytes: 0, openFilesMax: 0 },
  { blockCacheBytes: 32_768, openFilesMax: 1 },
)

function tell(entry: Entry<Uint8Array>): Told {
  const { sequence, timestampNs: time, value } = entry
  expect(numberOf(value)).toBe(sequence)
  return { sequence, time, length: value.length }
}

/** What a walk with these options must give, budgets of bytes left out. */
function within(all: readonly Told[], options: ReadOptions): Told[] {
  const { from = 1, to = Infinity, fromTime = 0n, reverse, limit = Infinity } = options
  const found = all.filter(({ sequence, time }) => from <= sequence && sequence <= to && time >= fromTime)
  return (reverse === true ? found.toReversed() : found).slice(0, limit)
}

function optionsOf(all: readonly Told[], { from, to, time, off, reverse, limit, maxBytes }: Asked): ReadOptions {
  const at = (part: number): number => Math.floor(part * all.length)
  const near = time === undefined ? undefined : (all[Math.min(at(time), all.length - 1)]?.time ?? BASE) + off
  return {
    reverse,
    ...(from === undefined ? {} : { from: at(from) }),
    ...(to === undefined ? {} : { to: at(to) }),
    ...(near === undefined ? {} : { fromTime: near }),
    ...(limit === undefined ? {} : { limit }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
  }
}

async function perform(it: Subject, step: Step, all: Told[], options: object): Promise<Subject> {
  const { log, sim } = it
  switch (step.do) {
    case 'append':
    case 'batch': {
      const first = log.lastSequence + 1
      const time = (all.at(-1)?.time ?? BASE) + step.apart
      const made = Array.from({ length: step.count }, (_, index) => ({
        sequence: first + index,
        time: step.do === 'batch' ? time : time + step.apart * BigInt(index),
        length: step.length,
      }))
      if (step.do === 'batch')
        log.appendBatch(
          made.map(({ sequence }) => record(sequence, step.length)),
          { timestampNs: time },
        )
      else for (const each of made) log.append(record(each.sequence, each.length), { timestampNs: each.time })
      await sim.drive(log.sync())
      all.push(...made)
      return it
    }
    case 'roll':
      log.roll()
      return it
    case 'index':
    case 'reopen':
      await closeClean(it)
      if (step.do === 'index') makeSidecars(sim)
      return on(sim, options)
  }
}

async function walked(log: ByteLog, options: ReadOptions): Promise<Told[]> {
  const found: Told[] = []
  for await (const entry of log.read(options)) found.push(tell(entry))
  return found
}

test('B2 B5 B10 single records, ranges, budgets and times equal brute force over a full scan', async () => {
  await fc.assert(
    fc.asyncProperty(
      steps,
      fc.array(asked, { minLength: 1, maxLength: 6 }),
      caches,
      async (todo, questions, options) => {
        let it = await on(simulate(5), options)
        const all: Told[] = []
        for (const step of todo) {
          it = await perform(it, step, all, options)
          const { log, sim } = it
          expect(Array.from(log.read(), tell)).toEqual(all)
          for (const question of questions) {
            const wanted = optionsOf(all, question)
            const expected = within(all, wanted)
            const found = Array.from(log.read(wanted), tell)
            expect(await sim.drive(walked(log, wanted))).toEqual(found)
            if (wanted.maxBytes === undefined) {
              expect(found).toEqual(expected)
            } else {
              // At least one, then no more than fit: frames take the payload, 24 to 32 bytes, and what fills up a unit.
              expect(found).toEqual(expected.slice(0, found.length))
              const bytes = expected.map(({ length }) => length + 24)
              const sum = (count: number): number => bytes.slice(0, count).reduce((a, b) => a + b, 0)
              expect(found.length).toBeGreaterThanOrEqual(Math.min(1, expected.length))
              if (found.length > 1) expect(sum(found.length)).toBeLessThanOrEqual(wanted.maxBytes)
              if (found.length < expected.length) {
                expect(sum(found.length + 1) + 15 * (found.length + 1)).toBeGreaterThan(wanted.maxBytes)
              }
            }
          }
          for (let n = log.lastSequence + 1; n >= 0; n -= 1 + (n % 5)) {
            const entry = log.get(n)
            expect(entry && tell(entry)).toEqual(all[n - 1])
          }
        }
        await closeClean(it)
      },
    ),
    { numRuns: 60 },
  )
}, 120_000)
