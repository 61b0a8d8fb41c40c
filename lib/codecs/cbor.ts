import { assert, SeglogError } from '../../segments/errors.ts'
import { decodeDefinition } from '../../segments/format/dictionary.ts'
import { CborGuard } from './cbor-guard.ts'
import { decodeEngine, decodeWith, encodeWith, plainEngine, shapesEngine } from './cbor-x.ts'
import { SHAPES_MAX, ShapeTable } from './shapes.ts'
import type { DecodeEngine, Engine } from './cbor-x.ts'
import type { Codec, Decoder, Encoder } from './codec.ts'

/** Records up to this size are copied to one buffer that stays; cbor-x makes a DataView for each new one. */
const SCRATCH_BYTES = 64 * 1024

/** After this many misses in a row on a locked table, records are written plain without trying, ever longer. */
const MISSES_BEFORE_SKIP = 8
const SKIP_MAX = 256

export interface CborOptions {
  /** Whether the keys of objects are written once for each segment (default), or in each record. */
  readonly shapes?: boolean
}

/**
 * Values as CBOR (RFC 8949, by cbor-x): what JSON keeps, and undefined, bigints, dates, maps, sets, byte strings, typed
 * arrays, errors, regular expressions and cbor-x's `Tag`.
 */
export function cbor<T = unknown>(options: CborOptions = {}): Codec<T> {
  return options.shapes === false
    ? { name: 'cbor', encoder: () => new PlainEncoder<T>(), decoder: () => new PlainDecoder<T>() }
    : { name: 'cbor-shapes', encoder: (known) => new ShapesEncoder<T>(known), decoder: () => new ShapesDecoder<T>() }
}

class PlainEncoder<T> implements Encoder<T> {
  readonly plain = true
  readonly #engine = plainEngine()
  readonly #guard = new CborGuard()

  encode(value: T): Uint8Array {
    const bytes = encodeWith(this.#engine, value)
    const refusal = this.#guard.check(bytes, 0, bytes.length)
    if (refusal === undefined) return bytes
    throw new SeglogError('ENCODE', `the value would not come back from its CBOR: ${refusal}`)
  }

  takeDefinitions(): undefined {
    return undefined
  }
}

class ShapesEncoder<T> implements Encoder<T> {
  plain = false
  readonly #table: ShapeTable
  readonly #engine: Engine
  readonly #guard: CborGuard
  readonly #plainEncoder = new PlainEncoder<T>()
  #definitions: Uint8Array[] | undefined
  #recordBytes = 0
  #misses = 0
  #skips = 0

  constructor(known: readonly Uint8Array[]) {
    this.#table = new ShapeTable(known)
    this.#engine = shapesEngine(this.#table.structures, SHAPES_MAX)
    this.#guard = new CborGuard(this.#table.fields)
  }

  encode(value: T): Uint8Array {
    const record = this.#skips > 0 ? undefined : this.#encodeRecords(value)
    this.plain = record === undefined
    if (record === undefined) return this.#encodePlain(value)
    this.#misses = 0
    this.#recordBytes += record.length
    return record
  }

  takeDefinitions(): readonly Uint8Array[] | undefined {
    const definitions = this.#definitions
    if (definitions !== undefined) this.#definitions = undefined
    return definitions
  }

  /** Undefined when the value cannot be written with shapes, or not soundly. */
  #encodeRecords(value: T): Uint8Array | undefined {
    const table = this.#table
    try {
      table.begin()
      let record = encodeWith(this.#engine, value)
      if (!table.settled) {
        const definitions = table.learn()
        table.count()
        // Once more, because only a table at rest tells how many objects became records.
        record = encodeWith(this.#engine, value)
        if (definitions !== undefined && table.settled && this.#isSound(record)) {
          table.keep(definitions, this.#recordBytes)
          if (definitions.length > 0) this.#definitions = [...(this.#definitions ?? []), ...definitions]
          return record
        }
      } else if (this.#isSound(record)) return record
    } catch {
      // Whether the value is to blame is decided by the plain encoder, which throws again if it is.
      table.forget()
      return undefined
    }
    // A locked table keeps nothing of what was refused, and to rebuild the search tree each time would be slow.
    if (!table.locked) table.forget()
    return undefined
  }

  /** Whether readers accept it, and whether each record in it is an object of the value: a user's `Tag` may look so. */
  #isSound(record: Uint8Array): boolean {
    return this.#guard.check(record, 0, record.length) === undefined && this.#guard.records === this.#table.records
  }

  #encodePlain(value: T): Uint8Array {
    const record = this.#plainEncoder.encode(value)
    this.#recordBytes += record.length
    if (this.#skips > 0) {
      this.#skips--
    } else if (++this.#misses >= MISSES_BEFORE_SKIP) {
      this.#skips = Math.min(SKIP_MAX, 2 ** (this.#misses - MISSES_BEFORE_SKIP))
    }
    return record
  }
}

/** Decodes from a copy at the start of a buffer of its own: cbor-x can begin nowhere else, and a view costs more. */
class RangeDecoder {
  readonly #guard: CborGuard
  #engine: DecodeEngine

  constructor(structures: readonly unknown[], fields?: Int32Array) {
    this.#guard = new CborGuard(fields)
    this.#engine = decodeEngine(Object.freeze(structures))
  }

  decode(source: Uint8Array, start: number, end: number): unknown {
    assert(start >= 0 && start <= end && end <= source.length, 'a range to decode lies inside its buffer')
    const refusal = this.#guard.check(source, start, end)
    if (refusal !== undefined) throw new SeglogError('DECODE', `CBOR that was not written by this library: ${refusal}`)
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
  readonly #plain = new RangeDecoder([])

  define(): void {
    throw new SeglogError('DECODE', `codec 'cbor' has no dictionaries, but the segment holds one`)
  }

  decode(source: Uint8Array, start: number, end: number): T {
    return this.#plain.decode(source, start, end) as T
  }
}

class ShapesDecoder<T> implements Decoder<T> {
  readonly #fields = new Int32Array(SHAPES_MAX).fill(-1)
  readonly #plain = new RangeDecoder([])
  #structures: readonly (readonly string[])[] = []
  #records = new RangeDecoder([], this.#fields)

  define(payload: Uint8Array): void {
    const definition = decodeDefinition(payload)
    if (definition === undefined) throw new SeglogError('DECODE', 'a dictionary frame holds no definition of a shape')
    const structures = this.#structures.slice()
    structures[definition.id] = definition.keys
    this.#fields[definition.id] = definition.keys.length
    this.#structures = structures
    this.#records = new RangeDecoder(structures, this.#fields)
  }

  decode(source: Uint8Array, start: number, end: number, plain: boolean): T {
    return (plain ? this.#plain : this.#records).decode(source, start, end) as T
  }
}
