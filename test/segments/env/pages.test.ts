import { describe, expect, test } from 'vitest'
import { PAGE_BYTES, PagedBytes, PageRanges, Slabs } from '../../../segments/env/pages.ts'
import { Random } from '../../../segments/env/random.ts'

describe('paged bytes', () => {
  const LIMIT = 200 * PAGE_BYTES

  test('read as plain bytes would, also after copies of copies went their own ways', () => {
    const random = new Random(1)
    const slabs = new Slabs()
    let twins = [{ paged: new PagedBytes(slabs), plain: new Uint8Array(LIMIT) }]
    for (let step = 0; step < 600; step++) {
      const { paged, plain } = random.pick(twins)
      const position = random.below(LIMIT)
      const length = random.below(Math.min(LIMIT - position, random.chance(1 / 2) ? 100 : 20_000))
      if (random.chance(1 / 10)) {
        paged.cut(position)
        plain.fill(0, position)
      } else {
        const bytes = random.chance(1 / 3) ? new Uint8Array(length) : random.bytes(length)
        paged.write(position, bytes)
        plain.set(bytes, position)
      }
      if (random.chance(1 / 10)) twins = [...twins.slice(-4), { paged: paged.clone(), plain: plain.slice() }]
      const found = new Uint8Array(length).fill(1)
      paged.read(position, found)
      expect(Buffer.compare(found, plain.subarray(position, position + length))).toBe(0)
    }
    for (const { paged, plain } of twins) {
      const found = new Uint8Array(LIMIT).fill(1)
      paged.read(0, found)
      expect(Buffer.compare(found, plain)).toBe(0)
    }
  })

  test('two tebibytes of nothing cost nothing', () => {
    const bytes = new PagedBytes(new Slabs())
    bytes.write(2 ** 41, Uint8Array.of(7))
    const found = new Uint8Array(1 << 20).fill(1)
    bytes.clone().read(2 ** 41 - found.length + 1, found)
    expect([found[0], found.at(-1), bytes.allocated.count]).toEqual([0, 7, 1])
    bytes.cut(2 ** 40)
    expect(bytes.allocated.count).toBe(0)
  })
})

test('page ranges count as a set of numbers would', () => {
  const random = new Random(2)
  for (let round = 0; round < 50; round++) {
    const ranges = new PageRanges()
    const set = new Set<number>()
    for (let step = 0; step < 30; step++) {
      const from = random.below(60)
      const to = from + 1 + random.below(8)
      ranges.add(from, to)
      for (let page = from; page < to; page++) set.add(page)
      if (random.chance(1 / 10)) {
        ranges.cut(from)
        for (const page of set) if (page >= from) set.delete(page)
      }
      expect(ranges.count).toBe(set.size)
      expect(ranges.countWithin(from, to)).toBe([...set].filter((page) => page >= from && page < to).length)
    }
  }
})
