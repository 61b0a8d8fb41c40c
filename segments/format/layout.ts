/**
 * Every offset, size, magic and limit of the bytes on disk, once. `docs/format.md` shows the same tables and
 * `test/segments/format/format-doc.test.ts` compares them.
 */

/** Types are little-endian unsigned integers of that many bits, or raw bytes. */
export type FieldType = 'u8' | 'u16' | 'u24' | 'u32' | 'u48' | 'u64' | 'bytes'

export interface Field<N extends string = string> {
  readonly name: N
  readonly type: FieldType
  readonly size: number
}

export interface Layout<N extends string = string> {
  readonly fields: readonly Field<N>[]
  /** Offset of each field from the start of the structure. */
  readonly at: Readonly<Record<N, number>>
  /** Bytes of the whole structure. */
  readonly size: number
}

function layout<const N extends string>(fields: readonly Field<N>[]): Layout<N> {
  const at = {} as Record<N, number>
  let size = 0
  for (const field of fields) {
    at[field.name] = size
    size += field.size
  }
  return Object.freeze({ fields, at: Object.freeze(at), size })
}

/** Version of all structures. 0 until the first release: no promise to read it later. */
export const FORMAT_VERSION = 0

export const MAGIC_BYTES = 8
export const SEGMENT_MAGIC = '\x89SEGLOG\n'
export const SLOT_MAGIC = '\x89SEGDUR\n'
export const SIDECAR_MAGIC = '\x89SEGIDX\n'
export const TRAIL_MAGIC = '\x89SEGTRL\n'

/** Starts every binary structure, in every version: so a damaged version is told from a newer one. */
export const PREFIX = layout([
  { name: 'magic', type: 'bytes', size: MAGIC_BYTES },
  { name: 'version', type: 'u16', size: 2 },
  { name: 'size', type: 'u16', size: 2 },
  { name: 'prefixCrc', type: 'u32', size: 4 },
])

export const LOG_ID_BYTES = 16
export const CODEC_NAME_BYTES = 32
export const CHAIN_HEAD_BYTES = 32

export const SEGMENT_HEADER = layout([
  ...PREFIX.fields,
  { name: 'logId', type: 'bytes', size: LOG_ID_BYTES },
  { name: 'ordinal', type: 'u64', size: 8 },
  { name: 'firstSequence', type: 'u64', size: 8 },
  { name: 'baseTimestamp', type: 'u64', size: 8 },
  { name: 'segmentBytes', type: 'u64', size: 8 },
  { name: 'salt', type: 'u32', size: 4 },
  { name: 'epoch', type: 'u32', size: 4 },
  { name: 'codec', type: 'bytes', size: CODEC_NAME_BYTES },
  { name: 'compression', type: 'u8', size: 1 },
  { name: 'chain', type: 'u8', size: 1 },
  { name: 'reserved1', type: 'bytes', size: 6 },
  { name: 'predecessorOrdinal', type: 'u64', size: 8 },
  { name: 'predecessorBytes', type: 'u64', size: 8 },
  { name: 'predecessorDigest', type: 'u32', size: 4 },
  { name: 'reserved2', type: 'bytes', size: 4 },
  { name: 'predecessorHead', type: 'bytes', size: CHAIN_HEAD_BYTES },
  { name: 'reserved3', type: 'bytes', size: 84 },
  { name: 'crc', type: 'u32', size: 4 },
])

/** Where the frames of a segment begin. */
export const FRAMES_START = SEGMENT_HEADER.size

export const FRAME = layout([
  { name: 'crc', type: 'u32', size: 4 },
  { name: 'check', type: 'u16', size: 2 },
  { name: 'tag', type: 'u16', size: 2 },
  { name: 'units', type: 'u24', size: 3 },
  { name: 'claim', type: 'u24', size: 3 },
  { name: 'sequenceLow', type: 'u32', size: 4 },
  { name: 'timeDelta', type: 'u48', size: 6 },
])

/** No segment file is longer: what is, was not made by us, and to read it through could take for ever. */
export const SEGMENT_BYTES_MAX = 1024 * 1024 * 1024

