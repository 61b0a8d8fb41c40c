import fc from 'fast-check'
import { expect, test } from 'vitest'
import { searchTable } from '../../../lib/keys/search.ts'
import { memoryEnvironment } from '../../../segments/env/memory.ts'
import { runNow } from '../../../segments/env/steps.ts'
import { readAll, withFile } from '../../../segments/files.ts'
import { sidecarName } from '../../../segments/format/names.ts'
import { PAGE_BYTES, type SegmentIdentity } from '../../../segments/format/sidecar.ts'
import { KeyPairs } from '../../../segments/key-pairs.ts'
import { type ReadPage, Sidecar, openSidecar } from '../../../segments/sidecar.ts'
import { writeSidecar } from '../../../segments/sidecar-writing.ts'
import { offsetsOf } from '../../segments/format/bytes.ts'

const RECORDS = 100_000

interface Table {
  readonly search: (hash: number) => number[] | undefined
  /** Pages read since it was asked last. */
  readonly pagesRead: () => number
  readonly damage: (page: number) => void
}

/** A sidecar with one key table of these hashes: record n has the nth. */
function tableOf(hashes: readonly number[]): Table {
  const env = memoryEnvironment({ seed: 1 })
  env.call({ do: 'makeDirectory', path: '/log' })
  const identity: SegmentIdentity = {
    logId: '0'.repeat(32),
    ordinal: 1,
    firstSequence: 1,
    lastSequence: RECORDS,
    dataBytes: 256 + RECORDS * 24,
    salt: 5,
    digest: 1,
    head: '0'.repeat(64),
    baseTimestamp: 1n,
    lastTimestamp: 1n,
  }
  const pairs = new KeyPairs()
  for (const [index, hash] of hashes.entries()) pairs.add(hash, index)
  const keyTables = [{ name: 'id', fingerprint: 'ab'.repeat(16), pairs: pairs.sorted() }]
  const offsets = offsetsOf(Array.from({ length: RECORDS }, (_, index) => 32 + index * 3))
  runNow(env, writeSidecar(env, '/log', identity, { offsets, definitions: [], keyTables }))
  const path = `/log/${sidecarName(1)}`
  const footer = runNow(env, openSidecar(path, identity))
  if (typeof footer === 'string') throw new Error(footer)
  const bytes = runNow(
    env,
    withFile(path, 'read', (handle) => readAll(handle, path, 2 ** 24)),
  )
  let reads = 0
  const readPage: ReadPage = function* (page, isSound) {
    reads += 1
    const found = bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES)
    return isSound(found) ? found : undefined
  }
  const sidecar = new Sidecar(footer, readPage)
  const [section] = sidecar.keyTables
  return {
    search: (hash) => runNow(env, searchTable(sidecar, section!, hash)),
    pagesRead: () => {
      const before = reads
      reads = 0
      return before
    },
    damage: (page) => void (bytes[(section!.firstPage + page) * PAGE_BYTES + 9]! ^= 1),
  }
}

const mixed = (n: number): number => Math.imul(n ^ (n >>> 15), 0x9e3779b1) >>> 0

test('B14 a table is searched in place as by looking at all of it, and reads few pages', () => {
  const hashes = Array.from({ length: 20_000 }, (_, n) => mixed(n % 15_000))
  const table = tableOf(hashes)
  const places = new Map<number, number[]>()
  for (const [index, hash] of hashes.entries()) places.set(hash, [...(places.get(hash) ?? []), index])
  for (let n = 0; n < 16_000; n += 7) expect(table.search(mixed(n))).toEqual(places.get(mixed(n)) ?? [])
  // One guess that is right nearly half of the time, or its neighbour, and that page once more for its pairs.
  expect(table.pagesRead() / Math.ceil(16_000 / 7)).toBeLessThan(2.6)
})

test('B14 hashes that many records share, at the edges of pages and of the range, are found whole', () => {
  const hash = fc.oneof(fc.constantFrom(0, 1, 0xffffffff, 77, 0x80000000), fc.integer({ min: 0, max: 0xffffffff }))
  fc.assert(
    fc.property(
      fc.array(fc.tuple(hash, fc.integer({ min: 1, max: 1100 })), { minLength: 0, maxLength: 6 }),
      hash,
      (runs, absent) => {
        const hashes = runs.flatMap(([each, times]) => new Array<number>(times).fill(each))
        const table = tableOf(hashes)
        for (const wanted of new Set([absent, ...hashes])) {
          expect(table.search(wanted)).toEqual(hashes.flatMap((each, index) => (each === wanted ? [index] : [])))
        }
      },
    ),
    { numRuns: 40 },
  )
})

test('a damaged page gives no answer, never a wrong one', () => {
  const hashes = Array.from({ length: 3000 }, (_, n) => mixed(n))
  const table = tableOf(hashes)
  table.damage(2)
  const answers = hashes.map((hash, index) => {
    const found = table.search(hash)
    if (found !== undefined) expect(found).toEqual([index])
    return found === undefined
  })
  expect(answers.filter(Boolean).length).toBeGreaterThanOrEqual(511)
  expect(answers.filter((isUnanswered) => !isUnanswered).length).toBeGreaterThan(1500)
})
