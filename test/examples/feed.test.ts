import { gzipSync } from 'node:zlib'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { FeedChecks } from '../../docs/examples/checks.ts'
import { FeedError, loadFeed, parseBinance, parseFeed, parseReserve } from '../../docs/examples/feed.ts'
import { orderFlow } from '../../docs/examples/order-flow.ts'
import { realFeeds } from './real-feeds.ts'

const trade = '1723161255088176367 {"stream":"s@trade","data":{"e":"trade","T":1,"t":5,"p":"1.0","q":"2","m":false}}'
const connection = 'wss://websockets.independentreserve.com <-> 1649023807.984895'
const placed =
  '1649023813.9942772: {"Channel":"c","Nonce":7,"Data":{"OrderType":"LimitBid","OrderGuid":"g"},"Time":1,"Event":"NewOrder"}'

test('the generated flow is the same for the same seed, another for another', () => {
  expect(orderFlow(7, 2000)).toEqual(orderFlow(7, 2000))
  expect(orderFlow(8, 2000)).not.toEqual(orderFlow(7, 2000))
})

test('a short generated flow is the beginning of a long one', () => {
  expect(orderFlow(7, 500)).toEqual(orderFlow(7, 2000).slice(0, 500))
})

test('the generated flow places, cancels, replaces and sometimes carries a long note', () => {
  const flow = orderFlow(1, 5000)
  const share = flow.filter((message) => message.kind === 'cancel').length / flow.length
  expect(share).toBeGreaterThan(0.3)
  expect(share).toBeLessThan(0.5)
  expect(flow.filter(({ kind }) => kind === 'replace').length / flow.length).toBeGreaterThan(0.03)
  expect(flow.some((message) => message.kind === 'new' && (message.note?.length ?? 0) > 1000)).toBe(true)
})

test('a time beyond 2^53 keeps its last digit', () => {
  expect(parseBinance(trade)).toMatchObject({ kind: 'trade', receivedNs: '1723161255088176367' })
  expect(parseReserve(placed)).toMatchObject({ kind: 'order-event', received: '1649023813.9942772' })
})

test('a feed is recognised by its content, gzipped or not, whatever its name', () => {
  const directory = mkdtempSync(join(tmpdir(), 'seglog-feed-'))
  const input = join(directory, 'recorded')
  for (const bytes of [Buffer.from(`${trade}\n`), gzipSync(`${trade}\n`)]) {
    writeFileSync(input, bytes)
    expect(loadFeed({ input, seed: 0, messages: undefined }).messages).toEqual([parseBinance(trade)])
  }
  rmSync(directory, { recursive: true })
})

test('lines about the connection are no messages', () => {
  const feed = parseFeed([connection, connection, placed, ''].join('\n'))
  expect(feed).toEqual({ name: 'Independent Reserve feed', messages: [parseReserve(placed)] })
})

test('a limit takes the beginning, and does not look at what follows', () => {
  expect(parseFeed(`${trade}\nbroken`, 1).messages).toHaveLength(1)
})

test.each([
  ['another feed', 'time,price\n1,2', /not a feed that this example knows.*time,price/],
  ['nothing', '', /not a feed/],
  ['a connection without messages', connection, /without a message/],
  ['a broken line', `${trade}\n1723161255088176367 {"stream"`, /line 2 is not of a Binance/],
  ['an update id that no number can hold', trade.replace('"t":5', '"t":9007199254740993'), /line 1 is not/],
  ['a message of an unknown kind', trade.replace('"e":"trade"', '"e":"other"'), /line 1 is not/],
  ['an order without a nonce', `${connection}\n${placed.replace('"Nonce":7,', '')}`, /line 2 is not of a Independent/],
])('%s is refused, and said where', (_name, text, message) => {
  expect(() => parseFeed(text)).toThrow(FeedError)
  expect(() => parseFeed(text)).toThrow(message)
})

test('a file that is not there is refused', () => {
  expect(() => loadFeed({ input: 'no/such/file', seed: 0, messages: undefined })).toThrow(/cannot read no\/such\/file/)
})

for (const { name, path, absent, messages } of realFeeds) {
  test.skipIf(absent)(`the recorded ${name} is read whole, and its own sequences are unbroken`, () => {
    const feed = loadFeed({ input: path, seed: 0, messages: undefined })
    expect(feed.name).toContain(name)
    expect(feed.messages).toHaveLength(messages)
    const checks = new FeedChecks()
    expect(feed.messages.map((message) => checks.take(message)).filter((problem) => problem !== undefined)).toEqual([])
    expect(checks.summary()).toMatch(/6,551 depth updates.*21,313 trade ids|1,663 nonces/)
  })
}
