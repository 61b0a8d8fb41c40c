import { isDeepStrictEqual } from 'node:util'

import { GatewayState } from './book.ts'
import { FeedChecks } from './checks.ts'
import type { Feed } from './feed.ts'
import type { Message } from './messages.ts'

/** What a replay needs of a log. */
export interface Replayable {
  readonly lastSequence: number
  read(range: { from: number }): Iterable<{ readonly sequence: number; readonly value: Message }>
}

export interface Replayed {
  /** How many records were read; the sequence of the last, when nothing is wrong. */
  messages: number
  seconds: number
  digest: string
  /** What the feed's own numbers proved. */
  ownSequences: string
  problems: string[]
}

/** One broken record is followed by thousands of misplaced ones, which say nothing new. */
const recordProblemsMax = 5

/**
 * Rebuilds the state from the log and compares: the record at sequence `i` must be message `i` of the feed, everything
 * that was acknowledged must be there, and the digest must be that of `reference`, a state that saw the feed alone, in
 * a run without kills. `reference` is brought forward to the end of the log here; it never goes back, because what one
 * recovery found no later one may lose.
 */
export function checkReplay(log: Replayable, feed: Feed, acknowledged: number, reference: GatewayState): Replayed {
  const problems: string[] = []
  const startedMs = performance.now()
  const state = new GatewayState()
  const checks = new FeedChecks()

  for (const { sequence, value } of log.read({ from: 1 })) {
    const expected = state.applied + 1
    const wrong: string[] = []
    if (sequence !== expected) wrong.push(`sequence ${sequence} stands where ${expected} should`)
    if (!isDeepStrictEqual(value, feed.messages[expected - 1])) {
      wrong.push(`record ${sequence} is not message ${expected}`)
    }
    state.apply(value)
    const broken = checks.take(value)
    if (broken !== undefined) wrong.push(`record ${sequence}: ${broken}`)
    if (problems.length < recordProblemsMax) problems.push(...wrong)
  }
  const seconds = (performance.now() - startedMs) / 1000

  const messages = state.applied
  if (messages !== log.lastSequence)
    problems.push(`${messages} records read, but the last sequence is ${log.lastSequence}`)
  if (messages < acknowledged)
    problems.push(`${acknowledged} messages were acknowledged, only ${messages} are in the log`)
  if (messages < reference.applied)
    problems.push(`an earlier recovery found ${reference.applied} messages, now ${messages}`)
  for (const message of feed.messages.slice(reference.applied, messages)) reference.apply(message)
  const digest = state.digest()
  if (digest !== reference.digest()) problems.push(`the rebuilt state has digest ${digest}, the feed gives another`)
  return { messages, seconds, digest, ownSequences: checks.summary(), problems }
}
