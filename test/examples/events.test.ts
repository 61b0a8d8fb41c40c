import { expect, test } from 'vitest'

import { GatewayState } from '../../docs/examples/book.ts'
import { EventListener } from '../../docs/examples/events.ts'
import type { MatchEvent } from '../../docs/examples/matching.ts'
import { orderFlow } from '../../docs/examples/order-flow.ts'

const messages = orderFlow(4, 50)
const state = new GatewayState()
const events = messages.map((message) => state.apply(message))

type Part = readonly [first: number, events: readonly (readonly MatchEvent[])[]]

/** What a listener says of parts that it receives one after the other. */
function heard(parts: readonly Part[]): { said: (string | undefined)[]; listener: EventListener } {
  const listener = new EventListener({ name: 'flow', messages })
  return { said: parts.map(([first, told]) => listener.receive(first, told)), listener }
}

test('events that come in order, some of them again, are right', () => {
  const { said, listener } = heard([
    [1, events.slice(0, 20)],
    [11, events.slice(10, 30)],
    [31, events.slice(30)],
  ])
  expect(said).toEqual([undefined, undefined, undefined])
  expect(listener).toMatchObject({ sequence: 50, repeated: 10, events: events.flat().length })
})

test.each<[string, Part, RegExp]>([
  ['are left out', [12, events.slice(11)], /the events of message 11 were never published/],
  ['are others', [11, events.slice(9)], /the events of message 11 are not those of a run without kills/],
  ['are others than before', [5, events.slice(5, 8)], /the events of message 5 are not/],
  ['are of no message', [11, [...events.slice(10), []]], /events of a message 51/],
])('events that %s are found', (_name, part, problem) => {
  expect(heard([[1, events.slice(0, 10)], part]).said[1]).toMatch(problem)
})
