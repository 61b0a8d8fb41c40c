/**
 * The payload of a dictionary frame: the keys of one object shape. Records of the same segment name the shape by its
 * id and hold only the values.
 *
 * The payload is the UTF-8 text of a JSON array, `[id,["key 1","key 2"]]`. Valid if and only if (1) the bytes are
 * UTF-8 without a byte order mark and (2) JSON of an array of two elements, (3) the first is an integer from 0 to
 * `SHAPE_ID_MAX`, (4) the second is an array of at most `SHAPE_KEYS_MAX` strings.
 *
 * Why JSON? The frames are few, any language reads them, and its escapes keep keys that UTF-8 cannot (lone surrogates).
 */

/** A record names its shape in seven bits. */
export const SHAPE_ID_MAX = 127

/** What a u16 counts: a shape with more keys is a map, which no later record will share. */
export const SHAPE_KEYS_MAX = 65_535

export interface Definition {
  readonly id: number
  readonly keys: readonly string[]
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The caller owns the bytes. */
export function encodeDefinition(id: number, keys: readonly string[]): Uint8Array {
  if (!isDefinition([id, keys])) throw new Error(`seglog: broken invariant: shape ${id} is one that readers refuse`)
  return encoder.encode(JSON.stringify([id, keys]))
}

/** `undefined` when the payload is malformed. Keeps nothing of `payload`. */
export function decodeDefinition(payload: Uint8Array): Definition | undefined {
  const parsed = parse(payload)
  return isDefinition(parsed) ? { id: parsed[0], keys: parsed[1] } : undefined
}

function parse(payload: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(payload))
  } catch {
    // Neither UTF-8 nor JSON is an IO failure: both mean that the payload is malformed, which is our answer.
    return undefined
  }
}

function isDefinition(value: unknown): value is readonly [number, readonly string[]] {
  if (!Array.isArray(value) || value.length !== 2) return false
  const [id, keys] = value as [unknown, unknown]
  if (!Number.isInteger(id) || Object.is(id, -0) || (id as number) < 0 || (id as number) > SHAPE_ID_MAX) return false
  return Array.isArray(keys) && keys.length <= SHAPE_KEYS_MAX && keys.every((key) => typeof key === 'string')
}
