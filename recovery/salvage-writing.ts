import type { Environment, Handle } from '../segments/env/environment.ts'
import { type Steps, step } from '../segments/env/steps.ts'
import { compressionMember, originalPayload } from '../segments/compression.ts'
import { SeglogError, hasCode } from '../segments/errors.ts'
import { makeFile, writeAll } from '../segments/files.ts'
import { DIGEST_START, addToDigest } from '../segments/format/checksum.ts'
import { ChainHasher, NO_HEAD, chainStart } from '../segments/format/chain.ts'
import { FrameDecoder, FrameEncoder, frameBytes, wholeSequence } from '../segments/format/frame.ts'
import { emptyDraft } from '../segments/format/frame-draft.ts'
import { type SegmentHeader, encodeHeader } from '../segments/format/header.ts'
import { CHAIN, FRAME, FRAMES_START, KIND, NO_CLAIM, SEGMENT_BYTES_MAX, TAG, UNIT } from '../segments/format/layout.ts'
import type { SealedLine } from '../segments/format/manifest.ts'
import { MOVED_EXTRA_BYTES, moveFrame } from '../segments/format/move-frame.ts'
import { segmentName } from '../segments/format/names.ts'
import type { SegmentKey } from '../segments/scan.ts'
import { drawSalt } from '../segments/segment-files.ts'
import { Window } from '../segments/window.ts'
import type { SalvageRun } from './salvage-runs.ts'

/** A damaged segment that is open to be read. */
export interface SalvageSource {
  readonly path: string
  readonly handle: Handle
  readonly key: SegmentKey
  /** Where times count from, also where the header is lost. */
  readonly baseTimestamp: bigint
  readonly header: Pick<SegmentHeader, 'codec' | 'compression' | 'chain' | 'epoch'>
  /** Payloads of dictionary frames that are to stand before all records, once each even if they are here twice. */
  readonly definitions: readonly Uint8Array[]
}

/** A frame that was just verified: `bytes[start…start+length)`, and in them its payload. */
interface Found {
  readonly bytes: Buffer
  readonly start: number
  readonly length: number
  readonly kind: number
  /** Its tag. */
  readonly flags: number
  readonly payloadStart: number
  readonly payloadEnd: number
  /** Without meaning where the flag `compressed` is not set. */
  readonly originalBytes: number
  readonly timestamp: bigint
}

const OUTPUT_BYTES = 1024 * 1024

/** Writes what was salvaged into sealed segments of a new log, frame by frame as verified. */
export class SalvageWriter {
  readonly lines: SealedLine[] = []
  private readonly env: Environment
  private readonly directory: string
  private readonly logId: string
  /** Of the new log: it says nothing of the old one, of which some is lost. */
  private readonly head: Buffer

  constructor(env: Environment, directory: string, logId: string) {
    this.head = chainStart(logId)
    this.env = env
    this.directory = directory
    this.logId = logId
  }

  /** All runs of one segment, each into a segment of its own: a segment has no gap inside. */
  *writeRuns(source: SalvageSource, runs: readonly SalvageRun[]): Steps<void> {
    const definitions: Found[] = []
    for (const payload of source.definitions) note(definitions, dictionaryFrame(payload, source.baseTimestamp))
    for (const run of runs) {
      const isEmpty = run.lastSequence < run.firstSequence
      if (isEmpty) yield* new RunReader(source, run, definitions).skip()
      else yield* this.writeRun(source, run, definitions)
    }
  }

