import { crc32 } from './checksum.ts'
import { COUNT_READ_MAX, EPOCH_READ_MAX, SLOT, SLOT_COUNT, SLOT_MAGIC, SLOT_STRIDE } from './layout.ts'
import { encodePrefix, inspectPrefix } from './prefix.ts'
import { readU64, writeU64 } from './u64.ts'

/** A point of the log: everything up to `offset` of the segment, and all segments before it, is durable. */
export interface Position {
  readonly ordinal: number
  readonly offset: number
  /** Last record before that point, 0 when there is none. */
  readonly sequence: number
}

/** One slot of the file `durable`: a true lower bound of what is durable, as of its writing. */
export interface Slot extends Position {
  readonly logId: string
  readonly epoch: number
}

const AT = SLOT.at

export function encodeSlot(target: Buffer, slot: Slot): void {
  encodePrefix(target, 0, SLOT_MAGIC, SLOT.size)
  target.write(slot.logId, AT.logId, 'hex')
  target.writeUInt32LE(slot.epoch, AT.epoch)
  updateSlot(target, slot.ordinal, slot.offset, slot.sequence)
}

/** Rewrites the position in an encoded slot: the only part that changes from group to group. */
export function updateSlot(target: Buffer, ordinal: number, offset: number, sequence: number): void {
  writeU64(target, ordinal, AT.ordinal)
  writeU64(target, offset, AT.offset)
  writeU64(target, sequence, AT.sequence)
  target.writeInt32LE(crc32(target.subarray(0, AT.crc)), AT.crc)
}

/** The slot in `bytes`, or undefined: a torn, empty or foreign slot is no evidence of anything. */
export function decodeSlot(bytes: Buffer): Slot | 'newer' | undefined {
  const prefix = inspectPrefix(bytes, 0, SLOT_MAGIC)
  if (prefix === 'newer') return 'newer'
  if (prefix !== 'ok' || bytes.length < SLOT.size) return undefined
  if (bytes.readInt32LE(AT.crc) !== crc32(bytes.subarray(0, AT.crc))) return undefined
  const slot: Slot = {
    logId: bytes.toString('hex', AT.logId, AT.epoch),
    epoch: bytes.readUInt32LE(AT.epoch),
    ordinal: readU64(bytes, AT.ordinal),
    offset: readU64(bytes, AT.offset),
    sequence: readU64(bytes, AT.sequence),
  }
  return slot.ordinal <= COUNT_READ_MAX &&
    slot.offset <= COUNT_READ_MAX &&
    slot.sequence <= COUNT_READ_MAX &&
    slot.epoch <= EPOCH_READ_MAX
    ? slot
    : undefined
}

/** Where in the file each slot starts. */
export const SLOT_OFFSETS: readonly number[] = Array.from({ length: SLOT_COUNT }, (_, index) => index * SLOT_STRIDE)

/** The one that says most. */
export function furthest(positions: readonly (Position | undefined)[]): Position | undefined {
  let best: Position | undefined
  for (const position of positions)
    if (position !== undefined && (best === undefined || isBeyond(position, best))) best = position
  return best
}

/** Whether `a` lies behind `b`; everything lies behind none. */
export function isBeyond(a: Position, b: Position | null): boolean {
  if (b === null) return true
  return a.ordinal !== b.ordinal
    ? a.ordinal > b.ordinal
    : a.offset !== b.offset
      ? a.offset > b.offset
      : a.sequence > b.sequence
}
