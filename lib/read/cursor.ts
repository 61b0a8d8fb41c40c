import type { Handle } from '../../segments/env/environment.ts'
import { type Steps, step } from '../../segments/env/steps.ts'
import type { SeglogError } from '../../segments/errors.ts'
import { FrameDecoder, lengthOf, wholeSequence } from '../../segments/format/frame.ts'
import { FRAME, FRAMES_START, KIND, UNIT } from '../../segments/format/layout.ts'
import { Window } from '../../segments/window.ts'
import type { Codec } from '../codecs/codec.ts'
import { CheckedRun } from './checked-run.ts'
import { type EntrySource, type Page, type StoredEntry, checkedEntryOf, entryOf } from './entry.ts'
import type { KnownSegment } from './known-segment.ts'
import type { KnownSegments } from './known-segments.ts'
import { openToRead } from './open-segment.ts'
import { damaged, misplaced } from './read-errors.ts'
import type { SegmentRef } from './segment-ref.ts'
import type { TimeSeek } from './time-seek.ts'
import type { LogView } from './view.ts'
import type { Walk } from './walk.ts'

/** A range of records to walk, both ends included and within the log. */
export interface CursorRange {
  readonly from: number
  readonly to: number
  /** Records before this time are left out. */
  readonly fromTime: bigint | undefined
  readonly direction: 'forward' | 'reverse'
  /** Most records, and most bytes of frames; one record is given even where it is longer. */
  readonly countMax: number
  readonly bytesMax: number
}

/** Read twice where windows meet, unless frames turn out to be longer. */
const OVERLAP_BYTES = 4096

/**
 * Walks over records without touching a file: `next` gives an entry, or `fill` when bytes are missing; then `fill` is
 * driven, now or later, and `next` is asked again. Every frame is checked, and so is that record n stands in place n.
 */
export class Cursor<T> implements Walk<T> {
  sequence: number
  private readonly view: LogView
  private readonly segments: KnownSegments<T>
  private readonly codec: Codec<T>
  private range: CursorRange
  /** Where the range begins by time; asked once. */
  private seek: TimeSeek<T> | undefined
  private readonly stride: 1 | -1
  private readonly decoder = new FrameDecoder()
  private readonly run = new CheckedRun()
  private window: Window
  private page: Page
  /** What was read ahead, and how much of the present window it holds too: a frame may lie across its end. */
  private spare: Window | undefined
  private overlapBytes = OVERLAP_BYTES
  /** Windows that were read: one alone may be all that is asked for. */
  private windows = 0
  private count = 0
  private bytes = 0
  private ref: SegmentRef | undefined
  private handle: Handle | undefined
  private source: EntrySource<T> | undefined
  /** Given where places are looked up; else frames are followed one by one from the first of the segment on. */
  private known: KnownSegment<T> | undefined
  private at = 0
  private isPlaced = true
  private problem: SeglogError | undefined
  private need: number = FRAME.size
  /** The record that was last looked for at another place than it seemed to have. */
  private soughtAgain = 0

  constructor(
    view: LogView,
    segments: KnownSegments<T>,
    codec: Codec<T>,
    range: CursorRange,
    readBytes: number,
    seek: TimeSeek<T>,
  ) {
    this.seek = range.fromTime === undefined ? undefined : seek
    this.view = view
    this.segments = segments
    this.codec = codec
    this.range = range
    this.stride = range.direction === 'forward' ? 1 : -1
    this.sequence = range.direction === 'forward' ? range.from : range.to
    this.window = new Window(readBytes)
    this.page = { block: this.window.block, undecoded: 0 }
  }

