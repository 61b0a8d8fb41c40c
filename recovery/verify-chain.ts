import { headBefore } from '../segments/chain-end.ts'
import type { ChainHead } from '../segments/chain.ts'
import { ChainHasher } from '../segments/format/chain.ts'
import type { FrameDecoder } from '../segments/format/frame.ts'
import type { HeaderFinding } from '../segments/format/header.ts'
import { CHAIN_HEAD_BYTES, FRAMES_START, KIND, TAG } from '../segments/format/layout.ts'
import type { SealedLine, SequenceRange } from '../segments/format/manifest.ts'
import { type Findings, range } from './verify-findings.ts'

/** What a verification found out about the hash chain of a log. */
export interface ChainReport {
  /** First record whose hash was looked at. */
  readonly from: number
  /** Where the chain ends; undefined where damage stands at the end. */
  readonly head: ChainHead | undefined
  /**
   * Records whose hashes follow, each from the one before it: one range where nothing is wrong. Where the chain is broken, or
   * bytes are damaged or missing, it begins anew behind that. At most as many ranges as findings.
   */
  readonly attested: readonly SequenceRange[]
}

/** A segment, as far as its chain goes. */
export interface ChainedSegment {
  readonly ordinal: number
  readonly path: string
  readonly firstSequence: number
  readonly header: HeaderFinding
  /** Undefined where only its first frame may tell. */
  readonly baseTimestamp: bigint | undefined
  /** The line of the segment before it. */
  readonly before: SealedLine | undefined
}

/** Where to begin: behind the checkpoint at this offset of this segment, or behind its header, which is at 0. */
export interface ChainBegin {
  readonly ordinal: number
  readonly offset: number
}

/** What must be known of the log, and what is asked for. */
export interface ChainTask {
  readonly logId: string
  readonly expect: ChainHead | undefined
  readonly begin: ChainBegin | undefined
  readonly rangesMax: number
}

/** Follows the chain over all frames of a log, in order; says where one does not follow from the one before it. */
export class ChainCheck {
  private readonly task: ChainTask
  private readonly hasher: ChainHasher
  private readonly head = Buffer.alloc(CHAIN_HEAD_BYTES)
  /** Whether `head` is the hash of the frame before the next one. */
  private isKnown = false
  private segment: ChainedSegment | undefined
  private base: bigint | undefined
  private findings: Findings | undefined
  private from: number | undefined
  private lastSequence = 0
  /** Where the last frame ended. */
  private end = 0
  private attested: { from: number; to: number }[] = []
  /** The frame behind the expected record, or itself, was met; and one of them had the expected hash. */
  private isMet = false
  private isFound = false

  constructor(task: ChainTask, hasher = new ChainHasher()) {
    this.task = task
    this.hasher = hasher
  }

  /** To go on with, while this one stays as it is: for what may have to be looked at again. */
  fork(): ChainCheck {
    const other = new ChainCheck(this.task, this.hasher)
    this.head.copy(other.head)
    other.isKnown = this.isKnown
    other.segment = this.segment
    other.from = this.from
    other.lastSequence = this.lastSequence
    other.attested = this.attested.map((each) => ({ ...each }))
    other.isMet = this.isMet
    other.isFound = this.isFound
    return other
  }

  /** The frames of this segment are next. One that is missing is never entered: then the next one starts anew. */
  enter(segment: ChainedSegment, findings: Findings): void {
    const { header, ordinal, firstSequence, path, before } = segment
    const isNext = this.isKnown && this.segment?.ordinal === ordinal - 1
    const told = header.found === 'header' ? headBefore(this.task.logId, header.header.predecessor) : undefined
    const line = before && Buffer.from(before.head, 'hex')
    const isWrong =
      told !== undefined && ((isNext && !told.equals(this.head)) || (line !== undefined && !told.equals(line)))
    if (isWrong) {
      const message = 'a segment does not go on from the hash with which the one before it ends'
      findings.add({ code: 'HASH_MISMATCH', message, file: path, offset: 0, ...range(firstSequence, firstSequence) })
      this.distrust(firstSequence)
    }
    // What was followed so far counts more than what a header says, which is a finding of its own where it differs.
    const head = isNext ? undefined : (told ?? line)
    if (head !== undefined) this.head.set(head)
    this.isKnown = isNext || head !== undefined
    this.segment = segment
    this.findings = findings
    this.base = segment.baseTimestamp
    if (this.base !== undefined) this.hasher.baseTimestamp = this.base
    this.lastSequence = firstSequence - 1
    this.end = FRAMES_START
    if (this.isKnown) this.compare(this.lastSequence, this.head, 0)
  }

  /** What is to be entered next is not there, or not what it should be. */
  lose(): void {
    this.isKnown = false
  }

