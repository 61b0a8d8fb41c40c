/* Over 300 lines because all that a frame is made of, and all that is taken back with it, meets here. */
import type { ChainMark, CheckpointPolicy } from './chain.ts'
import { type Compressing, compressed } from './compression.ts'
import { SeglogError, assert } from './errors.ts'
import { DIGEST_START, addToDigest } from './format/checksum.ts'
import { FrameEncoder, frameBytes } from './format/frame.ts'
import { emptyDraft } from './format/frame-draft.ts'
import {
  CHAIN_HEAD_BYTES,
  KIND,
  NO_CLAIM,
  FRAMES_START,
  ORIGINAL_LENGTH_BYTES,
  TAG,
  TIME_DELTA_LIMIT,
  UNIT,
  WIDE_BYTES,
} from './format/layout.ts'
import { type BufferPool, Group, SUMMED_BY_FRAME_BYTES, noteEnding, sumFrame } from './group.ts'
import { type LogIdentity, headerOf } from './group-header.ts'
import type { Segment } from './segment.ts'
import { keysBytes } from './space.ts'
import { type Clock, type TimeMark, Timeline } from './timeline.ts'

/** What of a codec the writer needs; the codec's own file says more. */
export interface PayloadEncoder {
  encode(value: unknown): Uint8Array
  takeDefinitions(): readonly Uint8Array[] | undefined
  readonly plain: boolean
}

/** Whether a full group may be closed for a record, or the group grows because a batch must stay in one. */
export type Grouping = 'any group' | 'same group'

/** A method and not a function, which would be another one for each log: the compiler would begin anew. */
export interface GroupReceiver {
  /** Takes a group that gets no more frames. */
  groupClosed(group: Group): void
}

export interface FillingContext {
  readonly identity: LogIdentity
  readonly pool: BufferPool
  readonly clock: Clock
  readonly checkpoints: CheckpointPolicy
  readonly receiver: GroupReceiver
  /** Undefined where payloads are stored as they are. */
  readonly compressing?: Compressing | undefined
}

const NO_PAYLOAD = new Uint8Array()
/** Frame of a checkpoint, with its whole time. */
const CHECKPOINT_BYTES_MAX = frameBytes(0, WIDE_BYTES + CHAIN_HEAD_BYTES)

/** Where a filling stood, to go back to when a batch cannot be completed. */
export interface FillingMark {
  readonly group: Group | undefined
  readonly length: number
  readonly bytesCrc: number | undefined
  readonly summedTo: number
  readonly end: number
  readonly digest: number
  readonly lastSequence: number
  readonly time: TimeMark
  readonly headerPending: boolean
  readonly chain: ChainMark | undefined
  readonly definitions: readonly Uint8Array[]
  readonly definitionsFramed: number
}

/**
 * Turns payloads into frames of one segment, in memory: gives each its sequence, timestamp, offset and claim, and
 * collects them in groups. Nothing here waits or touches a file.
 */
export class Filling {
  readonly segment: Segment
  readonly encoder: PayloadEncoder
  /** In a segment that was begun with another compression, nothing is compressed. */
  readonly compressing: Compressing | undefined
  /** The group that gets the next frame; undefined after it was taken to be sent. */
  group: Group | undefined
  private readonly context: FillingContext
  private readonly frames = new FrameEncoder()
  private readonly draft = emptyDraft()
  private previous: Group | undefined
  /** Where a claim of a first group may reach: what recovery or the roll before made durable. */
  private readonly firstClaimEnd: number
  private headerPending: boolean
  /** Definitions whose record was refused after they were learned: they still go out before the next record. */
  private definitions: Uint8Array[] = []
  /** Definitions since the last mark. */
  private learned: Uint8Array[] = []
  private readonly time: Timeline
  /** What its hash adds to each frame; 0 in a log without a chain. */
  readonly hashBytes: number

  /** A segment with frames is gone on with; one without gets its header with the first frame. */
  constructor(context: FillingContext, segment: Segment, encoder: PayloadEncoder, floor: bigint) {
    this.context = context
    this.segment = segment
    this.encoder = encoder
    this.time = new Timeline(floor, context.clock)
    this.hashBytes = segment.chain === undefined ? 0 : CHAIN_HEAD_BYTES
    this.headerPending = segment.end === 0
    if (this.headerPending) {
      segment.end = FRAMES_START
      segment.digest = DIGEST_START
      segment.compression = context.compressing?.method ?? segment.compression
    } else {
      this.time.resume(segment.baseTimestamp, floor)
      segment.chain?.setBase(segment.baseTimestamp)
    }
    this.firstClaimEnd = segment.end
    this.compressing = context.compressing?.method === segment.compression ? context.compressing : undefined
  }

