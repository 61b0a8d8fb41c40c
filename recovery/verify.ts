import type { Steps } from '../segments/env/steps.ts'
import { invalid, newerFormat } from '../segments/errors.ts'
import { CHAIN } from '../segments/format/layout.ts'
import type { Manifest, SealedLine, SequenceRange } from '../segments/format/manifest.ts'
import { fileOf } from './archive.ts'
import type { Finding } from './evidence.ts'
import { ChainCheck, type ChainReport } from './verify-chain.ts'
import { newestCheckpoint } from './verify-checkpoint.ts'
import { Findings, range } from './verify-findings.ts'
import { type Watch, watched } from './verify-progress.ts'
import { checkLine } from './verify-line.ts'
import { type Verification, checkWhole, wholeOf } from './verify-segments.ts'
import type { VerifyRequest } from './verify-request.ts'
import { type Survey, isSameLine, isSameLog, survey } from './verify-survey.ts'
import { checkTail } from './verify-tail.ts'

/** What a verification found. */
export interface VerifyReport {
  /** Whether nothing was found but names that are none of ours. */
  readonly isSound: boolean
  /** In order of segments, each with its place; at most `findingsMax` of them. */
  readonly findings: readonly Finding[]
  /** All of them, also those that are not in the list. */
  readonly findingsCount: number
  /** Records that were acknowledged and are given up by name: known of old, and no finding. */
  readonly lost: readonly SequenceRange[]
  /** Valid records that were seen, and the last of them. */
  readonly records: number
  readonly lastSequence: number
  /** Valid records behind those that anything proves durable: the next opening for writing decides about them. None in archived segments without their log: what was sealed was durable. */
  readonly unproven: number
  readonly segments: number
  readonly bytes: number
  readonly durationMs: number
  /** In a log with a chain. */
  readonly chain?: ChainReport
}

/** How often the end of a log is looked at when it changes under the look. */
const TRIES = 32

/**
 * Reads all of a log and tells everything that is not as it should be. Changes nothing, needs no lock, and holds a window
 * of a segment in memory; runs beside a writer at work. Throws NOT_A_LOG, UNSUPPORTED_FORMAT, IO; CORRUPT only where
 * nothing but traces of a log is left.
 */
export function verify(directory: string, watch: Watch, request: VerifyRequest): Steps<VerifyReport> {
  return watched(new Verifier(directory, watch, request).run(), watch)
}

class Verifier {
  private readonly directory: string
  private readonly watch: Watch
  private readonly findings: Findings
  private readonly findingsMax: number
  private readonly request: VerifyRequest
  /** Undefined in a log without a chain. */
  private chain: ChainCheck | undefined
  private records = 0
  private segments = 0
  private bytes = 0
  private unproven = 0
  private damaged = 0
  /** The sequence that should come next, and the line before it. */
  private next: number | undefined
  private before: SealedLine | undefined
  /** All segments up to this one are checked. */
  private checked = 0

  constructor(directory: string, watch: Watch, request: VerifyRequest) {
    this.request = request
    this.directory = directory
    this.watch = watch
    this.findingsMax = request.findingsMax
    this.findings = new Findings(request.findingsMax)
  }

  *run(): Steps<VerifyReport> {
    let view = yield* survey(this.directory)
    if (this.request.of === 'log') this.take(new Findings(this.findingsMax), view.findings)
    yield* this.beginChain(view)
    this.watch.expect(sizeOf(view, this.checked))
    for (let tries = 1; ; tries++) {
      view = yield* this.checkSealed(view)
      const end = yield* this.checkUnsealed(view)
      if (end.findings.count === 0 || tries === TRIES) {
        this.accept(end)
        break
      }
      const again = yield* survey(this.directory)
      if (isSameLog(view, again)) {
        this.accept(end)
        break
      }
      view = again
    }
    this.watch.end()
    const chain = this.endChain(view)
    const { findings } = this
    return {
      isSound: this.damaged === 0,
      findings: findings.list,
      findingsCount: findings.count,
      lost: view.manifest.lost,
      records: this.records,
      lastSequence: (this.next ?? 1) - 1,
      unproven: this.unproven,
      segments: this.segments,
      bytes: this.bytes,
      durationMs: this.watch.durationMs,
      ...(chain && { chain }),
    }
  }

  /** Settles where to begin: with the first segment, or with the one that holds the newest checkpoint. */
  private *beginChain(view: Survey): Steps<void> {
    const { manifest, sealed } = view
    const { from, expect } = this.request
    if (!Object.hasOwn(CHAIN, manifest.options.chain)) throw newerFormat(this.directory)
    if (manifest.options.chain === 'none') {
      if (from === 'checkpoint') throw invalid('from', "'first', in a log without a hash chain", from)
      return
    }
    const begin = from === 'first' ? undefined : yield* newestCheckpoint(view, expect?.sequence ?? Infinity)
    const { logId } = manifest
    this.chain = new ChainCheck({ logId, expect, begin, rangesMax: this.findingsMax })
    if (begin === undefined) return
    this.checked = begin.ordinal - 1
    this.before = sealed.find(({ ordinal }) => ordinal === this.checked)
  }

  private endChain({ manifest }: Survey): ChainReport | undefined {
    const { directory, request, chain } = this
    const findings = new Findings(this.findingsMax)
    const report = chain?.finish(directory, (this.next ?? 1) - 1, findings)
    if (chain === undefined && request.expect !== undefined) {
      const message = `the log has no hash chain (${manifest.options.chain}), and one with a head is expected: it was made anew`
      findings.add({ code: 'HASH_MISMATCH', message, file: directory, ...range(1, request.expect.sequence) })
    }
    this.take(findings, [])
    return report
  }

