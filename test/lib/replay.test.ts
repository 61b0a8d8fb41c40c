import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cbor } from '../../lib/codecs/cbor.ts'
import type { Log } from '../../lib/log.ts'
import { openLogWith } from '../../lib/open.ts'
import type { Restored } from '../../lib/runs/replay.ts'
import { memoryEnvironment } from '../../segments/env/memory.ts'
import { type SimulatedEnvironment, simulate } from '../../segments/env/simulated.ts'
import type { Anchor } from '../../segments/format/manifest.ts'

/** What goes into the log of a small exchange: orders with a limit, cancelled and replaced by their number. */
type Order =
  | {
      readonly kind: 'new'
      readonly id: number
      readonly side: 'buy' | 'sell'
      readonly price: number
      readonly quantity: number
    }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'replace'; readonly id: number; readonly price: number }

interface Resting {
  readonly id: number
  readonly price: number
  quantity: number
}

/** An order book with price-time priority: what it holds depends on every order before, and on their sequence. */
class Book {
  buy: Resting[] = []
  sell: Resting[] = []
  trades: string[] = []
  last = 0

  readonly apply = ({ sequence, value }: { readonly sequence: number; readonly value: Order }): void => {
    this.last = sequence
    if (value.kind === 'new') this.place(value.side, value)
    else if (value.kind === 'cancel') this.take(value.id)
    else {
      const side = this.buy.some(({ id }) => id === value.id) ? 'buy' : 'sell'
      const old = this.take(value.id)
      if (old !== undefined) this.place(side, { id: value.id, price: value.price, quantity: old.quantity })
    }
  }

  get text(): string {
    const { last, buy, sell, trades } = this
    return JSON.stringify({ last, buy, sell, trades })
  }

  load(text: string): void {
    Object.assign(this, JSON.parse(text))
  }

  private place(side: 'buy' | 'sell', { id, price, quantity }: Resting): void {
    const against = side === 'buy' ? this.sell : this.buy
    const sign = side === 'buy' ? 1 : -1
    let left = quantity
    while (left > 0 && against.length > 0 && (price - against[0]!.price) * sign >= 0) {
      const maker = against[0]!
      const traded = Math.min(left, maker.quantity)
      this.trades.push(`${id} ${maker.id} ${traded} at ${maker.price}`)
      left -= traded
      maker.quantity -= traded
      if (maker.quantity === 0) against.shift()
    }
    if (left === 0) return
    const own = this[side]
    const place = own.findIndex((each) => (each.price - price) * sign < 0)
    own.splice(place < 0 ? own.length : place, 0, { id, price, quantity: left })
  }

  private take(id: number): Resting | undefined {
    for (const side of [this.buy, this.sell]) {
      const place = side.findIndex((each) => each.id === id)
      if (place >= 0) return side.splice(place, 1)[0]
    }
    return undefined
  }
}

const small = fc.integer({ min: 1, max: 9 })
const act = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('new' as const),
      isBuy: fc.boolean(),
      price: small,
      quantity: small,
      isAwaited: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), pick: fc.nat(30) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('replace' as const), pick: fc.nat(30), price: small }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('snapshot' as const),
      is: fc.constantFrom('sound', 'sound', 'gone', 'another'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('roll' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('kill' as const, 'power cut' as const), seed: fc.nat(1000) }),
  },
)

const setup = fc.record({
  compression: fc.constantFrom('none' as const, 'deflate' as const),
  chain: fc.constantFrom('none' as const, 'sha256' as const),
})

/** A sequencer and the world outside of it: what was appended and acknowledged, and snapshots, which are stored elsewhere. */
class Exchange {
  env: SimulatedEnvironment = simulate(3)
  log!: Log<Order>
  private readonly options: typeof setup extends fc.Arbitrary<infer S> ? S : never
  private given: Order[] = []
  private acknowledged = 0
  private nextId = 1
  private readonly snapshots = new Map<string, string>()

  constructor(options: Exchange['options']) {
    this.options = options
  }

  async open(): Promise<void> {
    const options = { ...this.options, compressionBytesMin: 1, codec: cbor<Order>(), segmentBytes: 1024 }
    this.log = await this.env.drive(openLogWith<Order>('/log', { ...options, environment: this.env }, 1024))
    expect(this.log.highWatermark).toBeGreaterThanOrEqual(this.acknowledged)
    this.given.length = this.log.highWatermark
    await this.check()
  }

  async perform(what: typeof act extends fc.Arbitrary<infer A> ? A : never): Promise<void> {
    switch (what.do) {
      case 'new': {
        const side = what.isBuy ? 'buy' : 'sell'
        const order = { kind: 'new', id: this.nextId++, side, price: what.price, quantity: what.quantity } as const
        return this.append(order, what.isAwaited)
      }
      case 'cancel':
        return this.append({ kind: 'cancel', id: what.pick % this.nextId }, true)
      case 'replace':
        return this.append({ kind: 'replace', id: what.pick % this.nextId, price: what.price }, false)
      case 'snapshot':
        return this.snapshot(what.is)
      case 'roll':
        return this.log.roll()
      case 'reopen':
        await this.env.drive(this.log.close())
        this.acknowledged = this.given.length
        return this.open()
      case 'kill':
        this.env = this.env.kill(what.seed)
        return this.open()
      case 'power cut':
        this.env = this.env.crash(what.seed)
        return this.open()
    }
  }