  /** Encodes a value; what the codec throws leaves nothing behind. The bytes are valid until the next call. */
  encode(value: unknown): Uint8Array {
    let payload: Uint8Array
    try {
      payload = this.encoder.encode(value)
    } catch (error) {
      if (error instanceof SeglogError) throw error
      throw new SeglogError('ENCODE', `the codec refused a value: ${reasonOf(error)}`, { cause: error })
    }
    const definitions = this.encoder.takeDefinitions()
    if (definitions !== undefined) {
      this.definitions.push(...definitions)
      this.learned.push(...definitions)
    }
    return payload
  }

  /**
   * Frames a record, unless it does not fit: then nothing has changed. `flags` is `batchEnd` or nothing.
   */
  place(
    payload: Uint8Array,
    flags: number,
    given: bigint | undefined,
    grouping: Grouping,
    keys: Uint8Array | undefined,
  ): boolean {
    const timeDelta = this.time.nextDelta(given)
    const wide = timeDelta >= TIME_DELTA_LIMIT ? WIDE_BYTES : 0
    const shorter = compressed(this.compressing, payload)
    const stored = shorter ?? payload
    const own = wide + this.hashBytes
    const extended = own + keysBytes(keys) + (shorter === undefined ? 0 : ORIGINAL_LENGTH_BYTES)
    let need = frameBytes(stored.length, extended) + (this.segment.end === FRAMES_START ? WIDE_BYTES : 0)
    for (const definition of this.definitions) need += frameBytes(definition.length, own)
    if (this.segment.end + need > this.segment.plan.segmentBytes) return false

    const room = this.segment.chain === undefined ? need : need + CHECKPOINT_BYTES_MAX
    const group = this.groupFor(room, grouping, given)
    if (this.definitions.length > 0) {
      for (const definition of this.definitions) this.frame(group, KIND.dictionary, 0, timeDelta, given, definition)
      this.segment.definitions.push(...this.definitions)
      this.definitions = []
    }
    const plain = this.encoder.plain ? TAG.plain : 0
    this.segment.offsets.push(this.segment.end / UNIT)
    this.draft.keys = keys
    this.draft.originalBytes = shorter && payload.length
    this.frame(group, KIND.record, flags | plain, timeDelta, given, payload, stored)
    this.draft.keys = undefined
    this.draft.originalBytes = undefined
    this.segment.lastSequence += 1
    group.lastSequence = this.segment.lastSequence
    if (this.segment.chain !== undefined && flags === TAG.batchEnd) this.placeCheckpoint(group, timeDelta, given)
    return true
  }

  /** Behind a whole batch and in its group, where one is due and fits; else behind the first of the next segment. */
  private placeCheckpoint(group: Group, timeDelta: number, given: bigint | undefined): void {
    const { segment, context } = this
    const chain = segment.chain!
    if (!chain.isCheckpointDue(context.checkpoints, segment.end, segment.lastSequence)) return
    if (segment.end + CHECKPOINT_BYTES_MAX > segment.plan.segmentBytes) return
    this.frame(group, KIND.checkpoint, TAG.batchEnd, timeDelta, given, NO_PAYLOAD)
    chain.checkpointed(segment.end, segment.lastSequence)
  }

  /** Frames what stands between batches and is no record, a batch of its own, unless it does not fit. */
  placeControl(kind: number, payload: Uint8Array): boolean {
    const timeDelta = this.time.nextDelta(undefined)
    const isWide = timeDelta >= TIME_DELTA_LIMIT || this.segment.end === FRAMES_START
    const need = frameBytes(payload.length, (isWide ? WIDE_BYTES : 0) + this.hashBytes)
    if (this.segment.end + need > this.segment.plan.segmentBytes) return false
    const group = this.groupFor(need, 'any group', undefined)
    this.frame(group, kind, TAG.batchEnd, timeDelta, undefined, payload)
    return true
  }

