import type { Handle } from './env/environment.ts'
import { type Steps, step } from './env/steps.ts'
import { splitDefinitions } from './definition-stream.ts'
import { readExactly, readUpTo, withFileIfThere } from './files.ts'
import { NO_HEAD } from './format/chain.ts'
import { DIGEST_START, crc32 } from './format/checksum.ts'
import { FRAME, FRAMES_START, SECTION_ITEM_BYTES, TRAIL_LEG } from './format/layout.ts'
import { type Leg, decodeLeg, isSoundLeg, legBytes } from './format/trail.ts'
import { OffsetList } from './segment.ts'
import type { Covered } from './stretches.ts'

/** Bytes of a segment that are compared at a time. */
const PIECE_BYTES = 1024 * 1024

/** Whose trail is looked for. */
export interface TrailOwner {
  readonly logId: string
  readonly ordinal: number
  readonly salt: number
  readonly firstSequence: number
  readonly baseTimestamp: bigint
}

export function nothingCovered({ firstSequence, baseTimestamp }: TrailOwner): Covered {
  return {
    end: FRAMES_START,
    lastSequence: firstSequence - 1,
    lastTimestamp: baseTimestamp,
    claimedEnd: FRAMES_START,
    digest: DIGEST_START,
    head: undefined,
    checkpoint: undefined,
    bytesCrc: 0,
    offsets: new OffsetList(),
    definitions: [],
    trailBytes: 0,
  }
}

/**
 * Takes from a trail what it tells of a segment whose file is open, as far as the bytes of the segment up to `end` are, to
 * the bit, those that it was made of. So whatever is wrong with one or the other, a scan goes on from where both are sound,
 * and finds what it would have found without the trail.
 */
export function* readTrail(path: string, owner: TrailOwner, segment: Handle, end: number): Steps<Covered> {
  const covered = nothingCovered(owner)
  yield* withFileIfThere(path, (trail) => readLegs(trail, owner, segment, end, covered))
  return covered
}

function* readLegs(trail: Handle, owner: TrailOwner, segment: Handle, end: number, covered: Covered): Steps<void> {
  const size = yield* step({ do: 'size', handle: trail })
  // A quarter more, for what lies behind the trail.
  covered.offsets.reserve(Math.floor(Math.min(size / SECTION_ITEM_BYTES.offsets, end / FRAME.size) * 1.25))
  const piece = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, end))
  for (;;) {
    const bytes = yield* readLeg(trail, covered.trailBytes, size, end)
    const leg = bytes && decodeLeg(bytes)
    if (leg === undefined || !follows(leg, owner, covered)) return
    const bytesCrc = yield* crcOf(segment, covered.end, leg.end, covered.bytesCrc, piece)
    if (bytesCrc !== leg.bytesCrc || !take(covered, leg, bytes!)) return
  }
}

/** The leg at this place, head and content; undefined where none is, or where it tells of more than there is. */
function* readLeg(trail: Handle, at: number, size: number, end: number): Steps<Buffer | undefined> {
  const head = Buffer.alloc(TRAIL_LEG.size)
  if ((yield* readUpTo(trail, head, 0, head.length, at)) < head.length) return undefined
  const leg = decodeLeg(head)
  if (leg === undefined || leg.end > end || at + legBytes(leg) > size) return undefined
  // Of its own memory, so that places can be read as words.
  const bytes = Buffer.allocUnsafeSlow(legBytes(leg))
  if ((yield* readUpTo(trail, bytes, 0, bytes.length, at)) < bytes.length) return undefined
  return isSoundLeg(bytes) ? bytes : undefined
}

function follows(leg: Leg, owner: TrailOwner, covered: Covered): boolean {
  if (leg.logId !== owner.logId || leg.ordinal !== owner.ordinal || leg.salt !== owner.salt) return false
  return leg.start === covered.end && leg.firstSequence === covered.lastSequence + 1
}

function* crcOf(handle: Handle, from: number, to: number, start: number, piece: Buffer): Steps<number> {
  let crc = start
  for (let at = from; at < to; at += piece.length) {
    const length = Math.min(piece.length, to - at)
    yield* readExactly(handle, piece, 0, length, at)
    crc = crc32(length === piece.length ? piece : piece.subarray(0, length), crc)
  }
  return crc
}

function take(covered: Covered, leg: Leg, bytes: Buffer): boolean {
  const records = leg.lastSequence - leg.firstSequence + 1
  const stream = TRAIL_LEG.size + records * SECTION_ITEM_BYTES.offsets
  const definitions = splitDefinitions(bytes.subarray(stream, stream + leg.definitionBytes))
  if (definitions === undefined) return false
  covered.offsets.pushAll(new Uint32Array(bytes.buffer, bytes.byteOffset + TRAIL_LEG.size, records))
  covered.definitions.push(...definitions)
  const { end, lastSequence, lastTimestamp, claimedEnd, digest, bytesCrc } = leg
  Object.assign(covered, { end, lastSequence, lastTimestamp, claimedEnd, digest, bytesCrc })
  covered.head = leg.head === NO_HEAD ? undefined : Buffer.from(leg.head, 'hex')
  const checkpoint = { end: leg.checkpointEnd, sequence: leg.checkpointSequence }
  covered.checkpoint = checkpoint.end === 0 ? undefined : checkpoint
  covered.trailBytes += bytes.length
  return true
}
