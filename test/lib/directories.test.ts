import { describe, expect, it } from 'vitest'
import { bytes } from '../../lib/codecs/bytes.ts'
import { openLog } from '../../lib/open.ts'
import { SeglogError } from '../../segments/errors.ts'
import { type SimulatedEnvironment, simulate } from '../../segments/env/simulated.ts'
import type { ByteLog } from './world/sim.ts'

/** A name is durable only when its directory is synced, and so are the names of the directories above a log. */

const ABOVE = ['/data', '/data/journals', '/data/journals/orders']
const PATH = ABOVE.at(-1)!

function open(environment: SimulatedEnvironment): Promise<ByteLog> {
  return environment.drive(openLog(PATH, { environment, codec: bytes(), segmentBytes: 64 * 1024 }))
}

/** Opens, commits a record, cuts the power, and sees whether the record is there. */
async function expectDurable(env: SimulatedEnvironment, after: string): Promise<void> {
  const log = await open(env)
  const sequence = log.commitSync(new Uint8Array([1]))
  const again = await open(env.crash(1, { unsynced: 'lost' }))
  expect(again.highWatermark, after).toBe(sequence)
}

describe('what is acknowledged survives a power cut, names of the directories above it and all', () => {
  it.each(['before', 'after'] as const)('after an opening that died %s any of its calls', async (moment) => {
    for (let index = 1, dies = true; dies; index++) {
      const env = simulate(index)
      env.calls.dieAt(index, moment)
      await open(env).catch(() => undefined)
      dies = env.calls.count >= index
      await expectDurable(env.kill(1), `call ${index}`)
    }
  })

  it.each([0, 1, 2, 3])('after an opening of which so many directories were there: %d', async (there) => {
    const env = simulate(1)
    for (const path of ABOVE.slice(0, there)) env.call({ do: 'makeDirectory', path })
    await expectDurable(env, 'opened')
  })

  it.each(['sync-fails-and-drops-dirty-pages', 'sync-fails-and-keeps-pages'] as const)(
    'after openings whose syncs of directories failed: %s',
    async (outcome) => {
      for (let index = 1, isStruck = true; isStruck; index++) {
        for (const times of [1, 2]) {
          const env = simulate(index)
          let count = 0
          const isTurn = (): boolean => ++count >= index && count < index + times
          env.calls.fault({ when: (call) => call.do === 'syncDirectory' && isTurn(), outcome })
          for (let again = 0; again < times; again++) {
            try {
              const log = await open(env)
              await env.drive(log.close())
            } catch (error) {
              expect(error).toBeInstanceOf(SeglogError)
            }
          }
          isStruck = count >= index
          env.calls.clearFaults()
          await expectDurable(env, `sync ${index}, ${times} times`)
        }
      }
    },
  )

  it.each(['EACCES', 'EPERM', 'EINVAL', 'EROFS'] as const)(
    'where a directory that was there cannot be synced from above (%s), its name is its maker’s care',
    async (outcome) => {
      const env = simulate(1)
      env.files.makeDirectory(PATH)
      env.files.syncAll()
      env.calls.fault({ when: (call) => call.do === 'syncDirectory' && call.path === '/data/journals', outcome })
      await expectDurable(env, 'opened')
    },
  )

  it('one that holds a log is not looked at again: its slots were written after its name was durable', async () => {
    const env = simulate(1, { trace: true })
    await env.drive((await open(env)).close())
    const from = env.calls.trace.length
    await open(env)
    const above = env.calls.trace.slice(from).filter((call) => call.do === 'syncDirectory' && call.path !== PATH)
    expect(above).toEqual([])
  })
})
