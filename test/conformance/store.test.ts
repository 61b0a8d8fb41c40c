import { describe, expect, test } from 'vitest'
import { bytes } from '../../lib/codecs/bytes.ts'
import type { Log } from '../../lib/log.ts'
import { type CrashedPredecessor, predecessorOf } from '../../lib/runs/predecessor.ts'
import { type Store, type StoreOptions, openStoreWith } from '../../lib/store.ts'
import { runNow, step } from '../../segments/env/steps.ts'
import {
  SEGMENT_BYTES,
  type World,
  codeLater,
  codeOf,
  everywhere,
  expected,
  fill,
  numbers,
  record,
  snapshot,
} from './worlds.ts'

type Bytes = Uint8Array

function storeOf(world: World, options: StoreOptions<Bytes> = {}): Store<Bytes> {
  const all = { codec: bytes(), segmentBytes: SEGMENT_BYTES, environment: world.env, ...options }
  return openStoreWith<Bytes>(world.directory, all, SEGMENT_BYTES)
}

/** As `name status` of each log, bad ones with the code of their error. */
const listed = async (world: World, store: Store<Bytes>): Promise<string> =>
  (await world.wait(store.list())).map(({ name, status, error }) => `${name} ${status ?? error?.code}`).join(', ')

async function predecessorIn(work: Promise<unknown>): Promise<CrashedPredecessor<Bytes>> {
  try {
    await work
  } catch (error) {
    const found = predecessorOf<Bytes>(error)
    if (found !== undefined) return found
    throw error
  }
  throw new Error('nothing was refused')
}

/** A run of so many records that was left running, by closing its log without sealing it. */
async function left(world: World, store: Store<Bytes>, run: string, count: number): Promise<Log<Bytes>> {
  const log = await world.wait(store.startRun('desk', run))
  await fill(log, count)
  await world.wait(log.close())
  return log
}

const codes = (work: Promise<unknown>, world: World): Promise<string> => codeLater(world.wait(work))

