/**
 * The only door to cbor-x. `cbor-x/encode` and `cbor-x/decode` do not load its native addon, which has crashed
 * processes and gives nothing on small records; `cbor-x` itself does.
 */
import { Encoder as CborEncoder } from 'cbor-x/encode'
import { clearSource, Decoder as CborDecoder } from 'cbor-x/decode'
import { SeglogError } from '../../segments/errors.ts'

/** The keys of each shape. cbor-x adds to it in place. */
export type Structures = (readonly string[])[]

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

/**
 * A map of no keys, which costs nothing and sends cbor-x down the path without two of its traps. Without a key map it
 * extends a shape under the same id (`{a}` to `{a,b}`), and it keeps a cache under `__keys__` in the objects that hold
 * the keys of values: then `{a, __keys__, constructor}` leaves properties on `Array` itself, and a later encoder writes
 * such a value with the keys of another shape.
 */
const NO_KEYS = { hasOwnProperty: (): boolean => false }

/**
 * Objects as records of the shapes in `structures`, to which it adds, up to `max`. There is no `saveStructures`: with
 * one, cbor-x swallows what an encode throws.
 */
export function shapesEngine(structures: Structures, max: number): Engine {
  // `mapsAsObjects` makes it write a Map as the plain engine does; `useRecords` is off by default with a key map.
  return new CborEncoder({
    structures,
    maxSharedStructures: max,
    useRecords: true,
    keyMap: NO_KEYS,
    mapsAsObjects: true,
  })
}

/** `structures` is frozen by the caller: a definition in line then throws instead of changing later records. */
export function decodeEngine(structures: readonly unknown[]): DecodeEngine {
  // The types of cbor-x hide the second argument of its `decode`.
  return new CborDecoder({ structures: structures as object[], mapsAsObjects: true, copyBuffers: true })
}

let encoding = false

/**
 * cbor-x writes all values of the process into one buffer at one position, so a getter that encodes something else
 * would write into the middle of its own record.
 */
export function encodeWith(engine: Engine, value: unknown): Uint8Array {
  if (encoding) throw new SeglogError('ENCODE', 'a value that is being encoded has a getter that encodes another one')
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
