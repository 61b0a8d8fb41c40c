import { describe, expect, test } from 'vitest'
import type { Log } from '../../lib/log.ts'
import { act } from '../../recovery/act.ts'
import { inspect } from '../../recovery/inspect.ts'
import { planRecovery } from '../../recovery/plan.ts'
import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { NameSyncs } from '../../segments/name-syncs.ts'
import type { Steps } from '../../segments/env/steps.ts'
import { DIR, type Item, fill, forgetSlots, item, machine, openNow } from '../recovery/world.ts'
import { readerOf, upTo, walk } from './interleaved.ts'

/** A log with sealed segments, an active one, and at its end a record that was written and never acknowledged. */
async function unrecovered(count: number): Promise<SimulatedEnvironment> {
  const sim = machine()
  const log = openNow(sim)
  fill(log, count, 80)
  await sim.settle()
  const { calls } = sim
  calls.fault({ when: (call) => call.do === 'write' && call.path.endsWith('durable'), outcome: 'EIO', times: 1 })
  expect(() => log.commitSync(item(count + 1))).toThrow('IO')
  return sim.kill(2)
}

/** The calls of a recovery, one at a time. */
function recovering(env: SimulatedEnvironment): { readonly step: () => boolean } {
  const whole = function* (): Steps<void> {
    const inspection = yield* inspect(DIR)
    const { manifest } = inspection
    yield* act(new NameSyncs(env, DIR), inspection, manifest!, planRecovery(inspection, manifest!, false))
  }
  const steps = whole()
  let turn = steps.next()
  return {
    step: () => {
      if (turn.done) return false
      turn = steps.next(env.call(turn.value))
      return true
    },
  }
}

const COUNT = 30

describe('a recovery under a reader', () => {
  test('the unrecovered log ends where it is proven, and says what follows', async () => {
    const sim = await unrecovered(COUNT)
    const { reader } = await readerOf(sim)
    expect(reader.report).toMatchObject({ writer: 'free', end: 'unrecovered', unproven: 1, lost: [], findings: [] })
    expect(walk(reader.read())).toEqual({ numbers: upTo(COUNT), error: undefined })
    // After a power cut the slots may be old: claims, manifest and successors prove what they prove.
    forgetSlots(sim)
    const { reader: late } = await readerOf(sim)
    expect(late.report.unproven + late.highWatermark).toBe(COUNT + 1)
    expect(late.highWatermark).toBeGreaterThanOrEqual(COUNT)
    expect(walk(late.read()).error).toBeUndefined()
  })

  test.each([0, 1, 2, 5, 1000])(
    'a reader that is open reads on, whatever it has come to, %s steps at a time',
    async (pace) => {
      const base = await unrecovered(COUNT)
      let total = 0
      for (let start = 0; start <= Math.max(total, 1); start++) {
        const sim = base.clone(1)
        const { env, reader } = await readerOf(sim)
        const recovery = recovering(sim)
        let done = 0
        const advance = (steps: number): void => {
          for (let step = 0; step < steps && recovery.step(); step++) done += 1
        }
        advance(start)
        env.before = () => advance(pace)
        const found = walk(reader.read())
        expect(found, `from step ${start}`).toEqual({ numbers: upTo(found.numbers.length), error: undefined })
        expect([COUNT, COUNT + 1]).toContain(found.numbers.length)
        const back = walk(reader.read({ from: 1, reverse: true }))
        expect(back.error, `backwards from step ${start}`).toBeUndefined()
        expect(back.numbers.toReversed()).toEqual(upTo(back.numbers.length))
        for (const n of [COUNT, 1, COUNT - 3, 12]) expect(reader.get(n)?.value.n, `${n} from step ${start}`).toBe(n)
        advance(1000)
        expect(walk(reader.read())).toEqual({ numbers: upTo(COUNT + 1), error: undefined })
        await sim.drive(reader.close())
        expect(env.openFiles).toBe(0)
        total = done
      }
      expect(total).toBeGreaterThan(20)
    },
  )

  test.each([0, 1, 2, 5, 1000])('a reader is opened in the middle of it, %s steps at a time', async (pace) => {
    const base = await unrecovered(COUNT)
    for (let start = 0; ; start++) {
      const sim = base.clone(1)
      const recovery = recovering(sim)
      let isOver = false
      for (let step = 0; step < start && !isOver; step++) isOver = !recovery.step()
      const wasOver = isOver
      const { env, reader } = await readerOf(sim, () => {
        for (let step = 0; step < pace && !isOver; step++) isOver = !recovery.step()
      })
      const found = walk(reader.read())
      expect(found, `from step ${start}`).toEqual({ numbers: upTo(found.numbers.length), error: undefined })
      expect([COUNT, COUNT + 1]).toContain(found.numbers.length)
      expect(reader.get(COUNT)?.value.n).toBe(COUNT)
      await sim.drive(reader.close())
      expect(env.openFiles).toBe(0)
      if (wasOver) return
    }
  })
})

