import { createHash } from 'node:crypto'

import { LevelBook, OrderRegister } from './exchange-books.ts'
import { MatchingBook, type MatchEvent } from './matching.ts'
import type { Message } from './messages.ts'

/** Changes are hashed in pieces of about this size: one call per message would cost more than the hashing. */
const hashPieceChars = 16 * 1024

/**
 * The state of the gateway: the books, and a SHA-256 over every change to them, piece by piece, each over the one before.
 * Two states have one digest only if they saw the same messages in the same order and now hold the same books.
 */
export class GatewayState {
  #matching = new MatchingBook()
  #levels = new LevelBook()
  #register = new OrderRegister()
  #hashed = ''
  #unhashed = ''
  #applied = 0

  /** How many messages this state has seen; the sequence of the last. */
  get applied(): number {
    return this.#applied
  }

  /** Applies a message; gives what the world is to be told of it. */
  apply(message: Message): readonly MatchEvent[] {
    this.#applied += 1
    const { change, events } = this.#change(message)
    this.#unhashed += `${this.#applied} ${change}\n`
    if (this.#unhashed.length < hashPieceChars) return events
    this.#hashed = sha256(this.#hashed + this.#unhashed)
    this.#unhashed = ''
    return events
  }

  /** Walks over the whole state: for the ends of a run, not for every message. */
  digest(): string {
    const books = [this.#matching, this.#levels, this.#register]
    return sha256(this.#hashed + this.#unhashed + books.map((book) => book.contents()).join(''))
  }

  /** The whole state as text, for a snapshot. */
  save(): string {
    const books = [this.#matching.save(), this.#levels.save(), this.#register.save()]
    return JSON.stringify([this.#applied, this.#hashed, this.#unhashed, ...books])
  }

  static load(text: string): GatewayState {
    const state = new GatewayState()
    const [applied, hashed, unhashed, ...books] = JSON.parse(text) as [number, string, string, ...unknown[]]
    state.#applied = applied
    state.#hashed = hashed
    state.#unhashed = unhashed
    state.#matching = MatchingBook.load(books[0])
    state.#levels = LevelBook.load(books[1])
    state.#register = OrderRegister.load(books[2])
    return state
  }

  /** What the books hold, for a person; `kind` is of any message of the feed, and tells which book is in use. */
  summary(kind: Message['kind']): string {
    if (kind === 'new' || kind === 'cancel' || kind === 'replace') return this.#matching.summary()
    return kind === 'order-event' || kind === 'notice' ? this.#register.summary() : this.#levels.summary()
  }

  #change(message: Message): { change: string; events: readonly MatchEvent[] } {
    switch (message.kind) {
      case 'new':
      case 'cancel':
      case 'replace': {
        const events = this.#matching.apply(message)
        const note = message.kind === 'new' ? `${message.account} ${message.note ?? ''}` : ''
        return { change: `${JSON.stringify(events)} ${note}`, events }
      }
      case 'order-event':
      case 'notice':
        return { change: this.#register.apply(message), events: [] }
      case 'depth':
      case 'trade':
      case 'quote':
      case 'snapshot':
        return { change: this.#levels.apply(message), events: [] }
    }
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
