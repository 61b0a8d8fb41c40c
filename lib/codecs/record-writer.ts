/* Over 300 lines because every type of value is a case of one walk, over one buffer. */
import { assert } from '../../segments/errors.ts'
import { FRAME_UNITS_MAX, UNIT } from '../../segments/format/layout.ts'
import { CborGuard, DEPTH_MAX } from './cbor-guard.ts'
import { encodeWith, hiddenIn, isOrdinary, plainEngine } from './cbor-x.ts'
import { isWellFormed, tooLarge, wouldNotComeBack } from './refusal.ts'
import { SHAPES_MAX, type ShapeNode, type ShapeTable } from './shapes.ts'

/** Thrown to leave a value that cannot be written with shapes: it is then written plain. Made once: nobody sees it. */
const NOT_WITH_SHAPES = new Error('a value that is written plain')

/** The buffer of a new writer; it grows, and stays up to the second size. */
const FIRST_BYTES = 4096
const STAYING_BYTES_MAX = 1024 * 1024
/** Records up to so long are given as views that were made before: a fresh one costs as much as ten small values. */
const VIEWS_MAX = 4096

/** No frame takes more, whatever the log allows: a value that is larger by mistake must not fill the memory first. */
const PAYLOAD_BYTES_MAX = FRAME_UNITS_MAX * UNIT

const MAP_TAG = 259
const SET_TAG = 258
/** Most bytes of an item without its content; `item` makes room for it once. */
const HEAD_BYTES_MAX = 16

/** Bigints up to this magnitude take eight bytes, as in cbor-x, which does without −2^64. */
const BIGINT_64_MAX = 2n ** 64n - 1n

/** Text up to this many characters is written one by one: a call into the engine takes longer. */
const SHORT_TEXT_MAX = 63

/**
 * Writes values as CBOR in which objects are records: the tag of a shape around an array of the values; or maps, where
 * the table learns no more. Numbers, bigints of 64 bits, texts, arrays, objects, maps and sets are written here, all else
 * by cbor-x, item by item. Without a table it writes plain CBOR. cbor-x would write −0 as 0 and half a surrogate pair as
 * U+FFFD.
 *
 * Why not by cbor-x as a whole? It walks a tree of dictionaries for each object (a third of its time), changes its table
 * behind our back, and cannot tell which objects became records, so that the guard had to read again what it wrote.
 * Measured, an order event of nine keys: cbor-x with the guard 900 ns, cbor-x alone 390, this 235.
 */
export class RecordWriter {
  private readonly shapes: ShapeTable | undefined
  private readonly foreignEngine = plainEngine()
  private readonly foreignGuard: CborGuard
  private bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  private view: DataView = new DataView(this.bytes.buffer)
  /** By length. Filled, because an array with gaps is a slow one. */
  private readonly views = new Array<Buffer | undefined>(VIEWS_MAX + 1).fill(undefined)
  private at = 0
  private isPlain = false
  private inCollection = false

  constructor(shapes?: ShapeTable) {
    this.shapes = shapes
    // With no shapes known: a user's `Tag` may look like a record of ours, and its value must be written plain.
    this.foreignGuard = new CborGuard(shapes === undefined ? undefined : new Int32Array(SHAPES_MAX).fill(-1))
  }

  /**
   * The bytes, valid until the next call; undefined when the value must be written plain. Throws what its getters throw,
   * ENCODE, and TOO_LARGE. The shapes it learnt are kept or forgotten by the caller, who sees to it that no getter comes
   * back here.
   */
  write(value: unknown): Uint8Array | undefined {
    if (this.bytes.length > STAYING_BYTES_MAX) this.use(Buffer.allocUnsafeSlow(FIRST_BYTES))
    this.at = 0
    this.isPlain = false
    this.inCollection = false
    // They would be taken for keys of every object.
    if (this.shapes !== undefined) for (const _ in Object.prototype) return undefined
    try {
      this.item(value, 0)
    } catch (error) {
      if (error === NOT_WITH_SHAPES) return undefined
      throw error
    }
    if (this.isPlain) return undefined
    const { at, bytes } = this
    return at > VIEWS_MAX ? bytes.subarray(0, at) : (this.views[at] ??= bytes.subarray(0, at))
  }

