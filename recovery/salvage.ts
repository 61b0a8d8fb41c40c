import type { Environment, Handle } from '../segments/env/environment.ts'
import type { Steps } from '../segments/env/steps.ts'
import { compressionOf } from '../segments/compression.ts'
import { newerFormat } from '../segments/errors.ts'
import { withFileIfThere } from '../segments/files.ts'
import { CHAIN, FRAMES_START, LOG_ID_BYTES } from '../segments/format/layout.ts'
import type { SealedLine, SequenceRange } from '../segments/format/manifest.ts'
import type { Scan } from '../segments/stretches.ts'
import { BackupTarget } from './backup-target.ts'
import { definitionsBeside } from './beside.ts'
import type { Finding } from './evidence.ts'
import { type Candidate, TRIES, lookForFiles, scanAsLongAs } from './salvage-files.ts'
import { runsOf } from './salvage-runs.ts'
import { type SalvageSource, SalvageWriter } from './salvage-writing.ts'
import { Findings, explainHole } from './verify-findings.ts'
import { type Watch, watched } from './verify-progress.ts'
import type { Survey } from './verify-survey.ts'
import { decideTail } from './verify-tail.ts'

/** What a salvage took out of a damaged log, and what it could not take. */
export interface SalvageReport {
  readonly directory: string
  /** Records of the new log, and the last of them. */
  readonly records: number
  readonly lastSequence: number
  readonly segments: number
  readonly bytes: number
  /** Records that are given up by name in the new log: those that were before, and those that cannot be read. */
  readonly lost: readonly SequenceRange[]
  /** The damage that it met, at most `findingsMax` of it, and all of it. */
  readonly findings: readonly Finding[]
  readonly findingsCount: number
  readonly durationMs: number
}

/**
 * Copies every valid record of a log, however damaged, into a new log in an empty directory, with its sequence and time;
 * the log is not touched, no value is decoded. Throws CORRUPT where nothing but traces of a log is left.
 */
export function salvage(
  env: Environment,
  from: string,
  to: string,
  watch: Watch,
  findingsMax: number,
): Steps<SalvageReport> {
  return watched(new Salvage(env, from, to, watch, findingsMax).run(), watch)
}

class Salvage {
  private readonly env: Environment
  private readonly from: string
  private readonly to: string
  private readonly watch: Watch
  private readonly findings: Findings
  private last = 0

  constructor(env: Environment, from: string, to: string, watch: Watch, findingsMax: number) {
    this.env = env
    this.from = from
    this.to = to
    this.watch = watch
    this.findings = new Findings(findingsMax)
  }

  *run(): Steps<SalvageReport> {
    const { env, to, watch, findings } = this
    const { source, candidates } = yield* lookForFiles(this.from)
    for (const finding of source.findings) if (finding.code !== 'IGNORED') findings.add(finding)
    watch.expect(2 * candidates.reduce((sum, { size }) => sum + size, 0))
    const logId = Buffer.from(env.randomBytes(LOG_ID_BYTES)).toString('hex')
    const target = new BackupTarget(env, to)
    yield* target.begin({ ...source.manifest, logId }, 'salvage')
    const writer = new SalvageWriter(env, to, logId)
    for (const [index, candidate] of candidates.entries()) {
      yield* this.takeWhereItIs(source, candidate, candidates[index + 1], writer)
    }
    const { lines } = writer
    const lost = this.lostOf(source, lines)
    const lastSequence = Math.max(this.last, lost.at(-1)?.to ?? 0)
    const anchors = source.manifest.anchors.filter(({ sequence }) => sequence <= lastSequence)
    yield* target.finish(lines, { lost, anchors }, lastSequence)
    watch.end()
    return {
      directory: to,
      records: lines.reduce((sum, line) => sum + line.lastSequence - line.firstSequence + 1, 0),
      lastSequence,
      segments: lines.length,
      bytes: lines.reduce((sum, { dataBytes }) => sum + dataBytes, 0),
      lost,
      findings: findings.list,
      findingsCount: findings.count,
      durationMs: watch.durationMs,
    }
  }

  /** A file that was moved since it was found is looked for again. */
  private *takeWhereItIs(
    source: Survey,
    it: Candidate,
    next: Candidate | undefined,
    writer: SalvageWriter,
  ): Steps<void> {
    let found: Candidate | undefined = it
    for (let tries = 1; found !== undefined && tries <= TRIES; tries++) {
      if (yield* this.take(source, found, next, writer)) return
      const { candidates } = yield* lookForFiles(this.from)
      found = candidates.find(({ ordinal, salt }) => ordinal === it.ordinal && salt === it.salt)
    }
  }

  /** False where the file is not there any more. */
  private *take(source: Survey, it: Candidate, next: Candidate | undefined, writer: SalvageWriter): Steps<boolean> {
    const line = it.line?.state === 'open' ? undefined : it.line
    const header = it.header.found === 'header' ? it.header.header : undefined
    const firstSequence = header?.firstSequence ?? line?.firstSequence ?? this.last + 1
    const known = header?.baseTimestamp ?? (line && BigInt(line.baseTimestamp))
    const key = { salt: it.salt, firstSequence, baseTimestamp: known }
    const told = next?.header.found === 'header' ? next.header.header.predecessor : undefined
    const end = Math.min(it.size, line?.dataBytes ?? (told?.ordinal === it.ordinal ? told.bytes : it.size))
    const isTail = line === undefined && told?.ordinal !== it.ordinal
    const taken = yield* withFileIfThere(it.path, (handle) =>
      this.takeOpened(source, it, handle, key, end, isTail, line, writer),
    )
    return taken !== undefined
  }