  private *writeRun(source: SalvageSource, run: SalvageRun, definitions: Found[]): Steps<void> {
    const before = this.lines.at(-1)
    const ordinal = (before?.ordinal ?? 0) + 1
    const runBytes = run.pieces.reduce((sum, { start, end }) => sum + end - start, 0)
    const ownBytes = definitions.reduce((sum, { bytes }) => sum + bytes.length, 0)
    const bytesMax = FRAMES_START + runBytes + ownBytes + (definitions.length + 1) * MOVED_EXTRA_BYTES
    const header: SegmentHeader = {
      ...source.header,
      logId: this.logId,
      ordinal,
      firstSequence: run.firstSequence,
      baseTimestamp: source.baseTimestamp,
      segmentBytes: Math.min(SEGMENT_BYTES_MAX, Math.ceil(bytesMax / UNIT) * UNIT),
      salt: drawSalt(this.env, source.key.salt),
      predecessor: before && {
        ordinal: before.ordinal,
        bytes: before.dataBytes,
        digest: before.digest,
        head: before.head,
      },
    }
    const path = `${this.directory}/${segmentName(ordinal)}`
    const { head } = this
    const written = yield* makeFile(path, (target) =>
      writeRun(new Output(source.path, target, header, head), target, source, run, definitions),
    )
    this.lines.push({
      state: 'sealed',
      ordinal,
      salt: header.salt,
      firstSequence: run.firstSequence,
      lastSequence: run.lastSequence,
      dataBytes: written.end,
      digest: written.digest,
      head: header.chain === CHAIN.none ? NO_HEAD : head.toString('hex'),
      baseTimestamp: String(header.baseTimestamp),
      lastTimestamp: String(written.lastTimestamp),
      ...compressionMember(header.compression),
    })
  }
}

function* writeRun(
  output: Output,
  target: Handle,
  source: SalvageSource,
  run: SalvageRun,
  definitions: Found[],
): Steps<Output> {
  for (const definition of definitions) yield* output.put(definition, run.firstSequence, false)
  yield* new RunReader(source, run, definitions).copyTo(output)
  yield* output.flush()
  yield* step({ do: 'sync', handle: target })
  return output
}

/** Frames on their way into a new segment. */
class Output {
  end = 0
  digest = DIGEST_START
  lastTimestamp: bigint
  /** Where a compressed payload is from. */
  readonly path: string
  readonly compression: number
  private readonly target: Handle
  private readonly salt: number
  private buffer = Buffer.alloc(OUTPUT_BYTES)
  private length = 0
  private readonly hasher: ChainHasher | undefined
  /** Hash of the last frame; shared, and changes in place. */
  private readonly head: Buffer

  constructor(path: string, target: Handle, header: SegmentHeader, head: Buffer) {
    this.path = path
    this.compression = header.compression
    this.target = target
    this.head = head
    this.hasher = header.chain === CHAIN.none ? undefined : new ChainHasher()
    this.salt = header.salt
    this.lastTimestamp = header.baseTimestamp
    this.length = encodeHeader(header).copy(this.buffer)
    this.end = this.length
  }

  /** As the frame of this record, or before it. */
  *put(frame: Found, sequence: number, endsBatch: boolean): Steps<void> {
    const { bytes: from, start, length, timestamp: time } = frame
    const most = length + MOVED_EXTRA_BYTES
    if (this.length + most > this.buffer.length) yield* this.flush()
    if (most > this.buffer.length) this.buffer = Buffer.alloc(most)
    // The first frame of a segment holds its whole time, so that the base of times is in two places.
    const timestamp = this.end === FRAMES_START ? time : undefined
    const sequenceLow = Number(BigInt.asUintN(32, BigInt(sequence)))
    if (this.hasher !== undefined) {
      const payload = this.payloadOf(frame, sequence)
      this.hasher.next(this.head, { ...frame, sequence, timeDelta: 0 }, payload, 0, payload.length)
    }
    const hash = this.hasher && this.head
    const move = { offset: this.end, salt: this.salt, sequenceLow, timestamp, hash, endsBatch }
    const moved = moveFrame(from, start, length, move, this.buffer, this.length)
    this.length += moved.length
    this.end += moved.length
    this.digest = addToDigest(this.digest, moved.crc)
    this.lastTimestamp = time
  }

  /** What the chain covers. Of a payload that does not decompress that is what there is of it: a verification names it. */
  private payloadOf({ bytes, flags, payloadStart, payloadEnd, originalBytes }: Found, sequence: number): Uint8Array {
    const stored = bytes.subarray(payloadStart, payloadEnd)
    if ((flags & TAG.compressed) === 0) return stored
    try {
      return originalPayload(this, sequence, stored, originalBytes)
    } catch (error) {
      if (!hasCode(error, 'CORRUPT')) throw error
      return stored
    }
  }

  *flush(): Steps<void> {
    yield* writeAll(this.target, this.buffer, 0, this.length, this.end - this.length)
    this.length = 0
  }
}

