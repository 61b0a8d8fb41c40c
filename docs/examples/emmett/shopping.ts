/**
 * A shopping cart with emmett, its events in a log: `npx tsx docs/examples/emmett/shopping.ts <directory> [crash]`. With
 * `crash` it kills itself instead of closing; nothing that was confirmed is lost.
 */
import { CommandHandler, IllegalStateError, STREAM_DOES_NOT_EXIST, type Event } from '@event-driven-io/emmett'

import { SeglogEventStore } from './event-store.ts'

type Added = Event<'ProductAdded', { product: string; quantity: number }>
type Confirmed = Event<'CartConfirmed', { at: Date }>
type CartEvent = Added | Confirmed

interface Cart {
  status: 'open' | 'confirmed'
  products: Record<string, number>
}

function evolve(cart: Cart, { type, data }: CartEvent): Cart {
  if (type === 'CartConfirmed') return { ...cart, status: 'confirmed' }
  const before = cart.products[data.product] ?? 0
  return { ...cart, products: { ...cart.products, [data.product]: before + data.quantity } }
}

function add(product: string, quantity: number) {
  return ({ status }: Cart): CartEvent[] => {
    if (status === 'confirmed') throw new IllegalStateError('the cart is confirmed')
    return [{ type: 'ProductAdded', data: { product, quantity } }]
  }
}

const [directory = './carts', crash] = process.argv.slice(2)
const store = await SeglogEventStore.open(directory)
const initialState = (): Cart => ({ status: 'open', products: {} })
const handle = CommandHandler<Cart, CartEvent>({ evolve, initialState })
const told = (error: unknown): void => console.log('refused:', (error as Error).message)

if (!(await store.streamExists('cart-1'))) {
  await handle(store, 'cart-1', add('shoes', 1))
  await handle(store, 'cart-1', add('socks', 3))
  await handle(store, 'cart-2', [add('hat', 1), add('hat', 1)])
  await handle(store, 'cart-1', (): CartEvent[] => [{ type: 'CartConfirmed', data: { at: new Date() } }])
}
await handle(store, 'cart-1', add('gloves', 1)).catch(told)
await handle(store, 'cart-2', add('scarf', 1), { expectedStreamVersion: STREAM_DOES_NOT_EXIST }).catch(told)

for (const cart of ['cart-1', 'cart-2', 'cart-3']) {
  const { state, currentStreamVersion, streamExists } = await store.aggregateStream(cart, { evolve, initialState })
  console.log(cart, streamExists, Number(currentStreamVersion), JSON.stringify(state))
}
const seen: string[] = []
for await (const { type, metadata } of store.follow(1n, new AbortController().signal)) {
  seen.push(`${metadata.globalPosition} ${metadata.streamName}/${metadata.streamPosition} ${type}`)
  if (seen.length === 5) break
}
console.log(seen.join(', '))
if (crash === 'crash') process.kill(process.pid, 'SIGKILL')
await store.close()
