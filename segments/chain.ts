import { ChainHasher, type Link, NO_HEAD } from './format/chain.ts'

/** When a frame is written that marks a place to verify from: after so many records or bytes of a segment, whichever is first. */
export interface CheckpointPolicy {
  readonly checkpointRecords: number
  readonly checkpointBytes: number
}

/** Where the chain of a log ends: kept elsewhere, it shows whether the log was cut or written anew. */
export interface ChainHead {
  /** Last record up to which it speaks; 0 where there is none. */
  readonly sequence: number
  /** SHA-256 of the last frame behind it, be it the record itself; 64 hex digits. */
  readonly hash: string
}

/** Where the chain of a segment stands, to go back to. */
export interface ChainMark {
  readonly head: Buffer
  readonly checkpointEnd: number
  readonly checkpointSequence: number
}

/** The chain of a segment that is written. */
export class SegmentChain {
  private readonly head: Buffer
  private readonly hasher = new ChainHasher()
  /** Where the last checkpoint ends, and the last record before it: at first, the start of the frames. */
  private checkpointEnd: number
  private checkpointSequence: number

  /** `head`: hash of the last frame, in this segment or before it; it is copied. */
  constructor(head: Uint8Array, checkpointEnd: number, checkpointSequence: number) {
    this.head = Buffer.from(head)
    this.checkpointEnd = checkpointEnd
    this.checkpointSequence = checkpointSequence
  }

  /** Base of the times of the segment, before its first frame. */
  setBase(timestamp: bigint): void {
    this.hasher.baseTimestamp = timestamp
  }

  /** Hash of the next frame, which is the head from now on; valid until the next call. */
  next(link: Link, payload: Uint8Array): Uint8Array {
    this.hasher.next(this.head, link, payload, 0, payload.length)
    return this.head
  }

  isCheckpointDue({ checkpointRecords, checkpointBytes }: CheckpointPolicy, end: number, sequence: number): boolean {
    return sequence - this.checkpointSequence >= checkpointRecords || end - this.checkpointEnd >= checkpointBytes
  }

  checkpointed(end: number, sequence: number): void {
    this.checkpointEnd = end
    this.checkpointSequence = sequence
  }

  mark(): ChainMark {
    const { head, checkpointEnd, checkpointSequence } = this
    return { head: Buffer.from(head), checkpointEnd, checkpointSequence }
  }

  reset({ head, checkpointEnd, checkpointSequence }: ChainMark): void {
    this.head.set(head)
    this.checkpointed(checkpointEnd, checkpointSequence)
  }

  /** A copy of the hash of the last frame that exists, on disk or in memory. */
  headNow(): Buffer {
    return Buffer.from(this.head)
  }
}

/** As headers and lines have it. */
export function headText(chain: SegmentChain | undefined): string {
  return chain?.headNow().toString('hex') ?? NO_HEAD
}
