import type { Handle } from './env/environment.ts'
import type { Steps } from './env/steps.ts'
import { FilePart } from './file-part.ts'
import { DIGEST_START, addToDigest } from './format/checksum.ts'
import { FrameDecoder, type FrameFinding, wholeSequence } from './format/frame.ts'
import { CHAIN_HEAD_BYTES, FRAME, FRAMES_START, KIND, NO_CLAIM, SEGMENT_BYTES_MAX, TAG, UNIT } from './format/layout.ts'
import { OffsetList } from './segment.ts'
import {
  type Covered,
  type Hole,
  type LifecycleFrame,
  type Scan,
  type Stretch,
  coveredStretch,
  emptyStretch,
} from './stretches.ts'
import { Window, WindowCrc, windowBytes } from './window.ts'

/** What must be known of a segment to check its frames. */
export interface SegmentKey {
  readonly salt: number
  readonly firstSequence: number
  /** Undefined where the header is lost; the first frame holds it too. */
  readonly baseTimestamp: bigint | undefined
}

/** Beyond a hole: `stop` leaves what follows unread, `search` looks for valid frames up to the end of the file. */
export type Beyond = 'stop' | 'search'

/**
 * Told of what is found on the way. A scan that has one keeps no lists: its result holds the last stretch only, no holes,
 * places or definitions, so it takes the same memory however long the segment and however much is damaged.
 */
export interface ScanWatcher {
  /** A valid frame in its place; what the decoder says of it is valid during the call only. */
  readonly frame?: (decoder: FrameDecoder, at: number, sequence: number) => void
  /** `before`: the last record in front of the hole. `after`: the first one behind it; undefined where none follows. */
  readonly hole: (hole: Hole, before: number, after: number | undefined) => void
}

/** Walks through the frames of one segment, checking each; holds one window of it in memory. */
export class SegmentScanner {
  private readonly part: FilePart
  private readonly decoder = new FrameDecoder()
  private readonly end: number
  private readonly key: SegmentKey
  private readonly from: number
  private readonly stretches: Stretch[] = []
  private readonly holes: Hole[] = []
  private offsets = new OffsetList()
  private claimedEnd: number
  private digest = DIGEST_START
  private base: bigint
  private definitions: Uint8Array[] = []
  private readonly lifecycles: LifecycleFrame[] = []
  private unknownAt: number | undefined
  private readonly watcher: ScanWatcher | undefined
  private covered: Covered | undefined
  /** Of the first stretch, where somebody wants to know it. */
  private bytes: WindowCrc | undefined

  /**
   * `end`: where to stop, at most the length of the file. `from`: where to begin, the place of the record that `key` calls
   * the first; offsets then count from it.
   */
  constructor(handle: Handle, end: number, key: SegmentKey, from: number = FRAMES_START, watcher?: ScanWatcher) {
    this.watcher = watcher
    this.end = end
    this.part = new FilePart(handle, end, new Window(windowBytes(end - from)))
    this.key = key
    this.from = from
    this.claimedEnd = from
    this.base = key.baseTimestamp ?? 0n
  }

  /** Before `run`: goes on behind what is covered, whose places are its own from now on, and counts the CRC of the bytes. */
  goOn(covered: Covered): this {
    this.covered = covered
    this.offsets = covered.offsets
    this.definitions = covered.definitions.slice()
    this.claimedEnd = covered.claimedEnd
    this.digest = covered.digest
    this.bytes = new WindowCrc(covered.bytesCrc, covered.end)
    return this
  }

