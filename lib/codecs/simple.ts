import { SeglogError } from '../../segments/errors.ts'
import type { Codec, Decoder, Encoder, SimpleCodec } from './codec.ts'

/** The name has a fixed place in each segment header, and readers in other languages compare it byte by byte. */
const NAME = /^[a-z0-9-]{1,31}$/

/**
 * A user's codec as the writer and the readers need it. Codecs with an `encoder` pass as they are; of both kinds the
 * name is checked here. What a user's `encode` or `decode` throws passes through: the caller wraps it as ENCODE or
 * DECODE.
 */
export function asCodec<T>(codec: Codec<T> | SimpleCodec<T>): Codec<T> {
  if (typeof codec !== 'object' || codec === null) {
    throw new SeglogError('INVALID_ARGUMENT', `codec must be an object, not ${codec === null ? 'null' : typeof codec}`)
  }
  const name = codec.name ?? (codec as SimpleCodec<T>).id
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new SeglogError('INVALID_ARGUMENT', `codec.name must be 1 to 31 characters of a-z, 0-9 and '-'`, {
      expected: NAME.source,
      found: name,
    })
  }
  if ('encoder' in codec) {
    requireMethods(name, codec, ['encoder', 'decoder'])
    return codec
  }
  requireMethods(name, codec, ['encode', 'decode'])
  const encoder = new SimpleEncoder(name, codec)
  const decoder = new SimpleDecoder(name, codec)
  // Stateless, so that one of each serves every segment.
  return { name, encoder: () => encoder, decoder: () => decoder }
}

function requireMethods<C extends object>(name: string, codec: C, methods: readonly (keyof C & string)[]): void {
  for (const method of methods) {
    const found = typeof codec[method]
    if (found === 'function') continue
    throw new SeglogError('INVALID_ARGUMENT', `codec '${name}': ${method} must be a function, not ${found}`)
  }
}

class SimpleEncoder<T> implements Encoder<T> {
  readonly plain = false
  readonly #name: string
  readonly #codec: SimpleCodec<T>

  constructor(name: string, codec: SimpleCodec<T>) {
    this.#name = name
    this.#codec = codec
  }

  encode(value: T): Uint8Array {
    const bytes: unknown = this.#codec.encode(value)
    if (bytes instanceof Uint8Array) return bytes
    throw new SeglogError('ENCODE', `codec '${this.#name}': encode must return a Uint8Array`, { found: bytes })
  }

  takeDefinitions(): undefined {
    return undefined
  }
}

class SimpleDecoder<T> implements Decoder<T> {
  readonly #name: string
  readonly #codec: SimpleCodec<T>

  constructor(name: string, codec: SimpleCodec<T>) {
    this.#name = name
    this.#codec = codec
  }

  define(): void {
    throw new SeglogError('DECODE', `codec '${this.#name}' has no dictionaries, but the segment holds one`)
  }

  decode(source: Uint8Array, start: number, end: number): T {
    // Not `slice`: out of a Buffer it gives a Buffer, and that of Buffer itself a view.
    return this.#codec.decode(new Uint8Array(source.subarray(start, end)))
  }
}
