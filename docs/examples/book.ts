import { createHash } from 'node:crypto'

import { LevelBook, OrderRegister } from './exchange-books.ts'
import { MatchingBook } from './matching.ts'
import type { Message } from './messages.ts'

/** Changes are hashed in pieces of about this size: one call per message would cost more than the hashing. */
const hashPieceChars = 16 * 1024

/**
 * The state of the gateway: the books, and a running SHA-256 over every change to them. Two states have one digest
 * only if they saw the same messages in the same order and now hold the same books.
 */
export class GatewayState {
  readonly #matching = new MatchingBook()
  readonly #levels = new LevelBook()
  readonly #register = new OrderRegister()
  readonly #changes = createHash('sha256')
  #unhashed = ''
  #applied = 0

  /** How many messages this state has seen; the sequence of the last. */
  get applied(): number {
    return this.#applied
  }

  apply(message: Message): void {
    this.#applied += 1
    this.#unhashed += `${this.#applied} ${this.#change(message)}\n`
    if (this.#unhashed.length >= hashPieceChars) this.#hashChanges()
  }

  /** Walks over the whole state: for the ends of a run, not for every message. */
  digest(): string {
    this.#hashChanges()
    const digest = this.#changes.copy()
    for (const book of [this.#matching, this.#levels, this.#register]) digest.update(book.contents())
    return digest.digest('hex')
  }

  /** What the books hold, for a person; `kind` is of any message of the feed, and tells which book is in use. */
  summary(kind: Message['kind']): string {
    if (kind === 'new' || kind === 'cancel') return this.#matching.summary()
    return kind === 'order-event' || kind === 'notice' ? this.#register.summary() : this.#levels.summary()
  }

  #change(message: Message): string {
    switch (message.kind) {
      case 'new':
      case 'cancel':
        return this.#matching.apply(message)
      case 'order-event':
      case 'notice':
        return this.#register.apply(message)
      case 'depth':
      case 'trade':
      case 'quote':
      case 'snapshot':
        return this.#levels.apply(message)
    }
  }

  #hashChanges(): void {
    this.#changes.update(this.#unhashed)
    this.#unhashed = ''
  }
}
