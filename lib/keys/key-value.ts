import { SeglogError, invalid } from '../../segments/errors.ts'

/** What a record may be found by. A number and a bigint are never the same key; 0 and -0 are. */
export type KeyValue = string | number | bigint | Uint8Array

/** Longest key, in bytes of UTF-8 where it is a text. */
export const KEY_BYTES_MAX = 64 * 1024

/** First of a key's canonical bytes; `docs/format.md` has the table. */
const TYPE = Object.freeze({ text: 0x73, number: 0x6e, bigint: 0x69, bytes: 0x62 })

/** The same bytes for the same key, different ones for different keys: a byte for its type, then its value. */
export function canonicalKey(key: KeyValue): Buffer {
  const bytes = bodyOf(key)
  if (bytes.length - 1 > KEY_BYTES_MAX) {
    throw new SeglogError('TOO_LARGE', 'a key is too long. Use a shorter one, such as its hash.', {
      expected: `at most ${KEY_BYTES_MAX} bytes`,
      found: bytes.length - 1,
    })
  }
  return bytes
}

function bodyOf(key: KeyValue): Buffer {
  switch (typeof key) {
    case 'string':
      return typed(TYPE.text, Buffer.from(key))
    case 'number': {
      if (!Number.isFinite(key)) throw invalid('a key', 'a finite number', key)
      const body = Buffer.alloc(8)
      // Adding 0 makes 0 of -0.
      body.writeDoubleBE(key + 0)
      return typed(TYPE.number, body)
    }
    case 'bigint':
      return typed(TYPE.bigint, Buffer.from(String(key), 'latin1'))
    default:
      if (key instanceof Uint8Array) return typed(TYPE.bytes, key)
      throw invalid('a key', 'a text, a number, a bigint or a Uint8Array', key)
  }
}

function typed(type: number, body: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafeSlow(body.length + 1)
  bytes[0] = type
  bytes.set(body, 1)
  return bytes
}

/** Whether a value found in a record is a key; anything else there (null, an object, NaN) is passed over. */
export function isKey(found: unknown): found is KeyValue {
  switch (typeof found) {
    case 'string':
    case 'bigint':
      return true
    case 'number':
      return Number.isFinite(found)
    default:
      return found instanceof Uint8Array
  }
}

const FNV_START = 0x811c9dc5 | 0
const FNV_PRIME = 0x01000193

/** FNV-1a over the canonical bytes, then mixed (the finalizer of MurmurHash3), so that tables can be searched by guess. */
export function keyHash(canonical: Uint8Array): number {
  let hash = FNV_START
  for (let at = 0; at < canonical.length; at++) hash = Math.imul(hash ^ canonical[at]!, FNV_PRIME)
  return mixed(hash)
}

/**
 * `keyHash(canonicalKey(key))`, for most keys without making the bytes: a short text in ASCII takes 30 ns instead of 250.
 */
export function hashOf(key: KeyValue): number {
  if (typeof key !== 'string' || key.length > KEY_BYTES_MAX / 3) return keyHash(canonicalKey(key))
  let hash = Math.imul(FNV_START ^ TYPE.text, FNV_PRIME)
  for (let at = 0; at < key.length; at++) {
    const unit = key.charCodeAt(at)
    if (unit > 0x7f) return keyHash(canonicalKey(key))
    hash = Math.imul(hash ^ unit, FNV_PRIME)
  }
  return mixed(hash)
}

function mixed(hash: number): number {
  let h = hash ^ (hash >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