/** Reads the frames of a run once more, and takes none that is not verified now. */
class RunReader {
  private readonly source: SalvageSource
  private readonly run: SalvageRun
  private readonly definitions: Found[]
  private readonly decoder = new FrameDecoder()
  private readonly window = new Window()

  constructor(source: SalvageSource, run: SalvageRun, definitions: Found[]) {
    this.source = source
    this.run = run
    this.definitions = definitions
  }

  *copyTo(output: Output): Steps<void> {
    yield* this.walk(output)
  }

  /** Only notes what the frames define. */
  *skip(): Steps<void> {
    yield* this.walk(undefined)
  }

  private *walk(output: Output | undefined): Steps<void> {
    const { decoder, window, run, source } = this
    let next = run.firstSequence
    for (const piece of run.pieces) {
      for (let at = piece.start; at < piece.end; at += decoder.length) {
        yield* this.load(at, piece.end)
        const { bytes } = window.block
        const start = at - window.start
        const { kind, tag: flags, length, payloadStart, payloadEnd, originalBytes } = decoder
        const timestamp = decoder.timestamp ?? source.baseTimestamp + BigInt(decoder.timeDelta)
        const frame = { bytes, start, length, kind, flags, payloadStart, payloadEnd, originalBytes, timestamp }
        if (kind === KIND.dictionary) note(this.definitions, ownOf(frame))
        // What stands behind the last record belongs to one that is lost.
        if (output === undefined || next > run.lastSequence) continue
        const isRecord = kind === KIND.record
        const found = wholeSequence(decoder.sequenceLow, source.key.firstSequence)
        if (isRecord && found !== next) throw changed(source.path, at)
        const endsBatch = (decoder.tag & TAG.batchEnd) !== 0 || (isRecord && next === run.lastSequence)
        yield* output.put(frame, next, endsBatch)
        if (isRecord) next += 1
      }
    }
    if (output !== undefined && next <= run.lastSequence) throw changed(source.path, run.pieces[0]!.start)
  }

  private *load(at: number, end: number): Steps<void> {
    const { decoder, window, source } = this
    let need: number = FRAME.size
    for (;;) {
      if (!window.holds(at, need)) yield* window.load(source.handle, at, need, end)
      const finding = decoder.read(window.block, at - window.start, window.length, at, source.key.salt)
      if (finding === 'frame') return
      if (finding !== 'short' || decoder.length <= need || at + decoder.length > end) throw changed(source.path, at)
      need = decoder.length
    }
  }
}

/** A frame as it might have stood in the segment: each is given its place when it is written. */
function dictionaryFrame(payload: Uint8Array, timestamp: bigint): Found {
  const bytes = Buffer.alloc(frameBytes(payload.length, 0))
  const draft = { ...emptyDraft(), kind: KIND.dictionary, claim: NO_CLAIM }
  const length = new FrameEncoder().encode(bytes, 0, FRAMES_START, 0, draft, payload)
  const payloadEnd = FRAME.size + payload.length
  const { kind } = draft
  const payloadAt = { payloadStart: FRAME.size, payloadEnd }
  return { bytes, start: 0, length, kind, flags: 0, ...payloadAt, originalBytes: 0, timestamp }
}

/** Each is written twice where it was learnt. */
function note(definitions: Found[], frame: Found): void {
  const payload = payloadOf(frame)
  if (!definitions.some((known) => payload.equals(payloadOf(known)))) definitions.push(frame)
}

function payloadOf({ bytes, payloadStart, payloadEnd }: Found): Buffer {
  return bytes.subarray(payloadStart, payloadEnd)
}

/** A copy that stays. */
function ownOf(frame: Found): Found {
  const { bytes, start, length, payloadStart, payloadEnd } = frame
  const own = Buffer.from(bytes.subarray(start, start + length))
  return { ...frame, bytes: own, start: 0, payloadStart: payloadStart - start, payloadEnd: payloadEnd - start }
}

function changed(file: string, offset: number): SeglogError {
  const message =
    'a frame read differently than a moment before: the disk is not to be trusted, or the log was reopened'
  return new SeglogError('IO', message, { file, offset })
}
