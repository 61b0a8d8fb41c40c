import { describe, expect, test } from 'vitest'
import type { Call, Done, ResultOf } from '../../segments/env/environment.ts'
import { runLater, runNow } from '../../segments/env/steps.ts'
import { type CallNote, type SimulatedEnvironment, simulate } from '../../segments/env/simulated.ts'
import { NameSyncs } from '../../segments/name-syncs.ts'

const DIR = '/log'
const sync = { do: 'syncDirectory', path: DIR } as const
const DROPS = 'sync-fails-and-drops-dirty-pages'

interface Bench {
  readonly sim: SimulatedEnvironment
  readonly names: NameSyncs
  /** What became of syncs and names, in the order of the telling. */
  readonly told: string[]
}

function bench(seed = 1): Bench {
  const sim = simulate(seed)
  sim.files.makeDirectory(DIR)
  sim.call({ do: 'syncDirectory', path: '/' })
  for (const name of ['tmp-a', 'tmp-b']) {
    const handle = sim.call({ do: 'open', path: `${DIR}/${name}`, access: 'create' })
    sim.call({ do: 'sync', handle })
    sim.call({ do: 'close', handle })
  }
  return { sim, names: new NameSyncs(sim, DIR), told: [] }
}

function startSync({ names, told }: Bench, name: string): void {
  names.start(sync, (error) => told.push(`${name} ${error?.code ?? 'OK'}`))
}

function giveLater({ names, told }: Bench, letter: string): void {
  runLater(names, names.give(`${DIR}/tmp-${letter}`, `${DIR}/${letter}`), (error) => {
    told.push(`${letter} ${error ? (error as { code: string }).code : 'OK'}`)
  })
}

/** Lets the n-th sync of the directory that is started wait. */
function hold({ sim }: Bench, which: number): () => void {
  let count = 0
  return sim.hold((call) => call.do === 'syncDirectory' && ++count === which)
}

const afterPowerCut = ({ sim }: Bench): string[] => sim.crash(9, { unsynced: 'lost' }).files.paths(DIR)

describe('syncs of the directory answer for each other', () => {
  test('one that is back waits for those that are out, and no longer', async () => {
    const it = bench()
    const release = hold(it, 1)
    startSync(it, 'first')
    startSync(it, 'second')
    await it.sim.settle()
    expect(it.told).toEqual([])
    release()
    await it.sim.settle()
    expect(it.told.toSorted()).toEqual(['first OK', 'second OK'])
  })

  test('one that fails fails whoever is giving names meanwhile, also who was told OK by the system, and nobody later', async () => {
    const it = bench()
    const release = hold(it, 1)
    startSync(it, 'another')
    giveLater(it, 'a')
    await it.sim.settle()
    it.sim.calls.fault({ when: (call) => call.do === 'syncDirectory', outcome: 'EIO' })
    release()
    await it.sim.settle()
    giveLater(it, 'b')
    await it.sim.settle()
    expect(it.told.toSorted()).toEqual(['a EIO', 'another EIO', 'b OK'])
  })

  test('one that fails on this thread fails whoever is giving names', async () => {
    const it = bench()
    giveLater(it, 'a')
    it.sim.calls.fault({ when: (call) => call.do === 'syncDirectory' && call.mode === 'called', outcome: 'EIO' })
    expect(() => it.names.call(sync)).toThrow('EIO')
    await it.sim.settle()
    expect(it.told).toEqual(['a EIO'])
  })

  test('what the caller of one throws when he hears of it keeps nobody else from hearing', () => {
    const { sim, told } = bench()
    const back: (() => void)[] = []
    const start = (_: Call, done: Done<undefined>): void => void back.push(() => done(null, undefined))
    const names = new NameSyncs(Object.create(sim, { start: { value: start } }) as SimulatedEnvironment, DIR)
    names.start(sync, () => told.push('first'))
    names.start(sync, () => {
      throw new Error('thrown by its caller')
    })
    names.start(sync, () => told.push('third'))
    back[2]!()
    back[1]!()
    expect(told).toEqual([])
    expect(back[0]).toThrow('thrown by its caller')
    expect(told.toSorted()).toEqual(['first', 'third'])
  })

  test('what they are is nothing to those of other directories', async () => {
    const it = bench()
    it.sim.files.makeDirectory('/log/archive')
    giveLater(it, 'a')
    const elsewhere = (call: CallNote): boolean => call.do === 'syncDirectory' && call.path === '/log/archive'
    it.sim.calls.fault({ when: elsewhere, outcome: 'EIO' })
    expect(() => it.names.call({ do: 'syncDirectory', path: '/log/archive' })).toThrow('EIO')
    await it.sim.settle()
    expect(it.told).toEqual(['a OK'])
  })
})

