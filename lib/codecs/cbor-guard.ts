/**
 * Walks the bytes of one CBOR value before cbor-x decodes them, and after it encoded them: what passes here was seen to
 * decode in linear time and memory, to reach nothing inside cbor-x, and to mean what it meant to the encoder. Both
 * sides use the same walk, so nothing is written that a reader would refuse.
 *
 * What it refuses is what cbor-x reads but never writes for values (its own bookkeeping), and:
 * - cbor-x keeps its table of shapes reachable by tags that redefine or return it, and its stop code by a bare break;
 * - shared references (28, 29) and string bundles can be nested so that the work doubles with each level, and some
 *   tags copy their content, so that a chain of them copies it once for each link;
 * - iterables other than arrays, sets and maps may be readable only once, and the encoder of shapes reads a value again
 *   to write it plain (cbor-x writes them as arrays of unknown length);
 * - a bigint takes time that grows with the square of its length;
 * - cbor-x looks shapes up by the low 13 bits of a tag, so tags above 65,535 may alias one.
 */

/** Arrays, maps and tags inside one another. cbor-x recurses: a value must decode also where little stack is left. */
export const DEPTH_MAX = 1000

/** 8,192 bits. cbor-x reads a bigint byte by byte, shifting all that it has. */
export const BIGINT_BYTES_MAX = 1024

/** Shape `id` stands in a record as tag `SHAPE_TAG + id` around an array of values. */
const SHAPE_TAG = 0xe000
const SHAPE_TAG_BITS = 0x1fff

/** Tags by which cbor-x reads its own bookkeeping, or that it cannot read without it. First and last of each range. */
const REFUSED_TAGS: readonly (readonly [number, number])[] = [
  [28, 29], // shared references
  [51, 51], // a table of packed values
  [105, 105], // a shape, defined in line (legacy)
  [216, 223], // packed prefixes and suffixes
  [225, 255],
  [27_647, 28_671],
  [28_704, 32_767],
  [0xdff9, 0xdff9], // bundled strings
  [0xdffe, 0xdfff], // shapes, defined in line
  [0x53687264, 0x53687264], // the whole table of shapes
  [1_811_940_352, 1_879_048_191],
  [1_879_052_288, 2_147_483_647],
]

const BYTES = 2
const TEXT = 3
const ARRAY = 4
const MAP = 5
const TAG = 6
const INDEFINITE_ARRAY = 0x9f

export class CborGuard {
  /** How many keys each shape has, -1 where it is unknown. Without it, records are tags like any other. */
  readonly #fields: Int32Array | undefined
  #bytes: Uint8Array = new Uint8Array(0)
  #position = 0
  #end = 0
  #refusal = ''

  constructor(fields?: Int32Array) {
    this.#fields = fields
  }