everywhere((world, name) => {
  test('D1 D4 D7 a run starts empty and running, and is sealed as what it was, once', async () => {
    const store = storeOf(world())
    const fields = { zone: 'ü\ud800', limits: [1.5, 1e21, -3], deep: { '': null, constructor: [true] } }
    const draft = { build: '1.4.2', configurationHash: 'ab', fields }
    const log = await world().wait(store.startRun('desk', 'r-1', draft))
    expect([log.status, log.lastSequence, log.highWatermark]).toEqual(['running', 0, 0])
    expect(log.run).toMatchObject({ instance: 'desk', run: 'r-1', parent: null, endedAt: null, ...draft })
    await fill(log, 50)
    for (const status of ['running', 'gone', undefined] as never[]) {
      expect(await codeLater(log.seal(status))).toBe('INVALID_ARGUMENT')
    }
    const last = log.get(50)!.timestampNs
    const sealing = log.seal('ended')
    expect(codeOf(() => log.append(record(51)))).toBe('CLOSED')
    expect(await codeLater(log.seal('quarantined'))).toBe('CLOSED')
    expect(await codeLater(log.anchor({ sequence: 1, ref: 'x', hash: 'x' }))).toBe('CLOSED')
    await world().wait(sealing)
    expect(log.status).toBe('ended')
    expect(log.run).toMatchObject({ endedAt: String(last), fields })
    // Reads go on.
    expect(numbers(log.read())).toBe(expected(1, 50))
    expect(await codeLater(log.commit(record(51)))).toBe('CLOSED')
    await world().wait(log.close())
    expect(await codes(store.openRun('desk', 'r-1'), world())).toBe('CLOSED')
    expect(await codes(store.startRun('desk', 'r-1'), world())).toBe('CLOSED')
    const [listing] = await world().wait(store.list())
    expect(listing).toMatchObject({ name: 'desk/r-1', status: 'ended', highWatermark: 50, error: undefined })
    expect(JSON.stringify(listing!.run!.fields)).toBe(JSON.stringify(fields))
    await world().wait(store.close())
  })

  test('D4 the end time is that of the last record; an empty run has none', async () => {
    const store = storeOf(world())
    const empty = await world().wait(store.startRun('desk', 'empty'))
    await world().wait(empty.seal('ended'))
    const full = await world().wait(store.startRun('desk', 'full'))
    await full.commit(record(1), { timestampNs: 4_000_000_000_000_000_000n })
    await world().wait(full.seal('ended'))
    const ends = (await world().wait(store.list())).map(({ run }) => run!.endedAt)
    expect(ends).toEqual([null, '4000000000000000000'])
    await world().wait(store.close())
  })

  test('D4 a sealed run takes no more room than its records', async () => {
    const store = storeOf(world())
    const log = await world().wait(store.startRun('desk', 'r-1'))
    await fill(log, 60)
    await world().wait(log.seal('ended'))
    const path = `${world().directory}/desk/r-1`
    const entries = world().env.call({ do: 'list', path })
    const segments = entries.filter(({ name }) => name.startsWith('segment-') && name.endsWith('.log'))
    expect(segments.length).toBeGreaterThan(1)
    const sizes = segments.map(
      (entry) => runNow(world().env, step({ do: 'stat', path: `${path}/${entry.name}` }))!.size,
    )
    expect(Math.max(...sizes)).toBeLessThanOrEqual(SEGMENT_BYTES)
    expect(sizes.at(-1)).toBeLessThan(SEGMENT_BYTES)
    expect(numbers(log.read())).toBe(expected(1, 60))
    await world().wait(store.close())
  })

  test('D2 a run that was left running blocks until it is sealed; a live one is LOCKED', async () => {
    const store = storeOf(world())
    const log = await world().wait(store.startRun('desk', 'r-1', { build: 'b' }))
    await fill(log, 30)
    await log.anchor({ sequence: 10, ref: 'snapshot', hash: 'h' })
    for (const work of [() => store.startRun('desk', 'r-2'), () => store.openRun('desk', 'r-1')]) {
      expect(await codes(work(), world())).toBe('LOCKED')
    }
    await world().wait(log.close())
    for (const work of [() => store.startRun('desk', 'r-2'), () => store.openRun('desk', 'r-1')]) {
      const found = await predecessorIn(world().wait(work()))
      expect(found.highWatermark).toBe(30)
      expect(found.lastRecord?.value).toEqual(record(30))
      expect(found.manifest).toMatchObject({ status: 'running', run: { build: 'b' }, anchors: [{ sequence: 10 }] })
      expect(found.recovery).toMatchObject({ lastSequence: 30, findings: [] })
      expect(found.isSound).toBe(true)
      expect(await codeLater(found.seal('running' as never))).toBe('INVALID_ARGUMENT')
    }
    const found = await predecessorIn(world().wait(store.openRun('desk', 'r-1')))
    await world().wait(found.seal('crashed-recovered'))
    expect(await codes(found.seal('ended'), world())).toBe('CLOSED')
    expect(await listed(world(), store)).toBe('desk/r-1 crashed-recovered')
    const next = await world().wait(store.startRun('desk', 'r-2'))
    expect(next.run?.parent).toBe('r-1')
    await world().wait(store.close())
  })

  test('D3 a run names its parent: the last that is over and sound, or the one that is asked for, or none', async () => {
    const store = storeOf(world())
    for (const [run, status] of [
      ['c', 'ended'],
      ['b', 'crashed-recovered'],
      ['a', 'quarantined'],
    ] as const) {
      const log = await world().wait(store.startRun('desk', run))
      await fill(log, 1)
      await world().wait(log.seal(status))
    }
    for (const parent of ['a', 'self', 'x', 5] as never[]) {
      expect(await codes(store.startRun('desk', 'self', { parent }), world())).toBe('INVALID_ARGUMENT')
    }
    const parents: (string | null | undefined)[] = []
    for (const [run, wanted] of [
      ['d', undefined],
      ['e', 'c'],
      ['f', null],
      ['g', undefined],
    ] as const) {
      const log = await world().wait(store.startRun('desk', run, wanted === undefined ? {} : { parent: wanted }))
      parents.push(log.run?.parent)
      await world().wait(log.seal('ended'))
    }
    expect(parents).toEqual(['b', 'c', null, 'f'])
    const other = await world().wait(store.startRun('other', 'a'))
    expect(other.run?.parent).toBe(null)
    await world().wait(store.close())
  })

  test('D3 a sweep seals every run that was left, and goes on after one that fails', async () => {
    const store = storeOf(world())
    expect(await world().wait(store.recover())).toEqual([])
    await left(world(), store, 'sound', 20)
    const found = await predecessorIn(world().wait(store.openRun('desk', 'sound')))
    expect(found.recovery.end).toBe('closed')
    const other = await world().wait(store.startRun('other', 'live'))
    await fill(other, 5)
    const over = await world().wait(store.startRun('third', 'over'))
    await world().wait(over.seal('ended'))
    const swept = await world().wait(store.recover())
    expect(swept.map(({ name, outcome, status }) => `${name} ${outcome} ${status}`)).toEqual([
      'desk/sound recovered crashed-recovered',
      'other/live running running',
      'third/over sealed ended',
    ])
    expect(await world().wait(store.recover('desk'))).toMatchObject([{ outcome: 'sealed' }])
    const next = await world().wait(store.startRun('desk', 'next'))
    expect(next.run?.parent).toBe('sound')
    await world().wait(store.close())
  })

  test('D5 a sealed run opens to be read and never to be written; one that is running does not', async () => {
    const store = storeOf(world())
    const log = await world().wait(store.startRun('desk', 'r-1'))
    await fill(log, 40)
    expect(await codes(store.openSealed('desk', 'r-1'), world())).toBe('INVALID_ARGUMENT')
    expect(await codes(store.openSealed('desk', 'r-2'), world())).toBe('NOT_A_LOG')
    await world().wait(log.seal('ended'))
    const before = snapshot({ ...world(), directory: `${world().directory}/desk/r-1` })
    const sealed = await world().wait(store.openSealed('desk', 'r-1'))
    expect(sealed.report).toMatchObject({ status: 'ended', end: 'closed', findings: [], unproven: 0 })
    expect(numbers(sealed.read())).toBe(expected(1, 40))
    expect(codeOf(() => (sealed as unknown as Log<Bytes>).append(record(41)))).toBe('READ_ONLY')
    await world().wait(store.close())
    expect(sealed.isOpen).toBe(false)
    expect(snapshot({ ...world(), directory: `${world().directory}/desk/r-1` })).toEqual(before)
  })

  test('D6 D8 runs and streams are listed by their start; streams go on; a missing directory has none', async () => {
    const store = storeOf(world())
    expect(await listed(world(), store)).toBe('')
    const pause = (): Promise<void> => world().wait(new Promise((resolve) => world().env.after(3, resolve)))
    const b = await world().wait(store.openStream('b'))
    await pause()
    await fill(b, 3)
    const run = await world().wait(store.startRun('a', 'r'))
    await pause()
    const c = await world().wait(store.openStream('c'))
    await fill(c, 7)
    await world().wait(run.seal('ended'))
    await world().wait(b.close())
    expect(await listed(world(), store)).toBe('b running, a/r ended, c running')
    const again = await world().wait(store.openStream('b'))
    expect(again.recovery.end).toBe('closed')
    expect(numbers(again.read())).toBe(expected(1, 3))
    await fill(again, 2)
    expect([numbers(again.read()), numbers(c.read())]).toEqual([expected(1, 5), expected(1, 7)])
    expect(await codes(store.openStream('c'), world())).toBe('LOCKED')
    await world().wait(store.close())
    for (const log of [again, c]) expect(codeOf(() => log.append(record(1)))).toBe('CLOSED')
    for (const work of [store.list(), store.openStream('c'), store.startRun('a', 'x'), store.recover()]) {
      expect(await codeLater(work)).toBe('CLOSED')
    }
  })

  test('C20 names lead nowhere but into the store', async () => {
    const store = storeOf(world())
    const bad = [
      '',
      '.',
      '..',
      '../x',
      '/x',
      'a/b',
      'a\\b',
      'a\0',
      'a b',
      'ü',
      '-a',
      '.a',
      'a.',
      'x'.repeat(129),
      'NUL',
    ]
    const ours = ['cut', 'archive', 'durable', 'segment-0000000001.log', 'manifest-0000000001.json', 'CON.txt']
    for (const each of [...bad, ...ours, 5, null] as string[]) {
      expect(await codeLater(store.openStream(each)), String(each)).toBe('INVALID_ARGUMENT')
      expect(await codeLater(store.startRun(each, 'r'))).toBe('INVALID_ARGUMENT')
      expect(await codeLater(store.startRun('a', each))).toBe('INVALID_ARGUMENT')
      expect(await codeLater(store.openRun('a', each))).toBe('INVALID_ARGUMENT')
    }
    expect(await listed(world(), store)).toBe('')
    const run = await world().wait(store.startRun('a', 'r'))
    await world().wait(run.seal('ended'))
    const stream = await world().wait(store.openStream('s'))
    expect(await codes(store.openStream('a'), world())).toBe('NOT_A_LOG')
    expect(await codes(store.startRun('s', 'r'), world())).toBe('NOT_A_LOG')
    expect(stream.isOpen).toBe(true)
    await world().wait(store.close())
  })

  test('D7 fields that JSON would change are refused before anything is made', async () => {
    const store = storeOf(world())
    const loop: unknown[] = []
    loop.push(loop)
    const values = [NaN, Infinity, -0, undefined, 1n, () => 0, Symbol('s'), new Date(0), new Map(), loop, [, 1]]
    const toJson = { toJSON: () => 1 }
    for (const value of [...values, toJson]) {
      expect(await codeLater(store.startRun('a', 'r', { fields: { value } }))).toBe('INVALID_ARGUMENT')
    }
    const others = [{ fields: [] }, { fields: 'x' }, { fields: { x: 'x'.repeat(40_000) } }, { build: 5 }]
    for (const draft of [...others, { build: 'x'.repeat(1025) }, { configurationHash: null }] as never[]) {
      expect(await codeLater(store.startRun('a', 'r', draft))).toBe('INVALID_ARGUMENT')
    }
    expect(await listed(world(), store)).toBe('')
  })

  if (name === 'simulated') {
    test('D2 a run whose process was killed blocks the next process, which seals it and goes on', async () => {
      const store = storeOf(world())
      const log = await world().wait(store.startRun('desk', 'r-1'))
      await fill(log, 30)
      const env = world().killed!()
      const next: World = { ...world(), env }
      const after = storeOf(next)
      const found = await predecessorIn(after.startRun('desk', 'r-2'))
      expect(found.recovery.end).toBe('clean')
      expect(found.highWatermark).toBe(30)
      await found.seal('crashed-recovered')
      const run = await after.startRun('desk', 'r-2')
      expect(run.run?.parent).toBe('r-1')
      await after.close()
    })
  }
})

describe('openLog with onCrash', () => {
  everywhere((world) => {
    test('refuse holds also for a log that is no run; resume goes on with one that is', async () => {
      const store = storeOf(world())
      const stream = await world().wait(store.openStream('s', { onCrash: 'refuse' }))
      await fill(stream, 3)
      await world().wait(stream.close())
      const found = await predecessorIn(world().wait(store.openStream('s', { onCrash: 'refuse' })))
      expect([found.highWatermark, found.manifest.run]).toEqual([3, null])
      const again = await world().wait(store.openStream('s'))
      await world().wait(again.seal('ended'))
      expect(await codes(store.openStream('s'), world())).toBe('CLOSED')
      await world().wait(store.close())
    })
  })
})
