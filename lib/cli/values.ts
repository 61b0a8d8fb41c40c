import { SeglogError } from '../../segments/errors.ts'
import { bytes } from '../codecs/bytes.ts'
import { cbor } from '../codecs/cbor.ts'
import { Tag } from '../codecs/cbor-x.ts'
import type { Codec, Decoder } from '../codecs/codec.ts'
import { json } from '../codecs/json.ts'
import type { Entry } from '../read/entry.ts'

/** A value as the command prints it: as JSON, or its payload in hex where that cannot be. */
export type Shown = { readonly json: string } | { readonly hex: string }

const KNOWN: readonly Codec[] = [cbor(), cbor({ shapes: false }), json()]

/** Shows the values of a log whose codec is known by name only. */
export class Values {
  /** Whether values can be decoded here, and so looked into. */
  readonly isKnown: boolean
  /** For opening the log. */
  readonly codec: Codec
  private readonly form: 'values' | 'payloads'
  private readonly known: Codec | undefined
  private last: Uint8Array = new Uint8Array()

  /** `payloads`: nothing is decoded, all is shown in hex. */
  constructor(name: string, form: 'values' | 'payloads') {
    this.known = KNOWN.find((each) => each.name === name)
    this.isKnown = this.known !== undefined
    this.form = this.known === undefined ? 'payloads' : form
    const inner = this.known ?? { ...bytes(), name }
    this.codec = {
      name,
      encoder: (known) => inner.encoder(known),
      decoder: () => this.remembering(inner.decoder()),
    }
  }

  show(entry: Entry<unknown>): Shown {
    try {
      const { value } = entry
      if (this.form === 'values') return { json: JSON.stringify(plain(value)) }
    } catch (error) {
      // Bytes that cannot be decompressed never reached the codec.
      if (error instanceof SeglogError && error.code !== 'DECODE') throw error
      // The bytes are sound and the codec does not take them, or the value is deeper than JSON goes: it has its bytes.
    }
    return { hex: hexOf(this.last) }
  }

  /** A value that cannot be decoded is shown by its bytes, which an entry does not give away. */
  private remembering(inner: Decoder<unknown>): Decoder<unknown> {
    return {
      define: (definition) => inner.define(definition),
      decode: (source, start, end, isPlain) => {
        this.last = source.subarray(start, end)
        return inner.decode(source, start, end, isPlain)
      },
    }
  }
}

/**
 * A value as JSON can keep it. What JSON does not have is an object with one member whose name begins with `$`: `$hex`,
 * `$bigint`, `$date`, `$map`, `$set`, `$number`, `$undefined`, `$text`, `$typed` (the class of an array of numbers and its
 * bytes, little-endian), `$tag` (the number of a CBOR tag and what it is around).
 */
function plain(value: unknown): unknown {
  if (value === undefined) return { $undefined: true }
  if (typeof value === 'bigint') return { $bigint: String(value) }
  if (typeof value === 'number')
    return Number.isFinite(value) && !Object.is(value, -0)
      ? value
      : { $number: Object.is(value, -0) ? '-0' : String(value) }
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(plain)
  if (ArrayBuffer.isView(value)) {
    const hex = hexOf(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
    return value instanceof Uint8Array ? { $hex: hex } : { $typed: [value.constructor.name, hex] }
  }
  if (value instanceof Tag) return { $tag: [value.tag, plain(value.value)] }
  if (value instanceof Date) return { $date: Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString() }
  if (value instanceof Map) return { $map: [...value].map(([key, item]) => [plain(key), plain(item)]) }
  if (value instanceof Set) return { $set: [...value].map(plain) }
  if (value instanceof RegExp || value instanceof Error) return { $text: String(value) }
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]))
}

/** The bytes of a text in hex; throws for any other. */
export function bytesOf(hex: unknown): Uint8Array<ArrayBuffer> {
  if (typeof hex !== 'string' || !/^([0-9a-f]{2})*$/i.test(hex)) throw new TypeError('not bytes in hex')
  return Uint8Array.from(Buffer.from(hex, 'hex'))
}

function hexOf(source: Uint8Array): string {
  return Buffer.from(source.buffer, source.byteOffset, source.byteLength).toString('hex')
}
