import { assert } from './assert.ts'
import { crc32 } from './checksum.ts'
import {
  CODEC_NAME_BYTES,
  SEGMENT_HEADER,
  SEGMENT_MAGIC,
  COUNT_READ_MAX,
  EPOCH_READ_MAX,
  SEGMENT_BYTES_MAX,
  UNIT,
} from './layout.ts'
import { encodePrefix, inspectPrefix, isZero } from './prefix.ts'
import { readU64, writeU64 } from './u64.ts'

/** The first bytes of a used segment; they go out in the same write as its first group. */
export interface SegmentHeader {
  /** 32 hex digits, the same in every file of a log. */
  readonly logId: string
  /** 1 for the first segment of a log, then without a gap. */
  readonly ordinal: number
  readonly firstSequence: number
  /** Nanoseconds since 1970; time deltas of frames count from it. */
  readonly baseTimestamp: bigint
  /** Length of the file while it is active. */
  readonly segmentBytes: number
  /** Seed of all checksums of frames in this file; drawn anew for each life of a file. */
  readonly salt: number
  /** How often the log had been opened for writing when this file was made. */
  readonly epoch: number
  readonly codec: string
  readonly compression: number
  readonly chain: number
  /** What the segment before ended with; a used successor proves all of it durable. Undefined for the first. */
  readonly predecessor: Predecessor | undefined
}

export interface Predecessor {
  readonly ordinal: number
  /** Bytes in use: where its last frame ended. */
  readonly bytes: number
  readonly digest: number
  /** Last hash of the chain, 64 hex digits, all zeros where the log has no chain. */
  readonly head: string
}

export type HeaderFinding =
  | { readonly found: 'header'; readonly header: SegmentHeader }
  | { readonly found: 'zeros' | 'foreign' | 'damaged' | 'newer' }

const AT = SEGMENT_HEADER.at

export function encodeHeader(header: SegmentHeader): Buffer {
  assert(header.codec.length < CODEC_NAME_BYTES, `the name of a codec fits its field`)
  assert(/^[0-9a-f]{32}$/.test(header.logId), 'a log id has 32 hex digits')
  const bytes = Buffer.alloc(SEGMENT_HEADER.size)
  encodePrefix(bytes, 0, SEGMENT_MAGIC, SEGMENT_HEADER.size)
  bytes.write(header.logId, AT.logId, 'hex')
  writeU64(bytes, header.ordinal, AT.ordinal)
  writeU64(bytes, header.firstSequence, AT.firstSequence)
  bytes.writeBigUInt64LE(header.baseTimestamp, AT.baseTimestamp)
  writeU64(bytes, header.segmentBytes, AT.segmentBytes)
  bytes.writeInt32LE(header.salt, AT.salt)
  bytes.writeUInt32LE(header.epoch, AT.epoch)
  bytes.write(header.codec, AT.codec, 'latin1')
  bytes.writeUInt8(header.compression, AT.compression)
  bytes.writeUInt8(header.chain, AT.chain)
  if (header.predecessor) {
    writeU64(bytes, header.predecessor.ordinal, AT.predecessorOrdinal)
    writeU64(bytes, header.predecessor.bytes, AT.predecessorBytes)
    bytes.writeInt32LE(header.predecessor.digest, AT.predecessorDigest)
    bytes.write(header.predecessor.head, AT.predecessorHead, 'hex')
  }
  bytes.writeInt32LE(crc32(bytes.subarray(0, AT.crc)), AT.crc)
  return bytes
}

export function decodeHeader(bytes: Buffer): HeaderFinding {
  const prefix = inspectPrefix(bytes, 0, SEGMENT_MAGIC)
  // A write may be torn anywhere: a prefix that did not arrive, before bytes that did, is damage.
  if (prefix === 'zeros' && !isZero(bytes, 0, Math.min(bytes.length, SEGMENT_HEADER.size))) return { found: 'damaged' }
  if (prefix !== 'ok') return { found: prefix }
  if (bytes.length < SEGMENT_HEADER.size) return { found: 'damaged' }
  if (bytes.readInt32LE(AT.crc) !== crc32(bytes.subarray(0, AT.crc))) return { found: 'damaged' }
  const predecessorOrdinal = readU64(bytes, AT.predecessorOrdinal)
  const header: SegmentHeader = {
    logId: bytes.toString('hex', AT.logId, AT.ordinal),
    ordinal: readU64(bytes, AT.ordinal),
    firstSequence: readU64(bytes, AT.firstSequence),
    baseTimestamp: bytes.readBigUInt64LE(AT.baseTimestamp),
    segmentBytes: readU64(bytes, AT.segmentBytes),
    salt: bytes.readInt32LE(AT.salt),
    epoch: bytes.readUInt32LE(AT.epoch),
    codec: bytes.toString('latin1', AT.codec, AT.codec + CODEC_NAME_BYTES).replace(/\0+$/, ''),
    compression: bytes.readUInt8(AT.compression),
    chain: bytes.readUInt8(AT.chain),
    predecessor:
      predecessorOrdinal === 0
        ? undefined
        : {
            ordinal: predecessorOrdinal,
            bytes: readU64(bytes, AT.predecessorBytes),
            digest: bytes.readInt32LE(AT.predecessorDigest),
            head: bytes.toString('hex', AT.predecessorHead, AT.reserved3),
          },
  }
  return isPlausible(header) ? { found: 'header', header } : { found: 'damaged' }
}

/** A CRC can be mended by a program with a defect of its own; numbers out of range must not travel further. */
function isPlausible(header: SegmentHeader): boolean {
  const { ordinal, firstSequence, segmentBytes, predecessor } = header
  const numbers = [ordinal, firstSequence, segmentBytes, predecessor?.ordinal ?? 0, predecessor?.bytes ?? 0]
  // Larger files are not ours, and one that a recovery copies has this length.
  return (
    numbers.every((value) => value <= COUNT_READ_MAX) &&
    ordinal >= 1 &&
    firstSequence >= 1 &&
    segmentBytes >= SEGMENT_HEADER.size &&
    segmentBytes <= SEGMENT_BYTES_MAX &&
    segmentBytes % UNIT === 0 &&
    header.epoch <= EPOCH_READ_MAX
  )
}