  /** The state by every way there is to it. */
  async check(): Promise<void> {
    const { log } = this
    const model = new Book()
    for (const [index, value] of this.given.slice(0, log.highWatermark).entries())
      model.apply({ sequence: index + 1, value })
    const whole = new Book()
    const all = await this.env.drive(log.replay({ apply: whole.apply }))
    expect([whole.text, all.records]).toEqual([model.text, log.highWatermark])
    const usable = log.anchors().filter((anchor) => hashOf(this.snapshots.get(anchor.ref)) === anchor.hash)
    for (const fromAnchor of [Infinity, (usable.at(-1)?.sequence ?? 0) - 1]) {
      const book = new Book()
      const restore = (anchor: Anchor): Restored => this.restore(anchor, book)
      const options = fromAnchor === Infinity ? {} : { fromAnchor: Math.max(0, fromAnchor) }
      const { anchor, records } = await this.env.drive(log.replay({ apply: book.apply, restore, ...options }))
      const expected = usable.findLast(({ sequence }) => sequence <= fromAnchor)?.sequence ?? 0
      expect([anchor?.sequence ?? 0, records]).toEqual([expected, log.highWatermark - expected])
      expect(book.text).toBe(model.text)
    }
  }

  private restore({ ref }: Anchor, book: Book): Restored {
    const text = this.snapshots.get(ref)
    if (text === undefined) throw new Error(`${ref} is gone`)
    return { hash: hashOf(text), install: () => book.load(text) }
  }

  private async append(order: Order, isAwaited: boolean): Promise<void> {
    this.given.push(order)
    const sequence = this.log.append(order)
    expect(sequence).toBe(this.given.length)
    if (!isAwaited) return
    await this.env.drive(this.log.durable(sequence))
    this.acknowledged = sequence
  }

  /** The state as of the high-watermark, stored elsewhere, durably, and then named in the log. */
  private async snapshot(is: string): Promise<void> {
    const { highWatermark: sequence } = this.log
    if (sequence === 0 || sequence < (this.log.anchors().at(-1)?.sequence ?? 0)) return
    const book = new Book()
    await this.env.drive(this.log.replay({ apply: book.apply }))
    const ref = `at ${sequence} of ${this.snapshots.size}`
    if (is !== 'gone') this.snapshots.set(ref, is === 'sound' ? book.text : `${book.text} `)
    await this.env.drive(this.log.anchor({ sequence, ref, hash: hashOf(book.text) }))
  }
}

function hashOf(text: string | undefined): string {
  return createHash('sha256')
    .update(text ?? '')
    .digest('hex')
}

test('D10 a snapshot and the records behind it give the state that all records give, whatever happened before', async () => {
  let lives = 0
  let used = 0
  await fc.assert(
    fc.asyncProperty(setup, fc.array(act, { minLength: 5, maxLength: 40, size: 'max' }), async (options, acts) => {
      const exchange = new Exchange(options)
      await exchange.open()
      for (const each of acts) {
        await exchange.perform(each)
        if (['reopen', 'kill', 'power cut'].includes(each.do)) lives += 1
      }
      await exchange.env.drive(exchange.log.sync())
      await exchange.check()
      used += exchange.log.anchors().length
      await exchange.env.drive(exchange.log.close())
    }),
    { numRuns: 60 },
  )
  expect(lives).toBeGreaterThan(30)
  expect(used).toBeGreaterThan(30)
}, 60_000)

test('the anchor to begin with may be given, and a restore that gives nothing to install ends the replay', async () => {
  const log = await openLogWith<number>('/log', { environment: memoryEnvironment() }, 4096)
  await log.commitBatch([1, 2, 3])
  for (const sequence of [1, 2, 3]) await log.anchor({ sequence, ref: `sum-${sequence}`, hash: 'h' })
  const restored: number[] = []
  const restore = ({ sequence }: Anchor): Restored => ({ hash: 'h', install: () => void restored.push(sequence) })
  const applied: number[] = []
  const apply = ({ value }: { readonly value: number }): void => void applied.push(value)
  expect((await log.replay({ anchor: log.anchors()[1]!, restore, apply })).anchor?.sequence).toBe(2)
  expect({ restored, applied }).toStrictEqual({ restored: [2], applied: [3] })
  const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' }) as Error
  for (const given of [undefined, null, { hash: 'h' }, 'h']) {
    await expect(log.replay({ restore: () => given as never, apply })).rejects.toThrow(invalid)
  }
  await expect(log.replay({ anchor: 2 as never, restore, apply })).rejects.toThrow(invalid)
  expect(applied).toStrictEqual([3])
  await log.close()
})
