import { describe, expect, test } from 'vitest'
import { openReadOnly } from '../../lib/open.ts'
import { verify } from '../../recovery/verify.ts'
import { Watch } from '../../recovery/verify-progress.ts'
import type { ChainHead } from '../../segments/chain.ts'
import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { between } from '../recovery/between.ts'
import { DIR, fill } from '../recovery/world.ts'
import { machine, openChained } from './world.ts'

const OPTIONS = { segmentBytes: 1024, checkpointRecords: 4 }

const steps = (env: SimulatedEnvironment, from: 'first' | 'checkpoint', expected: ChainHead | undefined) =>
  verify(DIR, new Watch(() => env.monotonicMs()), { findingsMax: 100, of: 'log', from, expect: expected })

describe('beside a writer at work', () => {
  const cases = ([1, 2, 3, 7] as const).flatMap((every) =>
    (['first', 'checkpoint'] as const).map((from) => ({ every, from })),
  )

  test.each(cases)(
    'that appends and rolls between every $every calls, from the $from nothing is found',
    async (given) => {
      const { every, from } = given
      const env = machine()
      const log = await openChained(env, OPTIONS)
      fill(log, 30)
      const head = log.head()!
      const report = between(env, steps(env, from, head), (call) => {
        if (call % every === 0 && log.lastSequence < 300) fill(log, log.lastSequence + 3)
      })
      expect(report.findings).toEqual([])
      expect(report.chain!.attested).toHaveLength(1)
      expect(report.chain!.attested[0]!.to).toBeGreaterThanOrEqual(30)
      await env.drive(log.close())
    },
  )

  test('that is closed and opened again between any two calls, nothing is found', async () => {
    for (let at = 1; at < 60; at += 2) {
      const env = machine()
      let log = await openChained(env, OPTIONS)
      fill(log, 20)
      const head = log.head()!
      const killed = env.kill(1)
      const work = steps(killed, 'first', head)
      let turn = work.next()
      for (let call = 1; !turn.done; call++) {
        if (call === at) {
          log = await openChained(killed, OPTIONS)
          fill(log, 25)
        }
        turn = step(killed, work, turn.value)
      }
      expect({ at, findings: turn.value.findings }).toEqual({ at, findings: [] })
    }
  })

  test('a reader has the head of some moment of the writer', async () => {
    const env = machine()
    const log = await openChained(env, OPTIONS)
    const heads = new Map<number, string>()
    const reader = await env.drive(openReadOnly(DIR, { environment: env }))
    for (let n = 1; n <= 60; n++) {
      fill(log, n)
      heads.set(n, log.head()!.hash)
      const head = reader.head()!
      expect(heads.get(head.sequence)).toBe(head.hash)
      if (n % 9 === 0) await env.settle()
    }
    await env.drive(reader.close())
    await env.drive(log.close())
  })
})

type Turn = ReturnType<ReturnType<typeof steps>['next']>

function step(env: SimulatedEnvironment, work: ReturnType<typeof steps>, call: Parameters<typeof env.call>[0]): Turn {
  let result: unknown
  try {
    result = env.call(call)
  } catch (error) {
    return work.throw(error)
  }
  return work.next(result)
}
