import { describe, expect, test } from 'vitest'
import { Allocator } from '../../segments/allocator.ts'
import type { Call, Done, ResultOf } from '../../segments/env/environment.ts'
import { runNow } from '../../segments/env/steps.ts'
import { type CallNote, type SimulatedEnvironment, simulate } from '../../segments/env/simulated.ts'
import { SeglogError } from '../../segments/errors.ts'
import { type Manifest, decodeManifest } from '../../segments/format/manifest.ts'
import { ManifestStore } from '../../segments/manifest-store.ts'
import { NameSyncs } from '../../segments/name-syncs.ts'
import type { SegmentPlan } from '../../segments/segment.ts'
import { WrappedEnvironment } from '../../segments/wrapped-environment.ts'

const BYTES = 8192
const FIRST: Manifest = {
  generation: 1,
  logId: 'ab'.repeat(16),
  epoch: 1,
  createdAt: '0',
  status: 'running',
  options: { segmentBytes: BYTES, codec: 'bytes', compression: 'none', chain: 'none' },
  highWatermark: { ordinal: 1, offset: 0, sequence: 0 },
  clean: null,
  segments: [{ state: 'open', ordinal: 1, salt: 1, segmentBytes: BYTES }],
  lost: [],
  keys: {},
  anchors: [],
  cursors: {},
  run: null,
}
const ACTIVE: SegmentPlan = { ordinal: 1, salt: 1, segmentBytes: BYTES }

/** Does something when a started call is reported: that with this number, counted anew from when `then` is set. */
class Moments extends WrappedEnvironment {
  private left: number
  private task: (() => void) | undefined

  constructor(world: SimulatedEnvironment, left: number) {
    super(world)
    this.left = left
  }

  set then(task: () => void) {
    this.task = task
  }

  override start<C extends Call>(call: C, done: Done<ResultOf<C>>): void {
    this.inner.start(call, (error, result) => {
      done(error, result)
      if (this.task !== undefined && --this.left === 0) this.task()
    })
  }
}

interface Bench {
  readonly moments?: Moments | undefined
  readonly sim: SimulatedEnvironment
  readonly allocator: Allocator
  readonly manifests: ManifestStore
}

/** There is time for zeros. */
const inTime = (): boolean => false

function bench(seed = 1, sim = simulate(seed, { trace: true }), moments?: Moments): Bench {
  sim.files.makeDirectory('/log')
  sim.call({ do: 'syncDirectory', path: '/' })
  const env = new NameSyncs(moments ?? sim, '/log')
  const manifests = new ManifestStore(env, FIRST, [], () => FIRST.highWatermark)
  const allocator = new Allocator(env, '/log', manifests, BYTES, () => undefined, inTime)
  return { moments, sim, allocator, manifests }
}

const names = ({ sim }: Bench): string[] =>
  sim.files
    .paths('/log')
    .filter((path) => path.includes('segment'))
    .map((path) => path.slice(5))
const lines = ({ manifests }: Bench): number[][] => manifests.latest.segments.map((line) => [line.ordinal, line.salt])
const SECOND = 'segment-0000000002.log'

/** Writes into a segment as a group would, to see later whether something was put over it. */
function use({ sim }: Bench, name: string): void {
  const handle = sim.call({ do: 'open', path: `/log/${name}`, access: 'write', durable: true })
  sim.call({ do: 'write', handle, from: Buffer.alloc(64, 7), start: 0, length: 64, position: 0 })
}

/** Whether the newest manifest lists the second segment, and its file is not there. */
function isListedAndMissing({ files }: SimulatedEnvironment): boolean {
  const newest = files.paths('/log').findLast((path) => path.includes('/manifest-'))!
  const finding = decodeManifest(Buffer.from(files.read(newest)))
  if (finding.found !== 'manifest') throw new Error(finding.found)
  return finding.manifest.segments.some(({ ordinal }) => ordinal === 2) && !files.has(`/log/${SECOND}`)
}

/** Whether it came to its end. */
function attempt(act: () => unknown): boolean {
  try {
    act()
    return true
  } catch {
    return false
  }
}

