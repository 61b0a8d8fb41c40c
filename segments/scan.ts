import type { Handle } from './env/environment.ts'
import type { Steps } from './env/steps.ts'
import { FilePart } from './file-part.ts'
import { FrameDecoder, type FrameFinding, wholeSequence } from './format/frame.ts'
import { FRAME, FRAMES_START, SEGMENT_BYTES_MAX, UNIT } from './format/layout.ts'
import { FrameTaker, type FrameWatcher, type SegmentKey } from './frame-taker.ts'
import { type Covered, type Hole, type Scan, type Stretch, coveredStretch, emptyStretch } from './stretches.ts'
import { WINDOW_BYTES_MAX, Window, WindowCrc, windowBytes } from './window.ts'

export type { SegmentKey } from './frame-taker.ts'

/** Beyond a hole: `stop` leaves what follows unread, `search` looks for valid frames up to the end of the file. */
export type Beyond = 'stop' | 'search'

/**
 * Told of what is found on the way. A scan that has one keeps no lists: its result holds the last stretch only, no holes,
 * places or definitions, so it takes the same memory however long the segment and however much is damaged.
 */
export interface ScanWatcher extends FrameWatcher {
  /** `before`: the last record in front of the hole. `after`: the first one behind it; undefined where none follows. */
  readonly hole: (hole: Hole, before: number, after: number | undefined) => void
  /** Most that is read at once; less where much is done for each frame, because nothing else of the thread runs meanwhile. */
  readonly windowBytesMax?: number
}

/** Walks through the frames of one segment, checking each; holds one window of it in memory. */
export class SegmentScanner {
  private readonly part: FilePart
  private readonly decoder = new FrameDecoder()
  private readonly taker: FrameTaker
  private readonly end: number
  private readonly key: SegmentKey
  private readonly from: number
  private readonly stretches: Stretch[] = []
  private readonly holes: Hole[] = []
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
    this.part = new FilePart(
      handle,
      end,
      new Window(windowBytes(end - from)),
      watcher?.windowBytesMax ?? WINDOW_BYTES_MAX,
    )
    this.key = key
    this.from = from
    this.taker = new FrameTaker(key, this.decoder, from, end, watcher)
  }

  /** Before `run`: goes on behind what is covered, whose places are its own from now on, and counts the CRC of the bytes. */
  goOn(covered: Covered): this {
    this.covered = covered
    this.taker.goOn(covered)
    this.bytes = new WindowCrc(covered.bytesCrc, covered.end)
    return this
  }

  *run(beyond: Beyond): Steps<Scan> {
    const { covered, taker } = this
    if (covered && covered.end > this.from) this.stretches.push(coveredStretch(covered, this.key, this.taker.base))
    let at = yield* this.walk(covered?.end ?? this.from, this.key.firstSequence, this.stretches[0])
    const bytesCrc = this.bytes?.upTo(at, this.part.window)
    this.bytes = undefined
    // The first stretch always starts where the walk does: one behind a hole is never taken for it.
    if (this.stretches.length === 0) {
      this.stretches.push(emptyStretch(this.from, this.key.firstSequence, this.taker.base))
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
      claimedEnd: taker.claimedEnd,
      baseTimestamp: taker.base,
      definitions: taker.definitions,
      offsets: taker.offsets,
      lifecycles: taker.lifecycles,
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
        stretch = emptyStretch(at, found, this.taker.base)
        if (this.watcher !== undefined) this.stretches.length = 0
        this.stretches.push(stretch)
      }
      this.taker.take(stretch, at)
      this.watcher?.frame?.(decoder, at, found)
      at = this.taker.follow(this.part.window, stretch, at + decoder.length)
    }
  }

  /**
   * A segment has no more records before a place than fit there: a frame that says so lies, and a list of places with room
   * for all of them would take all memory. Without a header the first sequence is a guess, that may be a segment short.
   */
  private mayStandAt(sequence: number, at: number): boolean {
    const bytes = this.key.baseTimestamp === undefined ? SEGMENT_BYTES_MAX : at - FRAMES_START
    return sequence - this.key.firstSequence <= bytes / FRAME.size
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