  /** Why `bytes[start…end)` is refused, or undefined when it is one sound value, that many levels down. */
  check(bytes: Uint8Array, start: number, end: number, depth = 0): string | undefined {
    this.#bytes = bytes
    this.#position = start
    this.#end = end
    if (!this.#item(depth)) return `${this.#refusal} at byte ${this.#position - start}`
    if (this.#position === end) return undefined
    return `${end - this.#position} bytes follow the value`
  }

  /** Where the sound value ends that starts here; undefined when it is refused, and then `refusal` says why. */
  endOf(bytes: Uint8Array, start: number, end: number, depth: number): number | undefined {
    this.#bytes = bytes
    this.#position = start
    this.#end = end
    return this.#item(depth) ? this.#position : undefined
  }

  get refusal(): string {
    return this.#refusal
  }

  #refuse(reason: string): false {
    this.#refusal = reason
    return false
  }

  #item(depth: number): boolean {
    if (this.#position >= this.#end) return this.#refuse('the value is cut short')
    const byte = this.#bytes[this.#position++]!
    const major = byte >> 5
    const length = byte & 0x1f
    if (length > 0x17) return this.#longItem(byte, depth)
    // Numbers below 24, and the simple values false, true, null and undefined.
    if (major < BYTES) return true
    if (major > TAG) return length > 0x13 || this.#refuse('a packed value')
    return this.#content(major, length, depth)
  }

  /** An item whose length or number stands in the bytes after the first. */
  #longItem(byte: number, depth: number): boolean {
    const major = byte >> 5
    const size = byte & 0x1f
    if (byte === INDEFINITE_ARRAY) return this.#refuse('an iterable (spread it into an array)')
    if (size > 0x1b) return this.#refuse('a reserved or indefinite length')
    if (major === 7 && size === 0x18) return this.#refuse('a packed value')
    const at = this.#position
    const extra = 1 << (size - 0x18)
    this.#position += extra
    if (this.#position > this.#end) return this.#refuse('the value is cut short')
    if (major < BYTES || major > TAG) return true
    if (extra > 4) return this.#refuse('a length or tag of 64 bits')
    let number = 0
    for (let i = 0; i < extra; i++) number = number * 256 + this.#bytes[at + i]!
    return this.#content(major, number, depth)
  }

  #content(major: number, number: number, depth: number): boolean {
    if (major <= TEXT) {
      if (number > this.#end - this.#position) return this.#refuse('the value is cut short')
      this.#position += number
      return true
    }
    if (depth >= DEPTH_MAX) return this.#refuse(`nested deeper than ${DEPTH_MAX} levels`)
    if (major === TAG) return this.#tag(number, depth)
    return this.#items(major === MAP ? number * 2 : number, depth)
  }

  #items(count: number, depth: number): boolean {
    // Each takes a byte or more: a length that cannot be true is refused before anything is made of it.
    if (count > this.#end - this.#position) return this.#refuse('the value is cut short')
    for (let i = 0; i < count; i++) if (!this.#item(depth + 1)) return false
    return true
  }

  #tag(tag: number, depth: number): boolean {
    if (this.#fields !== undefined && tag >= SHAPE_TAG) {
      const id = tag & SHAPE_TAG_BITS
      if (id < this.#fields.length) {
        return tag > 0xffff ? this.#refuse('a tag that aliases a shape') : this.#record(id, this.#fields[id]!, depth)
      }
    }
    if (REFUSED_TAGS.some(([first, last]) => tag >= first && tag <= last)) {
      return this.#refuse(`tag ${tag}, which no value is written with,`)
    }
    return this.#tagged(tag, depth)
  }

  #record(id: number, fields: number, depth: number): boolean {
    if (fields < 0) return this.#refuse(`a record of shape ${id}, whose dictionary is missing,`)
    if (this.#position >= this.#end) return this.#refuse('the value is cut short')
    const header = this.#bytes[this.#position]!
    if (header >> 5 !== ARRAY) return this.#refuse(`a record of shape ${id} that is no array`)
    const length = this.#lengthAhead()
    if (length > fields) return this.#refuse(`a record of shape ${id} with ${length} values for ${fields} keys`)
    return this.#item(depth)
  }

  /** Tags whose content cbor-x copies or converts: only around what it writes there itself. */
  #tagged(tag: number, depth: number): boolean {
    if (this.#position >= this.#end) return this.#refuse('the value is cut short')
    const major = this.#bytes[this.#position]! >> 5
    if (tag === 2 || tag === 3) {
      if (major !== BYTES) return this.#refuse('a bigint that is no byte string')
      if (this.#lengthAhead() > BIGINT_BYTES_MAX) return this.#refuse(`a bigint of over ${BIGINT_BYTES_MAX} bytes`)
    }
    if (tag >= 64 && tag <= 87 && major !== BYTES) return this.#refuse('a typed array that is no byte string')
    if (tag === 258 && major !== ARRAY) return this.#refuse('a set that is no array')
    if (tag === 27) return this.#error(depth)
    return this.#item(depth + 1)
  }

  /** An Error or RegExp is an array of texts; of anything else cbor-x would make a text, at any cost. */
  #error(depth: number): boolean {
    const header = this.#bytes[this.#position++]!
    const length = header & 0x1f
    if (header >> 5 !== ARRAY || length > 3) return this.#refuse('an error that is no array of two or three texts')
    for (let i = 0; i < length; i++) {
      const isText = this.#position < this.#end && this.#bytes[this.#position]! >> 5 === TEXT
      if (!isText || !this.#item(depth + 1)) return this.#refuse('an error with a part that is no text')
    }
    return true
  }

  /** The length in the header at `position`, without moving on. Bytes past the end count as zeros: the item refuses. */
  #lengthAhead(): number {
    const size = this.#bytes[this.#position]! & 0x1f
    if (size < 0x18) return size
    let length = 0
    for (let i = 1; i <= 1 << (size - 0x18); i++) length = length * 256 + (this.#bytes[this.#position + i] ?? 0)
    return length
  }
}
