import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeKeyBlock, keysInBlock, markOf } from '../../../segments/format/key-block.ts'
import { meaning } from './spec.ts'

interface Vector {
  readonly kinds: readonly { readonly fingerprint: string; readonly keys: readonly string[] }[]
  readonly block: string
}

test.each(meaning<Vector[]>('key-block'))('the block $block of the format', ({ kinds, block }) => {
  const marked = kinds.map(({ fingerprint, keys }) => ({
    mark: markOf(fingerprint),
    keys: keys.map((key) => Buffer.from(key, 'hex')),
  }))
  expect(encodeKeyBlock(marked).toString('hex')).toBe(block)
  for (const { mark, keys } of marked) expect(keysInBlock(Buffer.from(block, 'hex'), mark)).toEqual(keys)
  expect(keysInBlock(Buffer.from(block, 'hex'), 1)).toBeUndefined()
})

const kinds = fc.uniqueArray(
  fc.record({
    mark: fc.integer({ min: 0, max: 0xffffffff }),
    keys: fc.array(fc.uint8Array({ minLength: 1 }), { maxLength: 4 }),
  }),
  { selector: ({ mark }) => mark, maxLength: 5 },
)

test('a block gives back the keys of each definition, and says nothing of others', () => {
  fc.assert(
    fc.property(kinds, (marked) => {
      const block = encodeKeyBlock(marked)
      for (const { mark, keys } of marked) {
        expect(keysInBlock(block, mark)).toEqual(keys.map((key) => Buffer.from(key)))
      }
    }),
  )
})

test('any bytes are a block or none, and one that is cut short is none', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 0 }), (bytes, mark) => {
      expect(() => keysInBlock(Buffer.from(bytes), mark)).not.toThrow()
    }),
  )
  const block = encodeKeyBlock([{ mark: 5, keys: [Buffer.from('abc')] }])
  for (let length = 1; length < block.length; length++)
    expect(keysInBlock(block.subarray(0, length), 5)).toBeUndefined()
})
