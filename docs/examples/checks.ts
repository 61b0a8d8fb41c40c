import type { Message } from './messages.ts'
import { count } from './terminal.ts'

/**
 * The feeds number their own messages. These checks know nothing of the log: they would see a message lost, repeated
 * or reordered even if log and gateway agreed on the mistake.
 */
export class FeedChecks {
  /** The last number of each sequence; Independent Reserve counts per channel. */
  readonly #last = new Map<string, number>()
  readonly #checked = new Map<string, number>()

  /** Takes the next message; says what is wrong, or undefined. */
  take(message: Message): string | undefined {
    switch (message.kind) {
      case 'new':
        return this.#contiguous('order ids', Number(message.orderId.slice('O-'.length)))
      case 'depth': {
        const { pu, u } = message.body.data
        const last = this.#move('depth updates', u)
        return last === undefined || pu === last ? undefined : `depth update ${u} follows ${pu}, not ${last}`
      }
      case 'trade':
        return this.#contiguous('trade ids', message.body.data.t)
      case 'quote': {
        const { u } = message.body.data
        const last = this.#move('quotes', u)
        return last === undefined || u > last ? undefined : `quote ${u} came after ${last}`
      }
      case 'order-event':
        return this.#contiguous('nonces', message.body.Nonce, message.body.Channel)
      case 'cancel':
      case 'replace':
      case 'snapshot':
      case 'notice':
        return undefined
    }
  }

  /** How much was checked, for a person. */
  summary(): string {
    return Array.from(this.#checked, ([name, total]) => `${count(total)} ${name}`).join(', ')
  }

  #contiguous(name: string, number: number, channel?: string): string | undefined {
    const last = this.#move(name, number, channel)
    if (last === undefined || number === last + 1) return undefined
    return `${name}${channel === undefined ? '' : ` of ${channel}`}: ${number} came after ${last}`
  }

  /** Notes the newest number and gives the one before it, undefined for the first. */
  #move(name: string, number: number, channel = ''): number | undefined {
    const key = `${name} ${channel}`
    const last = this.#last.get(key)
    this.#last.set(key, number)
    this.#checked.set(name, (this.#checked.get(name) ?? 0) + 1)
    return last
  }
}
