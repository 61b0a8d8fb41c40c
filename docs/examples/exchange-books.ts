import type { BinanceMessage, Level, ReserveMessage } from './messages.ts'

/** What a price-level feed tells: the levels of both sides, the best quote, the trades. */
export class LevelBook {
  readonly #bids = new Map<string, string>()
  readonly #asks = new Map<string, string>()
  #snapshotId = 0
  #quote = ''
  #trades = 0

  /** Applies a message and says what changed, in one canonical line. */
  apply({ kind, receivedNs, body }: BinanceMessage): string {
    switch (kind) {
      case 'snapshot':
        this.#bids.clear()
        this.#asks.clear()
        this.#snapshotId = body.lastUpdateId
        return `snapshot ${receivedNs} ${setLevels(this.#bids, body.bids)} ${setLevels(this.#asks, body.asks)}`
      case 'depth': {
        const { u, b, a } = body.data
        // The exchange's rule: updates that the snapshot already contains are dropped.
        if (u < this.#snapshotId) return `depth ${receivedNs} ${u} old`
        return `depth ${receivedNs} ${u} ${setLevels(this.#bids, b)} ${setLevels(this.#asks, a)}`
      }
      case 'trade':
        this.#trades += 1
        return `trade ${receivedNs} ${body.data.t} ${body.data.p} ${body.data.q} ${body.data.m}`
      case 'quote': {
        const { u, b, B, a, A } = body.data
        this.#quote = `${u} ${b} ${B} ${a} ${A}`
        return `quote ${receivedNs} ${this.#quote}`
      }
    }
  }

  save(): unknown {
    return [[...this.#bids], [...this.#asks], this.#snapshotId, this.#quote, this.#trades]
  }

  static load(saved: unknown): LevelBook {
    const book = new LevelBook()
    const [bids, asks, ...others] = saved as [Level[], Level[], number, string, number]
    for (const [price, quantity] of bids) book.#bids.set(price, quantity)
    for (const [price, quantity] of asks) book.#asks.set(price, quantity)
    ;[book.#snapshotId, book.#quote, book.#trades] = others
    return book
  }

  /** All that the book holds, in one canonical order. */
  contents(): string {
    const levels = `bids ${sorted(this.#bids)}\nasks ${sorted(this.#asks)}`
    return `${levels}\nquote ${this.#quote}\ntrades ${this.#trades}\n`
  }

  summary(): string {
    return `${this.#bids.size} bid and ${this.#asks.size} ask levels, ${this.#trades} trades`
  }
}

/** What a per-order feed tells: the open orders of each channel. */
export class OrderRegister {
  readonly #open = new Map<string, string>()
  #unknown = 0

  apply({ kind, received, body }: ReserveMessage): string {
    if (kind === 'notice') return `notice ${received} ${body.Event}`
    const { OrderGuid, OrderType, Price, Volume } = body.Data
    const id = `${body.Channel} ${OrderGuid}`
    const change = `${body.Event} ${received} ${body.Nonce} ${id}`
    if (body.Event === 'NewOrder') {
      const terms = `${OrderType} ${sorted(Object.entries(Price ?? {}))} ${Volume}`
      this.#open.set(id, terms)
      return `${change} ${terms}`
    }
    // Orders placed before the recording began are cancelled in it too.
    if (!this.#open.delete(id)) this.#unknown += 1
    return change
  }

  save(): unknown {
    return [[...this.#open], this.#unknown]
  }

  static load(saved: unknown): OrderRegister {
    const register = new OrderRegister()
    const [open, unknown] = saved as [[string, string][], number]
    for (const [id, terms] of open) register.#open.set(id, terms)
    register.#unknown = unknown
    return register
  }

  contents(): string {
    return `open ${sorted(this.#open)}\nunknown ${this.#unknown}\n`
  }

  summary(): string {
    return `${this.#open.size} orders open, ${this.#unknown} cancelled that were never seen placed`
  }
}

/** Sets the levels (a quantity of zero ends one) and gives them as text. */
function setLevels(side: Map<string, string>, levels: Level[]): string {
  let change = ''
  for (const [price, quantity] of levels) {
    if (Number(quantity) === 0) side.delete(price)
    else side.set(price, quantity)
    change += `${price}=${quantity},`
  }
  return change
}

function sorted(entries: Iterable<[string, string | number]>): string {
  return Array.from(entries, ([key, value]) => `${key}=${value}`)
    .sort()
    .join(',')
}
