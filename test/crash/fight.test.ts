import { expect, test } from 'vitest'
import { BYTE_VALUES, openSimulated, simulate, type SimulatedEnvironment } from '../../lib/testing.ts'
import { Random } from '../../segments/env/random.ts'
import { hasCode } from '../../segments/errors.ts'

/**
 * Several processes, on one host and on two, want to write one log. Any of them may act between any two calls of another,
 * and some are killed in one of their calls.
 */
const SETUP = { directory: '/log', segmentBytes: 1024, values: BYTE_VALUES, lockCalls: 'later' } as const

class Fight {
  opened = 0
  refused = 0
  private readonly main: SimulatedEnvironment
  private readonly random: Random
  private readonly inside = new Set<SimulatedEnvironment>()
  private acknowledged = 0

  constructor(seed: number) {
    this.main = simulate(seed)
    this.random = new Random(seed, 9)
  }

  async run(hosts: readonly string[], dying: number): Promise<void> {
    const { main, random } = this
    await main.drive(this.write(main))
    const contenders = hosts.map((host, index) => {
      const env = main.spawn(random.below(1_000_000) + index, { host })
      if (random.chance(dying)) env.calls.dieAt(1 + random.below(60), random.pick(['before', 'during', 'after']))
      return Promise.race([this.contend(env), this.deathOf(env)])
    })
    await main.drive(Promise.all(contenders))
  }

  /** Whoever comes last, on the first host, finds what was acknowledged. */
  async end(): Promise<void> {
    await this.main.drive(this.write(this.main))
  }

  private async contend(env: SimulatedEnvironment): Promise<void> {
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        await this.write(env)
      } catch (error) {
        if (env.dead) return
        if (!hasCode(error, 'LOCKED')) throw error
        this.refused++
        await new Promise<void>((resolve) => void env.after(this.random.below(3), resolve))
      }
    }
  }

  private async write(env: SimulatedEnvironment): Promise<void> {
    const { log } = await openSimulated(env, SETUP)
    this.opened++
    expect([...this.inside].filter((each) => !each.dead)).toEqual([])
    this.inside.add(env)
    expect(log.highWatermark).toBeGreaterThanOrEqual(this.acknowledged)
    for (let count = 0; count < 3; count++) this.acknowledged = await log.commit(new Uint8Array(40))
    const closing = log.close()
    this.inside.delete(env)
    await closing
  }

  private deathOf(env: SimulatedEnvironment): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => void (env.dead ? resolve() : this.main.after(1, look))
      look()
    })
  }
}

const one = 'simulated'
test.each([
  ['of one host', [one, one, one], 0],
  ['of one host, some of which are killed', [one, one, one], 0.5],
  ['of two hosts', [one, 'other', one, 'other'], 0],
])(
  'of several writers %s there is never more than one',
  async (_name, hosts, dying) => {
    const sum = { opened: 0, refused: 0 }
    for (let seed = 0; seed < 60; seed++) {
      const fight = new Fight(seed)
      await fight.run(hosts, dying)
      await fight.end()
      sum.opened += fight.opened
      sum.refused += fight.refused
    }
    expect(sum.opened).toBeGreaterThan(200)
    expect(sum.refused).toBeGreaterThan(50)
  },
  60_000,
)

test('a lock that a killed process of another host left is not taken over, and one of this host is', async () => {
  const env = simulate(1)
  await env.drive(openSimulated(env, SETUP))
  const other = env.spawn(2, { host: 'other' })
  env.die()
  await expect(other.drive(openSimulated(other, SETUP))).rejects.toMatchObject({ code: 'LOCKED' })
  const here = env.spawn(3)
  await here.drive(openSimulated(here, SETUP))
})
