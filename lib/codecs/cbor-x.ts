/**
 * The only door to cbor-x. `cbor-x/encode` and `cbor-x/decode` do not load its native addon, which has crashed
 * processes and gives nothing on small records; `cbor-x` itself does.
 */
import { Encoder as CborEncoder } from 'cbor-x/encode'
import { clearSource, Decoder as CborDecoder, Tag } from 'cbor-x/decode'
import { SeglogError } from '../../segments/errors.ts'

/** What a tag is decoded to that nobody here knows; a value with one is encoded as that. */
export { Tag }

export interface Engine {
  encode(value: unknown): Uint8Array
}

export interface DecodeEngine {
  decode(source: Uint8Array, end: number): unknown
}

/** Objects as maps, `Map`s as tag 259, headers of the smallest size. */
const PLAIN = { useRecords: false, variableMapSize: true, mapsAsObjects: true }

export function plainEngine(): Engine {
  return new CborEncoder(PLAIN)
}

/** `structures` is frozen by the caller: a definition in line then throws instead of changing later records. */
export function decodeEngine(structures: readonly unknown[]): DecodeEngine {
  // The types of cbor-x hide the second argument of its `decode`.
  return new CborDecoder({ structures: structures as object[], mapsAsObjects: true, copyBuffers: true })
}

/** What cbor-x writes in a way of its own, beside what can be iterated. */
const SPECIAL_CLASSES = [Date, Error, RegExp, Map, Set, Tag, ArrayBuffer, Blob]

/**
 * Whether cbor-x writes an object of some class as it writes any object: its own properties. False where it may not:
 * then it is asked.
 */
export function isOrdinary(value: object): boolean {
  if (Symbol.iterator in value || Symbol.asyncIterator in value) return false
  for (const special of SPECIAL_CLASSES) if (value instanceof special) return false
  return true
}

/** Classes whose objects hold what no property shows: of them nothing would come back. */
const HIDING_CLASSES = [WeakMap, WeakSet, WeakRef, Number, Boolean, BigInt, Symbol, DataView, SharedArrayBuffer, URL]

/** What an object holds beside its properties; undefined where that is nothing that is known of. */
export function hiddenIn(value: object): string | undefined {
  if (value instanceof Promise) return 'a promise (await it)'
  const found = HIDING_CLASSES.find((hiding) => value instanceof hiding)
  return found === undefined ? undefined : `an object of the class ${found.name}`
}

let encoding = false

/**
 * cbor-x writes all values of the process into one buffer at one position, so a getter that encodes something else
 * would write into the middle of its own record.
 */
export function encodeWith(engine: Engine, value: unknown): Uint8Array {
  if (encoding) throw nestedEncode()
  encoding = true
  try {
    return engine.encode(value)
  } finally {
    encoding = false
  }
}

/** Decodes `source[0…end)`: cbor-x cannot begin elsewhere. */
export function decodeWith(engine: DecodeEngine, source: Uint8Array, end: number): unknown {
  try {
    return engine.decode(source, end)
  } catch (error) {
    // A stack that ends between its first two steps leaves it believing that it is still decoding.
    clearSource()
    throw error
  }
}

export function nestedEncode(): SeglogError {
  return new SeglogError('ENCODE', 'a value that is being encoded has a getter that encodes another one')
}
