import fc from 'fast-check'
import { crc32, frameSeed } from '../../segments/format/checksum.ts'
import { Block, FrameDecoder, FrameEncoder, PAYLOAD_BYTES_LIMIT } from '../../segments/format/frame.ts'
import { decodeHeader } from '../../segments/format/header.ts'
import { FRAME, PREFIX, SEGMENT_HEADER, SLOT, UNIT, type Field } from '../../segments/format/layout.ts'
import { type Manifest, decodeManifest, encodeManifest } from '../../segments/format/manifest.ts'
import { manifestName, parseName, segmentName } from '../../segments/format/names.ts'
import { SLOT_OFFSETS } from '../../segments/format/slots.ts'
import type { Directory } from './hostile-world.ts'
import { payload } from './hostile-payloads.ts'

/** Structures whose checksums are right and whose content lies: what a program with a defect of its own would leave. */

interface FieldLie {
  readonly field: number
  readonly value: bigint
}

export type Forgery =
  | ({ readonly do: 'header'; readonly ordinal: number } & FieldLie)
  | ({ readonly do: 'slot'; readonly which: number } & FieldLie)
  | ({ readonly do: 'frame field'; readonly ordinal: number; readonly frame: number } & FieldLie)
  | {
      readonly do: 'frame'
      readonly ordinal: number
      readonly frame: number
      readonly kind: number
      readonly flags: number
      readonly claim: number
      readonly ahead: number
      readonly timeDelta: number
      readonly timestamp: bigint | undefined
      readonly payload: Uint8Array
    }
  | { readonly do: 'manifest'; readonly which: number; readonly path: readonly string[]; readonly value: unknown }
  /** The same, over the newest manifest, as one of a generation far ahead. */
  | { readonly do: 'generation'; readonly generation: number; readonly epoch: number }

const MAX = BigInt(Number.MAX_SAFE_INTEGER)
const value = fc.oneof(
  fc.bigInt({ min: 0n, max: 20n }),
  fc.constantFrom(256n, 768n, 4096n, 0x7fffffffn, 0x80000000n, 0xfffffffen, 0xffffffffn, 1n << 32n, 1n << 40n),
  fc.constantFrom(MAX - 1n, MAX, MAX + 1n, MAX - 7n, (1n << 63n) - 1n, (1n << 64n) - 1n, (1n << 64n) - 8n),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
)
const lie = { field: fc.nat(63), value }
const ordinal = fc.integer({ min: 1, max: 4 })
const frame = fc.nat(15)
const number = fc.oneof(
  fc.integer({ min: 0, max: 20 }),
  fc.constantFrom(256, 768, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40, Number(MAX) - 1, Number(MAX)),
)
const lieOfManifest = fc.oneof(
  number,
  number.map(String),
  fc.constantFrom<unknown>(-1, 0.5, 1e300, null, true, '', [], {}, '18446744073709551615', '__proto__', 'toString'),
  fc.record({ ordinal: number, offset: number, sequence: number }),
  fc.array(fc.record({ from: number, to: number }), { maxLength: 2 }),
)

/** Members of a manifest; numbers of lines are taken as they come. */
const path = fc.oneof(
  fc
    .constantFrom('epoch', 'createdAt', 'highWatermark', 'clean', 'lost', 'keys', 'anchors', 'cursors', 'run', 'status')
    .map((name) => [name]),
  fc.constantFrom('segmentBytes', 'compression', 'chain', 'codec').map((name) => ['options', name]),
  fc.constantFrom('ordinal', 'offset', 'sequence').map((name) => ['highWatermark', name]),
  fc.constantFrom('ordinal', 'offset', 'sequence').map((name) => ['clean', name]),
  fc
    .tuple(
      fc.constantFrom('0', '1', '2', '3'),
      fc.constantFrom(
        ...['ordinal', 'state', 'salt', 'segmentBytes', 'firstSequence', 'lastSequence', 'dataBytes'],
        ...['digest', 'baseTimestamp', 'lastTimestamp', 'damaged', 'place'],
      ),
    )
    .map(([line, name]) => ['segments', line, name]),
)

