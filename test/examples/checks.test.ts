import { expect, test } from 'vitest'

import { FeedChecks } from '../../docs/examples/checks.ts'
import type { Message } from '../../docs/examples/messages.ts'
import { cancelled, depth, orderEvent, placed, quote, trade } from './samples.ts'

function problems(messages: Message[]): string[] {
  const checks = new FeedChecks()
  return messages.map((message) => checks.take(message)).filter((problem) => problem !== undefined)
}

test.each<[string, Message[]]>([
  ['depth updates that follow each other', [depth(5, 9), quote(3), depth(9, 12)]],
  ['trade ids without a gap', [trade(5), trade(6), quote(3), trade(7)]],
  ['quotes that rise, also by leaps', [quote(3), quote(9)]],
  ['nonces without a gap, each channel for itself', [orderEvent('a', 5), orderEvent('b', 90), orderEvent('a', 6)]],
  ['order ids without a gap', [placed(1, 'buy', 1, 1), cancelled(1), placed(2, 'buy', 1, 1)]],
])('%s are right', (_name, messages) => {
  expect(problems(messages)).toEqual([])
})

test.each<[string, Message[], RegExp]>([
  ['a lost depth update', [depth(5, 9), depth(12, 15)], /depth update 15 follows 12, not 9/],
  ['a lost trade', [trade(5), trade(7)], /trade ids: 7 came after 5/],
  ['a repeated trade', [trade(5), trade(5)], /5 came after 5/],
  ['a repeated quote', [quote(3), quote(3)], /quote 3 came after 3/],
  ['reordered quotes', [quote(4), quote(3)], /quote 3 came after 4/],
  ['a lost nonce', [orderEvent('a', 5), orderEvent('b', 6), orderEvent('a', 7)], /nonces of a: 7 came after 5/],
  ['a lost order', [placed(1, 'buy', 1, 1), placed(3, 'buy', 1, 1)], /3 came after 1/],
])('%s is found', (_name, messages, problem) => {
  expect(problems(messages)).toHaveLength(1)
  expect(problems(messages)[0]).toMatch(problem)
})

test('the summary counts what was checked, all channels together', () => {
  const checks = new FeedChecks()
  for (const message of [orderEvent('a', 5), orderEvent('b', 6), trade(1)]) checks.take(message)
  expect(checks.summary()).toBe('2 nonces, 1 trade ids')
})
