import { GatewayState } from './book.ts'
import type { Feed } from './feed.ts'
import type { MatchEvent } from './matching.ts'

/**
 * Who receives the gateway's events, and knows what they must be: those of a state that saw the feed alone, in a run
 * without kills. After a kill some come once more, which is no mistake; none may be left out, and none be another.
 */
export class EventListener {
  readonly #feed: Feed
  readonly #state = new GatewayState()
  readonly #expected: string[] = []
  events = 0
  repeated = 0

  constructor(feed: Feed) {
    this.#feed = feed
  }

  /** Last message whose events are here. */
  get sequence(): number {
    return this.#expected.length
  }

  /** Takes the events of messages from `first` on; says what is wrong, or undefined. */
  receive(first: number, events: readonly (readonly MatchEvent[])[]): string | undefined {
    if (first > this.sequence + 1) return `the events of message ${this.sequence + 1} were never published`
    for (const [index, told] of events.entries()) {
      const sequence = first + index
      if (sequence > this.#feed.messages.length) return `events of a message ${sequence}, which the feed does not have`
      if (sequence > this.sequence) {
        this.#expected.push(JSON.stringify(this.#state.apply(this.#feed.messages[sequence - 1]!)))
        this.events += told.length
      } else this.repeated += 1
      if (JSON.stringify(told) !== this.#expected[sequence - 1]) {
        return `the events of message ${sequence} are not those of a run without kills`
      }
    }
    return undefined
  }
}
