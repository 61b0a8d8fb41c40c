import { BARE_FROM_BYTES, type BareRecords, PIECE_BYTES, bareRecords, looksBare } from './format/bare-records.ts'
import { DIGEST_START, addToDigest } from './format/checksum.ts'
import type { FrameDecoder } from './format/frame.ts'
import { CHAIN_HEAD_BYTES, FRAME, FRAMES_START, KIND, NO_CLAIM, SEGMENT_BYTES_MAX, TAG, UNIT } from './format/layout.ts'
import { isZero } from './format/prefix.ts'
import { OffsetList } from './segment.ts'
import type { Covered, LifecycleFrame, Stretch } from './stretches.ts'
import type { Window } from './window.ts'

/** What must be known of a segment to check its frames. */
export interface SegmentKey {
  readonly salt: number
  readonly firstSequence: number
  /** Undefined where the header is lost; the first frame holds it too. */
  readonly baseTimestamp: bigint | undefined
}

/** Told of the valid frames in their places. */
export interface FrameWatcher {
  /** What the decoder says of it is valid during the call only. */
  readonly frame?: (decoder: FrameDecoder, at: number, sequence: number) => void
  /** Given beside `frame` by who needs no more of bare records than their places, in units; valid during the call only. */
  readonly bareRecords?: ((places: Uint32Array) => void) | undefined
}

/** Takes frames that are valid and in their places, and keeps what a scan says of them. */
export class FrameTaker {
  readonly lifecycles: LifecycleFrame[] = []
  offsets = new OffsetList()
  definitions: Uint8Array[] = []
  /** The furthest point that any of them claims durable. */
  claimedEnd: number
  /** Time of the first, where no header told. */
  base: bigint
  private digest = DIGEST_START
  private readonly key: SegmentKey
  private readonly decoder: FrameDecoder
  private readonly watcher: FrameWatcher | undefined
  private readonly mayTakeBare: boolean
  private bare: BareRecords | undefined

  /** The decoder is that of the walk. `from`, `end`: the part of the segment that is scanned. */
  constructor(key: SegmentKey, decoder: FrameDecoder, from: number, end: number, watcher: FrameWatcher | undefined) {
    this.key = key
    this.decoder = decoder
    this.watcher = watcher
    this.claimedEnd = from
    this.base = key.baseTimestamp ?? 0n
    this.mayTakeBare = end <= SEGMENT_BYTES_MAX && (watcher?.frame === undefined || watcher.bareRecords !== undefined)
  }

  /** Goes on behind what is covered, whose places are its own from now on. */
  goOn(covered: Covered): void {
    this.offsets = covered.offsets
    this.definitions = covered.definitions.slice()
    this.claimedEnd = covered.claimedEnd
    this.digest = covered.digest
  }

  /** Takes the frame that the decoder describes, the next of the stretch. */
  take(stretch: Stretch, at: number): void {
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

  /**
   * Takes records that follow in order from `from` on, as many as the window holds, as the walk would one by one; returns
   * where it stopped, for the walk to see why. Nearly all frames of a scan pass here, so no call in it can wait.
   */
  follow(window: Window, stretch: Stretch, from: number): number {
    if (this.mayTakeBare) this.bare ??= bareRecords(bytesAhead(window, from))
    let at = from
    for (;;) {
      const start = at
      if (this.isBareAt(window, at)) at = this.followBare(window, stretch, at)
      at = this.followEach(window, stretch, at)
      if (at === start || !this.isBareAt(window, at)) return at
    }
  }

  private isBareAt(window: Window, at: number): boolean {
    return this.bare !== undefined && window.holds(at, FRAME.size) && looksBare(window.block, at - window.start)
  }

  /** Takes short records without extensions, a piece at a time; pieces begin small, because the next frame may be another. */
  private followBare(window: Window, stretch: Stretch, from: number): number {
    const { key, watcher } = this
    const bare = this.bare!
    let at = from
    let pieceBytes: number = PIECE_BYTES.first
    for (;;) {
      const start = at - window.start
      const limit = Math.min(window.length, start + pieceBytes)
      const before = stretch.lastSeen
      const count = bare.take(window.block, start, limit, at, key.salt, before + 1, this.digest)
      if (count === 0) return at
      const places = bare.places(count)
      if (watcher === undefined) this.notePlaces(before + 1, places)
      else watcher.bareRecords?.(places)
      at = stretch.end = bare.end
      stretch.lastSeen = before + count
      this.digest = bare.digest
      this.claimedEnd = Math.max(this.claimedEnd, bare.claimedEnd)
      if (bare.wholeCount > 0) {
        stretch.wholeEnd = bare.wholeEnd
        stretch.lastSequence = before + bare.wholeCount
        stretch.digest = bare.wholeDigest
        stretch.lastTimestamp = this.base + BigInt(bare.wholeTimeDelta)
        stretch.head = undefined
        stretch.definitions = this.definitions.length
      }
      // It ended before the piece did, or the window does.
      if (!bare.isAtLimit || limit === window.length) return at
      pieceBytes = Math.min(PIECE_BYTES.most, pieceBytes * 4)
    }
  }

  /**
   * Takes records one by one, up to where bare ones are, and no value is made for any of them: 75 ns for one of 44 bytes,
   * half of that its CRC, against 180 with a generator and a BigInt for each.
   */
  private followEach(window: Window, stretch: Stretch, from: number): number {
    const { decoder, key, watcher } = this
    const { block, start, length } = window
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
      if ((decoder.tag & TAG.batchEnd) !== 0) {
        wholeEnd = at
        whole = sequence
        wholeDigest = digest
        delta = decoder.timeDelta
        wide = decoder.timestamp
        hashStart = (decoder.tag & TAG.chained) === 0 ? undefined : decoder.hashStart
      }
      if (this.isBareAt(window, at)) break
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

  private takeRecord(stretch: Stretch, at: number): void {
    stretch.lastSeen += 1
    if (this.watcher === undefined) this.notePlace(stretch.lastSeen, at)
  }

  private notePlace(sequence: number, at: number): void {
    this.skipTo(sequence)
    this.offsets.push(at / UNIT)
  }

  private notePlaces(sequence: number, places: Uint32Array): void {
    this.skipTo(sequence)
    this.offsets.pushAll(places)
  }

  /** Records that were not found have no place. */
  private skipTo(sequence: number): void {
    const index = sequence - this.key.firstSequence
    while (this.offsets.length < index) this.offsets.push(0)
  }
}

/** At least so many bytes that were written are still to be scanned: 0 where only zeros may be, which nobody used yet. */
function bytesAhead(window: Window, at: number): number {
  const far = at + BARE_FROM_BYTES
  if (!window.holds(far, FRAME.size)) return 0
  const start = far - window.start
  return isZero(window.block.bytes, start, start + FRAME.size) ? 0 : BARE_FROM_BYTES
}

/** A copy: the block is read into again. */
function hashAt(bytes: Buffer, start: number | undefined): Buffer | undefined {
  return start === undefined ? undefined : Buffer.from(bytes.subarray(start, start + CHAIN_HEAD_BYTES))
}