  private *takeOpened(
    source: Survey,
    it: Candidate,
    handle: Handle,
    key: SalvageSource['key'],
    wanted: number,
    isTail: boolean,
    line: SealedLine | undefined,
    writer: SalvageWriter,
  ): Steps<'taken'> {
    this.watch.enter(it.size)
    const { scan, end } = yield* scanAsLongAs(handle, wanted, key)
    if (scan.unknownAt !== undefined) throw newerFormat(it.path)
    const unsealed = { ordinal: it.ordinal, path: it.path, line: undefined, size: it.size, header: it.header }
    const decision = isTail ? decideTail(source, unsealed, key, scan, scan.claimedEnd) : undefined
    const accepted = decision === undefined || decision.verdict === 'corrupt' ? end : decision.end
    const proven = isTail ? (source.proven?.sequence ?? 0) : Infinity
    // A header that a power cut tore off a first group that nothing proves acknowledged is no damage.
    const { proven: proof } = source
    const isProven = !isTail || scan.claimedEnd > FRAMES_START || (proof?.ordinal === it.ordinal && proof.offset > 0)
    if (isProven && it.header.found !== 'header' && scan.stretches.at(-1)!.lastSeen >= key.firstSequence) {
      this.findings.add({
        code: 'CORRUPT',
        message: 'the header of a segment cannot be read',
        file: it.path,
        offset: 0,
      })
    }
    yield* this.explain(it, handle, key, scan, accepted, line?.lastSequence)
    const { options, epoch } = source.manifest
    const header = it.header.found === 'header' ? it.header.header : undefined
    const baseTimestamp = key.baseTimestamp ?? (scan.baseTimestamp || BigInt(writer.lines.at(-1)?.lastTimestamp ?? 0))
    this.watch.enter(it.size)
    const runs = runsOf(scan, accepted, this.last, proven)
    // Without a hole no frame is missing, and the sidecar is not asked.
    const isWhole = line === undefined || scan.holes.length === 0
    const beside = isWhole ? [] : yield* definitionsBeside(it.path, source.manifest.logId, line)
    yield* writer.writeRuns(
      {
        path: it.path,
        handle,
        key,
        baseTimestamp,
        header: {
          codec: header?.codec ?? options.codec,
          compression: header?.compression ?? compressionOf(it.line, options),
          chain: header?.chain ?? CHAIN[options.chain as keyof typeof CHAIN],
          epoch: header?.epoch ?? epoch,
        },
        // Within a segment what a definition says never changes, so all may come first: one that is damaged where it was
        // needed may stand whole further behind, and the new log has no hole that would tell a reader to look there.
        definitions: scan.holes.length === 0 ? [] : [...scan.definitions, ...beside],
      },
      runs,
    )
    this.last = Math.max(this.last, runs.at(-1)?.lastSequence ?? 0)
    return 'taken'
  }

  private *explain(
    it: Candidate,
    handle: Handle,
    key: SalvageSource['key'],
    scan: Scan,
    end: number,
    lastSequence: number | undefined,
  ): Steps<void> {
    let before = key.firstSequence - 1
    let index = 0
    for (const hole of scan.holes) {
      if (hole.start >= end) return
      for (
        let each = scan.stretches[index];
        each !== undefined && each.start <= hole.start;
        each = scan.stretches[++index]
      ) {
        before = each.lastSeen
      }
      const after = scan.stretches[index]?.firstSequence ?? (lastSequence ?? before) + 1
      yield* explainHole(it.path, handle, key, { hole, from: before + 1, to: after - 1 }, this.findings)
    }
  }

  /** What was given up before, and every gap between segments: from the first record that is not forgotten to the last. */
  private lostOf(source: Survey, lines: readonly SealedLine[]): SequenceRange[] {
    const { manifest } = source
    const gaps: SequenceRange[] = [...manifest.lost]
    const first = manifest.segments[0]
    let next = source.manifestFrom === 'rebuilt' || first?.state === 'open' ? 1 : (first?.firstSequence ?? 1)
    for (const line of lines) {
      if (line.firstSequence > next) gaps.push({ from: next, to: line.firstSequence - 1 })
      next = line.lastSequence + 1
    }
    const proven = source.proven?.sequence ?? 0
    if (proven >= next) gaps.push({ from: next, to: proven })
    return union(gaps)
  }
}

/** Ranges in order, none touching another. */
function union(ranges: readonly SequenceRange[]): SequenceRange[] {
  const merged: SequenceRange[] = []
  for (const range of [...ranges].sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1)
    if (last !== undefined && range.from <= last.to + 1) {
      merged[merged.length - 1] = { from: last.from, to: Math.max(last.to, range.to) }
    } else merged.push({ from: range.from, to: range.to })
  }
  return merged
}
