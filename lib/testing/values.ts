import type { Codec } from '../codecs/codec.ts'
import { bytes } from '../codecs/bytes.ts'
import { cbor } from '../codecs/cbor.ts'
import type { KeyOptions } from '../keys/definitions.ts'

/** What is known of a record that was appended: enough to make its value again. */
export interface RecordNote {
  /** A number that no other record has. */
  readonly id: number
  /** In bytes, or in characters of a text in it, as the values have it. */
  readonly size: number
  /** The number of the object shape that it has, where the codec knows shapes. */
  readonly shape: number
  /** Whether a batch ends with it, or it is none. */
  readonly endsBatch: boolean
}

/** Values that follow from their notes, so that an oracle compares content and not only numbers. */
export interface Values {
  readonly name: 'bytes' | 'cbor' | 'keyed'
  codec(): Codec<unknown>
  make(note: RecordNote): unknown
  /** What records are found by; lookups are then compared with what is there. */
  readonly keys?: KeyOptions<unknown>
  /** Undefined when this is the value of that record; else what it is instead. */
  mismatch(note: RecordNote, found: unknown): string | undefined
}

/** Payloads of an exact size; the id fills the first bytes as far as there are any. */
export const BYTE_VALUES: Values = {
  name: 'bytes',
  codec: () => bytes(),
  make: ({ id, size }) => payload(id, size),
  mismatch(note, found) {
    if (!(found instanceof Uint8Array)) return `${typeof found}`
    if (found.length === note.size && isPayload(found, note.id)) return undefined
    return `${found.length} bytes ${Buffer.from(found.subarray(0, 8)).toString('hex')}`
  },
}

/** Objects of a few shapes; `size` is the length of a string in them. */
export const CBOR_VALUES: Values = {
  name: 'cbor',
  codec: () => cbor(),
  make: objectOf,
  mismatch(note, found) {
    const text = JSON.stringify(found)
    return text === JSON.stringify(objectOf(note)) ? undefined : text
  },
}

/** Objects that are found by their id, and by a group that many of them share. */
export const KEYED_VALUES: Values = {
  name: 'keyed',
  codec: () => cbor(),
  keys: { id: 'id', group: ['in', 'group'] },
  make: keyedOf,
  mismatch(note, found) {
    const text = JSON.stringify(found)
    return text === JSON.stringify(keyedOf(note)) ? undefined : text
  },
}

const GROUPS = 3

function keyedOf({ id, size }: RecordNote): { id: number; in: { group: string }; text: string } {
  return { id, in: { group: `group ${id % GROUPS}` }, text: 'x'.repeat(size) }
}

/** For each kind of `KEYED_VALUES` the keys of a value that is there, and one that no record has. */
export function keysToLookUp(found: unknown): readonly (readonly [kind: string, key: number | string])[] {
  const { id, in: inner } = found as ReturnType<typeof keyedOf>
  return [
    ['id', id],
    ['group', inner.group],
    ['id', -1],
  ]
}

function payload(id: number, size: number): Uint8Array {
  const made = new Uint8Array(size).fill((id % 255) + 1)
  for (let at = 0; at < Math.min(4, size); at++) made[at] = (id >>> (8 * at)) & 0xff
  return made
}

/** Without making one: an oracle compares far more than it makes. */
function isPayload(found: Uint8Array, id: number): boolean {
  const fill = (id % 255) + 1
  for (let at = 0; at < found.length; at++) if (found[at] !== (at < 4 ? (id >>> (8 * at)) & 0xff : fill)) return false
  return true
}

function objectOf({ id, size, shape }: RecordNote): unknown {
  const text = 'x'.repeat(size)
  if (shape === 0) return { id, text }
  return { id, [`key${shape}`]: shape, inner: { [`deep${shape}`]: id }, text }
}
