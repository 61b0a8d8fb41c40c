import { Decoder, Tag } from 'cbor-x/decode'
import { Encoder } from 'cbor-x/encode'
import { expect } from 'vitest'
import { isDeepStrictEqual } from 'node:util'
import type { Codec } from '../../../lib/codecs/codec.ts'

/** What a segment keeps of a record, and of a value that could not be encoded. */
export interface Kept {
  readonly value: unknown
  readonly definitions: readonly Uint8Array[]
  /** Undefined when the encode threw. */
  readonly bytes: Uint8Array | undefined
  readonly plain: boolean
}

const plainEncoder = new Encoder({ useRecords: false, variableMapSize: true, mapsAsObjects: true })
const plainDecoder = new Decoder({ useRecords: false, mapsAsObjects: true, copyBuffers: true })

/** What stands for a value that is refused. */
export const thrown = Symbol('thrown')

/** What a codec has to give back: every value as it is, what has a class of its own as cbor-x gives it, else `thrown`. */
export function throughPlain(value: unknown): unknown {
  try {
    return kept(value)
  } catch {
    return thrown
  }
}

const HIDING = [Promise, WeakMap, Number, Boolean, DataView, SharedArrayBuffer, URL]
const SPECIAL = [Date, Error, RegExp, Tag, ArrayBuffer]

function kept(value: unknown): unknown {
  if (typeof value === 'string') return Buffer.from(value).toString() === value ? value : refuse()
  if (typeof value === 'function' || typeof value === 'symbol') return refuse()
  if (typeof value !== 'object' || value === null) return value
  if (HIDING.some((hiding) => value instanceof hiding)) return refuse()
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Array.prototype) return Array.from(value as unknown[], kept)
  if (prototype === Map.prototype)
    return new Map([...(value as Map<unknown, unknown>)].map(([k, v]) => [kept(k), kept(v)]))
  if (prototype === Set.prototype) return new Set([...(value as Set<unknown>)].map(kept))
  if (ArrayBuffer.isView(value) || Symbol.iterator in value || SPECIAL.some((special) => value instanceof special))
    return plainDecoder.decode(Uint8Array.from(plainEncoder.encode(value)))
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, kept(member)]))
}

function refuse(): never {
  throw new Error('no codec keeps this')
}

/** cbor-x renames the key `__proto__` where it reads it. */
export function renamedBack(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(renamedBack)
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [renamedBack(key), renamedBack(item)]))
  if (value instanceof Set) return new Set([...value].map(renamedBack))
  if (value === null || typeof value !== 'object' || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key === '__proto_' ? '__proto__' : key, renamedBack(item)]),
  )
}

/** Writes the values with one encoder, as a writer does: what is handed out is copied at once. */
export function write(codec: Codec, values: Iterable<unknown>): Kept[] {
  const encoder = codec.encoder([])
  return Array.from(values, (value) => {
    let bytes: Uint8Array | undefined
    try {
      bytes = Uint8Array.from(encoder.encode(value))
    } catch {
      bytes = undefined
    }
    const definitions = (encoder.takeDefinitions() ?? []).map((definition) => Uint8Array.from(definition))
    expect(bytes !== undefined || definitions.length === 0, 'definitions without a record').toBe(true)
    return { value, definitions, bytes, plain: encoder.plain }
  })
}

/** Decodes from the middle of a buffer full of rubbish, and spoils the buffer before the value is looked at. */
export function readAt(decoder: ReturnType<Codec['decoder']>, kept: Kept, start = 5): unknown {
  const buffer = new Uint8Array(start + kept.bytes!.length + 7).fill(0xd9)
  buffer.set(kept.bytes!, start)
  const value = decoder.decode(buffer, start, start + kept.bytes!.length, kept.plain)
  buffer.fill(0xaa)
  return value
}

export function readForward(codec: Codec, segment: readonly Kept[]): unknown[] {
  const decoder = codec.decoder()
  return segment.map((kept) => {
    for (const definition of kept.definitions) decoder.define(definition)
    return kept.bytes === undefined ? thrown : readAt(decoder, kept)
  })
}

/** All definitions first, later ones over earlier ones, then the records in the order given. */
export function readInOrder(codec: Codec, segment: readonly Kept[], order: readonly number[]): unknown[] {
  const decoder = codec.decoder()
  for (const kept of segment) for (const definition of kept.definitions) decoder.define(definition)
  const values: unknown[] = []
  for (const index of order) {
    const kept = segment[index]!
    values[index] = kept.bytes === undefined ? thrown : readAt(decoder, kept)
  }
  return values
}

export function expectSame(found: readonly unknown[], expected: readonly unknown[]): void {
  for (const [index, value] of expected.entries()) {
    if (isDeepStrictEqual(found[index], value)) continue
    expect(found[index], `value ${index} of ${expected.length}`).toStrictEqual(value)
    throw new Error(`value ${index} differs in a way that toStrictEqual does not see`)
  }
}
