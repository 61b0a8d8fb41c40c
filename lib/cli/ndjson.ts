import { Tag } from '../codecs/cbor-x.ts'
import { bytesOf } from './values.ts'

/** A line of the input that cannot be taken; `line` is its number, from 1 on. */
export class LineError extends Error {
  readonly line: number

  constructor(line: number, what: string, cause?: unknown) {
    super(`line ${line} ${what}`, { cause })
    this.line = line
  }
}

export interface Line {
  readonly number: number
  readonly text: string
}

/** Longest line: a record of the greatest size, with room for how JSON writes bytes and text. */
const LINE_BYTES_MAX = 256 * 1024 * 1024
const NEWLINE = 0x0a

/** Lines of text in UTF-8, without those that are empty. Keeps one line in memory, and refuses one that is too long. */
export async function* linesOf(input: AsyncIterable<Uint8Array>, bytesMax = LINE_BYTES_MAX): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let number = 1
  let pieces: Uint8Array[] = []
  let length = 0
  const take = (piece: Uint8Array): void => {
    length += piece.length
    if (length > bytesMax) throw new LineError(number, `is longer than ${bytesMax} bytes`)
    if (piece.length > 0) pieces.push(piece)
  }
  const finish = (): Line | undefined => {
    const line = { number, text: textOf(decoder, Buffer.concat(pieces), number).trim() }
    number += 1
    pieces = []
    length = 0
    return line.text === '' ? undefined : line
  }
  for await (const chunk of input) {
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      take(chunk.subarray(from, end))
      from = end + 1
      const line = finish()
      if (line !== undefined) yield line
    }
    take(chunk.subarray(from))
  }
  const last = length > 0 ? finish() : undefined
  if (last !== undefined) yield last
}

function textOf(decoder: InstanceType<typeof TextDecoder>, bytes: Uint8Array, number: number): string {
  try {
    return decoder.decode(bytes)
  } catch (error) {
    throw new LineError(number, 'is no text in UTF-8', error)
  }
}

export function parsed({ number, text }: Line): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw new LineError(number, `is not JSON: ${(error as Error).message}`, error)
  }
}

/** A record as `cat --json` prints it. */
export interface PrintedRecord {
  readonly sequence: number
  readonly timestampNs: bigint
  readonly value: unknown
}

/**
 * The record of a line of `cat --json`, with what JSON does not have turned back. Hex is a value of a log of bytes only:
 * elsewhere it stands for one that could not be decoded.
 */
export function recordOf(line: Line, codec: string): PrintedRecord {
  const found = (parsed(line) ?? {}) as Record<string, unknown>
  const { sequence, timestampNs } = found
  const isRecord = Number.isSafeInteger(sequence) && typeof timestampNs === 'string' && /^\d{1,20}$/.test(timestampNs)
  const isBytes = codec === 'bytes'
  if (!isRecord || !((isBytes ? 'hex' : 'value') in found)) {
    const wanted = isBytes ? 'hex' : 'value'
    throw new LineError(line.number, `is no record as seglog cat --json prints it: sequence, timestampNs and ${wanted}`)
  }
  const value = isBytes ? bytesOf(found['hex']) : turnedBack(found['value'], line.number)
  return { sequence: sequence as number, timestampNs: BigInt(timestampNs), value }
}

/** Makes of an object with one member `$…` what `cat` made it of. */
function turnedBack(value: unknown, number: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => turnedBack(item, number))
  const entries = Object.entries(value as Record<string, unknown>)
  const [name, content] = entries[0] ?? ['', undefined]
  if (entries.length === 1 && name.startsWith('$')) {
    const back = BACK[name]
    if (back !== undefined) return back(content, number)
  }
  return Object.fromEntries(entries.map(([key, item]) => [key, turnedBack(item, number)]))
}

const TYPED_ARRAYS = [
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
]

const BACK: Readonly<Record<string, (content: unknown, number: number) => unknown>> = {
  $undefined: () => undefined,
  $bigint: (content) => BigInt(content as string),
  $number: (content) => Number(content),
  $hex: (content) => bytesOf(content),
  $date: (content) => new Date(content as string),
  $map: (content, number) =>
    new Map((content as [unknown, unknown][]).map((pair) => turnedBack(pair, number) as [unknown, unknown])),
  $set: (content, number) => new Set((content as unknown[]).map((item) => turnedBack(item, number))),
  $typed: (content, number) => {
    const [name, hex] = content as [string, unknown]
    const kind = TYPED_ARRAYS.find((each) => each.name === name)
    if (kind === undefined) throw new LineError(number, `has an array of a class that is not known: ${name}`)
    const bytes = bytesOf(hex)
    return new kind(bytes.buffer, 0, bytes.length / kind.BYTES_PER_ELEMENT)
  },
  $tag: (content, number) => {
    const [tag, inner] = content as [number, unknown]
    return new Tag(turnedBack(inner, number), tag)
  },
  $text: (content, number) => {
    throw new LineError(number, `has what cannot be turned back: ${JSON.stringify(content)}`)
  },
}
