import { SeglogError } from '../../segments/errors.ts'
import { asCodec } from './simple.ts'
import type { Codec } from './codec.ts'

/**
 * Records that are bytes already. `encode` gives back the caller's own view, which the writer copies before `append`
 * returns; what is read back is a copy that the caller owns. ENCODE for any other value.
 *
 * @example
 * import { bytes, openLog } from 'seglog'
 *
 * const log = await openLog('./packets', { codec: bytes() })
 * await log.commit(new Uint8Array([1, 2, 3])) // → 1
 * log.get(1)?.value // → Uint8Array(3) [ 1, 2, 3 ]
 * await log.close()
 */
export function bytes(): Codec<Uint8Array> {
  return asCodec<Uint8Array>({ name: 'bytes', encode, decode: (copy) => copy })
}

function encode(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw new SeglogError('ENCODE', `the codec 'bytes' takes a Uint8Array, not ${describe(value)}`, { found: value })
}

function describe(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value !== 'object') return `a value of type ${typeof value}`
  return `an object of class ${(value.constructor as { name?: string } | undefined)?.name ?? '(none)'}`
}
