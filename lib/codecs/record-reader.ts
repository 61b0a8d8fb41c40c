import { assert, SeglogError } from '../../segments/errors.ts'
import { CborGuard, DEPTH_MAX } from './cbor-guard.ts'
import { KNOWN_TEXT_MAX, knownText } from './known-texts.ts'
import { type ItemReader, type ShapeMaker, makerOf, put } from './shape-maker.ts'
import { SHORT_TEXT_MAX, shortText } from './short-text.ts'

/** Reads `bytes[start…end)`, which the guard has seen to be one sound item, with cbor-x. */
export type ForeignReader = (bytes: Uint8Array, start: number, end: number) => unknown

/** What is read from: as long texts are read, and as numbers and words are read fastest. */
interface Source {
  readonly given: Uint8Array
  readonly length: number
  readonly bytes: Buffer
  readonly view: DataView
}

function sourceOf(given: Uint8Array): Source {
  const { buffer, byteOffset, length } = given
  const bytes = Buffer.isBuffer(given) ? given : Buffer.from(buffer, byteOffset, length)
  return { given, length, bytes, view: new DataView(buffer, byteOffset, length) }
}

const NOTHING = sourceOf(new Uint8Array(0))

/**
 * A walk decodes thousands of records out of one buffer, and a view takes as long as a short record. One for all readers, so
 * that no more than this one is kept alive; larger ones than a walk has are not kept.
 */
let last = NOTHING
const KEPT_BYTES_MAX = 256 * 1024

/**
 * Reads the payloads of records where they lie: no copy, no view, and each byte is looked at once, where cbor-x has to be
 * given a copy of what the guard has walked before. Every length is checked against the end before it is used. What our
 * writer does not write itself is left to the guard and cbor-x, item by item, so both read the same language.
 * Measured, an order event of nine keys: guard, copy and cbor-x 510 ns, this 155.
 */
export class RecordReader implements ItemReader {
  private readonly makers: (ShapeMaker | undefined)[] = []
  private readonly guard: CborGuard
  private readonly readForeign: ForeignReader
  private bytes = NOTHING.bytes
  view = NOTHING.view
  at = 0
  end = 0
  private depth = 0

  /** `guard` knows how many keys each shape has, as `readForeign` knows the keys. */
  constructor(guard: CborGuard, readForeign: ForeignReader) {
    this.guard = guard
    this.readForeign = readForeign
  }

  define(id: number, keys: readonly string[]): void {
    this.makers[id] = makerOf(keys)
  }

  read(source: Uint8Array, start: number, end: number): unknown {
    assert(start >= 0 && start <= end && end <= source.length, 'a range to decode lies inside its buffer')
    const { bytes, view } = last.given === source && last.length === source.length ? last : this.open(source)
    this.bytes = bytes
    this.view = view
    this.at = start
    this.end = end
    this.depth = 0
    const value = this.item()
    if (this.at !== end) throw refused(`${end - this.at} bytes follow the value`)
    // A block of a file, or a long record, would live as long as the decoder.
    this.bytes = NOTHING.bytes
    this.view = NOTHING.view
    return value
  }

  private open(given: Uint8Array): Source {
    const source = sourceOf(given)
    if (given.length <= KEPT_BYTES_MAX) last = source
    return source
  }

  /** Public for the functions that `compile` makes. */
  item(): unknown {
    const { at, view } = this
    if (at >= this.end) throw cutShort()
    const byte = view.getUint8(at)
    this.at = at + 1
    if (byte < 0x18) return byte
    const size = byte & 0x1f
    switch (byte >> 5) {
      case 0:
        return size < 0x1b ? this.argument(size) : this.bigint(at, byte)
      case 1:
        return size < 0x1b ? -1 - this.argument(size) : this.bigint(at, byte)
      case 3:
        return size < 0x1b ? this.text(this.argument(size)) : this.foreign(at)
      case 4:
        return size < 0x1b ? this.array(this.argument(size)) : this.foreign(at)
      case 5:
        return size < 0x1b ? this.map(this.argument(size)) : this.foreign(at)
      case 6:
        return byte === 0xd9 && at + 4 <= this.end ? this.tagged(at, view.getUint8(at + 1)) : this.foreign(at)
      case 7:
        return this.simple(at, byte)
      default:
        return this.foreign(at)
    }
  }

  private simple(at: number, byte: number): unknown {
    if (byte === 0xfb) {
      this.skip(8)
      return this.view.getFloat64(at + 1)
    }
    if (byte === 0xf4) return false
    if (byte === 0xf5) return true
    if (byte === 0xf6) return null
    return byte === 0xf7 ? undefined : this.foreign(at)
  }

  private bigint(at: number, byte: number): unknown {
    if (byte !== 0x1b && byte !== 0x3b) return this.foreign(at)
    this.skip(8)
    const number = this.view.getBigUint64(at + 1)
    return byte === 0x1b ? number : -1n - number
  }

