import type { Call } from '../../../segments/env/environment.ts'
import { Block, FrameDecoder } from '../../../segments/format/frame.ts'
import { decodeHeader } from '../../../segments/format/header.ts'
import { NO_CLAIM, SEGMENT_HEADER, UNIT } from '../../../segments/format/layout.ts'
import type { WatchedFile } from './watched.ts'

interface Range {
  readonly start: number
  readonly end: number
}

/** What a call that begins now will have made durable, or written, when it succeeds. */
export interface Covered {
  readonly file: WatchedFile
  readonly ranges: readonly Range[]
  readonly durable: boolean
}

interface Known {
  written: Range[]
  durable: Range[]
  salt: number | undefined
}

/** What a writer knows to be durable, from the calls that came back; checks the claims of frames when they are sent. */
export class Durability {
  readonly files = new Map<WatchedFile, Known>()
  /** Frames that were checked. */
  frames = 0
  /** Frames that claim more than their segment's start. */
  claims = 0
  private readonly breach: (text: string) => void

  constructor(breach: (text: string) => void) {
    this.breach = breach
  }

  begin(call: Call, file: WatchedFile | undefined, durable: boolean): Covered | undefined {
    if (file === undefined) return undefined
    if (call.do === 'sync') return { file, ranges: this.known(file).written.slice(), durable }
    if (call.do !== 'write') return undefined
    if (/\/segment-\d+\.log$/.test(file.name)) this.checkSent(file, call)
    return { file, ranges: [{ start: call.position, end: call.position + call.length }], durable }
  }

  wrote(covered: Covered, count: number): void {
    const known = this.known(covered.file)
    const { start } = covered.ranges[0]!
    const range = { start, end: start + count }
    known.written.push(range)
    if (covered.durable) known.durable.push(range)
  }

  synced(covered: Covered): void {
    this.known(covered.file).durable.push(...covered.ranges)
  }

  /** Up to here all bytes are known to be durable. */
  durableEnd(file: WatchedFile): number {
    let end = 0
    for (const range of this.known(file).durable.toSorted((a, b) => a.start - b.start)) {
      if (range.start > end) break
      end = Math.max(end, range.end)
    }
    return end
  }

  /** A segment that was there before the watching began: all of it is durable. */
  private known(file: WatchedFile): Known {
    let known = this.files.get(file)
    if (known === undefined) this.files.set(file, (known = { written: [], durable: [], salt: undefined }))
    return known
  }

  private checkSent(file: WatchedFile, call: Extract<Call, { do: 'write' }>): void {
    const bytes = Buffer.from(call.from.subarray(call.start, call.start + call.length))
    const known = this.known(file)
    let at = 0
    if (call.position === 0) {
      const finding = decodeHeader(bytes)
      if (finding.found !== 'header') return this.breach(`${file.name}: its first write has no header`)
      if (known.salt === undefined) {
        // The zeros that were there are durable, and no frames.
        known.written = []
        known.durable = []
      }
      known.salt = finding.header.salt
      at = SEGMENT_HEADER.size
      const { predecessor } = finding.header
      if (predecessor !== undefined) this.checkPredecessor(file, predecessor.ordinal, predecessor.bytes)
    }
    // A segment from before the watching began: the salt is not known, and its start is durable.
    if (known.salt === undefined) return
    const durableEnd = Math.max(SEGMENT_HEADER.size, this.durableEnd(file))
    const block = new Block(Math.ceil(bytes.length / UNIT) * UNIT)
    block.bytes.set(bytes)
    const decoder = new FrameDecoder()
    while (at < bytes.length) {
      const offset = call.position + at
      if (decoder.read(block, at, bytes.length, offset, known.salt) !== 'frame') {
        return this.breach(`${file.name} at ${offset}: what is sent is no frame`)
      }
      this.frames += 1
      const claimed = offset - decoder.claim * UNIT
      if (decoder.claim !== NO_CLAIM && claimed > SEGMENT_HEADER.size) this.claims += 1
      if (decoder.claim !== NO_CLAIM && claimed > durableEnd) {
        this.breach(`${file.name} at ${offset}: claims ${claimed}, durable is ${durableEnd}`)
      }
      at += decoder.length
    }
  }

  private checkPredecessor(file: WatchedFile, ordinal: number, bytes: number): void {
    const name = `segment-${String(ordinal).padStart(10, '0')}.log`
    for (const [other, known] of this.files) {
      if (!other.name.endsWith(name) || known.salt === undefined) continue
      const end = this.durableEnd(other)
      if (end < bytes) this.breach(`${file.name}: used when only ${end} of ${bytes} bytes of ${name} are durable`)
    }
  }
}