  mark(): FillingMark {
    const { group, segment } = this
    this.learned = []
    return {
      group,
      length: group?.length ?? 0,
      bytesCrc: group?.bytesCrc,
      summedTo: group?.summedTo ?? 0,
      end: segment.end,
      digest: segment.digest,
      lastSequence: segment.lastSequence,
      time: this.time.mark(),
      headerPending: this.headerPending,
      chain: segment.chain?.mark(),
      definitions: this.definitions.slice(),
      definitionsFramed: segment.definitions.length,
    }
  }

  /** Takes back everything since the mark, the last one made. What the encoder learned stays learned and still goes out. */
  reset(mark: FillingMark): void {
    this.group = mark.group
    if (mark.group) {
      mark.group.length = mark.length
      mark.group.lastSequence = mark.lastSequence
      mark.group.bytesCrc = mark.bytesCrc
      mark.group.summedTo = mark.summedTo
    }
    this.segment.end = mark.end
    this.segment.digest = mark.digest
    this.segment.lastSequence = mark.lastSequence
    this.segment.offsets.cut(mark.lastSequence - this.segment.firstSequence + 1)
    this.time.reset(mark.time)
    this.headerPending = mark.headerPending
    if (mark.chain) this.segment.chain!.reset(mark.chain)
    this.segment.definitions.length = mark.definitionsFramed
    this.definitions = [...mark.definitions, ...this.learned]
  }

  /** The group filled so far, to be sent; the next frame starts another. */
  takeGroup(): Group | undefined {
    const group = this.group
    if (group === undefined) return undefined
    this.group = undefined
    this.previous = group
    noteEnding(group, this.time)
    return group
  }

  /** Time of the last frame, or what the next one cannot be before. */
  get lastTimestamp(): bigint {
    return this.time.last
  }

  private frame(
    group: Group,
    kind: number,
    flags: number,
    timeDelta: number,
    given: bigint | undefined,
    payload: Uint8Array,
    stored = payload,
  ): void {
    const { segment, draft } = this
    const offset = segment.end
    const units = (offset - group.claimEnd) / UNIT
    draft.kind = kind
    draft.flags = flags
    draft.claim = units < NO_CLAIM ? units : NO_CLAIM
    draft.sequence = segment.lastSequence + 1
    draft.timeDelta = timeDelta
    if (offset === FRAMES_START || timeDelta >= TIME_DELTA_LIMIT) {
      draft.timestamp = this.time.takeWhole(timeDelta, given)
    } else {
      draft.timestamp = undefined
      this.time.take(timeDelta)
    }
    // Over the payload as it is before anything is done to it.
    if (segment.chain !== undefined) draft.hash = segment.chain.next(draft, payload)
    const length = this.frames.encode(group.buffer, group.length, offset, segment.plan.salt, draft, stored)
    if (stored.length >= SUMMED_BY_FRAME_BYTES) sumFrame(group, group.length, length, this.frames)
    group.length += length
    segment.end += length
    segment.digest = addToDigest(segment.digest, this.frames.crc)
  }

  /** The group for `need` more bytes; makes the header along with the first group of a segment. */
  private groupFor(need: number, grouping: Grouping, given: bigint | undefined): Group {
    let group = this.group
    if (group !== undefined && grouping === 'any group' && group.length + need > group.buffer.length) {
      this.takeGroup()
      this.context.receiver.groupClosed(group)
      group = undefined
    }
    group ??= this.openGroup(given)
    group.reserve(need)
    return group
  }

  private openGroup(given: bigint | undefined): Group {
    const { segment, previous } = this
    const claimEnd = previous === undefined ? this.firstClaimEnd : previous.synced ? segment.end : previous.claimEnd
    const start = this.headerPending ? 0 : segment.end
    const group = new Group(segment, start, claimEnd, segment.lastSequence, this.context.pool.take())
    if (this.headerPending) this.writeHeader(group, given)
    this.group = group
    return group
  }

  private writeHeader(group: Group, given: bigint | undefined): void {
    const { segment } = this
    assert(segment.end === FRAMES_START, 'a header goes out with the first frame')
    segment.baseTimestamp = this.time.start(given)
    segment.chain?.setBase(segment.baseTimestamp)
    const header = headerOf(segment, this.context.identity)
    group.buffer.set(header, 0)
    group.length = header.length
    this.headerPending = false
  }
}

function reasonOf(error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error)
  // A codec follows a value as deep as it goes: until there is no stack left.
  const isEndless = error instanceof RangeError && reason.includes('call stack')
  return isEndless ? `it refers to itself or is nested too deeply (${reason})` : reason
}