/** As it would be if each sync answered for itself alone. */
class Alone extends NameSyncs {
  override call<C extends Call>(call: C): ResultOf<C> {
    return this.inner.call(call)
  }

  override start<C extends Call>(call: C, done: Done<ResultOf<C>>): void {
    this.inner.start(call, done)
  }
}

describe('a name that was given is there after a power cut, whatever another sync takes along', () => {
  /** How many of these seeds lose a name that was said to be given, where syncs of another procedure fail meanwhile. */
  async function lost(kind: typeof NameSyncs, give: (it: Bench) => Promise<boolean>, others: number): Promise<number> {
    let count = 0
    for (let seed = 1; seed <= 300; seed++) {
      const plain = bench(seed)
      const it = { ...plain, names: new kind(plain.sim, DIR) }
      const when = ({ do: what, mode }: CallNote): boolean => what === 'syncDirectory' && mode === 'started'
      it.sim.calls.fault({ when, outcome: DROPS, times: others })
      for (let other = 1; other <= others; other++) startSync(it, `another ${other}`)
      const isGiven = await give(it)
      if (isGiven && !afterPowerCut(it).includes(`${DIR}/a`)) count += 1
    }
    return count
  }

  function now({ names }: Bench): Promise<boolean> {
    runNow(names, names.give(`${DIR}/tmp-a`, `${DIR}/a`))
    return Promise.resolve(true)
  }

  async function later(it: Bench): Promise<boolean> {
    giveLater(it, 'a')
    await it.sim.settle()
    return it.told.includes('a OK')
  }

  test.each([
    ['on this thread', 1, now],
    ['on this thread', 2, now],
    ['on this thread', 3, now],
    ['later', 1, later],
    ['later', 2, later],
  ])('given %s, with %j of them out', async (_, others, give) => {
    expect(await lost(Alone, give, others)).toBeGreaterThan(0)
    expect(await lost(NameSyncs, give, others)).toBe(0)
  })

  test.each([
    ['taken away', 1],
    ['given back', 2],
  ])(
    'given on this thread, which fails where the name is %s once more: another run of the same steps fails, too',
    async (_, which) => {
      const it = bench()
      const release = hold(it, 1)
      giveLater(it, 'a')
      await it.sim.settle()
      let count = 0
      const isOurs = ({ do: what, mode }: CallNote): boolean => what === 'rename' && mode === 'called'
      // The first of this thread finds that the name was given.
      it.sim.calls.fault({ when: (call) => isOurs(call) && ++count === 1 + which, outcome: 'done-but-reported-failed' })
      expect(() => runNow(it.names, it.names.give(`${DIR}/tmp-a`, `${DIR}/a`))).toThrow('EIO')
      expect(count).toBe(1 + which)
      release()
      await it.sim.settle()
      expect(it.told).toEqual(['a EIO'])
    },
  )

  test('given on this thread, behind another run of the same steps whose name was taken along before', async () => {
    let given = 0
    for (let seed = 1; seed <= 300; seed++) {
      const it = bench(seed)
      it.sim.calls.fault({ when: ({ do: what }) => what === 'syncDirectory', outcome: DROPS })
      let isGiven = false
      it.names.start(sync, () => {
        runNow(it.names, it.names.give(`${DIR}/tmp-a`, `${DIR}/a`))
        isGiven = true
      })
      giveLater(it, 'a')
      await it.sim.settle()
      if (!isGiven) continue
      given += 1
      expect(afterPowerCut(it), `seed ${seed}`).toContain(`${DIR}/a`)
    }
    expect(given).toBeGreaterThan(200)
  })
})
