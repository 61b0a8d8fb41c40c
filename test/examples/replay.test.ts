import { expect, test } from 'vitest'

import { GatewayState } from '../../docs/examples/book.ts'
import type { Feed } from '../../docs/examples/feed.ts'
import type { Message } from '../../docs/examples/messages.ts'
import { orderFlow } from '../../docs/examples/order-flow.ts'
import { checkReplay, type Replayable } from '../../docs/examples/replay.ts'

const messages: readonly Message[] = orderFlow(5, 300)
const feed: Feed = { name: 'flow', messages }

/** A log that holds these values; also wrong ones, which is the point. */
function logOf(values: readonly Message[], sequenceOf = (index: number) => index + 1): Replayable {
  return {
    lastSequence: values.length,
    *read({ from }) {
      for (const [index, value] of values.entries()) {
        if (index + 1 >= from) yield { sequence: sequenceOf(index), value: structuredClone(value) }
      }
    },
  }
}

function problemsOf(log: Replayable, acknowledged: number, reference = new GatewayState()): string {
  return checkReplay(log, feed, acknowledged, reference).problems.join('\n')
}

test('a log that holds the beginning of the feed is right, acknowledged or more', () => {
  const reference = new GatewayState()
  expect(checkReplay(logOf(messages.slice(0, 100)), feed, 90, reference)).toMatchObject({ messages: 100, problems: [] })
  expect(checkReplay(logOf(messages), feed, 100, reference)).toMatchObject({ messages: 300, problems: [] })
  expect(reference.applied).toBe(300)
})

test.each<[string, readonly Message[], RegExp]>([
  ['lost', messages.toSpliced(120, 1), /record 121 is not message 121/],
  ['repeated', messages.toSpliced(120, 0, messages[120]!), /record 122 is not message 122/],
  ['reordered', messages.toSpliced(120, 2, messages[121]!, messages[120]!), /record 121 is not message 121/],
  ['changed', messages.with(120, { kind: 'cancel', orderId: 'O-0' }), /record 121 is not message 121/],
  ['invented', [...messages, messages[0]!], /record 301 is not message 301/],
])('a message that was %s is found, by content and by digest', (_name, values, problem) => {
  expect(problemsOf(logOf(values), 100)).toMatch(problem)
  expect(problemsOf(logOf(values), 100)).toMatch(/the feed gives another/)
})

test('an acknowledged message that is missing at the end is found', () => {
  expect(problemsOf(logOf(messages.slice(0, 99)), 100)).toBe('100 messages were acknowledged, only 99 are in the log')
})

test('what one recovery found no later one may lose', () => {
  const reference = new GatewayState()
  checkReplay(logOf(messages.slice(0, 100)), feed, 50, reference)
  expect(problemsOf(logOf(messages.slice(0, 99)), 50, reference)).toMatch(
    /an earlier recovery found 100 messages, now 99/,
  )
})

test('a sequence with a gap is found', () => {
  const log = logOf(messages, (index) => (index < 50 ? index + 1 : index + 2))
  expect(problemsOf(log, 100)).toMatch(/sequence 52 stands where 51 should/)
})

test('a read that is shorter than the log says is found', () => {
  const log = { ...logOf(messages.slice(0, 200)), lastSequence: 201 }
  expect(problemsOf(log, 100)).toMatch(/200 records read, but the last sequence is 201/)
})

test('one broken record does not flood the report', () => {
  const { problems } = checkReplay(logOf(messages.toSpliced(1, 1)), feed, 0, new GatewayState())
  expect(problems.length).toBeLessThan(10)
})