/** Frames start on multiples of this and are multiples of it long. */
export const UNIT = 8
/** Units in the shortest frame: a header and nothing else. */
export const FRAME_UNITS_MIN = FRAME.size / UNIT
export const FRAME_UNITS_MAX = 0xffffff
/** The claim that claims nothing. */
export const NO_CLAIM = 0xffffff
/** Time deltas from here on do not fit and are written as a whole timestamp instead. */
export const TIME_DELTA_LIMIT = 2 ** 48
/** Bytes of a whole timestamp, between header and payload, in a frame with the flag `wide`. */
export const WIDE_BYTES = 8
/** Bytes of the length of what was compressed, in a frame with the flag `compressed`. */
export const ORIGINAL_LENGTH_BYTES = 4
/** No payload is longer before it is compressed: what says so is refused before memory is taken for it. */
export const ORIGINAL_BYTES_MAX = 64 * 1024 * 1024
/** Bytes of the length of the key block, which stand before it in a frame with the flag `keys`. */
export const KEYS_LENGTH_BYTES = 4
/** In a key block: sizes of a definition's mark, and of the length of a key. */
export const KEY_MARK_BYTES = 4
export const KEY_LENGTH_BYTES = 4
/** Longest key block: 16 of the longest keys, and what stands before each. */
export const KEY_BLOCK_BYTES_MAX = 1024 * 1024 + 1024

/** The 16 bits of a frame's tag: kind, padding, flags. Bits that are not named are zero. */
export const TAG = Object.freeze({
  kindMask: 0x000f,
  padShift: 4,
  padMask: 0x0070,
  batchEnd: 0x0080,
  wide: 0x0100,
  compressed: 0x0200,
  chained: 0x0400,
  keys: 0x0800,
  plain: 0x1000,
  reserved: 0xe000,
})

/** Kinds 1 to 7 must be understood by a reader; 8 to 15 may be skipped by one that does not know them. */
export const KIND = Object.freeze({
  record: 1,
  dictionary: 2,
  checkpoint: 3,
  lifecycle: 4,
})
export const KIND_OPTIONAL_FROM = 8

export const COMPRESSION = Object.freeze({
  none: 0,
  deflate: 1,
  brotli: 2,
  zstd: 3,
})
export const CHAIN = Object.freeze({ none: 0, sha256: 1 })

/** Beside the kind, in a link of the chain: the payload is plain. */
export const CHAIN_PLAIN = 0x10

/** What the hash of a frame covers before its payload. */
export const CHAIN_LINK = layout([
  { name: 'previous', type: 'bytes', size: CHAIN_HEAD_BYTES },
  { name: 'sequence', type: 'u64', size: 8 },
  { name: 'timestamp', type: 'u64', size: 8 },
  { name: 'kind', type: 'u8', size: 1 },
])

export const SLOT = layout([
  ...PREFIX.fields,
  { name: 'logId', type: 'bytes', size: LOG_ID_BYTES },
  { name: 'epoch', type: 'u32', size: 4 },
  { name: 'reserved', type: 'u32', size: 4 },
  { name: 'ordinal', type: 'u64', size: 8 },
  { name: 'offset', type: 'u64', size: 8 },
  { name: 'sequence', type: 'u64', size: 8 },
  { name: 'reserved2', type: 'u32', size: 4 },
  { name: 'crc', type: 'u32', size: 4 },
])

/** The two slots lie a page apart, so that one torn page never holds both. */
export const SLOT_STRIDE = 4096
export const SLOT_COUNT = 2
export const SLOTS_FILE_BYTES = SLOT_STRIDE * SLOT_COUNT

/** A sidecar consists of these, so that any part of it can be read and checked by itself. */
export const SIDECAR_PAGE = layout([
  { name: 'content', type: 'bytes', size: 4092 },
  { name: 'crc', type: 'u32', size: 4 },
])

export const FINGERPRINT_BYTES = 16
/** Field for the name of a kind of keys; the name itself is shorter. */
export const KIND_NAME_BYTES = 64

