import { createHash } from 'node:crypto'
import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { emptyDraft } from '../../segments/format/frame-draft.ts'
import { Block, FrameDecoder, type FrameEncoder, wholeSequence } from '../../segments/format/frame.ts'
import { type SegmentHeader, decodeHeader } from '../../segments/format/header.ts'
import { CHAIN_HEAD_BYTES, FRAMES_START, NO_CLAIM, TAG, TIME_DELTA_LIMIT, UNIT } from '../../segments/format/layout.ts'
import { parseName } from '../../segments/format/names.ts'
import { DIR } from '../recovery/world.ts'

/** A frame as it stands on disk, without its place: what a forger changes. */
export interface PlainFrame {
  kind: number
  /** Of `TAG`, without those that say which extensions there are. */
  flags: number
  sequence: number
  timestamp: bigint
  hash: Buffer | undefined
  originalBytes: number | undefined
  keys: Buffer | undefined
  payload: Buffer
  /** Where it stood, and how long it was. */
  readonly at: number
  readonly length: number
}

export interface PlainSegment {
  readonly ordinal: number
  readonly path: string
  readonly header: SegmentHeader
  frames: PlainFrame[]
}

const NO_FLAGS = ~(TAG.kindMask | TAG.padMask | TAG.wide | TAG.chained | TAG.compressed | TAG.keys)

/** All used segments below a directory with all their valid frames, in order; archived ones too. */
export function readSegments(env: SimulatedEnvironment, directory = DIR): PlainSegment[] {
  const paths = env.files.paths(directory).filter((path) => path.endsWith('.log'))
  return segmentsIn(paths.map((path) => [path, Buffer.from(env.files.read(path))] as const))
}

/** The same of these files. */
export function segmentsIn(files: readonly (readonly [path: string, bytes: Buffer])[]): PlainSegment[] {
  const found = files.flatMap(([path, bytes]) => {
    const parsed = parseName(path.slice(path.lastIndexOf('/') + 1))
    if (parsed.kind !== 'segment' || path.includes('/cut/')) return []
    const finding = decodeHeader(bytes.subarray(0, FRAMES_START))
    if (finding.found !== 'header') return []
    return [{ ordinal: parsed.number, path, header: finding.header, frames: framesOf(bytes, finding.header) }]
  })
  return found.sort((a, b) => a.ordinal - b.ordinal)
}

/** Puts a frame at this place of its segment, with a sound CRC and whatever hash it has; returns its length. */
export function putFrame(
  encoder: FrameEncoder,
  bytes: Buffer,
  at: number,
  { salt, baseTimestamp }: SegmentHeader,
  { kind, flags, sequence, timestamp, hash, originalBytes, keys, payload }: PlainFrame,
): number {
  const delta = timestamp - baseTimestamp
  const isWide = at === FRAMES_START || delta < 0n || delta >= TIME_DELTA_LIMIT
  const timeOf = { timeDelta: isWide ? 0 : Number(delta), timestamp: isWide ? timestamp : undefined }
  const draft = { ...emptyDraft(), kind, flags, sequence, hash, originalBytes, keys, claim: NO_CLAIM, ...timeOf }
  return encoder.encode(bytes, at, at, salt, draft, payload)
}

function framesOf(bytes: Buffer, header: SegmentHeader): PlainFrame[] {
  const block = new Block(Math.ceil(bytes.length / UNIT) * UNIT)
  block.bytes.fill(0)
  block.bytes.set(bytes)
  const decoder = new FrameDecoder()
  const frames: PlainFrame[] = []
  for (let at = FRAMES_START; at < bytes.length; at += decoder.length) {
    if (decoder.read(block, at, bytes.length, at, header.salt) !== 'frame') break
    const { tag, hashStart, payloadStart, payloadEnd, keysStart, keysEnd } = decoder
    const has = (flag: number): boolean => (tag & flag) !== 0
    frames.push({
      kind: decoder.kind,
      flags: tag & NO_FLAGS,
      sequence: wholeSequence(decoder.sequenceLow, header.firstSequence),
      timestamp: decoder.timestamp ?? header.baseTimestamp + BigInt(decoder.timeDelta),
      hash: has(TAG.chained) ? Buffer.from(bytes.subarray(hashStart, hashStart + CHAIN_HEAD_BYTES)) : undefined,
      originalBytes: has(TAG.compressed) ? decoder.originalBytes : undefined,
      keys: has(TAG.keys) ? Buffer.from(bytes.subarray(keysStart, keysEnd)) : undefined,
      payload: Buffer.from(bytes.subarray(payloadStart, payloadEnd)),
      at,
      length: decoder.length,
    })
  }
  return frames
}

/** The hash of a frame as the specification words it, with nothing of ours. */
export function plainHash(previous: Buffer, frame: PlainFrame): Buffer {
  const numbers = Buffer.alloc(17)
  numbers.writeBigUInt64LE(BigInt(frame.sequence), 0)
  numbers.writeBigUInt64LE(frame.timestamp, 8)
  numbers.writeUInt8(frame.kind + ((frame.flags & TAG.plain) === 0 ? 0 : 16), 16)
  return createHash('sha256').update(previous).update(numbers).update(frame.payload).digest()
}

/** What stands for the hash before the first frame. */
export const plainStart = (logId: string): Buffer => Buffer.from(logId + '00'.repeat(16), 'hex')

/** The head after all these segments, once every hash and every header was found to follow; throws at the first that does not. */
export function followChain(segments: readonly PlainSegment[]): Buffer {
  let head = plainStart(segments[0]!.header.logId)
  for (const { header, frames, path } of segments) {
    const { predecessor, chain } = header
    if (chain !== 1) throw new Error(`${path} has chain ${chain}`)
    if (predecessor !== undefined && predecessor.head !== head.toString('hex')) throw new Error(`${path} starts anew`)
    for (const frame of frames) {
      head = plainHash(head, frame)
      if (frame.hash?.equals(head) !== true) throw new Error(`${path}: ${frame.sequence} does not follow`)
    }
  }
  return head
}
