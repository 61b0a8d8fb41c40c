import fc from 'fast-check'

/** Payloads for sound frames: what a record or a dictionary must not make of a reader. */

const text = (of: string): Uint8Array => new TextEncoder().encode(of)
const deep = (byte: number, levels: number): Uint8Array => new Uint8Array(levels).fill(byte)

const CBOR: readonly Uint8Array[] = [
  // Lengths that are not there: byte string, text, array and map of 2^32−1, and of 64 bits.
  ...[0x5a, 0x7a, 0x9a, 0xba].map((head) => Uint8Array.of(head, 0xff, 0xff, 0xff, 0xff)),
  ...[0x5b, 0x7b, 0x9b, 0xbb].map((head) => Uint8Array.of(head, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)),
  // Arrays in arrays, tags on tags, indefinite lengths, a lone break.
  ...[0x81, 0xc1, 0x9f, 0xd8, 0xff].map((byte) => deep(byte, 900)),
  // Shapes that nobody defined, one defined in line, the table of shapes replaced.
  ...[0x00, 0x05, 0x7f].map((id) => Uint8Array.of(0xd9, 0xe0, id, 0x82, 0x01, 0x02)),
  Uint8Array.of(0xd9, 0xdf, 0xff, 0x83, 0x81, 0x61, 0x61, 0x00, 0x01),
  Uint8Array.of(0xda, 0x53, 0x68, 0x72, 0x64, 0x81, 0x81, 0x61, 0x61),
  // Shared references, a bigint, a typed array of the wrong kind, a map that names the prototype.
  Uint8Array.of(0xd8, 0x1c, 0x81, 0xd8, 0x1d, 0x00),
  Uint8Array.of(0xc2, 0x5a, 0x7f, 0xff, 0xff, 0xff),
  Uint8Array.of(0xd8, 0x48, 0x81, 0x00),
  Uint8Array.of(0xa1, 0x69, ...text('__proto__'), 0xa1, 0x61, 0x6e, 0x01),
]

/** Definitions that say an id again, with other keys, or with keys that mean something to JavaScript. */
const DICTIONARIES: readonly Uint8Array[] = [
  '[0,["text","n"]]',
  '[0,[]]',
  '[0,["a","a","a"]]',
  '[0,["__proto__","constructor"]]',
  '[127,["n"]]',
  '[128,["n"]]',
  '[1e300,[]]',
  '{"0":1}',
  '[0,[1]]',
  `[1,[${Array.from({ length: 300 }, (_, index) => `"k${index}"`).join()}]]`,
  '['.repeat(900),
].map(text)

export const payload = fc.oneof(
  fc.constantFrom(...CBOR),
  fc.constantFrom(...DICTIONARIES),
  fc.uint8Array({ maxLength: 60 }),
)
