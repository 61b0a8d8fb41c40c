import { SeglogError } from '../../segments/errors.ts'
import { asCodec } from './simple.ts'
import type { Codec } from './codec.ts'

const encoder = new TextEncoder()
/** Strict, because what `encode` writes is always UTF-8, and without eating a byte order mark that a value begins with. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Values as JSON text in UTF-8: what `JSON.parse(JSON.stringify(value))` keeps. Slower and larger than `cbor()`, and
 * readable with any tool. ENCODE for what has no JSON.
 *
 * @example
 * import { json, openLog } from 'seglog'
 *
 * const log = await openLog('./orders', { codec: json() })
 * await log.commit({ id: 'a', at: new Date(0) })
 * log.get(1)?.value // → { id: 'a', at: '1970-01-01T00:00:00.000Z' }
 * await log.close()
 */
export function json<T = unknown>(): Codec<T> {
  return asCodec<T>({ name: 'json', encode, decode: (bytes) => JSON.parse(decoder.decode(bytes)) as T })
}

function encode(value: unknown): Uint8Array {
  // The compiler believes that this is always a string; for undefined, functions and symbols it is not.
  const text = JSON.stringify(value) as string | undefined
  if (text === undefined) {
    throw new SeglogError('ENCODE', `JSON has no text for ${describe(value)} at the top level of a record`, {
      found: value,
    })
  }
  return encoder.encode(text)
}

function describe(value: unknown): string {
  if (value === undefined) return 'undefined'
  return typeof value === 'object' ? 'a value whose toJSON gives undefined' : `a ${typeof value}`
}
