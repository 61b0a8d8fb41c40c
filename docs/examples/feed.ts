import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

import type { BinanceMessage, Message, ReserveMessage } from './messages.ts'
import { orderFlow } from './order-flow.ts'

export interface FeedSource {
  /** A file of lines, plain or gzipped; the generator when undefined. */
  input: string | undefined
  seed: number
  /** At most so many messages; all of the file, or `generatedDefault`, when undefined. */
  messages: number | undefined
}

/** Message `i` of the feed, counted from 1, must get sequence `i` in the log: that is what makes resuming simple. */
export interface Feed {
  name: string
  messages: readonly Message[]
}

export const generatedDefault = 50_000

/** The input is not a feed that we know. */
export class FeedError extends Error {}

export function loadFeed(source: FeedSource): Feed {
  if (source.input === undefined) {
    const messages = orderFlow(source.seed, source.messages ?? generatedDefault)
    return { name: `generated order flow, seed ${source.seed}`, messages }
  }
  const feed = parseFeed(readText(source.input), source.messages)
  return { name: `${feed.name}, ${source.input}`, messages: feed.messages }
}

export function parseFeed(text: string, messagesMax = Infinity): Feed {
  const lines = text.split('\n')
  const format = formats.find((candidate) => candidate.begins.test(lines[0] ?? ''))
  if (format === undefined) throw new FeedError(`not a feed that this example knows; it begins with ${quote(lines[0])}`)
  const messages: Message[] = []
  for (const [index, line] of lines.entries()) {
    if (messages.length >= messagesMax) break
    if (line === '' || format.skips.test(line)) continue
    const message = format.parse(line)
    if (message === undefined) throw new FeedError(`line ${index + 1} is not of a ${format.name}: ${quote(line)}`)
    messages.push(message)
  }
  if (messages.length === 0) throw new FeedError(`a ${format.name} without a message`)
  return { name: format.name, messages }
}

interface Format {
  name: string
  /** How the first line of such a file looks. */
  begins: RegExp
  /** Lines about the connection, which are no messages. */
  skips: RegExp
  parse: (line: string) => Message | undefined
}

const formats: Format[] = [
  { name: 'Binance futures feed', begins: /^\d{19} \{/, skips: /^$/, parse: parseBinance },
  {
    name: 'Independent Reserve feed',
    begins: /^wss:\/\/\S*independentreserve|^\d+\.\d+: \{/,
    skips: /^wss:/,
    parse: parseReserve,
  },
]

/** `<local receive time, ns> <JSON as sent>`. */
export function parseBinance(line: string): BinanceMessage | undefined {
  const [, receivedNs, json] = /^(\d{19}) (\{.*\})$/.exec(line) ?? []
  const body = parseObject(json)
  if (receivedNs === undefined || body === undefined) return undefined
  const kind = binanceKind(body)
  // The body is taken as its kind says; `binanceKind` looked at what the books and checks count on.
  return kind === undefined ? undefined : ({ kind, receivedNs, body } as BinanceMessage)
}

function binanceKind(body: Json): BinanceMessage['kind'] | undefined {
  if (isCount(body.lastUpdateId)) return isLevels(body.bids) && isLevels(body.asks) ? 'snapshot' : undefined
  const data = isObject(body.data) ? body.data : {}
  switch (data.e) {
    case 'depthUpdate':
      return isCount(data.u) && isCount(data.pu) && isLevels(data.b) && isLevels(data.a) ? 'depth' : undefined
    case 'trade':
      return isCount(data.t) && typeof data.p === 'string' && typeof data.q === 'string' ? 'trade' : undefined
    case 'bookTicker':
      return isCount(data.u) && typeof data.b === 'string' && typeof data.a === 'string' ? 'quote' : undefined
    default:
      return undefined
  }
}

/** `<local receive time, s>: <JSON as received>`. */
export function parseReserve(line: string): ReserveMessage | undefined {
  const [, received, json] = /^(\d+(?:\.\d+)?): (\{.*\})$/.exec(line) ?? []
  const body = parseObject(json)
  if (received === undefined || body === undefined || typeof body.Event !== 'string') return undefined
  if (body.Event !== 'NewOrder' && body.Event !== 'OrderCanceled') {
    return { kind: 'notice', received, body } as ReserveMessage
  }
  const data = isObject(body.Data) ? body.Data : {}
  const sound = typeof body.Channel === 'string' && isCount(body.Nonce) && typeof data.OrderGuid === 'string'
  return sound ? ({ kind: 'order-event', received, body } as unknown as ReserveMessage) : undefined
}

type Json = Record<string, unknown>

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Ids are used in arithmetic, so one that a number cannot hold exactly is refused. */
function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isLevels(value: unknown): boolean {
  return Array.isArray(value) && value.every((level) => Array.isArray(level) && level.length === 2)
}

function parseObject(json: string | undefined): Json | undefined {
  if (json === undefined) return undefined
  try {
    const value: unknown = JSON.parse(json)
    return isObject(value) ? value : undefined
  } catch {
    // A line that is no JSON is refused by the caller, which knows its number.
    return undefined
  }
}

function readText(path: string): string {
  try {
    const bytes = readFileSync(path)
    const gzipped = bytes[0] === 0x1f && bytes[1] === 0x8b
    return (gzipped ? gunzipSync(bytes) : bytes).toString('utf8')
  } catch (error) {
    throw new FeedError(`cannot read ${path}: ${(error as Error).message}`, { cause: error })
  }
}

function quote(line: string | undefined): string {
  return JSON.stringify((line ?? '').slice(0, 60))
}