  /** The next entry; `fill` when bytes are missing, `end` after the last. Throws CORRUPT at a record that cannot be read. */
  next(): StoredEntry<T> | 'fill' | 'end' {
    const { ref, decoder, window, sequence } = this
    if (sequence < this.range.from || sequence > this.range.to || this.count >= this.range.countMax) return 'end'
    if (ref === undefined || sequence < ref.firstSequence || sequence > ref.lastSequence) return 'fill'
    for (;;) {
      const at = this.at
      if (!window.holds(at, this.need)) return 'fill'
      // To make what checks many at once is not worth it for a single window.
      const bytesAhead = this.windows > 1 ? ref.end - at : 0
      if (this.stride === 1 && this.run.holds(window, at, sequence, ref.salt, bytesAhead)) return this.takeChecked(at)
      const finding = decoder.read(window.block, at - window.start, window.length, at, ref.salt)
      if (finding === 'short') {
        this.need = decoder.length
        return at + decoder.length > ref.end ? this.note(damaged(ref, at, sequence, finding)) : 'fill'
      }
      if (finding !== 'frame') return this.note(damaged(ref, at, sequence, finding))
      const found = wholeSequence(decoder.sequenceLow, ref.firstSequence)
      if (found !== sequence) return this.note(misplaced(ref, at, sequence, found))
      // Asked again at its end, a walk says the same again.
      if (decoder.kind === KIND.record && this.isOverBudget(decoder.length)) return 'end'
      this.at = at + decoder.length
      this.need = FRAME.size
      if (decoder.kind === KIND.record) return this.take()
      if (decoder.kind !== KIND.dictionary) continue
      // Where it was known already it is defined once more, which changes nothing.
      const { source, payloadStart, payloadEnd } = decoder
      this.source!.decoder.define(Uint8Array.from(source.subarray(payloadStart, payloadEnd)))
    }
  }

  /** Fetches what `next` lacks. */
  *fill(): Steps<void> {
    this.run.forget()
    if (this.seek !== undefined) return yield* this.findStart(this.seek)
    const { ref, sequence } = this
    if (ref === undefined || sequence < ref.firstSequence || sequence > ref.lastSequence) {
      yield* this.goTo(yield* this.view.segmentOf(sequence))
    } else if (this.problem !== undefined) {
      yield* this.lookAgain(this.problem)
    } else if (!this.isPlaced) {
      this.at = yield* this.placeOf(sequence)
    }
    const { at, need } = this
    if (this.window.holds(at, need)) return
    this.windows += 1
    if (this.spare !== undefined && this.takeSpare(this.spare)) return
    const { window } = this
    if (this.page.undecoded > 0) {
      // Entries that nobody has decoded yet keep the block; it is theirs now.
      window.renew()
      this.page = { block: window.block, undecoded: 0 }
    }
    const start = this.stride === 1 ? at : Math.max(FRAMES_START, Math.floor((at + need - window.size) / UNIT) * UNIT)
    yield* window.load(this.handle!, Math.min(start, at), at + need - Math.min(start, at), this.ref!.end)
    if (this.page.block !== window.block) this.page = { block: window.block, undecoded: 0 }
    if (!window.holds(at, need)) this.note(damaged(this.ref!, at, sequence, 'short'))
  }

  /** Only where one window was not all that is asked for. */
  ahead(): Steps<void> | undefined {
    const { ref, handle, window, overlapBytes } = this
    const windowEnd = window.start + window.length
    if (this.stride !== 1 || this.windows < 2 || handle === undefined || ref === undefined) return undefined
    if (windowEnd >= ref.end || window.length <= overlapBytes || this.sequence > this.range.to) return undefined
    this.spare ??= new Window(window.size)
    return this.spare.load(handle, Math.floor((windowEnd - overlapBytes) / UNIT) * UNIT, 0, ref.end)
  }

  /** Goes on in what was read ahead, if it holds what is needed. */
  private takeSpare(spare: Window): boolean {
    const { at, need, window } = this
    if (!spare.holds(at, need)) {
      // Frames are longer than it was made for.
      if (spare.length > 0 && at < spare.start) this.overlapBytes = Math.min(window.size / 2, this.overlapBytes * 2)
      return false
    }
    if (this.page.undecoded > 0) window.renew()
    window.clear()
    this.spare = window
    this.window = spare
    this.page = { block: spare.block, undecoded: 0 }
    return true
  }

  /** Closes what is open. A cursor that is asked again looks its segment up anew. */
  *close(): Steps<void> {
    const { handle } = this
    this.handle = undefined
    this.ref = undefined
    this.problem = undefined
    this.spare?.clear()
    if (handle === undefined) return
    try {
      yield* step({ do: 'close', handle })
    } catch (error) {
      // The handle is gone either way, and a file that was only read has nothing to lose.
      if (!(error instanceof Error)) throw error
    }
  }

