import { describe, expect, it } from 'vitest'
import type { CallNote, FaultOutcome, SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { SeglogError, wrapSystemError } from '../../segments/errors.ts'
import { item, openNow, readable, records, segment, segments, spoil, unacknowledged, upTo } from './world.ts'

/** Rule 5: an error of the disk while opening is never an end, and nothing was lost by it when the disk is well again. */

async function torn(): Promise<SimulatedEnvironment> {
  const { env, log } = await segments(3, 3, 2)
  const group = unacknowledged(env, () => log.commitBatchSync([item(9), item(10)]))
  spoil(env, segment(3), group.start + 30)
  env.files.syncAll()
  return env
}

const SHAPES = [
  ['a torn tail', torn],
  ['two segments that are not sealed', unsealed],
] as const

function unsealed(): Promise<SimulatedEnvironment> {
  const { env, log } = records(4)
  log.roll()
  for (let n = 5; n <= 8; n++) log.commitSync(item(n))
  env.files.syncAll()
  return Promise.resolve(env)
}

/** Code with which an opening ended whose n-th call met this; undefined where it has no such call or opened all the same. */
function openWith(
  env: SimulatedEnvironment,
  when: (call: CallNote) => boolean,
  outcome: FaultOutcome,
): string | undefined {
  env.calls.fault({ when, outcome })
  try {
    const log = openNow(env)
    expect(readable(log)).toEqual(upTo(8))
    return undefined
  } catch (error) {
    const wrapped = wrapSystemError(error, 'opening')
    if (!(wrapped instanceof SeglogError)) throw error
    return wrapped.code
  } finally {
    env.calls.clearFaults()
  }
}

describe.each(SHAPES)('%s', (_, make) => {
  it.each(['EIO', 'EMFILE', 'EACCES', 'EINVAL', 'ESTALE', 'ENOSPC'] as const)('%s in any call', async (code) => {
    const env = await make()
    const probe = env.clone(1)
    openNow(probe)
    const { count } = probe.calls
    for (let index = 1; index <= count; index++) {
      const machine = env.clone(2)
      // EINVAL of an `open` says that this is no regular file.
      const isOpening = (call: CallNote): boolean => code === 'EINVAL' && call.do === 'open'
      const note = openWith(machine, (call) => call.index === index && !isOpening(call), code)
      const expected = code === 'ENOSPC' ? [undefined, 'DISK_FULL'] : [undefined, 'IO']
      expect(expected, `call ${index}`).toContain(note)
      expect(readable(openNow(machine)), `after call ${index}`).toEqual(upTo(8))
      for (const unsynced of ['lost', 'kept', 'any'] as const) {
        expect(readable(openNow(machine.crash(index, { unsynced })))).toEqual(upTo(8))
      }
    }
  })

  it('a read that gives nothing, or a part and then nothing, is an error and no end', async () => {
    const env = await make()
    const reads: number[] = []
    const probe = env.clone(1)
    probe.calls.fault({ when: (call) => call.do === 'read' && reads.push(call.index) < 0, outcome: 'EIO' })
    openNow(probe)
    for (const index of reads) {
      for (const bytes of [0, 100]) {
        const machine = env.clone(2)
        machine.calls.fault({ when: (call) => call.index === index, outcome: { bytes } })
        if (bytes > 0) {
          machine.calls.fault({ when: (call) => call.do === 'read' && call.index > index, outcome: { bytes: 0 } })
        }
        try {
          const log = openNow(machine)
          expect([log.recovery.end, readable(log)], `read ${index} of ${bytes}`).toEqual([
            expect.stringMatching(/clean|ambiguous/),
            upTo(8),
          ])
        } catch (error) {
          expect(wrapSystemError(error, 'opening')).toMatchObject({ code: 'IO' })
        }
        machine.calls.clearFaults()
        expect(readable(openNow(machine)), `read ${index} of ${bytes}, then again`).toEqual(upTo(8))
      }
    }
  })

  it('a full disk: it opens, or says so and opens when there is room', async () => {
    const env = await make()
    for (let room = 0; room < 40_000; room += 1500) {
      const machine = env.clone(2)
      machine.capacity = 16_000 + room
      try {
        expect(readable(openNow(machine))).toEqual(upTo(8))
      } catch (error) {
        expect(wrapSystemError(error, 'opening')).toMatchObject({ code: 'DISK_FULL' })
      }
      machine.capacity = Infinity
      expect(readable(openNow(machine.crash(room)))).toEqual(upTo(8))
    }
  })
})
