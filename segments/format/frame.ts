import { assert } from './assert.ts'
import { crc32, crc32Header, crc32Words, frameSeed, ZLIB_FROM_BYTES } from './checksum.ts'
import { extensionBytes, extensionFlags, type FrameDraft, writeExtensions } from './frame-draft.ts'
import {
  CHAIN_HEAD_BYTES,
  FRAME,
  FRAME_UNITS_MAX,
  FRAME_UNITS_MIN,
  KEYS_LENGTH_BYTES,
  KIND,
  KIND_OPTIONAL_FROM,
  ORIGINAL_LENGTH_BYTES,
  TAG,
  TIME_DELTA_LIMIT,
  UNIT,
  WIDE_BYTES,
} from './layout.ts'

const HEADER_BYTES = FRAME.size
const HEADER_WORDS = HEADER_BYTES / 4
const { crc: CRC, check: CHECK, tag: TAG_AT } = FRAME.at
const HALF = 2 ** 32

/** Bytes of the frame that holds a payload of this length, and so many bytes of extensions. */
export function frameBytes(payloadBytes: number, extensionBytes: number): number {
  return Math.ceil((HEADER_BYTES + extensionBytes + payloadBytes) / UNIT) * UNIT
}

/** Longest payload that any frame can hold that has no other extension than its time. */
export const PAYLOAD_BYTES_LIMIT = FRAME_UNITS_MAX * UNIT - HEADER_BYTES - WIDE_BYTES

export class FrameEncoder {
  private target: Buffer = Buffer.alloc(0)
  private words: Int32Array = new Int32Array(0)
  /** CRC of the frame encoded last, and that of its header from which the one of the rest goes on. */
  crc = 0
  headerCrc = 0

  /**
   * Writes a frame at `target[at…]` as it shall stand at `offset` of a segment with this salt; returns its length.
   * `target` begins, and `at` lies, on a word of its memory.
   */
  encode(target: Buffer, at: number, offset: number, salt: number, draft: FrameDraft, payload: Uint8Array): number {
    const extended = extensionBytes(draft)
    const bodyBytes = HEADER_BYTES + extended + payload.length
    const units = Math.ceil(bodyBytes / UNIT)
    assert(units <= FRAME_UNITS_MAX, 'a frame has a length that its header can tell')
    assert(
      draft.timestamp !== undefined || draft.timeDelta < TIME_DELTA_LIMIT,
      'a longer delta is written as a whole timestamp',
    )
    const length = units * UNIT
    assert(at % 4 === 0 && at + length <= target.length, 'a frame lies on words of its buffer')
    if (target !== this.target) {
      // Once for each group, whose buffer takes thousands of frames.
      this.words = new Int32Array(target.buffer, target.byteOffset, Math.floor(target.length / 4))
      this.target = target
    }
    const { words } = this
    const from = at / 4
    writeHeader(words, from, units, length - bodyBytes, draft)
    if (extended > 0) writeExtensions(target, at + HEADER_BYTES, draft)
    target.set(payload, at + HEADER_BYTES + extended)
    for (let end = at + bodyBytes; end < at + length; end++) target[end] = 0

    const headerCrc = (this.headerCrc = crc32Header(words, from + 1, frameSeed(salt, offset)))
    words[from + 1]! |= headerCrc & 0xffff
    this.crc = words[from] = crcOfRest(target, words, at, length, headerCrc)
    return length
  }
}

function crcOfRest(bytes: Buffer, words: Int32Array, at: number, length: number, headerCrc: number): number {
  return length - HEADER_BYTES < ZLIB_FROM_BYTES
    ? crc32Words(words, at / 4 + HEADER_WORDS, (at + length) / 4, headerCrc)
    : crc32(bytes.subarray(at + HEADER_BYTES, at + length), headerCrc)
}

/**
 * Gives a frame that was just verified the checksums it must have at the same offset of a file with another salt; returns
 * its CRC. `bytes[at…at+length)` is changed in place.
 */
