import type { CancelOrder, FlowMessage, NewOrder, ReplaceOrder, Side } from './messages.ts'

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

/** What the world is told when a command was applied. */
export type MatchEvent =
  | { kind: 'accepted'; orderId: string; side: Side; price: number; quantity: number }
  | { kind: 'traded'; maker: string; taker: string; price: number; quantity: number }
  | { kind: 'cancelled'; orderId: string; quantity: number }
  | { kind: 'replaced'; orderId: string; price: number; quantity: number }
  | { kind: 'rejected'; orderId: string; why: 'known already' | 'too late' }

/**
 * An order book with price-time priority: commands in, events out. Prices and quantities are integers, and nothing else
 * comes in, so every replay gives the same book and the same events.
 */
export class MatchingBook {
  /** The best price is the last: bids rise, asks fall. */
  readonly #levels: Record<Side, Level[]> = { buy: [], sell: [] }
  readonly #orders = new Map<string, Resting>()
  #trades = 0
  #volume = 0

  apply(command: FlowMessage): MatchEvent[] {
    switch (command.kind) {
      case 'new':
        return this.#new(command)
      case 'cancel':
        return this.#cancel(command)
      case 'replace':
        return this.#replace(command)
    }
  }

  /** Orders by price, at one price the oldest first: so they are put back. */
  save(): unknown {
    const orders = [...this.#levels.buy, ...this.#levels.sell].flatMap(({ queue }) => queue)
    return [orders, this.#trades, this.#volume]
  }

  static load(saved: unknown): MatchingBook {
    const book = new MatchingBook()
    const [orders, ...totals] = saved as [Resting[], number, number]
    for (const order of orders) book.#rest(order)
    ;[book.#trades, book.#volume] = totals
    return book
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

  #new({ orderId, side, price, quantity }: NewOrder): MatchEvent[] {
    if (this.#orders.has(orderId)) return [{ kind: 'rejected', orderId, why: 'known already' }]
    const accepted: MatchEvent = { kind: 'accepted', orderId, side, price, quantity }
    return [accepted, ...this.#place({ orderId, side, price, quantity })]
  }

  #cancel({ orderId }: CancelOrder): MatchEvent[] {
    const order = this.#orders.get(orderId)
    if (order === undefined) return [{ kind: 'rejected', orderId, why: 'too late' }]
    this.#remove(order)
    return [{ kind: 'cancelled', orderId, quantity: order.quantity }]
  }

  #replace({ orderId, price, quantity }: ReplaceOrder): MatchEvent[] {
    const order = this.#orders.get(orderId)
    if (order === undefined) return [{ kind: 'rejected', orderId, why: 'too late' }]
    const replaced: MatchEvent = { kind: 'replaced', orderId, price, quantity }
    if (price === order.price && quantity <= order.quantity) {
      order.quantity = quantity
      return [replaced]
    }
    this.#remove(order)
    return [replaced, ...this.#place({ orderId, side: order.side, price, quantity })]
  }

  /** Trades with what the order meets, then rests with what is left. */
  #place(order: Resting): MatchEvent[] {
    const against = this.#levels[opposite(order.side)]
    const trades: MatchEvent[] = []
    while (order.quantity > 0) {
      const best = against.at(-1)
      const maker = best?.queue[0]
      if (best === undefined || maker === undefined || !reaches(order, best.price)) break
      const quantity = Math.min(order.quantity, maker.quantity)
      trades.push({ kind: 'traded', maker: maker.orderId, taker: order.orderId, price: best.price, quantity })
      order.quantity -= quantity
      maker.quantity -= quantity
      this.#trades += 1
      this.#volume += quantity
      if (maker.quantity === 0) this.#remove(maker)
    }
    if (order.quantity > 0) this.#rest(order)
    return trades
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

function reaches(order: Resting, price: number): boolean {
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