/** A writer that does something before each call of a reader. */
class Busy {
  sim: SimulatedEnvironment
  log: Log<Item>
  readonly segmentBytes: number

  constructor(sim: SimulatedEnvironment, segmentBytes: number) {
    this.sim = sim
    this.segmentBytes = segmentBytes
    this.log = openNow(sim, { segmentBytes })
  }

  commit(): void {
    this.log.commitSync(item(this.log.lastSequence + 1, 100))
  }

  restart(): void {
    this.sim = this.sim.kill(1)
    this.log = openNow(this.sim, { segmentBytes: this.segmentBytes })
  }
}

describe('a writer under a reader', () => {
  const paces: readonly (readonly [name: string, segmentBytes: number, act: (busy: Busy, call: number) => void])[] = [
    ['commits', 4096, (busy) => busy.commit()],
    ['rolls with every other commit', 1024, (busy) => busy.commit()],
    ['rolls several times', 1024, (busy) => [1, 2, 3].forEach(() => busy.commit())],
    ['rolls at times', 1024, (busy, call) => (call % 5 === 0 ? busy.commit() : undefined)],
    ['is killed and restarted', 1024, (busy, call) => (call % 7 === 0 ? busy.restart() : busy.commit())],
    ['is killed and restarted all the time', 1024, (busy) => (busy.restart(), busy.commit())],
  ]
  test.each(paces)(
    'that %s before each call of it: all that was durable, nothing twice, no error',
    async (_, segmentBytes, act) => {
      const sim = machine()
      const busy = new Busy(sim, segmentBytes)
      fill(busy.log, 20, 100)
      let call = 0
      // Past a point it rests, so that each loop ends.
      const before = (): void => {
        call += 1
        if (call < 400) act(busy, call)
      }
      const { env, reader } = await readerOf(sim, before)
      for (let round = 0; round < 25; round++) {
        const durable = busy.log.highWatermark
        const found = walk(reader.read())
        expect(found, `round ${round}`).toEqual({ numbers: upTo(found.numbers.length), error: undefined })
        expect(found.numbers.length).toBeGreaterThanOrEqual(durable)
        expect(found.numbers.length).toBeLessThanOrEqual(busy.log.highWatermark)
        const back = walk(reader.read({ reverse: true, limit: 40 }))
        expect(back).toMatchObject({ error: undefined })
        expect(back.numbers).toEqual(upTo(back.numbers[0]!, back.numbers.at(-1)).toReversed())
        for (const n of [durable, 1, durable >> 1]) expect(reader.get(n)?.value.n, `round ${round}`).toBe(n)
      }
      expect(call).toBeGreaterThan(400)
      expect(walk(reader.read()).numbers).toEqual(upTo(busy.log.highWatermark))
      await sim.drive(reader.close())
      expect(env.openFiles).toBe(0)
      await sim.settle()
    },
  )
})

test('what a reader saw survives the power cut of that moment', async () => {
  const sim = machine(3)
  const log = openNow(sim, { segmentBytes: 1024 })
  const { reader } = await readerOf(sim)
  for (let round = 1; round < 60; round++) {
    if (round % 3 === 0) log.append(item(log.lastSequence + 1, 30))
    else if (round % 5 === 0) void log.commit(item(log.lastSequence + 1, 90))
    else log.commitSync(item(log.lastSequence + 1, 20))
    if (round % 4 === 0) await new Promise((resolve) => setImmediate(resolve))
    const { numbers } = walk(reader.read())
    expect(numbers).toEqual(upTo(numbers.length))
    const after = sim.clone(round).crash(round, { unsynced: 'lost' })
    expect(openNow(after).recovery.lastSequence).toBeGreaterThanOrEqual(numbers.length)
  }
})