export function resealFrame(bytes: Buffer, at: number, length: number, offset: number, salt: number): number {
  const headerCrc = crc32(bytes.subarray(at + TAG_AT, at + HEADER_BYTES), frameSeed(salt, offset))
  const crc = crc32(bytes.subarray(at + HEADER_BYTES, at + length), headerCrc)
  bytes.writeInt32LE(crc, at + CRC)
  bytes.writeUInt16LE(headerCrc & 0xffff, at + CHECK)
  return crc
}

/**
 * The header behind its CRC, in words: fields of three and six bytes lie across them, as the table of the format says.
 * Five stores instead of twenty, and this runs once per record. The check is still zero. `| 0` takes the low 32 bits of any
 * whole number up to 2^53.
 */
function writeHeader(words: Int32Array, from: number, units: number, padding: number, draft: FrameDraft): void {
  const { claim } = draft
  const sequence = draft.sequence | 0
  const delta = draft.timestamp === undefined ? draft.timeDelta : 0
  const tag = draft.kind | (padding << TAG.padShift) | draft.flags | extensionFlags(draft)
  words[from + 1] = tag << 16
  words[from + 2] = units | (claim << 24)
  words[from + 3] = (claim >>> 8) | (sequence << 16)
  words[from + 4] = (sequence >>> 16) | (delta << 16)
  words[from + 5] = Math.floor(delta / 0x10000) | 0
}

/** Bytes of a segment in memory, aligned as in the file, so that frames can be moved by words. */
export class Block {
  readonly bytes: Buffer
  readonly words: Int32Array

  /** `size` is a multiple of `UNIT`. The content is arbitrary until it is read into. */
  constructor(size: number) {
    // From Node's pool where it is small, which gives whole words; a buffer of its own costs five times as much to make.
    this.bytes = Buffer.allocUnsafe(size)
    this.words = new Int32Array(this.bytes.buffer, this.bytes.byteOffset, size / 4)
  }
}

/**
 * What stands at a place. `frame`: a valid one. `zeros`: a header of zeros, nothing was written here. `short`: the header
 * is sound (or its own bytes do not all lie before the limit) and the frame does not end before the limit. `invalid`: the
 * header's own check or the frame's CRC does not match, or a field is out of range. `unknown`: a valid frame of a kind or
 * with flags that this version does not know and must not skip.
 */
export type FrameFinding = 'frame' | 'zeros' | 'short' | 'invalid' | 'unknown'

/** Flags of the extensions that few frames have. */
const EXTENDED = TAG.chained | TAG.compressed | TAG.keys

/** Reads frames, one at a time; its members describe the last one and change with each call. */
export class FrameDecoder {
  kind = 0
  tag = 0
  /** Length of the frame, at least that of a header when `headerSound`, and to be trusted only then. */
  length = 0
  claim = 0
  sequenceLow = 0
  crc = 0
  timeDelta = 0
  /** The whole timestamp of a frame that holds one. */
  timestamp: bigint | undefined
  /** Whether the header alone is valid: then its fields and the length can be believed even where the frame's CRC fails. */
  headerSound = false
  /** Where the payload is: bytes `payloadStart` to `payloadEnd` of `source`, which is the block that was looked at. */
  source: Buffer = Buffer.alloc(0)
  payloadStart = 0
  payloadEnd = 0
  /** With the flag `chained`, where the hash begins in `source`. Without it this says nothing, and so on below. */
  hashStart = 0
  /** With the flag `compressed`, the length that the payload has without compression, as the frame says. */
  originalBytes = 0
  /** With the flag `keys`, where the key block is in `source`. */
  keysStart = 0
  keysEnd = 0

  /** Looks at `block[at…]`, of which bytes up to `limit` are there; `offset` is its place in the segment. */
  read(block: Block, at: number, limit: number, offset: number, salt: number): FrameFinding {
    if (limit - at < HEADER_BYTES) return this.tooShort()
    const { bytes, words } = block
    const from = at / 4
    this.headerSound = false
    const second = words[from + 1]!
    if ((words[from]! | second | words[from + 2]! | words[from + 3]! | words[from + 4]! | words[from + 5]!) === 0) {
      return 'zeros'
    }
    const units = words[from + 2]! & 0xffffff
    const length = (this.length = units * UNIT)
    const headerCrc = crc32Header(words, from + 1, frameSeed(salt, offset))
    if (((headerCrc ^ second) & 0xffff) !== 0 || units < FRAME_UNITS_MIN) return 'invalid'
    this.headerSound = true
    this.takeFields(words, from)
    if (length > limit - at) return 'short'
    const crc = crcOfRest(bytes, words, at, length, headerCrc)
    if (crc !== words[from]) return 'invalid'
    this.crc = crc
    return this.takePayload(bytes, at, length)
  }

