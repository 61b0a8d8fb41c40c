import type { FlowMessage, NewOrder, Side } from './messages.ts'

interface Resting {
  orderId: string
  side: Side
  price: number
  quantity: number
}

/** The orders that wait at one price, the oldest first. */
interface Level {
  price: number
  queue: Resting[]
}

/** An order book with price-time priority. Prices and quantities are integers: every replay gives the same book. */
export class MatchingBook {
  /** The best price is the last: bids rise, asks fall. */
  readonly #levels: Record<Side, Level[]> = { buy: [], sell: [] }
  readonly #orders = new Map<string, Resting>()
  #trades = 0
  #volume = 0

  /** Applies a message and says what changed, in one canonical line. */
  apply(message: FlowMessage): string {
    if (message.kind === 'cancel') return `cancel ${message.orderId} ${this.#cancel(message.orderId)}`
    const change = `new ${message.orderId} ${message.account} ${message.side} ${message.price} ${message.quantity}`
    return `${change}${this.#place(message)} ${message.note ?? ''}`
  }

  /** All that the book holds, in one canonical order. */
  contents(): string {
    const level = ({ price, queue }: Level) => `${price}: ${queue.map((o) => `${o.orderId} ${o.quantity}`).join(', ')}`
    const side = (name: Side) => `${name}\n${this.#levels[name].map(level).join('\n')}`
    return `${side('buy')}\n${side('sell')}\ntrades ${this.#trades} volume ${this.#volume}\n`
  }

  summary(): string {
    return `${this.#orders.size} orders resting, ${this.#trades} trades`
  }

  /** Trades with what it meets, then rests with what is left. Gives its trades as text. */
  #place(order: NewOrder): string {
    const against = this.#levels[opposite(order.side)]
    let trades = ''
    let left = order.quantity
    while (left > 0) {
      const best = against.at(-1)
      const maker = best?.queue[0]
      if (best === undefined || maker === undefined || !reaches(order, best.price)) break
      const quantity = Math.min(left, maker.quantity)
      trades += ` trade ${maker.orderId} ${quantity} at ${best.price}`
      left -= quantity
      maker.quantity -= quantity
      this.#trades += 1
      this.#volume += quantity
      if (maker.quantity === 0) this.#remove(maker)
    }
    if (left > 0) this.#rest({ orderId: order.orderId, side: order.side, price: order.price, quantity: left })
    return trades
  }

  #cancel(orderId: string): string {
    const order = this.#orders.get(orderId)
    if (order === undefined) return 'too late'
    this.#remove(order)
    return `${order.quantity} left`
  }

  #rest(order: Resting): void {
    const levels = this.#levels[order.side]
    const index = levelIndex(levels, order)
    if (levels[index]?.price !== order.price) levels.splice(index, 0, { price: order.price, queue: [] })
    levels[index]!.queue.push(order)
    this.#orders.set(order.orderId, order)
  }

  #remove(order: Resting): void {
    const levels = this.#levels[order.side]
    const index = levelIndex(levels, order)
    const { queue } = levels[index]!
    queue.splice(queue.indexOf(order), 1)
    if (queue.length === 0) levels.splice(index, 1)
    this.#orders.delete(order.orderId)
  }
}

function opposite(side: Side): Side {
  return side === 'buy' ? 'sell' : 'buy'
}

function reaches(order: NewOrder, price: number): boolean {
  return order.side === 'buy' ? price <= order.price : price >= order.price
}

/** Where the level of this price is, or belongs. */
function levelIndex(levels: Level[], order: Resting): number {
  const sign = order.side === 'buy' ? 1 : -1
  let low = 0
  let high = levels.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (levels[middle]!.price * sign < order.price * sign) low = middle + 1
    else high = middle
  }
  return low
}