  *run(beyond: Beyond): Steps<Scan> {
    const { covered } = this
    if (covered && covered.end > this.from) this.stretches.push(coveredStretch(covered, this.key, this.base))
    let at = yield* this.walk(covered?.end ?? this.from, this.key.firstSequence, this.stretches[0])
    const bytesCrc = this.bytes?.upTo(at, this.part.window)
    this.bytes = undefined
    // The first stretch always starts where the walk does: one behind a hole is never taken for it.
    if (this.stretches.length === 0) {
      this.stretches.push(emptyStretch(this.from, this.key.firstSequence, this.base))
    }
    while (at < this.end) {
      const finding = this.stopped
      if (finding === 'zeros' && (yield* this.part.skipZeros(at)) >= this.end) break
      const resumed =
        beyond === 'search' ? yield* this.search(this.isNewStart(finding, at) ? at : at + UNIT) : undefined
      const holeEnd = resumed ?? this.end
      const found = yield* this.part.looks(at, holeEnd)
      const before = this.stretches.at(-1)!
      const { lastSeen } = before
      const start = at
      if (resumed !== undefined) at = yield* this.walk(resumed, undefined)
      // Zeros between frames are a hole like any other; behind the last they are space that was never used.
      if (resumed !== undefined || found.lastByte > start) {
        const end = resumed ?? found.lastByte
        const next = this.stretches.at(-1)!
        const hole = { start, end, finding, zeroSectors: found.zeroSectors }
        if (this.watcher === undefined) this.holes.push(hole)
        else this.watcher.hole(hole, lastSeen, next === before ? undefined : next.firstSequence)
      }
      if (resumed === undefined) break
    }
    return {
      stretches: this.stretches,
      holes: this.holes,
      claimedEnd: this.claimedEnd,
      baseTimestamp: this.base,
      definitions: this.definitions,
      offsets: this.offsets,
      lifecycles: this.lifecycles,
      unknownAt: this.unknownAt,
      bytesCrc,
      covered,
    }
  }

  /** A valid frame that only does not follow the one before it is where the next stretch starts. */
  private isNewStart(finding: FrameFinding | 'order', at: number): boolean {
    const sequence = wholeSequence(this.decoder.sequenceLow, this.key.firstSequence)
    return finding === 'order' && this.mayStandAt(sequence, at) && sequence > this.stretches.at(-1)!.lastSeen
  }

  private stopped: FrameFinding | 'order' = 'zeros'

  /** Follows valid frames from `at` on; returns where they stop. The first sequence may be any where it is not given. */
  private *walk(from: number, sequence: number | undefined, begun?: Stretch): Steps<number> {
    let at = from
    let stretch = begun
    for (;;) {
      const finding = yield* this.readAt(at)
      this.stopped = finding
      if (finding === 'unknown') this.unknownAt ??= at
      if (finding !== 'frame') return at
      const { decoder } = this
      const found = wholeSequence(decoder.sequenceLow, this.key.firstSequence)
      const last: number = (stretch ?? this.stretches.at(-1))?.lastSeen ?? 0
      const inOrder =
        this.mayStandAt(found, at) &&
        (stretch === undefined && sequence === undefined ? found > last : found === (stretch ? last + 1 : sequence))
      if (!inOrder) {
        this.stopped = 'order'
        return at
      }
      if (stretch === undefined) {
        stretch = emptyStretch(at, found, this.base)
        if (this.watcher !== undefined) this.stretches.length = 0
        this.stretches.push(stretch)
      }
      this.take(stretch, at)
      this.watcher?.frame?.(decoder, at, found)
      at = this.follow(stretch, at + decoder.length)
    }
  }

  /**
   * Takes records that follow in order, as many as the window holds, as `walk` would one by one; returns where it stopped,
   * for `walk` to see why. Nearly all frames of a scan pass here, so no call in it can wait and nothing is made for a frame:
   * 75 ns for one of 44 bytes, half of that its CRC, against 180 with a generator and a BigInt for each.
   */
  private follow(stretch: Stretch, from: number): number {
    const { decoder, key, watcher } = this
    const { block, start, length } = this.part.window
    let at = from
    let { digest, claimedEnd } = this
    let { lastSeen, wholeEnd } = stretch
    let whole = lastSeen
    let wholeDigest = 0
    let delta = 0
    let wide: bigint | undefined
    let hashStart: number | undefined
    while (decoder.read(block, at - start, length, at, key.salt) === 'frame' && decoder.kind === KIND.record) {
      const sequence = lastSeen + 1
      // The low 32 bits are enough: no segment holds as many records. Each brings its header, so it may stand where it does.
      if (decoder.sequenceLow !== sequence >>> 0) break
      if (decoder.claim !== NO_CLAIM) claimedEnd = Math.max(claimedEnd, at - decoder.claim * UNIT)
      digest = addToDigest(digest, decoder.crc)
      lastSeen = sequence
      if (watcher === undefined) this.notePlace(sequence, at)
      else watcher.frame?.(decoder, at, sequence)
      at += decoder.length
      if ((decoder.tag & TAG.batchEnd) === 0) continue
      wholeEnd = at
      whole = sequence
      wholeDigest = digest
      delta = decoder.timeDelta
      wide = decoder.timestamp
      hashStart = (decoder.tag & TAG.chained) === 0 ? undefined : decoder.hashStart
    }
    this.digest = digest
    this.claimedEnd = claimedEnd
    stretch.end = at
    stretch.lastSeen = lastSeen
    if (wholeEnd === stretch.wholeEnd) return at
    stretch.wholeEnd = wholeEnd
    stretch.lastSequence = whole
    stretch.digest = wholeDigest
    stretch.lastTimestamp = wide ?? this.base + BigInt(delta)
    stretch.head = hashAt(block.bytes, hashStart)
    stretch.definitions = this.definitions.length
    return at
  }