  /** The number in the head of an item, which takes up to four bytes behind the first. */
  private argument(size: number): number {
    if (size < 0x18) return size
    const { at, view } = this
    this.skip(1 << (size - 0x18))
    if (size === 0x18) return view.getUint8(at)
    return size === 0x19 ? view.getUint16(at) : view.getUint32(at)
  }

  private skip(length: number): void {
    if (length > this.end - this.at) throw cutShort()
    this.at += length
  }

  private text(length: number): string {
    const { at } = this
    this.skip(length)
    return this.shortText(at, length) ?? this.bytes.toString('utf8', at, this.at)
  }

  private shortText(at: number, length: number): string | undefined {
    if (length <= KNOWN_TEXT_MAX) return knownText(this.view, at, length)
    return length <= SHORT_TEXT_MAX ? shortText(this.view, at, length) : undefined
  }

  /**
   * An array that grows as it is filled has room for sixteen items at first; pairs, such as price and quantity, are many.
   * Measured, the Binance feed: 618 to 517 ns a record.
   */
  private array(length: number): unknown[] {
    this.enter(length)
    const values = length === 2 ? [this.item(), this.item()] : this.items(length)
    this.depth -= 1
    return values
  }

  private items(length: number): unknown[] {
    const values = new Array<unknown>(length)
    for (let index = 0; index < length; index++) values[index] = this.item()
    return values
  }

  /** An object of no shape. Keys of other types are what cbor-x makes of them. */
  private map(length: number): unknown {
    this.enter(length * 2)
    const made: Record<string, unknown> = {}
    for (let index = 0; index < length; index++) {
      const key = this.item()
      if (typeof key === 'object' && key !== null) throw refused('a map with an object as a key')
      put(made, String(key), this.item())
    }
    this.depth -= 1
    return made
  }

  /** Each item takes a byte or more: a length that cannot be true is refused before anything is made of it. */
  private enter(items: number): void {
    if (items > this.end - this.at) throw cutShort()
    if (++this.depth > DEPTH_MAX) throw refused(`nested deeper than ${DEPTH_MAX} levels`)
  }

  /** An item in a tag of two bytes: an object of a shape, a `Map` or a `Set`, or what is left to cbor-x. */
  private tagged(start: number, first: number): unknown {
    if (first === 0xe0) return this.record(start)
    const second = this.bytes[start + 2]!
    const head = this.bytes[start + 3]!
    if (first !== 1 || (head & 0x1f) >= 0x1b) return this.foreign(start)
    if (second === 3 && head >> 5 === 5) return this.mapOf(start + 4, head & 0x1f)
    if (second === 2 && head >> 5 === 4) return this.setOf(start + 4, head & 0x1f)
    return this.foreign(start)
  }

  private mapOf(at: number, size: number): unknown {
    this.at = at
    this.depth += 1
    const length = this.argument(size)
    this.enter(length * 2)
    const made = new Map<unknown, unknown>()
    for (let index = 0; index < length; index++) made.set(this.item(), this.item())
    this.depth -= 2
    return made
  }

  private setOf(at: number, size: number): unknown {
    this.at = at
    this.depth += 1
    const made = new Set(this.array(this.argument(size)))
    this.depth -= 1
    return made
  }

  private record(start: number): unknown {
    const id = this.bytes[start + 2]!
    const head = this.bytes[start + 3]!
    const maker = this.makers[id]
    // The guard says what is wrong with a shape that is not defined, and with what is no array of a known length.
    if (maker === undefined || head >> 5 !== 4 || (head & 0x1f) >= 0x1b) return this.foreign(start)
    this.at = start + 4
    const length = this.argument(head & 0x1f)
    const { keys } = maker
    if (length > keys.length) throw refused(`a record of shape ${id} with ${length} values for ${keys.length} keys`)
    this.enter(length)
    const value =
      length === keys.length && maker.compiled !== undefined
        ? maker.compiled(this, knownText)
        : this.members(keys, length)
    this.depth -= 1
    if (maker.compiled === undefined) maker.countRead()
    return value
  }

  private members(keys: readonly string[], length: number): unknown {
    const made: Record<string, unknown> = {}
    for (let index = 0; index < length; index++) put(made, keys[index]!, this.item())
    return made
  }

  private foreign(start: number): unknown {
    const end = this.guard.endOf(this.bytes, start, this.end, this.depth)
    if (end === undefined) throw refused(this.guard.refusal)
    this.at = end
    return this.readForeign(this.bytes, start, end)
  }
}

function refused(reason: string): SeglogError {
  return new SeglogError('DECODE', `CBOR that was not written by this library: ${reason}`)
}

function cutShort(): SeglogError {
  return refused('the value is cut short')
}
