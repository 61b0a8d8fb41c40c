import { inspect, isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import type { Entry } from '../../../lib/read/entry.ts'
import { memoryEnvironment, openLog } from '../../../lib/index.ts'

interface Order {
  readonly order: number
  readonly text: string
}

async function entries(): Promise<{ all: Entry<Order>[]; reverse: Entry<Order>[]; got: Entry<Order>[] }> {
  const log = await openLog<Order>('/log', { environment: memoryEnvironment(), compression: 'deflate' })
  for (let order = 1; order <= 3; order++) log.append({ order, text: 'again '.repeat(order * 40) }, { timestampNs: 7n })
  await log.sync()
  const all = [...log.read()]
  const reverse = [...log.read({ reverse: true })].reverse()
  const got = [1, 2, 3].map((sequence) => log.get(sequence)!)
  for (const { value } of got) expect(value.text).toContain('again')
  await log.close()
  return { all, reverse, got }
}

test('entries of one record are equal however they were found, and those of two are not', async () => {
  const { all, reverse, got } = await entries()
  expect(isDeepStrictEqual(all, reverse)).toBe(true)
  expect(isDeepStrictEqual(all, got)).toBe(true)
  expect(isDeepStrictEqual(all[0], all[1])).toBe(false)
})

test('an entry is copied, printed and made JSON of without what the library keeps in it', async () => {
  const { all } = await entries()
  const [first] = all
  const { value } = first!
  expect({ ...first }).toStrictEqual({ sequence: 1 })
  expect(inspect(first)).toBe(`Entry ${inspect({ sequence: 1, timestampNs: 7n, value })}`)
  expect(JSON.parse(JSON.stringify(first))).toStrictEqual({ sequence: 1, timestampNs: '7', value })
})