export const forgery: fc.Arbitrary<Forgery> = fc.oneof(
  fc.record({ do: fc.constant('header' as const), ordinal, ...lie }),
  fc.record({ do: fc.constant('slot' as const), which: fc.nat(1), ...lie }),
  fc.record({ do: fc.constant('frame field' as const), ordinal, frame, ...lie }),
  fc.record({
    do: fc.constant('frame' as const),
    ordinal,
    frame,
    kind: fc.oneof(fc.constantFrom(1, 2), fc.nat(15)),
    flags: fc.oneof(fc.constantFrom(0, 0x80, 0x1080), fc.constantFrom(0x0200, 0x0400, 0x0800, 0x2080, 0x8080)),
    claim: fc.oneof(fc.nat(200), fc.constantFrom(0, 0xfffffe, 0xffffff)),
    ahead: fc.oneof(fc.constantFrom(0, 1, 2, -1), fc.constantFrom(1000, 2 ** 20, 2 ** 31, 2 ** 32 - 20)),
    timeDelta: fc.oneof(fc.nat(1000), fc.constant(2 ** 48 - 1)),
    timestamp: fc.option(
      value.map((each) => BigInt.asUintN(64, each)),
      { nil: undefined },
    ),
    payload,
  }),
  fc.record({ do: fc.constant('manifest' as const), which: fc.nat(1), path, value: lieOfManifest }),
  fc.record({ do: fc.constant('generation' as const), generation: number, epoch: number }),
)

export function forge(directory: Directory, forgery: Forgery): void {
  switch (forgery.do) {
    case 'header':
      return inSegment(directory, forgery.ordinal, (bytes) => {
        putField(bytes, 0, SEGMENT_HEADER.fields, forgery)
        mendHeader(bytes)
        return bytes
      })
    case 'slot': {
      const bytes = directory.get('durable')
      const at = SLOT_OFFSETS[forgery.which]!
      if (bytes === undefined || bytes.length < at + SLOT.size) return
      // An empty slot is made of the other one.
      if (bytes.readUInt32LE(at) === 0) bytes.copy(bytes, at, SLOT_OFFSETS[1 - forgery.which], 72)
      putField(bytes, at, SLOT.fields, forgery)
      mend(bytes, at, SLOT.at.crc)
      return
    }
    case 'frame field':
      return inSegment(directory, forgery.ordinal, (bytes) => forgeField(bytes, forgery))
    case 'frame':
      return inSegment(directory, forgery.ordinal, (bytes) => forgeFrame(bytes, forgery))
    case 'manifest':
    case 'generation':
      forgeManifest(directory, forgery)
  }
}

function inSegment(directory: Directory, ordinal: number, change: (bytes: Buffer) => Buffer): void {
  const name = segmentName(ordinal)
  const bytes = directory.get(name)
  if (bytes !== undefined && bytes.length >= SEGMENT_HEADER.size) directory.set(name, change(bytes))
}

function putField(bytes: Buffer, at: number, fields: readonly Field[], { field, value }: FieldLie): void {
  const { name, size } = fields[field % fields.length]!
  const place = at + fields.slice(0, field % fields.length).reduce((sum, each) => sum + each.size, 0)
  // The version, not newer than ours, or every run would end there.
  if (name === 'version' || name === 'magic') return
  for (let i = 0; i < Math.min(8, size); i++) bytes[place + i] = Number((value >> BigInt(8 * i)) & 0xffn)
}

function mend(bytes: Buffer, at: number, crcAt: number): void {
  bytes.writeInt32LE(crc32(bytes.subarray(at, at + PREFIX.at.prefixCrc)), at + PREFIX.at.prefixCrc)
  bytes.writeInt32LE(crc32(bytes.subarray(at, at + crcAt)), at + crcAt)
}

export const mendHeader = (bytes: Buffer): void => mend(bytes, 0, SEGMENT_HEADER.at.crc)

interface Place {
  readonly at: number
  readonly length: number
}