  /** Checks what is sealed and was not checked yet. Gives the survey by which the last of it was found as it is. */
  private *checkSealed(view: Survey): Steps<Survey> {
    let current = view
    for (const { ordinal } of view.sealed) {
      if (ordinal <= this.checked) continue
      for (let tries = 1; ; tries++) {
        const line = current.sealed.find((each) => each.ordinal === ordinal)
        // A segment that is in no list any more was given up while we looked.
        if (line === undefined) break
        const verification = this.verification(current.manifest)
        const found = yield* checkLine(verification, current, line, this.before)
        const again = found.count > 0 && tries < TRIES ? yield* survey(this.directory) : undefined
        if (again === undefined || isSameLine(current, again, ordinal)) {
          const file = fileOf(this.directory, line)
          this.continueFrom(current.manifest, line.firstSequence, line.lastSequence, found, file)
          this.accept({ findings: found, verification, segments: 1, bytes: line.dataBytes, unproven: 0 })
          this.before = line
          break
        }
        current = again
      }
      this.checked = ordinal
    }
    return current
  }

  /** Segments that no manifest calls sealed: used ones with a used successor, the tail, and what is prepared. */
  private *checkUnsealed(view: Survey): Steps<Checked> {
    const verification = this.verification(view.manifest)
    const findings = new Findings(this.findingsMax)
    const checked: Checked = { findings, verification, segments: 0, bytes: 0, unproven: 0 }
    let next = this.next
    let before = this.before
    const unsealed = view.unsealed.filter(({ ordinal }) => ordinal > this.checked)
    const tailIndex = unsealed.findLastIndex(({ header }) => header?.found === 'header')
    for (const [index, segment] of unsealed.entries()) {
      const first = segment.header?.found === 'header' ? segment.header.header.firstSequence : (next ?? 1)
      this.noteGap(view.manifest, next, first, segment.path, findings)
      const isWhole = index < tailIndex || segment.line?.state === 'sealed'
      const whole = isWhole ? wholeOf(segment, unsealed[index + 1], first, before) : undefined
      if (whole !== undefined) {
        findings.addAll(yield* checkWhole(verification, whole))
        checked.segments += 1
        checked.bytes += whole.dataBytes
        next = whole.lastSequence + 1
        before = undefined
        continue
      }
      const isSpare = view.closed !== undefined && segment.ordinal > view.closed.ordinal
      if (isSpare && segment.header?.found === 'zeros') continue
      const end = yield* checkTail(verification, view, segment, first, before)
      findings.addAll(end.findings)
      before = undefined
      if (end.decision === undefined) continue
      checked.segments += 1
      checked.bytes += end.decision.end
      next = end.decision.sequence + 1
      if (this.request.of === 'segments') continue
      checked.unproven = Math.max(0, end.decision.sequence - Math.max(view.proven?.sequence ?? 0, first - 1))
    }
    const proven = view.proven?.sequence ?? 0
    const from = behindLost(view.manifest, next ?? 1)
    if (proven >= from && findings.count === 0) {
      const message = 'acknowledged records are missing at the end of the log'
      findings.add({ code: 'CORRUPT', message, file: this.directory, from, to: proven })
    }
    checked.next = next
    return checked
  }

  private continueFrom(manifest: Manifest, first: number, last: number, findings: Findings, file: string): void {
    this.noteGap(manifest, this.next, first, file, findings)
    this.next = last + 1
  }

  /** Records between two segments that are in neither, and not given up by name. */
  private noteGap(manifest: Manifest, next: number | undefined, first: number, file: string, findings: Findings): void {
    const from = behindLost(manifest, next ?? first)
    if (from >= first || this.request.of === 'segments') return
    const message = 'records are missing before this segment'
    findings.add({ code: 'GAP', message, file, from, to: first - 1 })
  }

  private verification(manifest: Manifest): Verification {
    const { watch, findingsMax } = this
    return { manifest, watch, findingsMax, of: this.request.of, records: 0, chain: this.chain?.fork() }
  }

  private accept(checked: Checked): void {
    this.take(checked.findings, [])
    this.records += checked.verification.records
    this.chain = checked.verification.chain
    this.segments += checked.segments
    this.bytes += checked.bytes
    this.unproven += checked.unproven
    this.next = checked.next ?? this.next
  }

  private take(findings: Findings, others: readonly Finding[]): void {
    for (const finding of others) findings.add(finding)
    this.damaged += findings.count - findings.list.filter(isHarmless).length
    this.findings.addAll(findings)
  }
}

interface Checked {
  readonly findings: Findings
  readonly verification: Verification
  segments: number
  bytes: number
  unproven: number
  next?: number | undefined
}

/** The next sequence that is not given up by name. */
function behindLost({ lost }: Manifest, sequence: number): number {
  return lost.reduce((next, { from, to }) => (from <= next && next <= to ? to + 1 : next), sequence)
}

function isHarmless({ code }: Finding): boolean {
  return code === 'IGNORED' || code === 'ARCHIVED' || code === 'SIDECAR'
}

/** Of all segments behind this one. */
function sizeOf({ sealed, unsealed }: Survey, checked: number): number {
  const lines = sealed.filter(({ ordinal }) => ordinal > checked)
  const bytes = lines.reduce((sum, line) => sum + line.dataBytes, 0)
  return unsealed.reduce((sum, segment) => sum + segment.size, bytes)
}
