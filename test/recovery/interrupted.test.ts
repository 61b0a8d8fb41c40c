import { describe, expect, it } from 'vitest'
import type { DeathMoment, SimulatedEnvironment } from '../../segments/env/simulated.ts'
import {
  fill,
  forgetSlots,
  item,
  manifests,
  position,
  readable,
  records,
  segment,
  segments,
  spoil,
  tryOpen,
  unacknowledged,
  upTo,
  zero,
} from './world.ts'

/** C10, C13 and rule 16: an opening that dies in any call, and the next one too, is done again and ends as it would have. */

interface Scenario {
  readonly fact: string
  readonly make: () => Promise<SimulatedEnvironment>
  /** Records that must be readable in the end; others may be there up to `atMost`, whole batches only. */
  readonly kept: readonly number[]
  readonly atMost: number
  readonly onDamage?: 'accept-loss'
}

const SCENARIOS: readonly Scenario[] = [
  {
    fact: 'a clean end, all proven',
    make: () => Promise.resolve(records(5).env),
    kept: upTo(5),
    atMost: 5,
  },
  {
    fact: 'whole records beyond the proven point',
    make: async () => {
      const { env, log } = await segments(4, 1)
      unacknowledged(env, () => log.commitBatchSync([item(6), item(7)]))
      return env
    },
    kept: upTo(5),
    atMost: 7,
  },
  {
    fact: 'a torn tail',
    make: async () => {
      const { env, log } = await segments(4, 1)
      const group = unacknowledged(env, () => log.commitBatchSync([item(6), item(7)]))
      spoil(env, segment(2), group.end - 20)
      return env
    },
    kept: upTo(5),
    atMost: 5,
  },
  {
    fact: 'a torn first group of a rolled segment, its predecessor not sealed',
    make: () => {
      const { env, log } = records(5)
      log.roll()
      unacknowledged(env, () => fill(log, 6))
      spoil(env, segment(2), 100, 300)
      return Promise.resolve(env)
    },
    kept: upTo(5),
    atMost: 5,
  },
  {
    fact: 'two used segments that are not sealed',
    make: () => {
      const { env, log } = records(3)
      log.roll()
      fill(log, 6)
      log.roll()
      fill(log, 7)
      return Promise.resolve(env)
    },
    kept: upTo(7),
    atMost: 7,
  },
  {
    fact: 'a header that cannot be read',
    make: async () => {
      const { env } = await segments(4, 3)
      spoil(env, segment(2), 40)
      return env
    },
    kept: upTo(7),
    atMost: 7,
  },
  {
    fact: 'damage in the proven part',
    make: async () => {
      const { env, log } = await segments(4, 1)
      const start = position(env).offset
      fill(log, 8)
      spoil(env, segment(2), start + 30)
      return env
    },
    kept: [1, 2, 3, 4, 5, 7, 8],
    atMost: 8,
  },
  {
    fact: 'lost records that are given up',
    make: async () => {
      const { env, log } = await segments(4, 1)
      const start = position(env).offset
      fill(log, 8)
      zero(env, segment(2), start)
      return env
    },
    kept: upTo(5),
    atMost: 8,
    onDamage: 'accept-loss',
  },
  {
    fact: 'no manifest',
    make: async () => {
      const { env } = await segments(3, 3, 2)
      for (const path of manifests(env)) env.files.remove(path)
      return env
    },
    kept: upTo(8),
    atMost: 8,
  },
  {
    fact: 'a newest manifest that cannot be read, and no slots',
    make: async () => {
      const { env } = await segments(3, 3, 2)
      spoil(env, manifests(env)[0]!, 80)
      forgetSlots(env)
      return env
    },
    kept: upTo(8),
    atMost: 8,
  },
  {
    fact: 'a log that was closed',
    make: async () => {
      const { env, log } = await segments(4, 2)
      await env.drive(log.close())
      return env
    },
    kept: upTo(6),
    atMost: 6,
  },
]

