import { describe, expect, it } from 'vitest'
import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import {
  copyOf,
  fill,
  item,
  machine,
  openNow,
  readable,
  records,
  segment,
  spoil,
  tryOpen,
  unacknowledged,
  upTo,
  zero,
} from './world.ts'

/** The end of a log that nothing proves is copied; what is copied is what was checked. */

function unproven(length = 20): SimulatedEnvironment {
  const { env, log } = records(6)
  unacknowledged(env, () => log.commitBatchSync([item(7, length), item(8)]))
  return env
}

describe('a copy', () => {
  it('is not made of bytes that read differently than when they were checked, wherever they do', () => {
    const checked = unproven()
    const end = checked.files.read(segment(1)).findLastIndex((byte) => byte !== 0)
    for (let at = 256; at <= end; at++) {
      const env = copyOf(checked)
      // When the copy is begun, all of the tail was read and checked.
      const when = ({ do: what, path }: { do: string; path: string }): boolean => {
        if (what === 'open' && path.includes('tmp-copy')) spoil(env, segment(1), at)
        return false
      }
      env.calls.fault({ when, outcome: 'EIO' })
      expect(tryOpen(env).refused, `byte ${at}`).toMatchObject({ code: 'IO', file: segment(1) })
      env.calls.clearFaults()
      spoil(env, segment(1), at)
      expect(readable(openNow(env)), `byte ${at}, and after it`).toEqual(upTo(8))
    }
  })

  it('takes frames longer than what is read at once', () => {
    const env = machine()
    const segmentBytes = 8 * 1024 * 1024
    const log = openNow(env, { segmentBytes })
    const long = { n: 3, text: 'x'.repeat(2_500_000) }
    fill(log, 2)
    unacknowledged(env, () => {
      log.append(long)
      log.commitSync(item(4))
    })
    const opened = openNow(env, { segmentBytes })
    expect(opened.recovery.notes.join()).toContain('copied')
    expect([opened.get(3)?.value, opened.get(4)?.value]).toEqual([long, item(4)])
  })

  it('leaves out an unfinished batch, of which sound frames are there', () => {
    const { env, log } = records(4)
    const { end } = unacknowledged(env, () => {
      log.commitSync(item(5))
      log.commitBatchSync([item(6), item(7), item(8)])
    })
    zero(env, segment(1), end - 16)
    const opened = openNow(env)
    expect(opened.recovery).toMatchObject({ row: 'torn-tail', lastSequence: 5 })
    expect(opened.recovery.notes.join()).toContain('copied')
    expect(readable(opened)).toEqual(upTo(5))
    expect(Buffer.from(env.files.read(segment(1))).readUInt32LE(opened.recovery.cut!.offset)).toBe(0)
    expect(readable(openNow(env))).toEqual(upTo(5))
  })
})
