/** A leg of a trail in bytes: what a scan would find in a part of a segment, and the CRC of the bytes that it would find it in. */
import { crc32 } from './checksum.ts'
import {
  COUNT_READ_MAX,
  FRAME,
  FRAMES_START,
  SECTION_ITEM_BYTES,
  SEGMENT_BYTES_MAX,
  TRAIL_LEG,
  TRAIL_MAGIC,
  UNIT,
} from './layout.ts'
import { encodePrefix, inspectPrefix } from './prefix.ts'
import { readU64, writeU64 } from './u64.ts'

/** What the head of a leg says. */
export interface Leg {
  /** 32 hex digits. */
  readonly logId: string
  readonly ordinal: number
  readonly salt: number
  /** CRC-32 of all bytes of the segment from where frames begin up to `end`, also of those that earlier legs cover. */
  readonly bytesCrc: number
  /** Where its frames begin and end; a batch ends there, too. */
  readonly start: number
  readonly end: number
  /** `lastSequence` is one below where no record lies in it. */
  readonly firstSequence: number
  readonly lastSequence: number
  /** The furthest point that any frame up to `end` claims durable. */
  readonly claimedEnd: number
  /** Nanoseconds since 1970, of the last frame. */
  readonly lastTimestamp: bigint
  /** Last hash of the chain, 64 hex digits. */
  readonly head: string
  /** Over all frames of the segment up to `end`. */
  readonly digest: number
  readonly definitionBytes: number
  /** Where the last checkpoint before `end` ends, and the last record before that; 0 where there is none. */
  readonly checkpointEnd: number
  readonly checkpointSequence: number
}

const AT = TRAIL_LEG.at

/** Bytes of a leg with its head. */
export function legBytes({ firstSequence, lastSequence, definitionBytes }: Leg): number {
  const content = (lastSequence - firstSequence + 1) * SECTION_ITEM_BYTES.offsets + definitionBytes
  return TRAIL_LEG.size + Math.ceil(content / UNIT) * UNIT
}

/** Writes the head of a leg before its content, which is in its place in `bytes` already. */
export function sealLeg(bytes: Buffer, leg: Leg): void {
  encodePrefix(bytes, 0, TRAIL_MAGIC, TRAIL_LEG.size)
  bytes.write(leg.logId, AT.logId, 'hex')
  writeU64(bytes, leg.ordinal, AT.ordinal)
  bytes.writeInt32LE(leg.salt, AT.salt)
  bytes.writeInt32LE(leg.bytesCrc, AT.bytesCrc)
  writeU64(bytes, leg.start, AT.start)
  writeU64(bytes, leg.end, AT.end)
  writeU64(bytes, leg.firstSequence, AT.firstSequence)
  writeU64(bytes, leg.lastSequence, AT.lastSequence)
  writeU64(bytes, leg.claimedEnd, AT.claimedEnd)
  bytes.writeBigUInt64LE(leg.lastTimestamp, AT.lastTimestamp)
  bytes.write(leg.head, AT.head, 'hex')
  bytes.writeInt32LE(leg.digest, AT.digest)
  bytes.writeUInt32LE(leg.definitionBytes, AT.definitionBytes)
  bytes.writeInt32LE(crc32(bytes.subarray(TRAIL_LEG.size)), AT.contentCrc)
  writeU64(bytes, leg.checkpointEnd, AT.checkpointEnd)
  writeU64(bytes, leg.checkpointSequence, AT.checkpointSequence)
  bytes.writeInt32LE(crc32(bytes.subarray(0, AT.crc)), AT.crc)
}

/** Undefined for what is no head of a leg of this version: nothing needs to know why. */
export function decodeLeg(bytes: Buffer): Leg | undefined {
  if (inspectPrefix(bytes, 0, TRAIL_MAGIC) !== 'ok' || bytes.length < TRAIL_LEG.size) return undefined
  if (bytes.readInt32LE(AT.crc) !== crc32(bytes.subarray(0, AT.crc))) return undefined
  const leg: Leg = {
    logId: bytes.toString('hex', AT.logId, AT.ordinal),
    ordinal: readU64(bytes, AT.ordinal),
    salt: bytes.readInt32LE(AT.salt),
    bytesCrc: bytes.readInt32LE(AT.bytesCrc),
    start: readU64(bytes, AT.start),
    end: readU64(bytes, AT.end),
    firstSequence: readU64(bytes, AT.firstSequence),
    lastSequence: readU64(bytes, AT.lastSequence),
    claimedEnd: readU64(bytes, AT.claimedEnd),
    lastTimestamp: bytes.readBigUInt64LE(AT.lastTimestamp),
    head: bytes.toString('hex', AT.head, AT.digest),
    digest: bytes.readInt32LE(AT.digest),
    definitionBytes: bytes.readUInt32LE(AT.definitionBytes),
    checkpointEnd: readU64(bytes, AT.checkpointEnd),
    checkpointSequence: readU64(bytes, AT.checkpointSequence),
  }
  return isPlausible(leg) ? leg : undefined
}

/** Whether this is what stood behind the head when it was made. `bytes`: the leg with its head. */
export function isSoundLeg(bytes: Buffer): boolean {
  return bytes.readInt32LE(AT.contentCrc) === crc32(bytes.subarray(TRAIL_LEG.size))
}

/** As for a sidecar: counts that lie must not decide how much is read or kept. */
function isPlausible({ start, end, firstSequence, lastSequence, claimedEnd, definitionBytes }: Leg): boolean {
  const records = lastSequence - firstSequence + 1
  const bytes = end - start
  if (lastSequence > COUNT_READ_MAX || firstSequence < 1 || records < 0 || records > bytes / FRAME.size) return false
  if (start < FRAMES_START || bytes <= 0 || end > SEGMENT_BYTES_MAX || claimedEnd > end) return false
  return start % UNIT === 0 && end % UNIT === 0 && definitionBytes <= bytes
}
