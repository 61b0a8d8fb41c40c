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

/** How far the trail of a segment goes. */
export interface TrailEnd {
  /** Where the frames end that it covers, the last record among them, and how many definitions. */
  end: number
  lastSequence: number
  definitions: number
  /** Its length. */
  bytes: number
  /** No leg is made any more. */
  isOver: boolean
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
  /** CRC-32 of the bytes of all frames that are in a group that was closed; undefined where that was not counted. */
  bytesCrc: number | undefined = 0
  /** How far its trail goes. */
  readonly trail: TrailEnd
  /** Keys of its records; undefined until one was appended with keys. */
  keys: SegmentKeys | undefined

  constructor(plan: SegmentPlan, path: string, predecessor: Predecessor | undefined, firstSequence: number) {
    this.plan = plan
    this.path = path
    this.predecessor = predecessor
    this.firstSequence = firstSequence
    this.lastSequence = firstSequence - 1
    this.trail = { end: FRAMES_START, lastSequence: this.lastSequence, definitions: 0, bytes: 0, isOver: false }
  }

  /** Whether it holds a frame, on disk or in memory. */
  get isUsed(): boolean {
    return this.end > FRAMES_START
  }
}

/** A growing list of u32 numbers, four bytes each. */
export class OffsetList {
  length = 0
  /** So short that V8 has them in its heap: most lists of a simulated log stay so, and many are replaced while empty. */
  private items = new Uint32Array(16)

  push(units: number): void {
    if (this.length === this.items.length) this.reserve(this.length + 1)
    this.items[this.length++] = units
  }

  /** Makes room for so many, so that the list need not grow on the way there. */
  reserve(length: number): void {
    if (length <= this.items.length) return
    const grown = new Uint32Array(Math.max(length, this.items.length * 2))
    grown.set(this.items.subarray(0, this.length))
    this.items = grown
  }

  pushAll(units: Uint32Array): void {
    this.reserve(this.length + units.length)
    this.items.set(units, this.length)
    this.length += units.length
  }

  at(index: number): number {
    return this.items[index]!
  }

  /** Copies those from `first` on that fit into `target`. */
  copyTo(target: Uint32Array, first: number): void {
    target.set(this.items.subarray(first, Math.min(this.length, first + target.length)))
  }

  cut(length: number): void {
    this.length = length
  }
}
