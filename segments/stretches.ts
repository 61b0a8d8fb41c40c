import { DIGEST_START } from './format/checksum.ts'
import { FRAMES_START } from './format/layout.ts'
import type { FrameFinding } from './format/frame.ts'
import type { OffsetList } from './segment.ts'

/** A stretch of valid frames without a hole, in order of sequences. */
export interface Stretch {
  readonly start: number
  /** End of its last frame, and of its last whole batch. */
  end: number
  wholeEnd: number
  readonly firstSequence: number
  /** Last record of its last whole batch; one below the first where there is none. */
  lastSequence: number
  /** Last record of any kind, also of an unfinished batch. */
  lastSeen: number
  /** As of its last whole batch: digest over all valid frames up to there, time of the last, dictionary frames. */
  digest: number
  lastTimestamp: bigint
  definitions: number
  /** Hash of the frame that ends that batch; undefined where it has none, and where there is no such batch. */
  head: Buffer | undefined
  /** Where the last checkpoint in it ends, and the last record before that. */
  checkpoint: { readonly end: number; readonly sequence: number } | undefined
}

/** Bytes between two stretches, whatever they are, or behind the last, if they are not zeros only. */
export interface Hole {
  readonly start: number
  readonly end: number
  /** Why the frame at its start is none: `order` stands for a sequence that is not the next one. */
  readonly finding: FrameFinding | 'order'
  /** Whether a 512-byte sector of zeros lies in it, as a torn write leaves and a damaged one hardly. */
  readonly zeroSectors: boolean
}

/** A frame that says what became of a run. */
export interface LifecycleFrame {
  readonly payload: Uint8Array
  /** Last record before it. */
  readonly sequenceBefore: number
}

export interface Scan {
  /** The first starts where frames start, and may be empty. */
  readonly stretches: readonly Stretch[]
  readonly holes: readonly Hole[]
  /** The furthest point of this segment that any valid frame claims durable. */
  readonly claimedEnd: number
  readonly baseTimestamp: bigint
  /** Payloads of all dictionary frames, in order. */
  readonly definitions: readonly Uint8Array[]
  /** Places of records in units, by sequence from the first on; 0 where a record is lost. */
  readonly offsets: OffsetList
  /** Lifecycle frames, in order. */
  readonly lifecycles: readonly LifecycleFrame[]
  /** Offset of a valid frame that this version must not skip. */
  readonly unknownAt: number | undefined
  /** CRC-32 of the bytes of the first stretch, and what a trail told of them, where that was asked for. */
  readonly bytesCrc: number | undefined
  readonly covered: Covered | undefined
}

/** What a scan of a segment would have found up to `end`: as a trail tells it, or nothing yet. */
export interface Covered {
  end: number
  lastSequence: number
  lastTimestamp: bigint
  claimedEnd: number
  digest: number
  /** Undefined without a chain, and without a checkpoint. */
  head: Buffer | undefined
  checkpoint: Stretch['checkpoint']
  /** CRC-32 of the bytes from where frames begin up to `end`. */
  bytesCrc: number
  readonly offsets: OffsetList
  readonly definitions: Uint8Array[]
  /** Bytes of the trail that were taken: the next leg goes there. */
  trailBytes: number
}

/** A stretch that holds nothing yet. */
export function emptyStretch(start: number, firstSequence: number, time: bigint): Stretch {
  const before = firstSequence - 1
  return {
    start,
    end: start,
    wholeEnd: start,
    firstSequence,
    lastSequence: before,
    lastSeen: before,
    digest: DIGEST_START,
    lastTimestamp: time,
    definitions: 0,
    head: undefined,
    checkpoint: undefined,
  }
}

/** The beginning of the first stretch, as a trail tells it. */
export function coveredStretch(covered: Covered, segment: { readonly firstSequence: number }, time: bigint): Stretch {
  const { end, lastSequence, lastTimestamp, digest, definitions, head, checkpoint } = covered
  const whole = { end, wholeEnd: end, lastSeen: lastSequence, lastSequence, lastTimestamp, digest, head, checkpoint }
  return { ...emptyStretch(FRAMES_START, segment.firstSequence, time), ...whole, definitions: definitions.length }
}

/** Whether any frame was found. */
export function hasFrames(scan: Scan): boolean {
  return scan.stretches.some((stretch) => stretch.end > stretch.start)
}
