import { describe, expect, test } from 'vitest'
import { cbor } from '../../lib/codecs/cbor.ts'
import type { CrashedPredecessor } from '../../lib/runs/predecessor.ts'
import { predecessorOf } from '../../lib/runs/predecessor.ts'
import { type Store, openStoreWith } from '../../lib/store.ts'
import type { Environment } from '../../segments/env/environment.ts'
import { memoryEnvironment } from '../../segments/env/memory.ts'
import { simulate } from '../../segments/env/simulated.ts'
import { SEGMENT_BYTES, readFile } from './worlds.ts'

interface World {
  readonly env: Environment
  readonly wait: <T>(work: Promise<T>) => Promise<T>
}

const BASE = '/desks'

/** A clock that every question moves on, however long the machine takes for anything. */
function counter(from: number): () => number {
  let ms = from
  return () => (ms += 0.25)
}

const WORLDS: readonly (readonly [name: string, make: (seed: number, from: number) => World])[] = [
  [
    'memory',
    (seed, from) => ({
      env: memoryEnvironment({ seed, nowMs: counter(from), monotonicMs: counter(from) }),
      wait: (work) => work,
    }),
  ],
  [
    'simulated',
    (seed, from) => {
      const env = simulate(seed, { nowMs: from })
      return { env, wait: (work) => env.drive(work) }
    },
  ],
]

/** Days of a desk: runs that end, one that is left and swept, one that is found and sealed; anchors, cursors, a stream. */
async function days({ env, wait }: World): Promise<void> {
  const options = { codec: cbor(), segmentBytes: SEGMENT_BYTES, environment: env, keys: { id: 'id' } }
  const store: Store<unknown> = openStoreWith(BASE, options, SEGMENT_BYTES)
  const audit = await wait(store.openStream('audit'))
  for (const [day, ending] of ['ended', 'left', 'ended', 'found', 'quarantined'].entries()) {
    const setting = { compression: (['none', 'deflate', 'brotli'] as const)[day % 3]!, compressionBytesMin: 20 }
    const chain = day % 2 === 0 ? 'none' : 'sha256'
    const fields = { day, zone: 'ü' }
    const run = await wait(store.startRun('desk', `day-${day}`, { ...setting, chain, build: '1', fields }))
    for (let n = 1; n <= 30; n++) {
      run.append({ id: n, text: 'order '.repeat(n % 20) })
      if (n % 7 === 0) await wait(run.commitBatch([{ id: n, side: 'buy' }, [n]], { durability: 'written' }))
      if (n % 9 === 0) run.commitSync({ id: -n })
    }
    await wait(run.sync())
    await wait(run.anchor({ sequence: 20, ref: `day-${day}.json`, hash: 'ab' }))
    await wait(run.cursor('billing').save(11))
    await wait(audit.commit(`day ${day} ${ending}`))
    if (ending === 'left' || ending === 'found') await wait(run.close())
    else await wait(run.seal(ending as 'ended'))
    if (ending === 'left') await wait(store.recover())
    if (ending === 'found')
      await wait((await predecessorIn(wait(store.openRun('desk', `day-${day}`)))).seal('crashed-recovered'))
  }
  await wait(store.close())
}

async function predecessorIn(work: Promise<never>): Promise<CrashedPredecessor> {
  return predecessorOf(await work.catch((error: unknown) => error))!
}

/** All files below, with what is in them. */
function tree(env: Environment, directory: string, into = new Map<string, string>()): Map<string, string> {
  for (const { name, kind } of env.call({ do: 'list', path: directory })) {
    const path = `${directory}/${name}`
    if (kind === 'directory') tree(env, path, into)
    else into.set(path.slice(BASE.length + 1), kind === 'file' ? readFile(env, path).toString('hex') : kind)
  }
  return into
}

/** Names of the files that are not the same in both. */
function differing(a: Map<string, string>, b: Map<string, string>): string[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter((path) => a.get(path) !== b.get(path))
}

describe.each(WORLDS)('%s', (_, make) => {
  const from = 1_700_000_000_000

  test('D11 with injected clock and ids the runs of a store are byte-identical directories', async () => {
    const [first, second] = [make(5, from), make(5, from)]
    await days(first)
    await days(second)
    const found = tree(first.env, BASE)
    expect([...found.keys()].filter((path) => /^desk\/day-\d\/segment-.*\.log$/.test(path)).length).toBeGreaterThan(5)
    expect(differing(found, tree(second.env, BASE))).toEqual([])
  })

  test.each([
    ['ids', 6, from],
    ['clock', 5, from + 1],
  ])('D11 with other %s they are others', async (_what, seed, start) => {
    const [first, second] = [make(5, from), make(seed, start)]
    await days(first)
    await days(second)
    const changed = differing(tree(first.env, BASE), tree(second.env, BASE))
    expect(changed.filter((path) => path.includes('segment')).length).toBeGreaterThan(5)
    expect(changed.filter((path) => path.includes('manifest')).length).toBeGreaterThan(5)
  })
})
