import { expect, test } from 'vitest'

import { GatewayState } from '../../docs/examples/book.ts'
import { loadFeed } from '../../docs/examples/feed.ts'
import { MatchingBook, type MatchEvent } from '../../docs/examples/matching.ts'
import type { FlowMessage, Message } from '../../docs/examples/messages.ts'
import { orderFlow } from '../../docs/examples/order-flow.ts'
import { realFeeds } from './real-feeds.ts'
import { cancelled, placed, replaced } from './samples.ts'

function digestOf(messages: readonly Message[]): string {
  const state = new GatewayState()
  for (const message of messages) state.apply(message)
  return state.digest()
}

function eventsOf(messages: Message[]): { events: readonly MatchEvent[][]; book: MatchingBook } {
  const book = new MatchingBook()
  return { events: messages.map((message) => book.apply(message as FlowMessage)), book }
}

const damages: [string, (messages: Message[], at: number) => Message[]][] = [
  ['lost', (messages, at) => messages.toSpliced(at, 1)],
  ['repeated', (messages, at) => messages.toSpliced(at, 0, messages[at]!)],
  ['reordered', (messages, at) => messages.toSpliced(at, 2, messages[at + 1]!, messages[at]!)],
]

function expectDigestToTell(messages: readonly Message[], damage: (typeof damages)[number][1]): void {
  const digest = digestOf(messages)
  expect(digestOf(messages)).toBe(digest)
  for (const at of [0, 1, Math.floor(messages.length / 2), messages.length - 2]) {
    expect(digestOf(damage([...messages], at)), `at ${at}`).not.toBe(digest)
  }
}

for (const [name, damage] of damages) {
  test(`the digest of the generated flow tells that a message was ${name}`, () => {
    expectDigestToTell(orderFlow(3, 1000), damage)
  })
  for (const { name: feed, path, absent } of realFeeds) {
    test.skipIf(absent)(`the digest of the ${feed} tells that a message was ${name}`, () => {
      expectDigestToTell(loadFeed({ input: path, seed: 0, messages: 500 }).messages, damage)
    })
  }
}

test('asking for the digest on the way does not change it', () => {
  const state = new GatewayState()
  for (const message of orderFlow(3, 300)) {
    state.apply(message)
    state.digest()
  }
  expect(state.digest()).toBe(digestOf(orderFlow(3, 300)))
})

test('an order trades with the best price first, at one price with the oldest', () => {
  const { events } = eventsOf([
    placed(1, 'sell', 102, 5),
    placed(2, 'sell', 101, 5),
    placed(3, 'sell', 101, 5),
    placed(4, 'buy', 102, 12),
  ])
  const trade = (maker: string, price: number, quantity: number) => ({
    kind: 'traded',
    maker,
    taker: 'O-4',
    price,
    quantity,
  })
  expect(events[3]).toEqual([
    { kind: 'accepted', orderId: 'O-4', side: 'buy', price: 102, quantity: 12 },
    trade('O-2', 101, 5),
    trade('O-3', 101, 5),
    trade('O-1', 102, 2),
  ])
})

test('what does not reach the other side rests, and can be cancelled once', () => {
  const { events, book } = eventsOf([
    placed(1, 'buy', 99, 5),
    placed(2, 'sell', 100, 7),
    placed(3, 'sell', 99, 2),
    cancelled(1),
    cancelled(1),
    placed(2, 'sell', 100, 7),
  ])
  expect(events[2]).toContainEqual({ kind: 'traded', maker: 'O-1', taker: 'O-3', price: 99, quantity: 2 })
  expect(events.slice(3).flat()).toEqual([
    { kind: 'cancelled', orderId: 'O-1', quantity: 3 },
    { kind: 'rejected', orderId: 'O-1', why: 'too late' },
    { kind: 'rejected', orderId: 'O-2', why: 'known already' },
  ])
  expect(book.summary()).toBe('1 orders resting, 1 trades')
})

test.each<[string, number, number, string[]]>([
  ['for less at its price keeps its place', 100, 3, ['O-1', 'O-2']],
  ['for more loses it', 100, 9, ['O-2', 'O-1']],
  ['at a better price is first', 99, 5, ['O-1', 'O-2']],
  ['at a worse price is last', 101, 5, ['O-2', 'O-1']],
])('an order that is replaced %s', (_name, price, quantity, makers) => {
  const { events } = eventsOf([
    placed(1, 'sell', 100, 5),
    placed(2, 'sell', 100, 5),
    replaced(1, price, quantity),
    placed(3, 'buy', 101, 20),
  ])
  expect(events[2]).toEqual([{ kind: 'replaced', orderId: 'O-1', price, quantity }])
  expect(events[3]!.flatMap((event) => (event.kind === 'traded' ? event.maker : []))).toEqual(makers)
})

test('an order that is replaced may trade, and one that is gone is not replaced', () => {
  const { events } = eventsOf([
    placed(1, 'buy', 99, 5),
    placed(2, 'sell', 101, 5),
    replaced(2, 98, 5),
    replaced(1, 99, 1),
  ])
  expect(events[2]).toContainEqual({ kind: 'traded', maker: 'O-1', taker: 'O-2', price: 99, quantity: 5 })
  expect(events[3]).toEqual([{ kind: 'rejected', orderId: 'O-1', why: 'too late' }])
})

test('a state that is saved at any message and loaded goes on as if it had never been', () => {
  const messages = [
    ...orderFlow(3, 600),
    ...realFeeds.flatMap(({ path, absent }) =>
      absent ? [] : [...loadFeed({ input: path, seed: 0, messages: 200 }).messages],
    ),
  ]
  const digest = digestOf(messages)
  for (const at of [0, 1, 77, 300, messages.length]) {
    const first = new GatewayState()
    for (const message of messages.slice(0, at)) first.apply(message)
    const second = GatewayState.load(first.save())
    for (const message of messages.slice(at)) second.apply(message)
    expect(second.digest(), `at ${at}`).toBe(digest)
    expect(second.save().length).toBeGreaterThan(100)
  }
})

test('prices stay sorted whatever comes, so that no two sides cross', () => {
  const { book } = eventsOf(orderFlow(11, 20_000))
  const [bids, asks] = book.contents().split('sell\n') as [string, string]
  const prices = (text: string) => Array.from(text.matchAll(/^(\d+):/gm), (match) => Number(match[1]))
  expect(prices(bids)).toEqual(prices(bids).toSorted((a, b) => a - b))
  expect(prices(asks)).toEqual(prices(asks).toSorted((a, b) => b - a))
  expect(prices(bids).at(-1)).toBeLessThan(prices(asks).at(-1)!)
})
