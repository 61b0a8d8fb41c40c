import { describe, expect, test } from 'vitest'
import { runLater, runNow } from '../../segments/env/steps.ts'
import { type SimulatedEnvironment, simulate } from '../../segments/env/simulated.ts'
import { type Manifest, type OpenLine, decodeManifest } from '../../segments/format/manifest.ts'
import { ManifestStore, withLine } from '../../segments/manifest-store.ts'
import { NameSyncs } from '../../segments/name-syncs.ts'

const FIRST: Manifest = {
  generation: 1,
  logId: 'ab'.repeat(16),
  epoch: 1,
  createdAt: '0',
  status: 'running',
  options: { segmentBytes: 4096, codec: 'bytes', compression: 'none', chain: 'none' },
  highWatermark: { ordinal: 1, offset: 0, sequence: 0 },
  clean: null,
  segments: [],
  lost: [],
  keys: {},
  anchors: [],
  cursors: {},
  run: null,
}
const open = (ordinal: number, salt = ordinal): OpenLine => ({ state: 'open', ordinal, salt, segmentBytes: 4096 })

function opened(seed: number): { readonly sim: SimulatedEnvironment; readonly store: ManifestStore } {
  const sim = simulate(seed)
  sim.files.makeDirectory('/log')
  let sequence = 0
  const store = new ManifestStore(new NameSyncs(sim, '/log'), FIRST, [], () => ({
    ordinal: 1,
    offset: 0,
    sequence: ++sequence,
  }))
  return { sim, store }
}

const names = (sim: SimulatedEnvironment): string[] => sim.files.paths('/log').map((path) => path.slice(5))

function newest(sim: SimulatedEnvironment): Manifest {
  const path = sim.files.paths('/log').findLast((each) => each.includes('/manifest-'))!
  const finding = decodeManifest(Buffer.from(sim.files.read(path)))
  if (finding.found !== 'manifest') throw new Error(finding.found)
  return finding.manifest
}

describe('generations of the manifest', () => {
  test('each change is a new file, the one before is kept, and the lower bound is that of its writing', () => {
    const { sim, store } = opened(1)
    for (let n = 1; n <= 5; n++) {
      runNow(
        sim,
        store.update((manifest) => withLine(manifest, open(n))),
      )
      expect(newest(sim)).toMatchObject({ generation: n + 1, highWatermark: { sequence: n } })
    }
    expect(names(sim)).toEqual(['manifest-0000000005.json', 'manifest-0000000006.json'])
    expect(newest(sim).segments.map((line) => line.ordinal)).toEqual([1, 2, 3, 4, 5])
  })

  test.each(Array.from({ length: 20 }, (_, seed) => seed))(
    'updates that overlap lose nothing, however their calls land, seed %i',
    async (seed) => {
      const { sim, store } = opened(seed)
      for (let n = 1; n <= 6; n++) {
        runLater(
          sim,
          store.update((manifest) => withLine(manifest, open(n))),
          (error) => expect(error).toBeNull(),
        )
        if (n === 4)
          runNow(
            sim,
            store.update((manifest) => withLine(manifest, open(2, 99))),
          )
      }
      await sim.settle()
      const manifest = newest(sim)
      expect(manifest.generation).toBe(8)
      expect(manifest.segments).toEqual([open(1), open(2, 99), open(3), open(4), open(5), open(6)])
      expect(names(sim)).toEqual(['manifest-0000000007.json', 'manifest-0000000008.json'])
      const after = sim.crash(seed, { unsynced: 'lost' })
      expect(newest(after)).toEqual(manifest)
    },
  )

  test('an update held back for long neither hides nor removes a later one', async () => {
    for (const what of ['rename', 'open', 'sync', 'syncDirectory', 'unlink'] as const) {
      const { sim, store } = opened(1)
      runNow(
        sim,
        store.update((manifest) => withLine(manifest, open(1))),
      )
      const release = sim.hold((call) => call.do === what)
      runLater(
        sim,
        store.update((manifest) => withLine(manifest, open(2))),
        () => undefined,
      )
      await sim.settle()
      for (let n = 3; n <= 6; n++)
        runNow(
          sim,
          store.update((manifest) => withLine(manifest, open(n))),
        )
      release()
      await sim.settle()
      expect(newest(sim).segments.map((line) => line.ordinal)).toEqual([1, 2, 3, 4, 5, 6])
      expect(names(sim)).toEqual(['manifest-0000000006.json', 'manifest-0000000007.json'])
    }
  })

  test.each(['open', 'write', 'sync', 'rename', 'syncDirectory'] as const)(
    'what a failed update was to say, the next one says: %s',
    (what) => {
      const { sim, store } = opened(1)
      runNow(
        sim,
        store.update((manifest) => withLine(manifest, open(1))),
      )
      sim.calls.fault({ when: (call) => call.do === what, outcome: 'ENOSPC' })
      expect(() =>
        runNow(
          sim,
          store.update((manifest) => withLine(manifest, open(2))),
        ),
      ).toThrow('ENOSPC')
      runNow(
        sim,
        store.update((manifest) => withLine(manifest, open(3))),
      )
      expect(newest(sim).segments.map((line) => line.ordinal)).toEqual([1, 2, 3])
    },
  )

  test('members that this version does not know stay', () => {
    const sim = simulate(1)
    sim.files.makeDirectory('/log')
    const store = new ManifestStore(
      new NameSyncs(sim, '/log'),
      { ...FIRST, later: { a: 1 } } as Manifest,
      [1],
      () => FIRST.highWatermark,
    )
    runNow(
      sim,
      store.update((manifest) => withLine(manifest, open(1))),
    )
    expect(newest(sim)).toMatchObject({ later: { a: 1 } })
  })
})