/** All pairs of calls take minutes and were all sound; a run takes some of them, and SEGLOG_THOROUGH=1 all. */
const STRIDE = process.env['SEGLOG_THOROUGH'] === '1' ? 1 : 4

const MOMENTS: readonly DeathMoment[] = ['before', 'during', 'after']
const AFTERWARDS = ['kill', 'all lost', 'all kept', 'any', 'any, torn'] as const

/** A machine on which the opening died in its n-th call, and what was left of it; undefined where it has fewer calls. */
function afterDeathIn(
  env: SimulatedEnvironment,
  scenario: Scenario,
  call: number,
  seed: number,
): SimulatedEnvironment | undefined {
  env.calls.dieAt(call, MOMENTS[seed % MOMENTS.length])
  try {
    tryOpen(env, { onDamage: scenario.onDamage ?? 'refuse' })
    return undefined
  } catch (error) {
    if (!env.dead) throw error
  }
  switch (AFTERWARDS[Math.floor(seed / 3) % AFTERWARDS.length]!) {
    case 'kill':
      return env.kill(seed)
    case 'all lost':
      return env.crash(seed, { unsynced: 'lost' })
    case 'all kept':
      return env.crash(seed, { unsynced: 'kept' })
    case 'any':
      return env.crash(seed)
    case 'any, torn':
      return env.crash(seed, { garbage: true })
  }
}

/** Opens for good, and sees to it that the log is what it must be, and stays so. */
function checkOutcome(env: SimulatedEnvironment, scenario: Scenario, what: string): void {
  const { log, refused } = tryOpen(env, { onDamage: scenario.onDamage ?? 'refuse' })
  if (log === undefined) expect.fail(`${what}: ${refused?.message}`)
  const last = log.lastSequence
  const there = readable(log, scenario.atMost)
  const isKept = scenario.kept.every((n) => there.includes(n))
  const hasMore = there.length > scenario.kept.length && !(last === scenario.atMost && there.length === scenario.atMost)
  if (!isKept || hasMore || last > scenario.atMost) expect.fail(`${what}: ${JSON.stringify({ there, last })}`)
  log.commitSync(item(last + 1, 3))
  const after = tryOpen(env.clone(1).crash(1, { unsynced: 'lost' }))
  const now = after.log === undefined ? after.refused?.message : readable(after.log).join()
  if (now !== [...there, last + 1].join()) expect.fail(`${what}, then a commit and a power cut: ${now}`)
}

/** Unrelated numbers for moments, endings and seeds, the same in every run. */
function* seeds(): Generator<number, never> {
  for (let seed = 7; ; seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) yield seed >>> 8
}

describe.each(SCENARIOS)('$fact', (scenario) => {
  it('an opening that dies in any call is done again by the next', async () => {
    const env = await scenario.make()
    env.files.syncAll()
    checkOutcome(env.clone(1), scenario, 'uninterrupted')
    for (let call = 1, count = Infinity; call <= count; call++) {
      for (let seed = 0; seed < MOMENTS.length * AFTERWARDS.length; seed += STRIDE) {
        const left = afterDeathIn(env.clone(2), scenario, call, seed + (call % STRIDE))
        if (left === undefined) {
          count = call
          break
        }
        checkOutcome(left, scenario, `call ${call}, seed ${seed}`)
      }
    }
  })

  it('and when that one dies too, by the one after it', async () => {
    const env = await scenario.make()
    env.files.syncAll()
    const next = seeds()
    for (let call = 1, count = Infinity; call <= count; call++) {
      for (
        let again = 1, most = Infinity;
        again <= most;
        again += STRIDE === 1 ? 1 : 1 + ((call * 7 + again * 3) % 11)
      ) {
        const seed = next.next().value
        const left = afterDeathIn(env.clone(2), scenario, call, seed)
        if (left === undefined) {
          count = call
          break
        }
        const second = afterDeathIn(left, scenario, again, next.next().value)
        if (second === undefined) most = again
        else checkOutcome(second, scenario, `call ${call}, then call ${again}, seed ${seed}`)
      }
    }
  })
})
