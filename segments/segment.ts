import type { SegmentChain } from './chain.ts'
import type { Handle } from './env/environment.ts'
import type { Predecessor } from './format/header.ts'
import { COMPRESSION, FRAMES_START } from './format/layout.ts'
import type { SegmentKeys } from './key-pairs.ts'

/** What is decided about a segment before its file exists. */
export interface SegmentPlan {
  readonly ordinal: number
  readonly salt: number
  /** Length of the file. */
  readonly segmentBytes: number
}

/**
 * The open files of the segment that is written, all opened before its first write: Linux reports a failed write-back
 * once per open file, so each way of writing has its own.
 */
export interface SegmentHandles {
  /** For group writes off the thread; each write is durable when it is done. */
  readonly group: Handle
  /** For synchronous commits; likewise durable. */
  readonly direct: Handle
  /** For writes without a sync, and for the sync that follows later. */
  readonly plain: Handle
}

/** A segment that is or was written by this process. */
export class Segment {
  /** Replaced when the file had to be made smaller than planned. */
  plan: SegmentPlan
  readonly path: string
  readonly predecessor: Predecessor | undefined
  readonly firstSequence: number
  /** Undefined until its file is ready to be written. */
  handles: SegmentHandles | undefined
  /** Nanoseconds; set with the first frame. */
  baseTimestamp = 0n
  lastTimestamp = 0n
  /** How its compressed frames are, as its header says: of `COMPRESSION`. */
  compression: number = COMPRESSION.none
  /** End of the frames that are durable. */
  durableEnd = 0
  /** End of the frames that exist, on disk or in memory, and the digest up to there. */
  end = 0
  digest = 0
  lastSequence: number
  /** Undefined in a log without a chain. */
  chain: SegmentChain | undefined
  /** Calls given to the thread pool that hold one of its handles. */
  outstanding = 0
  /** Called when `outstanding` falls to zero. */
  whenQuiet: (() => void) | undefined
  /** Offset of each record in units, by sequence from `firstSequence` on; that of a scan is taken over as it is. */
  offsets = new OffsetList()
  /** Payloads of its dictionary frames, in order. */
  readonly definitions: Uint8Array[] = []
  /** Keys of its records; undefined until one was appended with keys. */
  keys: SegmentKeys | undefined

  constructor(plan: SegmentPlan, path: string, predecessor: Predecessor | undefined, firstSequence: number) {
    this.plan = plan
    this.path = path
    this.predecessor = predecessor
    this.firstSequence = firstSequence
    this.lastSequence = firstSequence - 1
  }

  /** Whether it holds a frame, on disk or in memory. */
  get isUsed(): boolean {
    return this.end > FRAMES_START
  }
}

/** A growing list of u32 numbers, four bytes each. */
export class OffsetList {
  length = 0
  private items = new Uint32Array(64)

  push(units: number): void {
    if (this.length === this.items.length) {
      const grown = new Uint32Array(this.items.length * 2)
      grown.set(this.items)
      this.items = grown
    }
    this.items[this.length++] = units
  }

  at(index: number): number {
    return this.items[index]!
  }

  cut(length: number): void {
    this.length = length
  }
}
