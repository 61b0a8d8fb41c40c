import type { ChainMark } from './chain.ts'
import { crc32, shiftDifference } from './format/checksum.ts'
import { FRAME, FRAMES_START } from './format/layout.ts'
import type { Segment } from './segment.ts'

/** Of a frame: its CRC, and that of its header from which the one of the rest goes on. */
interface FrameCrcs {
  readonly crc: number
  readonly headerCrc: number
}

/**
 * Groups are closed at this size, so that a long queue is written in pieces of which each proves the one before. Half of it
 * would cost a burst a tenth of its rate: between two groups the disk waits for this thread.
 */
export const GROUP_BYTES = 2 * 1024 * 1024

/** A promise with its two ends; made only when somebody waits. */
export class Deferred {
  readonly promise: Promise<void>
  resolve!: () => void
  reject!: (reason: Error) => void

  constructor() {
    this.promise = new Promise<void>((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }
}

/** How its segment stood when a group was closed: what a leg of the trail that ends there says. */
export interface GroupEnding {
  readonly lastTimestamp: bigint
  readonly digest: number
  readonly bytesCrc: number
  readonly definitions: number
  readonly chain: ChainMark | undefined
}

/**
 * Frames that go to disk in one write: contiguous, in one segment. Its buffer belongs to it from the first frame until
 * the last call that was given it is done.
 */
export class Group {
  readonly segment: Segment
  /** Offset in the segment of the first byte; 0 where the header goes along. */
  readonly start: number
  /** Up to here all frames of the segment are durable before this group is sent: what its frames may claim. */
  readonly claimEnd: number
  buffer: Buffer
  length = 0
  /** Last record in it or before it. */
  lastSequence: number
  /** Hash of its last frame, once it gets no more; undefined in a log without a chain. */
  head: Buffer | undefined
  /** Whether it is written so that it is durable. Fixed once it is sent: later groups claim it or not by this. */
  synced = false
  sent = false
  /** With the operating system, durable or not. */
  isWritten = false
  /** Resolves when it is in the page cache, and when it is durable. */
  written: Deferred | undefined
  durable: Deferred | undefined
  /** Undefined of a group that is being filled, and in a segment that has no trail. */
  ending: GroupEnding | undefined
  /** CRC-32 of the segment's frames up to its first `summedTo` bytes; undefined where that is not counted. */
  bytesCrc: number | undefined
  summedTo: number
  /** A synchronous commit wrote and synced the same bytes while the call was in flight. */
  overtaken = false

  constructor(segment: Segment, start: number, claimEnd: number, lastSequence: number, buffer: Buffer) {
    this.segment = segment
    this.start = start
    this.claimEnd = claimEnd
    this.lastSequence = lastSequence
    this.buffer = buffer
    this.bytesCrc = segment.bytesCrc
    // The header may be written anew, and has a check of its own.
    this.summedTo = start === 0 ? FRAMES_START : 0
  }

  /** Asks for a sync with its write; false when it is too late for that. */
  askSync(): boolean {
    if (!this.sent) this.synced = true
    return this.synced
  }

  get end(): number {
    return this.start + this.length
  }

  /** Room for `bytes` more, by growing where need be: a batch never leaves its group. */
  reserve(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.length + bytes))
    this.buffer.copy(grown, 0, 0, this.length)
    this.buffer = grown
  }
}

/** From this many bytes of payload on, a frame's own CRC is worth more than a second look at its bytes. */
export const SUMMED_BY_FRAME_BYTES = 2048

/**
 * Takes the frame that was just encoded at `at` into the CRC of the group, by its own CRC: of records of 4 KiB a second
 * look was a quarter of the work on this thread.
 */
export function sumFrame(group: Group, at: number, length: number, { crc, headerCrc }: FrameCrcs): void {
  if (group.bytesCrc === undefined || group.segment.trail.isOver) return
  const before = crc32(group.buffer.subarray(group.summedTo, at + FRAME.size), group.bytesCrc)
  group.bytesCrc = crc ^ shiftDifference(before ^ headerCrc, length - FRAME.size)
  group.summedTo = at + length
}

/**
 * Notes how the segment of a group stands that gets no more frames. The CRC is taken of the bytes in memory, never of what a
 * file says they are: it must not make damage look sound.
 */
export function noteEnding(group: Group, time: { readonly last: bigint }): void {
  const { segment } = group
  const { trail, digest, definitions, chain } = segment
  group.head = chain?.headNow()
  if (group.bytesCrc === undefined || trail.isOver) return
  const bytesCrc = crc32(group.buffer.subarray(group.summedTo, group.length), group.bytesCrc)
  segment.bytesCrc = bytesCrc
  group.ending = {
    lastTimestamp: time.last,
    digest,
    bytesCrc,
    definitions: definitions.length,
    chain: chain?.mark(),
  }
}

/** Buffers of groups, used again once nobody can touch them; large ones are left to the collector. */
export class BufferPool {
  private readonly free: Buffer[] = []
  private readonly countMax: number
  private readonly bufferBytes: number

  /** `bufferBytes`: no longer than a group gets, and no longer than a segment. */
  constructor(countMax: number, bufferBytes = GROUP_BYTES) {
    this.countMax = countMax
    this.bufferBytes = Math.min(GROUP_BYTES, bufferBytes)
  }

  take(): Buffer {
    return this.free.pop() ?? Buffer.allocUnsafeSlow(this.bufferBytes)
  }

  /** Only for a buffer that no outstanding call holds. */
  give(buffer: Buffer): void {
    if (buffer.length === this.bufferBytes && this.free.length < this.countMax) this.free.push(buffer)
  }
}