  /**
   * A segment has no more records before a place than fit there: a frame that says so lies, and a list of places with room
   * for all of them would take all memory. Without a header the first sequence is a guess, that may be a segment short.
   */
  private mayStandAt(sequence: number, at: number): boolean {
    const bytes = this.key.baseTimestamp === undefined ? SEGMENT_BYTES_MAX : at - FRAMES_START
    return sequence - this.key.firstSequence <= bytes / FRAME.size
  }

  private take(stretch: Stretch, at: number): void {
    const { decoder } = this
    if (decoder.claim !== NO_CLAIM) this.claimedEnd = Math.max(this.claimedEnd, at - decoder.claim * UNIT)
    if (at === FRAMES_START && this.key.baseTimestamp === undefined) this.base = decoder.timestamp ?? 0n
    this.digest = addToDigest(this.digest, decoder.crc)
    stretch.end = at + decoder.length
    const isKept = this.watcher === undefined
    if (decoder.kind === KIND.dictionary && isKept) {
      this.definitions.push(Uint8Array.from(decoder.source.subarray(decoder.payloadStart, decoder.payloadEnd)))
    }
    if (decoder.kind === KIND.lifecycle && isKept) {
      const payload = Uint8Array.from(decoder.source.subarray(decoder.payloadStart, decoder.payloadEnd))
      this.lifecycles.push({ payload, sequenceBefore: stretch.lastSeen })
    }
    if (decoder.kind === KIND.record) this.takeRecord(stretch, at)
    if ((decoder.tag & TAG.batchEnd) === 0) return
    stretch.wholeEnd = stretch.end
    stretch.lastSequence = stretch.lastSeen
    stretch.digest = this.digest
    stretch.lastTimestamp = decoder.timestamp ?? this.base + BigInt(decoder.timeDelta)
    stretch.head = hashAt(decoder.source, (decoder.tag & TAG.chained) === 0 ? undefined : decoder.hashStart)
    if (decoder.kind === KIND.checkpoint) stretch.checkpoint = { end: stretch.end, sequence: stretch.lastSeen }
    stretch.definitions = this.definitions.length
  }

  private takeRecord(stretch: Stretch, at: number): void {
    stretch.lastSeen += 1
    if (this.watcher === undefined) this.notePlace(stretch.lastSeen, at)
  }

  private notePlace(sequence: number, at: number): void {
    const index = sequence - this.key.firstSequence
    while (this.offsets.length < index) this.offsets.push(0)
    this.offsets.push(at / UNIT)
  }

  /** The next place at or after `at` where a valid frame stands. Each multiple of `UNIT` is tried. */
  private *search(from: number): Steps<number | undefined> {
    for (let at = from; at + FRAME.size <= this.end; at += UNIT) {
      const finding = yield* this.readAt(at)
      if (finding === 'frame') return at
      if (finding === 'unknown') this.unknownAt ??= at
      if (finding === 'zeros') at = (yield* this.part.skipZeros(at)) - UNIT
    }
    return undefined
  }

  private *readAt(at: number): Steps<FrameFinding> {
    const { decoder } = this
    const { window } = this.part
    let need: number = FRAME.size
    for (;;) {
      if (!window.holds(at, need)) {
        if (at + need > this.end) return this.endsAt(at)
        this.bytes?.upTo(at, this.part.window)
        yield* this.part.load(at, need)
        if (!window.holds(at, need)) return this.endsAt(at)
      }
      const finding = decoder.read(window.block, at - window.start, window.length, at, this.key.salt)
      if (finding !== 'short') return finding
      need = decoder.length
    }
  }

  /** What to call a place whose frame does not fit before the end: zeros where nothing else is there. */
  private endsAt(at: number): FrameFinding {
    return at >= this.end ? 'zeros' : 'short'
  }
}

/** A copy: the block is read into again. */
function hashAt(bytes: Buffer, start: number | undefined): Buffer | undefined {
  return start === undefined ? undefined : Buffer.from(bytes.subarray(start, start + CHAIN_HEAD_BYTES))
}