/** Frames that stand in a segment, and the place behind the last. */
function framesOf(bytes: Buffer): { readonly salt: number; readonly first: number; readonly places: Place[] } {
  const finding = decodeHeader(bytes.subarray(0, SEGMENT_HEADER.size))
  const salt = bytes.readInt32LE(SEGMENT_HEADER.at.salt)
  const first = finding.found === 'header' ? finding.header.firstSequence : 1
  const block = new Block(Math.ceil(bytes.length / UNIT) * UNIT)
  block.bytes.fill(0)
  block.bytes.set(bytes)
  const decoder = new FrameDecoder()
  const places: Place[] = []
  let at: number = SEGMENT_HEADER.size
  while (at < bytes.length && decoder.read(block, at, bytes.length, at, salt) === 'frame') {
    places.push({ at, length: decoder.length })
    at += decoder.length
  }
  return { salt, first, places: [...places, { at, length: 0 }] }
}

/** A lie in one field of the header of a frame; its checks go over as much as it says it has, where that is there. */
function forgeField(bytes: Buffer, forgery: FieldLie & { readonly frame: number }): Buffer {
  const { salt, places } = framesOf(bytes)
  const { at, length } = places[forgery.frame % places.length]!
  if (length === 0) return bytes
  putField(bytes, at, FRAME.fields, forgery)
  const said = bytes.readUIntLE(at + FRAME.at.units, 3) * UNIT
  const end = at + said <= bytes.length && said >= FRAME.size ? at + said : at + length
  const headerCrc = crc32(bytes.subarray(at + FRAME.at.tag, at + FRAME.size), frameSeed(salt, at))
  bytes.writeUInt16LE(headerCrc & 0xffff, at + FRAME.at.check)
  bytes.writeInt32LE(crc32(bytes.subarray(at + FRAME.size, end), headerCrc), at + FRAME.at.crc)
  return bytes
}

/** A whole frame over those that stand at a place, or behind the last; the file grows where it must. */
function forgeFrame(bytes: Buffer, forgery: Extract<Forgery, { readonly do: 'frame' }>): Buffer {
  const { salt, first, places } = framesOf(bytes)
  const index = forgery.frame % places.length
  const { at } = places[index]!
  const room = Buffer.alloc(Math.min(PAYLOAD_BYTES_LIMIT, forgery.payload.length + 64))
  const { kind, flags, claim, timeDelta, timestamp } = forgery
  const sequence = Math.max(0, first + Math.max(0, index - 1) + forgery.ahead)
  const draft = { kind, flags, claim, sequence, timeDelta, timestamp }
  const length = new FrameEncoder().encode(room, 0, at, salt, draft, forgery.payload)
  return Buffer.concat([bytes.subarray(0, at), room.subarray(0, length), bytes.subarray(at + length)])
}

function forgeManifest(
  directory: Directory,
  forgery: Extract<Forgery, { readonly do: 'manifest' | 'generation' }>,
): void {
  const numbers = [...directory.keys()].flatMap((name) => {
    const parsed = parseName(name)
    return parsed.kind === 'manifest' ? [parsed.number] : []
  })
  numbers.sort((a, b) => b - a)
  const generation = numbers[forgery.do === 'manifest' ? forgery.which % Math.max(1, numbers.length) : 0]
  if (generation === undefined) return
  const finding = decodeManifest(directory.get(manifestName(generation))!)
  if (finding.found !== 'manifest') return
  if (forgery.do === 'generation') {
    const { epoch } = forgery
    const lying = { ...finding.manifest, generation: forgery.generation, epoch }
    return void directory.set(manifestName(forgery.generation), encodeManifest(lying))
  }
  const lying = JSON.parse(JSON.stringify(finding.manifest)) as Record<string, unknown>
  let inside: Record<string, unknown> | undefined = lying
  for (const name of forgery.path.slice(0, -1)) inside = inside?.[name] as Record<string, unknown> | undefined
  // `clean` may be null, and a line may not be there.
  if (typeof inside === 'object' && inside !== null) inside[forgery.path.at(-1)!] = forgery.value
  directory.set(manifestName(generation), encodeManifest(lying as unknown as Manifest))
}
