/**
 * What the gateway puts into the log. Messages of an exchange keep their body as it was sent; only the kind, which the
 * gateway works out once, and the local time of receipt stand beside it.
 */
export type Message = FlowMessage | BinanceMessage | ReserveMessage

export type FlowMessage = NewOrder | CancelOrder | ReplaceOrder
export type Side = 'buy' | 'sell'

/** Price in ticks and quantity in lots, so that all sums are exact. */
export interface NewOrder {
  kind: 'new'
  orderId: string
  account: string
  side: Side
  price: number
  quantity: number
  /** On a few orders only, and long: a journal rarely has records of one shape and size. */
  note?: string
}

export interface CancelOrder {
  kind: 'cancel'
  orderId: string
}

/** Another price and quantity for an order that rests. It keeps its place only where it asks for less at its price. */
export interface ReplaceOrder {
  kind: 'replace'
  orderId: string
  price: number
  quantity: number
}

export type BinanceMessage = Depth | Trade | Quote | Snapshot

/** Nanoseconds since 1970 as text: they exceed 2^53. */
type ReceivedNs = string
/** Price and quantity as the exchange writes them: text, so that nothing is rounded. */
export type Level = [price: string, quantity: string]

/** `U` first, `u` last update id, `pu` the `u` of the depth message before. */
export interface Depth {
  kind: 'depth'
  receivedNs: ReceivedNs
  body: { stream: string; data: { e: string; T: number; U: number; u: number; pu: number; b: Level[]; a: Level[] } }
}

/** `t` trade id, `p` price, `q` quantity. */
export interface Trade {
  kind: 'trade'
  receivedNs: ReceivedNs
  body: { stream: string; data: { e: string; T: number; t: number; p: string; q: string; m: boolean } }
}

/** `u` update id, then the best bid and ask, each with its quantity. */
export interface Quote {
  kind: 'quote'
  receivedNs: ReceivedNs
  body: { stream: string; data: { e: string; T: number; u: number; b: string; B: string; a: string; A: string } }
}

export interface Snapshot {
  kind: 'snapshot'
  receivedNs: ReceivedNs
  body: { lastUpdateId: number; bids: Level[]; asks: Level[] }
}

export type ReserveMessage = ReserveOrder | ReserveNotice

/** Seconds since 1970 with their fraction, as text. */
type ReceivedSeconds = string

/** A cancellation has neither price nor volume. */
export interface ReserveOrder {
  kind: 'order-event'
  received: ReceivedSeconds
  body: {
    Event: 'NewOrder' | 'OrderCanceled'
    Channel: string
    Nonce: number
    Time: number
    Data: { OrderType: string; OrderGuid: string; Price?: Record<string, number>; Volume?: number }
  }
}

/** Heartbeats and the answer to the subscription: kept, because the log is the whole truth of what was received. */
export interface ReserveNotice {
  kind: 'notice'
  received: ReceivedSeconds
  body: { Event: string; Time: number }
}