  private item(value: unknown, depth: number): void {
    if (this.at + HEAD_BYTES_MAX > this.bytes.length) this.grow(HEAD_BYTES_MAX)
    switch (typeof value) {
      case 'string':
        return this.text(value)
      case 'number':
        return this.number(value)
      case 'boolean':
        this.bytes[this.at++] = value ? 0xf5 : 0xf4
        return
      case 'undefined':
        this.bytes[this.at++] = 0xf7
        return
      case 'bigint':
        return this.bigint(value, depth)
      case 'object':
        if (value !== null) return this.structure(value, depth)
        this.bytes[this.at++] = 0xf6
        return
      default:
        return this.foreign(value, depth)
    }
  }

  private structure(value: object, depth: number): void {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Object.prototype) this.object(value as Record<string, unknown>, depth)
    else if (prototype === Array.prototype && Array.isArray(value)) this.array(value, depth)
    else if (prototype === Map.prototype && value instanceof Map) this.collection(MAP_TAG, 0xa0, value, depth)
    else if (prototype === Set.prototype && value instanceof Set) this.collection(SET_TAG, 0x80, value, depth)
    else if (isOrdinary(value)) this.instance(value as Record<string, unknown>, depth)
    else this.foreign(value, depth)
  }

  /** `for … in` makes no list of the keys, and an object of this prototype has none but its own. */
  private object(value: Record<string, unknown>, depth: number): void {
    const { shapes } = this
    if (shapes === undefined || this.inCollection) return this.map(value, Object.keys(value), depth)
    let node: ShapeNode | undefined = shapes.root
    let count = 0
    for (const key in value) {
      node = node.lastKey === key ? node.lastChild : shapes.step(node, key)
      if (node === undefined) break
      count += 1
    }
    const keys = this.recordHead(shapes, node, depth)
    if (keys === undefined) return this.map(value, Object.keys(value), depth)
    let index = 0
    for (const key in value) {
      // A getter may change the object that is being walked, and a proxy may do as it likes.
      if (keys[index++] !== key) throw NOT_WITH_SHAPES
      const member = value[key]
      // The two that most members are, without the way through `item`: a tenth of the record.
      if (typeof member === 'string') this.text(member)
      else if (typeof member === 'number' && this.at + HEAD_BYTES_MAX <= this.bytes.length) this.number(member)
      else this.item(member, depth + 1)
    }
    if (index !== count) throw NOT_WITH_SHAPES
  }

  /** An object of a class: only what is its own. */
  private instance(value: Record<string, unknown>, depth: number): void {
    const hidden = hiddenIn(value)
    if (hidden !== undefined) throw wouldNotComeBack(hidden)
    const keys = Object.keys(value)
    const { shapes } = this
    if (shapes === undefined || this.inCollection) return this.map(value, keys, depth)
    let node: ShapeNode | undefined = shapes.root
    for (const key of keys) {
      node = shapes.step(node, key)
      if (node === undefined) break
    }
    if (this.recordHead(shapes, node, depth) === undefined) return this.map(value, keys, depth)
    for (const key of keys) this.item(value[key], depth + 1)
  }

  /** Begins the record of an object, and gives the keys of its shape; undefined when it has none. */
  private recordHead(shapes: ShapeTable, node: ShapeNode | undefined, depth: number): readonly string[] | undefined {
    if (depth >= DEPTH_MAX) throw NOT_WITH_SHAPES
    if (node === undefined) return undefined
    const id = node.id >= 0 ? node.id : shapes.learn(node)
    if (id < 0) return undefined
    const keys = shapes.structures[id]!
    const { bytes, at } = this
    bytes[at] = 0xd9
    bytes[at + 1] = 0xe0
    bytes[at + 2] = id
    this.at = at + 3
    this.head(0x80, keys.length)
    return keys
  }

  /** An object of no shape, with its keys. If it is the value itself, there is little left to gain for shapes. */
  private map(value: Record<string, unknown>, keys: readonly string[], depth: number): void {
    if (depth >= DEPTH_MAX) throw NOT_WITH_SHAPES
    if (depth === 0 && this.shapes !== undefined) {
      this.isPlain = true
      return
    }
    this.head(0xa0, keys.length)
    for (const key of keys) {
      this.item(key, depth)
      this.item(value[key], depth + 1)
    }
  }

  private array(value: readonly unknown[], depth: number): void {
    const { length } = value
    // A proxy of an array has the length that it likes.
    if (depth >= DEPTH_MAX || length >>> 0 !== length) throw NOT_WITH_SHAPES
    if (length > PAYLOAD_BYTES_MAX - this.at) throw tooLarge(PAYLOAD_BYTES_MAX)
    this.head(0x80, length)
    for (let index = 0; index < length; index++) {
      const element = value[index]
      if (typeof element === 'string') this.text(element)
      else this.item(element, depth + 1)
    }
  }

  /** A map or a set: its tag around a map or an array. Objects inside are maps, as in whatever has a tag. */
  private collection(tag: number, major: number, value: Map<unknown, unknown> | Set<unknown>, depth: number): void {
    if (depth + 1 >= DEPTH_MAX) throw NOT_WITH_SHAPES
    const { inCollection } = this
    this.inCollection = true
    this.head(0xc0, tag)
    this.head(major, value.size)
    let left = value.size
    // One that its own getters change while it is walked has not the length that was written.
    for (const [key, item] of value.entries()) {
      if (left-- === 0) throw NOT_WITH_SHAPES
      this.item(key, depth + 2)
      if (tag === MAP_TAG) this.item(item, depth + 2)
    }
    if (left !== 0) throw NOT_WITH_SHAPES
    this.inCollection = inCollection
  }

  private foreign(value: unknown, depth: number): void {
    const found = encodeWith(this.foreignEngine, value)
    if (this.foreignGuard.check(found, 0, found.length, depth) !== undefined) throw NOT_WITH_SHAPES
    if (this.at + found.length > this.bytes.length) this.grow(found.length)
    this.bytes.set(found, this.at)
    this.at += found.length
  }

  private text(value: string): void {
    const { bytes } = this
    const { length } = value
    const start = this.at + (length < 24 ? 1 : 2)
    if (length > SHORT_TEXT_MAX || start + length > bytes.length) return this.longText(value)
    let any = 0
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index)
      any |= code
      bytes[start + index] = code
    }
    if (any >= 0x80) return this.longText(value)
    this.head(0x60, length)
    this.at = start + length
  }

  private longText(value: string): void {
    if (!isWellFormed(value)) throw wouldNotComeBack('a text with half a surrogate pair')
    const length = Buffer.byteLength(value)
    if (this.at + HEAD_BYTES_MAX + length > this.bytes.length) this.grow(HEAD_BYTES_MAX + length)
    this.head(0x60, length)
    const written = this.bytes.write(value, this.at, length, 'utf8')
    assert(written === length, 'a text has as many bytes as were counted')
    this.at += length
  }

  /** As cbor-x: integers of up to 32 bits and a sign as such, all others as doubles. */
  private number(value: number): void {
    if (value >>> 0 === value && (value !== 0 || !Object.is(value, -0))) return this.head(0, value)
    if (value < 0 && value >= -0x100000000 && Math.floor(value) === value) return this.head(0x20, -1 - value)
    this.bytes[this.at] = 0xfb
    this.view.setFloat64(this.at + 1, value)
    this.at += 9
  }

  private bigint(value: bigint, depth: number): void {
    if (value > BIGINT_64_MAX || value < -BIGINT_64_MAX) return this.foreign(value, depth)
    this.bytes[this.at] = value < 0n ? 0x3b : 0x1b
    this.view.setBigUint64(this.at + 1, value < 0n ? -1n - value : value)
    this.at += 9
  }

  /** The first byte of an item with its number, in as few bytes as it takes. */
  private head(major: number, number: number): void {
    const { bytes, at } = this
    if (number < 24) {
      bytes[at] = major | number
      this.at = at + 1
    } else if (number < 0x100) {
      bytes[at] = major | 24
      bytes[at + 1] = number
      this.at = at + 2
    } else if (number < 0x10000) {
      bytes[at] = major | 25
      bytes[at + 1] = number >>> 8
      bytes[at + 2] = number
      this.at = at + 3
    } else {
      bytes[at] = major | 26
      bytes[at + 1] = number >>> 24
      bytes[at + 2] = number >>> 16
      bytes[at + 3] = number >>> 8
      bytes[at + 4] = number
      this.at = at + 5
    }
  }

  private grow(bytes: number): void {
    const { at } = this
    if (at + bytes > PAYLOAD_BYTES_MAX) throw tooLarge(PAYLOAD_BYTES_MAX)
    const grown = Buffer.allocUnsafeSlow(Math.min(PAYLOAD_BYTES_MAX, Math.max(this.bytes.length * 2, at + bytes)))
    this.bytes.copy(grown, 0, 0, at)
    this.use(grown)
  }

  private use(bytes: Buffer): void {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer)
    this.views.fill(undefined)
  }
}
