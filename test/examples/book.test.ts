import { expect, test } from 'vitest'

import { GatewayState } from '../../docs/examples/book.ts'
import { loadFeed } from '../../docs/examples/feed.ts'
import { MatchingBook } from '../../docs/examples/matching.ts'
import type { FlowMessage, Message } from '../../docs/examples/messages.ts'
import { orderFlow } from '../../docs/examples/order-flow.ts'
import { realFeeds } from './real-feeds.ts'
import { cancelled, placed } from './samples.ts'

function digestOf(messages: readonly Message[]): string {
  const state = new GatewayState()
  for (const message of messages) state.apply(message)
  return state.digest()
}

function changesOf(messages: Message[]): { changes: string[]; book: MatchingBook } {
  const book = new MatchingBook()
  return { changes: messages.map((message) => book.apply(message as FlowMessage)), book }
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
  const { changes } = changesOf([
    placed(1, 'sell', 102, 5),
    placed(2, 'sell', 101, 5),
    placed(3, 'sell', 101, 5),
    placed(4, 'buy', 102, 12),
  ])
  expect(changes[3]).toContain('trade O-2 5 at 101 trade O-3 5 at 101 trade O-1 2 at 102')
})

test('what does not reach the other side rests, and can be cancelled once', () => {
  const { changes, book } = changesOf([
    placed(1, 'buy', 99, 5),
    placed(2, 'sell', 100, 7),
    placed(3, 'sell', 99, 2),
    cancelled(1),
    cancelled(1),
  ])
  expect(changes[2]).toContain('trade O-1 2 at 99')
  expect(changes.slice(3)).toEqual(['cancel O-1 3 left', 'cancel O-1 too late'])
  expect(book.summary()).toBe('1 orders resting, 1 trades')
})

test('prices stay sorted whatever comes, so that no two sides cross', () => {
  const { book } = changesOf(orderFlow(11, 20_000))
  const [bids, asks] = book.contents().split('sell\n') as [string, string]
  const prices = (text: string) => Array.from(text.matchAll(/^(\d+):/gm), (match) => Number(match[1]))
  expect(prices(bids)).toEqual(prices(bids).toSorted((a, b) => a - b))
  expect(prices(asks)).toEqual(prices(asks).toSorted((a, b) => b - a))
  expect(prices(bids).at(-1)).toBeLessThan(prices(asks).at(-1)!)
})