  /** `original`: what a compressed payload was, if that can be known. */
  frame(decoder: FrameDecoder, at: number, sequence: number, original: Uint8Array | undefined): void {
    const { begin } = this.task
    const { tag, kind, source, hashStart } = decoder
    const isRecord = kind === KIND.record
    if (isRecord) this.lastSequence = sequence
    // Bytes that are no frame stand before it.
    if (at !== this.end) this.isKnown = false
    this.end = at + decoder.length
    if (at === FRAMES_START && this.base === undefined) this.setBase(decoder.timestamp)
    if ((tag & TAG.chained) === 0) {
      this.wrong(`${nameOf(kind, sequence)} has no hash, in a log with a chain`, at, sequence)
      this.isKnown = false
      return
    }
    this.compare(isRecord ? sequence : sequence - 1, source, hashStart)
    const isBefore = begin?.ordinal === this.segment?.ordinal && at < begin!.offset
    const isBegin = begin?.ordinal === this.segment?.ordinal && at === begin!.offset
    if (isBefore) return
    if (this.isKnown && !isBegin && this.canHash(decoder, original)) {
      this.check(decoder, at, sequence, original)
    }
    // What follows is looked at by itself: one frame that is wrong is one finding.
    source.copy(this.head, 0, hashStart, hashStart + CHAIN_HEAD_BYTES)
    this.isKnown = true
    this.from ??= sequence
  }

  /** The end of the segment that was entered, at `offset`, and its head as it is noted elsewhere. */
  leave(head: string | undefined, offset: number): void {
    if (this.end !== offset) this.isKnown = false
    if (!this.isKnown || head === undefined || this.head.equals(Buffer.from(head, 'hex'))) return
    this.wrong('a segment ends with another hash than is noted of it', offset, this.lastSequence)
  }

  /** After the last frame; `lastSequence`: the last record of the log. */
  finish(directory: string, lastSequence: number, findings: Findings): ChainReport {
    const { expect } = this.task
    if (expect !== undefined && !this.isFound) {
      const { sequence } = expect
      const file = directory
      if (sequence > lastSequence) {
        const message = `the log ends with record ${lastSequence}, before the head that is expected: its end was cut off`
        findings.add({ code: 'HASH_MISMATCH', message, file, ...range(lastSequence + 1, sequence) })
      } else if (this.isMet) {
        const message = `behind record ${sequence} no frame has the hash that is expected: what stands up to there was written anew`
        findings.add({ code: 'HASH_MISMATCH', message, file, ...range(this.from ?? 1, sequence) })
      } else {
        const message = `record ${sequence} cannot be compared with the head that is expected: it is not there to be read`
        findings.add({ code: 'GAP', message, file, ...range(sequence, sequence) })
      }
    }
    const head = this.isKnown ? { sequence: lastSequence, hash: this.head.toString('hex') } : undefined
    return { from: this.from ?? lastSequence + 1, head, attested: this.attested }
  }

  private check(decoder: FrameDecoder, at: number, sequence: number, original: Uint8Array | undefined): void {
    const { kind, tag, timeDelta, timestamp, source, payloadStart, payloadEnd, hashStart } = decoder
    const link = { kind, flags: tag, sequence, timeDelta, timestamp }
    if (original === undefined) this.hasher.next(this.head, link, source, payloadStart, payloadEnd)
    else this.hasher.next(this.head, link, original, 0, original.length)
    if (source.compare(this.head, 0, CHAIN_HEAD_BYTES, hashStart, hashStart + CHAIN_HEAD_BYTES) === 0) {
      if (kind === KIND.record) this.attest(sequence)
      return
    }
    const message = `${nameOf(kind, sequence)} does not follow by its hash from the frame before it: one of them is not what was written`
    this.wrong(message, at, sequence)
  }

  /** Whether all that the hash covers can be known. */
  private canHash({ timestamp, tag }: FrameDecoder, original: Uint8Array | undefined): boolean {
    if ((tag & TAG.compressed) !== 0 && original === undefined) return false
    return timestamp !== undefined || this.base !== undefined
  }

  private setBase(timestamp: bigint | undefined): void {
    this.base = timestamp
    if (timestamp !== undefined) this.hasher.baseTimestamp = timestamp
  }

  /** Notes whether a frame behind this record, or its own, has the hash that is expected there. */
  private compare(sequence: number, bytes: Buffer, start: number): void {
    const { expect } = this.task
    if (expect?.sequence !== sequence) return
    this.isMet = true
    this.isFound ||= bytes.toString('hex', start, start + CHAIN_HEAD_BYTES) === expect.hash
  }

  private wrong(message: string, offset: number, sequence: number): void {
    const file = this.segment!.path
    this.findings!.add({ code: 'HASH_MISMATCH', message, file, offset, ...range(sequence, sequence) })
    this.distrust(sequence)
  }

  private attest(sequence: number): void {
    const last = this.attested.at(-1)
    if (last?.to === sequence - 1) last.to = sequence
    else if (this.attested.length < this.task.rangesMax) this.attested.push({ from: sequence, to: sequence })
  }

  /** The frame before a break may be the one that is wrong. */
  private distrust(sequence: number): void {
    const last = this.attested.at(-1)
    if (last?.to !== sequence - 1) return
    last.to -= 1
    if (last.to < last.from) this.attested.pop()
  }
}

function nameOf(kind: number, sequence: number): string {
  return kind === KIND.record ? `record ${sequence}` : `a control frame before record ${sequence}`
}