  /** Goes on with a later end: who follows a log comes back for what was appended since. */
  extend(to: number, readBytes: number): void {
    this.range = { ...this.range, to }
    this.window.size = readBytes
  }

  private *findStart(seek: TimeSeek<T>): Steps<void> {
    const { range } = this
    const from = yield* seek.first(range.fromTime!, range.from, range.to)
    this.seek = undefined
    this.range = { ...range, from }
    if (this.stride === 1) this.sequence = from
  }

  private *goTo(ref: SegmentRef): Steps<void> {
    const { ref: last, stride } = this
    // The same file, of which more may be read by now: the next record follows the last one.
    if (last?.ordinal === ref.ordinal && last.salt === ref.salt && stride === 1) this.ref = ref
    else yield* this.enter(ref)
  }

  private *enter(ref: SegmentRef): Steps<void> {
    yield* this.close()
    this.handle = yield* openToRead(this.view, ref, this.sequence)
    this.ref = ref
    this.window.clear()
    this.need = FRAME.size
    const fromStart = this.stride === 1 && this.sequence === ref.firstSequence
    this.known = fromStart ? undefined : yield* this.segments.get(ref, this.sequence)
    const { path, baseTimestamp, compression } = ref
    this.source = this.known ?? { path, baseTimestamp, compression, decoder: this.codec.decoder() }
    this.at = fromStart ? FRAMES_START : yield* this.placeOf(this.sequence)
  }

  private *placeOf(sequence: number): Steps<number> {
    const units = yield* this.known!.unitsOf(sequence)
    if (units === 0) throw damaged(this.ref!, undefined, sequence, 'invalid')
    this.isPlaced = true
    return units * UNIT
  }

  /** What is wrong at the place of the next record, `fill` looks into. */
  private note(problem: SeglogError): 'fill' {
    this.problem = problem
    return 'fill'
  }

  /**
   * A record may stand elsewhere than it seemed: behind a damaged control frame, or not where a sidecar says. Goes on there.
   */
  private *lookAgain(problem: SeglogError): Steps<void> {
    const { at, sequence, stride } = this
    this.problem = undefined
    // Once for each record: where its place holds a frame of another kind, the way from there leads here again.
    if (this.soughtAgain === sequence) throw problem
    this.soughtAgain = sequence
    const known = this.known ?? (yield* this.segments.get(this.ref!, sequence))
    yield* known.doubt()
    const place = (yield* known.unitsOf(sequence)) * UNIT
    if (place === 0 || place === at || (stride === 1 && place < at)) throw problem
    this.known = known
    this.source = known
    this.at = place
    this.need = FRAME.size
  }

  /** Whether the record at hand is more than is asked for; the first never is. */
  private isOverBudget(length: number): boolean {
    return this.count > 0 && this.bytes + length > this.range.bytesMax
  }

  /** The record at a place whose frame was checked with those around it. */
  private takeChecked(at: number): StoredEntry<T> | 'end' {
    const { page, sequence } = this
    const start = at - this.window.start
    const length = lengthOf(page.block.words, start / 4)
    if (this.isOverBudget(length)) return 'end'
    this.at = at + length
    this.need = FRAME.size
    this.count += 1
    this.bytes += length
    this.sequence = sequence + 1
    return checkedEntryOf(start, sequence, this.source!, page)
  }

  private take(): StoredEntry<T> {
    const { decoder, ref } = this
    this.count += 1
    this.bytes += decoder.length
    const sequence = this.sequence
    this.sequence += this.stride
    const entry = entryOf(decoder, sequence, this.source!, this.page, 0)
    if (this.stride === -1 && ref !== undefined && this.sequence >= ref.firstSequence) this.stepBack(ref)
    return entry
  }

  /** In reverse a place that is not known is looked up by `fill`: at the end of a segment nothing can be read. */
  private stepBack(ref: SegmentRef): void {
    const units = this.known!.peekUnits(this.sequence)
    this.isPlaced = units !== undefined && units !== 0
    this.at = this.isPlaced ? units! * UNIT : ref.end
  }
}
