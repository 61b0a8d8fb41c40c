import { describe, expect, test } from 'vitest'
import { runNow } from '../../segments/env/steps.ts'
import { type SimulatedEnvironment, simulate } from '../../segments/env/simulated.ts'
import { SLOTS_FILE_BYTES } from '../../segments/format/layout.ts'
import { SLOT_OFFSETS } from '../../segments/format/slots.ts'
import { SlotsFile, latestSlot, readSlots } from '../../segments/slots-file.ts'

const PATH = '/log/durable'
const LOG_ID = 'ab'.repeat(16)

function opened(turn = 0): { readonly sim: SimulatedEnvironment; readonly slots: SlotsFile } {
  const sim = simulate(1, { trace: true })
  sim.files.makeDirectory('/log')
  sim.files.write(PATH, new Uint8Array(SLOTS_FILE_BYTES))
  const handle = sim.call({ do: 'open', path: PATH, access: 'write' })
  return {
    sim,
    slots: new SlotsFile(sim, handle, { logId: LOG_ID, epoch: 3, ordinal: 1, offset: 0, sequence: 0 }, turn),
  }
}

const read = (sim: SimulatedEnvironment): (number | string | undefined)[] =>
  runNow(sim, readSlots(PATH)).map((slot) => (slot === undefined || slot === 'newer' ? slot : slot.sequence))
const latest = (sim: SimulatedEnvironment): number | undefined =>
  latestSlot(runNow(sim, readSlots(PATH)), LOG_ID)?.sequence
const syncs = (sim: SimulatedEnvironment): number => sim.calls.trace.filter((call) => call.do === 'sync').length

describe('durable slots', () => {
  test('are written in turn, so that the one before stays whole', () => {
    const { sim, slots } = opened()
    const expected = [
      [undefined, 1],
      [2, 1],
      [2, 3],
      [4, 3],
    ]
    for (const [index, pair] of expected.entries()) {
      slots.write(1, 256, index + 1)
      expect(read(sim)).toEqual(pair)
      expect(latest(sim)).toBe(index + 1)
    }
  })

  test('a torn slot is no evidence, and the other counts', () => {
    for (let cut = 1; cut < 72; cut += 7) {
      const { sim, slots } = opened()
      slots.write(1, 256, 1)
      slots.write(1, 512, 2)
      sim.calls.fault({ when: (call) => call.do === 'write', outcome: { bytes: cut } })
      expect(() => slots.write(9, 2 ** 40, 2 ** 50)).toThrow(expect.objectContaining({ code: 'DISK_FULL' }))
      expect(latest(sim)).toBe(2)
      sim.files.flip(PATH, 8 * (SLOT_OFFSETS[0]! + 30))
      // A few bytes of the torn write may be those that were there: then it is the slot before, true as ever.
      expect([1, undefined]).toContain(latest(sim))
    }
  })

  test('after a failed write the same slot is next: the good one is never written over', () => {
    const { sim, slots } = opened()
    slots.write(1, 256, 1)
    sim.calls.fault({ when: (call) => call.do === 'write', outcome: 'EIO' })
    expect(() => slots.write(1, 512, 2)).toThrow('EIO')
    slots.write(1, 512, 3)
    expect(read(sim)).toEqual([3, 1])
  })

  test('are not synced while groups go on, and once when the log is idle', async () => {
    const { sim, slots } = opened()
    for (let n = 1; n <= 30; n++) {
      slots.write(1, 256 * n, n)
      await sim.advance(60)
    }
    expect(syncs(sim)).toBe(0)
    await sim.advance(1000)
    expect(syncs(sim)).toBe(1)
    expect(sim.files.readDisk(PATH)).toEqual(sim.files.read(PATH))
  })

  test('a slot written while an idle sync is under way gets a sync of its own', async () => {
    const { sim, slots } = opened()
    slots.write(1, 256, 1)
    const release = sim.hold((call) => call.do === 'sync')
    await sim.advance(150)
    slots.write(1, 512, 2)
    await sim.advance(150)
    release()
    await sim.advance(1000)
    expect(syncs(sim)).toBe(2)
  })

  test('a sync that fails is told, and close waits for one that is under way', async () => {
    const { sim, slots } = opened()
    const failures: unknown[] = []
    slots.onFailure = (error) => failures.push(error)
    sim.calls.fault({ when: (call) => call.do === 'sync', outcome: 'EIO' })
    slots.write(1, 256, 1)
    const release = sim.hold((call) => call.do === 'sync')
    await sim.advance(150)
    let closed = false
    slots.close(() => (closed = true))
    await sim.advance(1000)
    expect([closed, sim.calls.trace.some((call) => call.do === 'close')]).toEqual([false, false])
    release()
    await sim.advance(1000)
    expect([closed, failures]).toMatchObject([true, [{ code: 'EIO' }]])
  })

  test('the latest slot is that of the latest epoch, then the highest sequence; foreign and newer ones do not count', () => {
    const slot = (epoch: number, sequence: number, offset = 0, logId = LOG_ID) => ({
      logId,
      epoch,
      ordinal: 1,
      offset,
      sequence,
    })
    expect(latestSlot([slot(1, 9), slot(2, 3)], LOG_ID)).toMatchObject({ epoch: 2 })
    expect(latestSlot([slot(2, 9), slot(2, 3)], LOG_ID)).toMatchObject({ sequence: 9 })
    expect(latestSlot([slot(2, 9, 512), slot(2, 9, 256)], LOG_ID)).toMatchObject({ offset: 512 })
    expect(latestSlot([slot(2, 9, 0, 'cd'.repeat(16)), 'newer', undefined, slot(1, 1)], LOG_ID)).toMatchObject({
      epoch: 1,
    })
    expect(latestSlot(['newer', undefined], LOG_ID)).toBeUndefined()
  })
})
