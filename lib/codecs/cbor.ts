import { SeglogError, checkMembers, mayBeBoolean } from '../../segments/errors.ts'
import { decodeDefinition } from '../../segments/format/dictionary.ts'
import { CborGuard } from './cbor-guard.ts'
import { decodeEngine, decodeWith, encodeWith, nestedEncode, plainEngine } from './cbor-x.ts'
import { RecordReader } from './record-reader.ts'
import { RecordWriter } from './record-writer.ts'
import { wouldNotComeBack } from './refusal.ts'
import { SHAPES_MAX, ShapeTable } from './shapes.ts'
import type { DecodeEngine } from './cbor-x.ts'
import type { Codec, Decoder, Encoder } from './codec.ts'

/** Records up to this size are copied to one buffer that stays; cbor-x makes a DataView for each new one. */
const SCRATCH_BYTES = 64 * 1024

/** Definitions up to this length are written twice. Longer ones would be felt where segments are short. */
const TWICE_BYTES_MAX = 1024

/** Whether objects are stored by their shapes, which is the default. */
export interface CborOptions {
  /** Whether the keys of objects are written once for each segment (default), or in each record. */
  readonly shapes?: boolean
}

/**
 * Values as CBOR (RFC 8949): what JSON keeps, and undefined, −0, NaN, bigints, dates, maps, sets, byte strings, typed
 * arrays, errors, regular expressions and the `Tag` of cbor-x. A `Buffer` and an `ArrayBuffer` come back as `Uint8Array`, an
 * object of a class as an object of its own properties, a gap in an array as undefined. What would come back as something
 * else is ENCODE: functions, symbols, promises, iterables, boxed values, text with half a surrogate pair. Bytes in a value are copied, both ways.
 *
 * @example
 * import { cbor, openLog } from 'seglog'
 *
 * interface Order { readonly id: string; readonly tags: Set<string>; readonly at: Date }
 * const log = await openLog<Order>('./orders', { codec: cbor() })
 * await log.commit({ id: 'a', tags: new Set(['new']), at: new Date(0) })
 * log.get(1)?.value.tags // → Set(1) { 'new' }
 * await log.close()
 */
export function cbor<T = unknown>(options: CborOptions = {}): Codec<T> {
  checkMembers('options', options, ['shapes'])
  mayBeBoolean('shapes', options.shapes)
  return options.shapes === false
    ? { name: 'cbor', encoder: () => new PlainEncoder<T>(), decoder: () => new PlainDecoder<T>() }
    : { name: 'cbor-shapes', encoder: (known) => new ShapesEncoder<T>(known), decoder: () => new ShapesDecoder<T>() }
}

class PlainEncoder<T> implements Encoder<T> {
  readonly plain = true
  readonly #writer = new RecordWriter()
  readonly #engine = plainEngine()
  readonly #guard = new CborGuard()
  #busy = false

  encode(value: T): Uint8Array {
    if (this.#busy) throw nestedEncode()
    this.#busy = true
    try {
      return this.#writer.write(value) ?? this.#encodeOdd(value)
    } finally {
      this.#busy = false
    }
  }

  /** What the writer leaves to cbor-x as a whole, which mostly means that it is refused, with a reason. */
  #encodeOdd(value: T): Uint8Array {
    const bytes = encodeWith(this.#engine, value)
    const refusal = this.#guard.check(bytes, 0, bytes.length)
    if (refusal === undefined) return bytes
    throw wouldNotComeBack(refusal)
  }

  takeDefinitions(): undefined {
    return undefined
  }
}

class ShapesEncoder<T> implements Encoder<T> {
  plain = false
  readonly #table: ShapeTable
  /** Made for the first value, because an opening makes an encoder and encodes nothing. */
  #writer: RecordWriter | undefined
  /** Made for the first value that needs it: most logs never have one, and it takes longer to make than the rest. */
  #plainEncoder: PlainEncoder<T> | undefined
  #definitions: Uint8Array[] | undefined
  /** Written once more before the next record: the values of all records of a shape hang on its definition. */
  #again: Uint8Array[] | undefined
  #recordBytes = 0
  #busy = false

  constructor(known: readonly Uint8Array[]) {
    this.#table = new ShapeTable(known)
  }

