import type { FlowMessage, NewOrder, ReplaceOrder } from './messages.ts'
import { createRandom, type Random } from './random.ts'

/**
 * A feed of orders: the same for the same seed, and a shorter one is the beginning of a longer one. The middle price
 * wanders; about one order in three crosses it and so makes trades, the others rest in the book until they are met,
 * replaced or cancelled. The generator does not know what was traded, so some of that comes too late, as in life.
 */
export function orderFlow(seed: number, count: number): FlowMessage[] {
  const random = createRandom(seed)
  const messages: FlowMessage[] = []
  const placed: string[] = []
  let middle = 10_000
  let orders = 0
  while (messages.length < count) {
    middle += random.integer(-1, 1)
    if (placed.length > 50 && random.fraction() < 0.4) {
      const orderId = takeOne(placed, random)
      if (random.fraction() < 0.85) messages.push({ kind: 'cancel', orderId })
      else {
        messages.push(replacement(orderId, middle, random))
        placed.push(orderId)
      }
      continue
    }
    orders += 1
    const order = newOrder(`O-${orders}`, middle, random)
    placed.push(order.orderId)
    messages.push(order)
  }
  return messages
}

function replacement(orderId: string, middle: number, random: Random): ReplaceOrder {
  return { kind: 'replace', orderId, price: middle + random.integer(-20, 20), quantity: random.integer(1, 100) }
}

function newOrder(orderId: string, middle: number, random: Random): NewOrder {
  const side = random.fraction() < 0.5 ? 'buy' : 'sell'
  const crosses = random.fraction() < 0.33
  const distance = random.integer(1, crosses ? 10 : 60) * (crosses ? 1 : -1)
  const order: NewOrder = {
    kind: 'new',
    orderId,
    account: `A-${random.integer(1, 40)}`,
    side,
    price: side === 'buy' ? middle + distance : middle - distance,
    quantity: random.integer(1, 100),
  }
  if (random.fraction() < 0.02) order.note = 'abcdefghij'.repeat(random.integer(1, 200))
  return order
}

/** Takes one at random; the last fills its place, since the order of the list means nothing. */
function takeOne(list: string[], random: Random): string {
  const index = random.integer(0, list.length - 1)
  const taken = list[index]!
  const last = list.pop()!
  if (index < list.length) list[index] = last
  return taken
}
