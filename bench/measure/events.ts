import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { crc32 } from '../../segments/format/checksum.ts'
import { amount, isQuick } from '../options.ts'
import type { Content } from '../peers/peer.ts'

/** What is appended, and where it comes from. */
export interface Events {
  readonly name: string
  readonly content: Content
  readonly values: readonly unknown[]
}

const BINANCE = new URL('../../../shared/data/binance-usdm-btcusdt-2024/btcusdt_20240808.gz', import.meta.url)

/** 300,000 orders of some 160 bytes of JSON; the same for the same seed. */
export function orderEvents(count = amount(300_000, 20_000), seed = 1): Events {
  const random = mulberry32(seed)
  const below = (limit: number): number => Math.floor(random() * limit)
  const values = Array.from({ length: count }, (_, index) => ({
    type: random() < 0.6 ? 'new' : 'cancel',
    orderId: `O-${1_000_000 + index}`,
    account: `A-${1000 + below(9000)}`,
    symbol: SYMBOLS[below(SYMBOLS.length)],
    side: random() < 0.5 ? 'buy' : 'sell',
    price: 50_000 + below(20_000),
    quantity: 1 + below(1000),
    timeInForce: 'GTC',
    receivedMs: 1_723_161_255_000 + index * 3,
  }))
  return { name: `order events (seed ${seed})`, content: 'values', values }
}

const SYMBOLS = ['BTC-USDT', 'ETH-USDT', 'SOL-USDT', 'XRP-USDT'] as const

/** The recorded feed: receive time and message as sent; undefined, said aloud, where the data is not there. */
export function binanceEvents(): Events | undefined {
  if (!existsSync(BINANCE)) {
    console.error(`The Binance feed is not at ${BINANCE.pathname}; its tables are left out.`)
    return undefined
  }
  const lines = gunzipSync(readFileSync(BINANCE)).toString('utf8').split('\n')
  const values: unknown[] = []
  for (const line of lines) {
    const space = line.indexOf(' ')
    if (space < 0) continue
    values.push({ receivedNs: line.slice(0, space), body: JSON.parse(line.slice(space + 1)) as unknown })
    if (isQuick && values.length === 5_000) break
  }
  return { name: 'Binance feed', content: 'values', values }
}

/** Records that are bytes already, no two alike. */
export function byteRecords(count: number, bytes: number): Events {
  const values = Array.from({ length: count }, (_, n) => {
    const record = noise(bytes)
    record.writeUInt32LE(n)
    return new Uint8Array(record.buffer, record.byteOffset, record.length)
  })
  return { name: `records of ${bytes / 1024} KiB`, content: 'bytes', values }
}

/** Bytes that no file system compresses away; the same each time. */
export function noise(length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length)
  for (let i = 0, state = 1; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** For the titles of tables. */
export function described({ name, values, content }: Events): string {
  const count = `${values.length.toLocaleString('en')} ${name}`
  return content === 'bytes' ? count : `${count}, ${meanJsonBytes(values).toFixed(0)} B as JSON`
}

function meanJsonBytes(values: readonly unknown[]): number {
  return values.reduce<number>((sum, value) => sum + JSON.stringify(value).length, 0) / values.length
}

/** Chains values, bytes or their JSON, into one checksum, in order. */
export class ValuesChecksum {
  count = 0
  crc = 0

  add(value: unknown): void {
    this.count += 1
    const bytes = value instanceof Uint8Array ? value : Buffer.from(JSON.stringify(value))
    this.crc = crc32(bytes, this.crc)
  }
}

export function checksumOf(values: Iterable<unknown>): ValuesChecksum {
  const sum = new ValuesChecksum()
  for (const value of values) sum.add(value)
  return sum
}

function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export interface SmallRecord {
  readonly n: number
  readonly side: string
  readonly price: number
}

/** Made one by one, for logs that are larger than the memory. */
export function* smallRecords(count: number): Iterable<SmallRecord> {
  for (let n = 1; n <= count; n++)
    yield { n, side: n % 3 === 0 ? 'sell' : 'buy', price: 50_000 + ((n * 7919) % 20_000) }
}
