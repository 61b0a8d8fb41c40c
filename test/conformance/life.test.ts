import { describe, expect, test } from 'vitest'
import { bytes } from '../../lib/codecs/bytes.ts'
import { cbor } from '../../lib/codecs/cbor.ts'
import { json } from '../../lib/codecs/json.ts'
import { openLogWith } from '../../lib/open.ts'
import { memoryEnvironment } from '../../segments/env/memory.ts'
import { simulate } from '../../segments/env/simulated.ts'
import {
  SEGMENT_BYTES,
  type World,
  codeLater,
  codeOf,
  everywhere,
  expected,
  fill,
  numbers,
  open,
  record,
  snapshot,
} from './worlds.ts'

/** A life with everything that makes bytes: batches, rolls, shapes, weak levels, a second opening. */
async function deterministicLife(world: World): Promise<Map<string, string>> {
  for (let life = 0; life < 2; life++) {
    const log = await open<unknown>(world, { codec: cbor() })
    for (let n = 1; n <= 40; n++) {
      log.append({ n, text: 'x'.repeat(n % 50) })
      if (n % 5 === 0) await world.wait(log.commitBatch([{ n, side: 'buy' }, [n]], { durability: 'written' }))
      if (n % 9 === 0) log.commitSync({ n, price: n / 4 })
    }
    await world.wait(log.close())
  }
  return snapshot(world)
}

const FIXED: readonly (readonly [string, () => World])[] = [
  ['memory', () => fixed(memoryEnvironment({ seed: 5, nowMs: counter(), monotonicMs: counter() }))],
  ['simulated', simulatedWorld],
]

function simulatedWorld(): World {
  const sim = simulate(5)
  return { ...fixed(sim), wait: (work) => sim.drive(work) }
}

function fixed(env: World['env']): World {
  return { env, directory: '/log', wait: (work) => work, killed: undefined, dispose: () => undefined }
}

function counter(): () => number {
  let ms = 1_700_000_000_000
  return () => (ms += 0.25)
}

describe.each(FIXED)('%s', (_, make) => {
  test('D11 with injected clock and ids two runs give byte-identical directories', async () => {
    const [first, second] = [await deterministicLife(make()), await deterministicLife(make())]
    expect([...first.keys()].filter((name) => name.endsWith('.log')).length).toBeGreaterThan(2)
    expect(second).toEqual(first)
  })
})

everywhere((world, name) => {
  test('C13 the report says what an opening found: new, closed, and what was there', async () => {
    const log = await open(world())
    expect(log.recovery).toMatchObject({
      end: 'new',
      row: 'new',
      lastSequence: 0,
      lost: [],
      findings: [],
      cut: undefined,
    })
    await fill(log, 40)
    await world().wait(log.close())
    const again = await open(world())
    expect(again.recovery).toMatchObject({ end: 'closed', lastSequence: 40, lost: [], findings: [], cut: undefined })
    expect([again.highWatermark, again.lastSequence, again.firstSequence]).toEqual([40, 40, 1])
    await world().wait(again.close())
  })

  // Only the simulator can kill a process and go on; on real disks test/crash/real/kill9.test.ts does it.
  if (name === 'simulated') {
    test('C14 a kill is not a clean close, and a close is not forgotten by reading', async () => {
      const log = await open(world())
      await fill(log, 40)
      const env = world().killed!()
      const killed = await openLogWith('/log', { codec: bytes(), environment: env }, SEGMENT_BYTES)
      expect(killed.recovery.end).toBe('clean')
      expect(numbers(killed.read())).toBe(expected(1, 40))
      await killed.close()
      const closed = await openLogWith('/log', { codec: bytes(), environment: env }, SEGMENT_BYTES)
      expect(closed.recovery.end).toBe('closed')
      expect(numbers(closed.read())).toBe(expected(1, 40))
      await closed.close()
      const again = await openLogWith('/log', { codec: bytes(), environment: env }, SEGMENT_BYTES)
      expect(again.recovery.end).toBe('closed')
      await again.close()
    })
  }

  test('C14 close is final, shared, and says CLOSED to all that comes later', async () => {
    const log = await open(world())
    const pending = log.commit(record(1))
    const closing = log.close()
    expect(log.close()).toBe(closing)
    const acts = [
      () => log.append(record(2)),
      () => log.commitSync(record(2)),
      () => log.syncNow(),
      () => log.roll(),
      () => log.read(),
      () => log.get(1),
    ]
    for (const act of acts) expect(codeOf(act)).toBe('CLOSED')
    expect(await codeLater(log.commit(record(2)))).toBe('CLOSED')
    await world().wait(closing)
    expect(await pending).toBe(1)
    for (const act of acts) expect(codeOf(act)).toBe('CLOSED')
    expect(await codeLater(log.durable(1))).toBe('resolved')
    const again = await open(world())
    expect(numbers(again.read())).toBe(expected(1, 1))
    await world().wait(again[Symbol.asyncDispose]())
  })

  test('C15 a second writer is told LOCKED while the first lives, and gets in when it closed', async () => {
    const log = await open(world())
    expect(await codeLater(open(world()))).toBe('LOCKED')
    await log.commit(record(1))
    await world().wait(log.close())
    const again = await open(world())
    expect(numbers(again.read())).toBe(expected(1, 1))
    await world().wait(again.close())
  })

  test('D12 an empty log behaves the same everywhere', async () => {
    const log = await open(world())
    expect([log.highWatermark, log.lastSequence, log.firstSequence]).toEqual([0, 0, 1])
    expect([log.get(1), [...log.read()], [...log.read({ reverse: true })]]).toEqual([undefined, [], []])
    await log.sync()
    await log.durable(0)
    await log.ready()
    log.syncNow()
    log.roll()
    expect(await codeLater(log.durable(1))).toBe('INVALID_ARGUMENT')
    expect(await codeLater(log.durable(-1))).toBe('INVALID_ARGUMENT')
    await world().wait(log.close())
    const again = await open(world())
    expect(again.recovery.end).toBe('closed')
    expect(await again.commit(record(1))).toBe(1)
    await world().wait(again.close())
  })

  test('another codec than the one of the log is refused, and nothing is changed', async () => {
    const log = await open(world())
    await log.commit(record(1))
    await world().wait(log.close())
    const before = snapshot(world())
    expect(await codeLater(open(world(), { codec: json() as never }))).toBe('INVALID_ARGUMENT')
    expect(snapshot(world())).toEqual(before)
  })

  test('a batch that is too large for what is left, and records of every length, roll and stay in order', async () => {
    const log = await open(world())
    for (let n = 1; n <= 120; n++) {
      const length = 4 + ((n * 397) % 1900)
      if (n % 10 === 0) await log.commit(record(n, length))
      else if (n % 7 === 0) log.commitSync(record(n, length))
      else log.append(record(n, length))
    }
    log.commitBatchSync([record(121, 1000), record(122, 1000), record(123, 1000)])
    expect(numbers(log.read())).toBe(expected(1, 123))
    await world().wait(log.close())
    const again = await open(world())
    expect(numbers(again.read())).toBe(expected(1, 123))
    await world().wait(again.close())
  })
})