  private tooShort(): FrameFinding {
    this.headerSound = false
    this.length = HEADER_BYTES
    return 'short'
  }

  /** The words as `writeHeader` makes them, for the same reason: 155 to 146 ns of a record in a scan, with `wholeSequence`. */
  private takeFields(words: Int32Array, from: number): void {
    const third = words[from + 3]!
    const fourth = words[from + 4]!
    this.tag = tagOf(words, from)
    this.kind = this.tag & TAG.kindMask
    this.claim = (words[from + 2]! >>> 24) | ((third & 0xffff) << 8)
    this.sequenceLow = ((third >>> 16) | (fourth << 16)) >>> 0
    this.timeDelta = timeDeltaOf(words, from)
  }

  private takePayload(bytes: Buffer, at: number, length: number): FrameFinding {
    const tag = this.tag
    const wide = (tag & TAG.wide) === 0 ? 0 : WIDE_BYTES
    this.source = bytes
    this.payloadStart = at + HEADER_BYTES + wide
    this.payloadEnd = at + length - ((tag & TAG.padMask) >> TAG.padShift)
    if (this.payloadEnd < this.payloadStart) return 'invalid'
    this.timestamp = wide === 0 ? undefined : bytes.readBigUInt64LE(at + HEADER_BYTES)
    if ((tag & EXTENDED) !== 0 && !this.takeExtensions(bytes)) return 'invalid'
    if (this.kind === 0) return 'invalid'
    if (this.kind >= KIND_OPTIONAL_FROM) return (tag & TAG.reserved) === 0 ? 'frame' : 'unknown'
    const isReadable = this.kind === KIND.record || (tag & TAG.compressed) === 0
    return (tag & TAG.reserved) === 0 && this.kind <= KIND.lifecycle && isReadable ? 'frame' : 'unknown'
  }

  /** Moves `payloadStart` behind the extensions that follow the time; false when they do not fit. */
  private takeExtensions(bytes: Buffer): boolean {
    const { tag, payloadEnd } = this
    let at = this.payloadStart
    if ((tag & TAG.chained) !== 0) {
      this.hashStart = at
      at += CHAIN_HEAD_BYTES
    }
    if ((tag & TAG.compressed) !== 0) {
      if (at + ORIGINAL_LENGTH_BYTES > payloadEnd) return false
      this.originalBytes = readWord(bytes, at) >>> 0
      at += ORIGINAL_LENGTH_BYTES
    }
    if ((tag & TAG.keys) !== 0) {
      if (at + KEYS_LENGTH_BYTES > payloadEnd) return false
      this.keysStart = at + KEYS_LENGTH_BYTES
      at = this.keysEnd = this.keysStart + (readWord(bytes, at) >>> 0)
    }
    this.payloadStart = at
    return at <= payloadEnd
  }
}

/** Of the frame at `words[from…]`, as `writeHeader` makes them. */
export function tagOf(words: Int32Array, from: number): number {
  return words[from + 1]! >>> 16
}

/** In bytes. */
export function lengthOf(words: Int32Array, from: number): number {
  return (words[from + 2]! & 0xffffff) * UNIT
}

export function timeDeltaOf(words: Int32Array, from: number): number {
  const fifth = words[from + 5]!
  return (((words[from + 4]! >>> 16) | (fifth << 16)) >>> 0) + (fifth >>> 16) * HALF
}

function readWord(bytes: Buffer, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}

/**
 * The sequence whose low 32 bits these are, in a segment that starts with `firstSequence`: a segment holds fewer than 2^32.
 * `| 0` takes the low 32 bits of any whole number up to 2^53, and `%` would be a division of floats.
 */
export function wholeSequence(sequenceLow: number, firstSequence: number): number {
  return firstSequence + ((sequenceLow - (firstSequence | 0)) >>> 0)
}