/** What the footer says of one section. */
export const SIDECAR_SECTION = layout([
  { name: 'type', type: 'u32', size: 4 },
  { name: 'firstPage', type: 'u32', size: 4 },
  { name: 'pageCount', type: 'u32', size: 4 },
  { name: 'count', type: 'u32', size: 4 },
  { name: 'fingerprint', type: 'bytes', size: FINGERPRINT_BYTES },
  { name: 'name', type: 'bytes', size: KIND_NAME_BYTES },
])
export const SIDECAR_SECTIONS_MAX = 32

/** The last page of a sidecar. */
export const SIDECAR_FOOTER = layout([
  ...PREFIX.fields,
  { name: 'logId', type: 'bytes', size: LOG_ID_BYTES },
  { name: 'ordinal', type: 'u64', size: 8 },
  { name: 'firstSequence', type: 'u64', size: 8 },
  { name: 'lastSequence', type: 'u64', size: 8 },
  { name: 'dataBytes', type: 'u64', size: 8 },
  { name: 'salt', type: 'u32', size: 4 },
  { name: 'digest', type: 'u32', size: 4 },
  { name: 'baseTimestamp', type: 'u64', size: 8 },
  { name: 'lastTimestamp', type: 'u64', size: 8 },
  { name: 'head', type: 'bytes', size: CHAIN_HEAD_BYTES },
  { name: 'sectionCount', type: 'u32', size: 4 },
  { name: 'pageSalt', type: 'u32', size: 4 },
  { name: 'sections', type: 'bytes', size: SIDECAR_SECTION.size * SIDECAR_SECTIONS_MAX },
  { name: 'reserved', type: 'bytes', size: 892 },
  { name: 'crc', type: 'u32', size: 4 },
])

/** Types of sections; a reader passes over those that it does not know. */
export const SECTION = Object.freeze({ offsets: 1, definitions: 2, keys: 3 })
/** Bytes of one item of a section; items never lie across two pages, except in the stream of definitions. */
export const SECTION_ITEM_BYTES = Object.freeze({ offsets: 4, definitions: 1, keys: 8 })
/** Before each definition stands its length. */
export const DEFINITION_LENGTH_BYTES = 4
/** Where the index of the record stands in a pair of a key table, behind the hash. */
export const PAIR_INDEX_AT = 4

/** Begins each leg of a trail; behind it stand the places of records, then definitions, then zeros up to a unit. */
export const TRAIL_LEG = layout([
  ...PREFIX.fields,
  { name: 'logId', type: 'bytes', size: LOG_ID_BYTES },
  { name: 'ordinal', type: 'u64', size: 8 },
  { name: 'salt', type: 'u32', size: 4 },
  { name: 'bytesCrc', type: 'u32', size: 4 },
  { name: 'start', type: 'u64', size: 8 },
  { name: 'end', type: 'u64', size: 8 },
  { name: 'firstSequence', type: 'u64', size: 8 },
  { name: 'lastSequence', type: 'u64', size: 8 },
  { name: 'claimedEnd', type: 'u64', size: 8 },
  { name: 'lastTimestamp', type: 'u64', size: 8 },
  { name: 'head', type: 'bytes', size: CHAIN_HEAD_BYTES },
  { name: 'digest', type: 'u32', size: 4 },
  { name: 'definitionBytes', type: 'u32', size: 4 },
  { name: 'contentCrc', type: 'u32', size: 4 },
  { name: 'checkpointEnd', type: 'u64', size: 8 },
  { name: 'checkpointSequence', type: 'u64', size: 8 },
  { name: 'crc', type: 'u32', size: 4 },
])

/** A manifest is one JSON object whose first bytes have a fixed length, so that its CRC covers the body to the letter. */
export const MANIFEST_MAGIC = 'seglog-manifest'

export const SEQUENCE_MAX = Number.MAX_SAFE_INTEGER

/** What is read must leave room to count on: a segment holds fewer than 2^32 records, an opening adds one to the rest. */
export const COUNT_READ_MAX = SEQUENCE_MAX - 2 ** 33
export const EPOCH_READ_MAX = 0xffffffff - 1