describe('a spare', () => {
  test('has its zeros, name, directory entry and line in the manifest durable before it can be taken', async () => {
    const it = bench()
    it.allocator.prepare(ACTIVE)
    const plan = it.allocator.next(2, ACTIVE, 0)
    expect([it.allocator.has(plan), it.allocator.take(plan)]).toEqual([true, undefined])
    await it.sim.settle()
    const after = it.sim.crash(1, { unsynced: 'lost' })
    expect(after.files.read(`/log/${SECOND}`)).toEqual(new Uint8Array(BYTES))
    expect(after.files.paths('/log').some((path) => path.includes('/manifest-'))).toBe(true)
    expect(lines(it)).toEqual([
      [1, 1],
      [2, plan.salt],
    ])
    expect(it.allocator.take(plan)).toMatchObject({})
    expect(it.allocator.take(plan)).toBeUndefined()
  })

  const held: readonly (readonly [string, (call: Call) => boolean, string[]])[] = [
    ['its zeros', (call) => call.do === 'write', ['segment-0000000002.log', 'segment-0000000003.log']],
    ['its rename', (call) => call.do === 'rename' && call.from.includes('segment'), [SECOND]],
    ['the sync of the directory', (call) => call.do === 'syncDirectory', [SECOND]],
    ['its manifest', (call) => call.do === 'rename' && call.from.includes('manifest'), [SECOND]],
    ['its opening', (call) => call.do === 'open' && call.path.endsWith('.log'), [SECOND]],
  ]
  test.each(held)(
    'C22 taken over while %s is held back, is what was taken when that lands late',
    async (_, matches, left) => {
      for (let seed = 1; seed <= 4; seed++) {
        const it = bench(seed)
        const release = it.sim.hold(matches)
        it.allocator.prepare(ACTIVE)
        await it.sim.settle()
        const planned = it.allocator.next(2, ACTIVE, 1000)
        const { plan } = it.allocator.takeNow(planned, 1000)
        use(it, SECOND)
        const before = it.sim.files.read(`/log/${SECOND}`)
        release()
        await it.sim.settle()
        expect(it.sim.files.read(`/log/${SECOND}`)).toEqual(before)
        expect(before.subarray(0, 64)).toEqual(new Uint8Array(64).fill(7))
        expect(names(it)).toEqual(left)
        expect(lines(it).slice(0, 2)).toEqual([
          [1, 1],
          [2, plan.salt],
        ])
        expect(it.allocator.failure).toBeUndefined()
      }
    },
  )

  test.each(held.slice(1))(
    'C22 a spare given up for a longer one while %s is held back is not put over it',
    async (_, matches) => {
      const it = bench()
      const sized = new Allocator(it.sim, '/log', it.manifests, 64 * 1024, () => undefined, inTime)
      const release = it.sim.hold(matches)
      const small = { ordinal: 1, salt: 1, segmentBytes: 1024 }
      sized.prepare(small)
      await it.sim.settle()
      const { plan } = sized.takeNow(sized.next(2, small, 20_000), 20_000)
      use(it, SECOND)
      release()
      await it.sim.settle()
      expect(it.sim.files.read(`/log/${SECOND}`).subarray(0, 64)).toEqual(new Uint8Array(64).fill(7))
      expect(it.sim.files.read(`/log/${SECOND}`).length).toBe(plan.segmentBytes)
      expect(lines(it)).toEqual([
        [1, 1],
        [2, plan.salt],
      ])
    },
  )

  test('that is replaced while others sync the directory is never listed and missing after a power cut', async () => {
    for (let dies = 1; ; dies++) {
      const it = bench(dies)
      const sized = new Allocator(it.manifests.names, '/log', it.manifests, 64 * 1024, () => undefined, inTime)
      const small = { ordinal: 1, salt: 1, segmentBytes: 1024 }
      sized.prepare(small)
      await it.sim.settle()
      it.sim.hold((call) => call.do === 'syncDirectory')
      it.manifests.names.start({ do: 'syncDirectory', path: '/log' }, () => undefined)
      const planned = sized.next(2, small, 20_000)
      const last = it.sim.calls.count + dies
      it.sim.calls.dieAt(last)
      // What is thrown is the death, however it was wrapped.
      const isDone = attempt(() => sized.takeNow(planned, 20_000))
      if (!isDone) expect(it.sim.calls.count).toBeGreaterThanOrEqual(last)
      it.sim.calls.dieAt(Infinity)
      if (isDone) return
      for (let seed = 1; seed <= 20; seed++) {
        expect(isListedAndMissing(it.sim.crash(seed)), `death ${dies}, seed ${seed}`).toBe(false)
      }
    }
  })

  test('taken over at any moment keeps its name, whatever a sync of others that failed took along', async () => {
    let taken = 0
    for (let seed = 1; seed <= 100; seed++) {
      for (let moment = 4; moment <= 9; moment++) {
        const sim = simulate(seed)
        const it = bench(seed, sim, new Moments(sim, moment))
        // That of the others, or the one behind its own rename.
        let left = 1 + (seed % 2)
        const when = ({ do: what, mode }: CallNote): boolean =>
          what === 'syncDirectory' && mode === 'started' && --left === 0
        sim.calls.fault({ when, outcome: 'sync-fails-and-drops-dirty-pages' })
        it.manifests.names.start({ do: 'syncDirectory', path: '/log' }, () => undefined)
        it.allocator.prepare(ACTIVE)
        const planned = it.allocator.next(2, ACTIVE, 100)
        let isTaken = false
        it.moments!.then = () => (isTaken = attempt(() => it.allocator.takeNow(planned, 100)))
        await sim.settle()
        if (!isTaken) continue
        taken += 1
        const { files } = sim.crash(seed, { unsynced: 'lost' })
        expect(files.has(`/log/${SECOND}`), `seed ${seed}, moment ${moment}`).toBe(true)
      }
    }
    expect(taken).toBeGreaterThan(200)
  })

  test('that replaces another and is taken over while it is named is never listed and missing after a power cut', async () => {
    const CALLS = 8
    for (let seed = 1; seed <= 20; seed++) {
      for (let dies = 1; dies <= CALLS; dies++) {
        const sim = simulate(seed)
        // When its file is closed, and its rename begins.
        const it = bench(seed, sim, new Moments(sim, 3))
        it.allocator.prepare(ACTIVE)
        await sim.settle()
        // Given up without a use: its file and its line stay.
        it.allocator.take(it.allocator.next(2, ACTIVE, 100))
        const planned = { ...ACTIVE, ordinal: 2, salt: 7 }
        it.allocator.begin(planned)
        it.moments!.then = () => {
          sim.calls.dieAt(sim.calls.count + dies)
          attempt(() => it.allocator.takeNow(planned, 100))
          sim.die()
        }
        await sim.settle()
        for (let crash = 1; crash <= 10; crash++) {
          expect(isListedAndMissing(sim.crash(crash)), `seed ${seed}, death ${dies}, crash ${crash}`).toBe(false)
        }
      }
    }
  })

  test('that is too small, and cannot be named before it is dropped, is a typed error of who wanted more', async () => {
    const it = bench()
    const allocator = new Allocator(it.sim, '/log', it.manifests, 2 * BYTES, () => undefined, inTime)
    it.sim.hold((call) => call.do === 'rename')
    allocator.prepare({ ...ACTIVE, segmentBytes: BYTES / 4 })
    await it.sim.settle()
    it.sim.calls.fault({ when: (call) => call.do === 'rename', outcome: 'EIO' })
    expect(() => allocator.next(2, ACTIVE, 2 * BYTES)).toThrow(SeglogError)
  })

  test('dropped while it is filled never gets a name, and leaves nothing', async () => {
    const it = bench()
    const sized = new Allocator(it.sim, '/log', it.manifests, 64 * 1024, () => undefined, inTime)
    const release = it.sim.hold((call) => call.do === 'write')
    sized.prepare({ ordinal: 1, salt: 1, segmentBytes: 1024 })
    await it.sim.settle()
    sized.next(2, { ordinal: 1, salt: 1, segmentBytes: 1024 }, 20_000)
    release()
    await it.sim.settle()
    expect(names(it)).toEqual([])
    expect(lines(it)).toEqual([[1, 1]])
  })

  test.each(['open', 'write', 'sync', 'rename', 'syncDirectory'] as const)(
    'whose %s fails is thrown away and made under a new name',
    async (what) => {
      const it = bench()
      it.sim.calls.fault({ when: (call) => call.do === what, outcome: 'EIO' })
      it.allocator.prepare(ACTIVE)
      await it.sim.settle()
      expect(it.allocator.failure).toBeDefined()
      it.allocator.prepare(ACTIVE)
      await it.sim.settle()
      expect(it.allocator.failure).toBeDefined()
      const plan = it.allocator.next(2, ACTIVE, 0)
      expect(it.allocator.has(plan)).toBe(false)
      expect(it.allocator.takeNow(plan, 100).plan).toMatchObject({ ordinal: 2 })
      expect(it.allocator.failure).toBeUndefined()
      expect(names(it)).toEqual([SECOND])
      const created = it.sim.calls.trace.filter((call) => call.do === 'open' && call.path.includes('/tmp-segment'))
      expect(new Set(created.map((call) => call.path)).size).toBe(created.length)
    },
  )

  test('closing waits for what is under way and closes what is ready', async () => {
    const it = bench()
    const release = it.sim.hold((call) => call.do === 'write')
    it.allocator.prepare(ACTIVE)
    await it.sim.settle()
    let closed = false
    it.allocator.close(() => (closed = true))
    await it.sim.settle()
    expect(closed).toBe(false)
    release()
    await it.sim.settle()
    expect(closed).toBe(true)
    const count = (what: string): number => it.sim.calls.trace.filter((call) => call.do === what).length
    expect(count('open')).toBe(count('close'))
  })

  test('one that is there at opening is adopted', () => {
    const it = bench()
    it.sim.files.write(`/log/${SECOND}`, new Uint8Array(BYTES))
    const plan = { ordinal: 2, salt: 9, segmentBytes: BYTES }
    it.allocator.adopt(plan)
    expect(it.allocator.next(2, ACTIVE, 100)).toBe(plan)
    expect(it.allocator.takeNow(plan, 100)).toMatchObject({ plan })
    expect(
      runNow(
        it.sim,
        it.manifests.update((manifest) => manifest),
      ),
    ).toBeUndefined()
  })
})
