import { assert, SeglogError } from '../../segments/errors.ts'
import { CborGuard, DEPTH_MAX } from './cbor-guard.ts'
import { shortText, SHORT_TEXT_MAX } from './short-text.ts'

/** Reads `bytes[start…end)`, which the guard has seen to be one sound item, with cbor-x. */
export type ForeignReader = (bytes: Uint8Array, start: number, end: number) => unknown

/** A shape that was read so often is worth a function of its own, which takes some 20 µs to make. */
const COMPILE_AFTER = 16
/** Definitions may be hostile: no long programs are made of them. */
const COMPILED_KEYS_MAX = 64
const COMPILED_TEXT_MAX = 4096

const NOTHING: Buffer = Buffer.alloc(0)

/** How objects of one shape are made. */
class ShapeMaker {
  readonly keys: readonly string[]
  /** Reads the values of an object with all its keys. */
  compiled: ((reader: RecordReader) => unknown) | undefined
  private reads = 0

  constructor(keys: readonly string[]) {
    this.keys = keys
  }

  countRead(): void {
    this.reads += 1
    if (this.reads === COMPILE_AFTER) this.compiled = compile(this.keys)
  }
}

/** To set a property of this one name would change the prototype; as in JSON, it is a property like any other. */
function put(made: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') made[key] = value
  else Object.defineProperty(made, key, { value, enumerable: true, writable: true, configurable: true })
}

/**
 * Reads the payloads of records where they lie: no copy, no view, and each byte is looked at once, where cbor-x has to be
 * given a copy of what the guard has walked before. Every length is checked against the end before it is used. What our
 * writer does not write itself is left to the guard and cbor-x, item by item, so both read the same language.
 * Measured, an order event of nine keys: guard, copy and cbor-x 510 ns, this 260.
 */
export class RecordReader {
  private readonly makers: (ShapeMaker | undefined)[] = []
  private readonly guard: CborGuard
  private readonly readForeign: ForeignReader
  private bytes = NOTHING
  private at = 0
  private end = 0
  private depth = 0

  /** `guard` knows how many keys each shape has, as `readForeign` knows the keys. */
  constructor(guard: CborGuard, readForeign: ForeignReader) {
    this.guard = guard
    this.readForeign = readForeign
  }

  define(id: number, keys: readonly string[]): void {
    this.makers[id] = new ShapeMaker(keys)
  }

  read(source: Uint8Array, start: number, end: number): unknown {
    assert(start >= 0 && start <= end && end <= source.length, 'a range to decode lies inside its buffer')
    this.bytes = Buffer.isBuffer(source) ? source : Buffer.from(source.buffer, source.byteOffset, source.length)
    this.at = start
    this.end = end
    this.depth = 0
    const value = this.item()
    if (this.at !== end) throw refused(`${end - this.at} bytes follow the value`)
    // A block of a file, or a long record, would live as long as the decoder.
    this.bytes = NOTHING
    return value
  }

  /** Public for the functions that `compile` makes. */
  item(): unknown {
    const { at, bytes } = this
    if (at >= this.end) throw cutShort()
    const byte = bytes[at]!
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
        return byte === 0xd9 && at + 4 <= this.end ? this.tagged(at, bytes[at + 1]!) : this.foreign(at)
      case 7:
        return this.simple(at, byte)
      default:
        return this.foreign(at)
    }
  }

  private simple(at: number, byte: number): unknown {
    if (byte === 0xfb) {
      this.skip(8)
      return this.bytes.readDoubleBE(at + 1)
    }
    if (byte === 0xf4) return false
    if (byte === 0xf5) return true
    if (byte === 0xf6) return null
    return byte === 0xf7 ? undefined : this.foreign(at)
  }

  private bigint(at: number, byte: number): unknown {
    if (byte !== 0x1b && byte !== 0x3b) return this.foreign(at)
    this.skip(8)
    const number = this.bytes.readBigUInt64BE(at + 1)
    return byte === 0x1b ? number : -1n - number
  }

  /** The number in the head of an item, which takes up to four bytes behind the first. */
  private argument(size: number): number {
    if (size < 0x18) return size
    const { at, bytes } = this
    this.skip(1 << (size - 0x18))
    if (size === 0x18) return bytes[at]!
    if (size === 0x19) return (bytes[at]! << 8) | bytes[at + 1]!
    return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  }

  private skip(length: number): void {
    if (length > this.end - this.at) throw cutShort()
    this.at += length
  }

  private text(length: number): string {
    const { at, bytes } = this
    this.skip(length)
    return (length <= SHORT_TEXT_MAX ? shortText(bytes, at, length) : undefined) ?? bytes.toString('utf8', at, this.at)
  }

  private array(length: number): unknown[] {
    this.enter(length)
    const values: unknown[] = []
    for (let index = 0; index < length; index++) values.push(this.item())
    this.depth -= 1
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
      length === keys.length && maker.compiled !== undefined ? maker.compiled(this) : this.members(keys, length)
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

/**
 * One object literal makes an object faster than key after key does, and all of one hidden class. Measured, nine keys:
 * 260 ns against 370, of some 600 for a record in a replay. Spreading a template got back a fifth of that.
 */
function compile(keys: readonly string[]): ((reader: RecordReader) => unknown) | undefined {
  // JSON escapes what could end a text of JavaScript; in brackets `__proto__` is a key like any other.
  const members = keys
    .map((key) => `${key === '__proto__' ? '["__proto__"]' : JSON.stringify(key)}:reader.item()`)
    .join()
  if (keys.length > COMPILED_KEYS_MAX || members.length > COMPILED_TEXT_MAX) return undefined
  try {
    // eslint-disable-next-line @typescript-eslint/no-implied-eval -- see above what is in it.
    return new Function('reader', `return {${members}}`) as (reader: RecordReader) => unknown
  } catch (error) {
    // `--disallow-code-generation-from-strings`: the loop does the same.
    if (error instanceof EvalError) return undefined
    throw error
  }
}

function refused(reason: string): SeglogError {
  return new SeglogError('DECODE', `CBOR that was not written by this library: ${reason}`)
}

function cutShort(): SeglogError {
  return refused('the value is cut short')
}
