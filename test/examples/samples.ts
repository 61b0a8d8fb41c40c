import type { Depth, Message, Quote, ReserveOrder, Trade } from '../../docs/examples/messages.ts'

const receivedNs = '1723161255030314667'

/** Messages as short as they can be, for tests of books and checks. */
export const placed = (number: number, side: 'buy' | 'sell', price: number, quantity: number): Message => ({
  kind: 'new',
  orderId: `O-${number}`,
  account: 'A-1',
  side,
  price,
  quantity,
})

export const cancelled = (number: number): Message => ({ kind: 'cancel', orderId: `O-${number}` })

export const replaced = (number: number, price: number, quantity: number): Message => ({
  kind: 'replace',
  orderId: `O-${number}`,
  price,
  quantity,
})

export const depth = (pu: number, u: number): Depth => ({
  kind: 'depth',
  receivedNs,
  body: { stream: 's', data: { e: 'depthUpdate', T: 1, U: pu + 1, u, pu, b: [['10.0', '1']], a: [['11.0', '0']] } },
})

export const trade = (t: number): Trade => ({
  kind: 'trade',
  receivedNs,
  body: { stream: 's', data: { e: 'trade', T: 1, t, p: '10.0', q: '1', m: false } },
})

export const quote = (u: number): Quote => ({
  kind: 'quote',
  receivedNs,
  body: { stream: 's', data: { e: 'bookTicker', T: 1, u, b: '10.0', B: '1', a: '11.0', A: '2' } },
})

export const orderEvent = (channel: string, nonce: number): ReserveOrder => ({
  kind: 'order-event',
  received: '1649023809.313331',
  body: {
    Event: 'NewOrder',
    Channel: channel,
    Nonce: nonce,
    Time: 1,
    Data: { OrderType: 'LimitBid', OrderGuid: `g-${nonce}`, Price: { aud: 2.5 }, Volume: 3 },
  },
})