  encode(value: T): Uint8Array {
    // Before anything is touched: the value whose getter this is goes on afterwards when it catches the error.
    if (this.#busy) throw nestedEncode()
    this.#busy = true
    try {
      return this.#encodeRecord(value) ?? (this.#plainEncoder ??= new PlainEncoder<T>()).encode(value)
    } finally {
      this.#busy = false
    }
  }

  /** Undefined when the value must be written plain. */
  #encodeRecord(value: T): Uint8Array | undefined {
    const table = this.#table
    this.plain = true
    let record: Uint8Array | undefined
    try {
      record = (this.#writer ??= new RecordWriter(table)).write(value)
    } finally {
      if (record === undefined) table.forget()
    }
    if (record === undefined) return undefined
    this.plain = false
    this.#recordBytes += record.length
    const fresh = table.keep(this.#recordBytes)
    if (fresh !== undefined || this.#again !== undefined) {
      const more = [...(this.#definitions ?? []), ...(this.#again ?? []), ...(fresh ?? [])]
      this.#definitions = more.length > 0 ? more : undefined
      this.#again = fresh?.filter((definition) => definition.length <= TWICE_BYTES_MAX)
    }
    return record
  }

  takeDefinitions(): readonly Uint8Array[] | undefined {
    const definitions = this.#definitions
    if (definitions !== undefined) this.#definitions = undefined
    return definitions
  }
}

/** Decodes from a copy at the start of a buffer of its own: cbor-x can begin nowhere else, and a view costs more. */
class RangeDecoder {
  readonly #structures: readonly unknown[]
  /** Made for the first item that needs it. */
  #made: DecodeEngine | undefined

  constructor(structures: readonly unknown[]) {
    this.#structures = Object.freeze(structures)
  }

  get #engine(): DecodeEngine {
    return (this.#made ??= decodeEngine(this.#structures))
  }

  /** Of what a guard has let pass. */
  decodeSound(source: Uint8Array, start: number, end: number): unknown {
    const length = end - start
    const view = source.subarray(start, end)
    // A plain Uint8Array in both cases: out of a Buffer, cbor-x would make byte strings that are Buffers.
    if (length > SCRATCH_BYTES) return decodeWith(this.#engine, new Uint8Array(view), length)
    scratch.set(view)
    return decodeWith(this.#engine, scratch, length)
  }
}

/** One for all decoders: it holds nothing between two calls, and what is decoded never aliases it. */
const scratch = new Uint8Array(SCRATCH_BYTES)

class PlainDecoder<T> implements Decoder<T> {
  readonly #plain = plainReader()

  define(): void {
    throw new SeglogError('DECODE', `codec 'cbor' has no dictionaries, but the segment holds one`)
  }

  decode(source: Uint8Array, start: number, end: number): T {
    return this.#plain.read(source, start, end) as T
  }
}

/** Reads values without shapes: no shape is defined, so the tag of one is a tag like any other. */
function plainReader(): RecordReader {
  const foreign = new RangeDecoder([])
  return new RecordReader(new CborGuard(), (bytes, start, end) => foreign.decodeSound(bytes, start, end))
}

class ShapesDecoder<T> implements Decoder<T> {
  readonly #fields = new Int32Array(SHAPES_MAX).fill(-1)
  readonly #plain = plainReader()
  #structures: readonly (readonly string[])[] = []
  #foreign = new RangeDecoder([])
  readonly #reader = new RecordReader(new CborGuard(this.#fields), (bytes, start, end) =>
    this.#foreign.decodeSound(bytes, start, end),
  )

  define(payload: Uint8Array): void {
    const definition = decodeDefinition(payload)
    if (definition === undefined) throw new SeglogError('DECODE', 'a dictionary frame holds no definition of a shape')
    // A walk meets definitions that were loaded before; what was compiled for them is kept.
    const known = this.#structures[definition.id]
    if (known?.length === definition.keys.length && known.every((key, index) => key === definition.keys[index])) return
    const structures = this.#structures.slice()
    structures[definition.id] = definition.keys
    this.#fields[definition.id] = definition.keys.length
    this.#structures = structures
    this.#foreign = new RangeDecoder(structures)
    this.#reader.define(definition.id, definition.keys)
  }

  decode(source: Uint8Array, start: number, end: number, plain: boolean): T {
    if (plain) return this.#plain.read(source, start, end) as T
    return this.#reader.read(source, start, end) as T
  }
}
