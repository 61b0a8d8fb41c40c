import { SMALL_SEGMENT_BYTES } from '../segments/allocator.ts'
import { drawSalt } from '../segments/segment-files.ts'
import { SegmentChain, headText } from '../segments/chain.ts'
import { chainUpTo, headBefore } from '../segments/chain-end.ts'
import type { Environment, Handle } from '../segments/env/environment.ts'
import { type Steps, step } from '../segments/env/steps.ts'
import { compressionMember, compressionOf } from '../segments/compression.ts'
import { isDiskFull } from '../segments/errors.ts'
import { withFile } from '../segments/files.ts'
import type { Predecessor, SegmentHeader } from '../segments/format/header.ts'
import { CHAIN, FRAMES_START, UNIT } from '../segments/format/layout.ts'
import type { Manifest, OpenLine, SealedLine } from '../segments/format/manifest.ts'
import { segmentName, temporaryName } from '../segments/format/names.ts'
import { nonce } from '../segments/manifest-store.ts'
import { Segment, type SegmentPlan } from '../segments/segment.ts'
import type { Scan } from '../segments/stretches.ts'
import { type Copied, copySegment } from './copy.ts'
import { placeZeros } from './create.ts'
import type { Inspection, SegmentEvidence } from './evidence.ts'
import type { RecoveryPlan } from './plan.ts'
import type { CutReport } from './report.ts'

/** What the steps of one recovery share. */
export interface Work {
  readonly env: Environment
  readonly directory: string
  readonly inspection: Inspection
  readonly manifest: Manifest
  readonly plan: RecoveryPlan
  readonly epoch: number
  /** Of segments that begin from now on. */
  readonly compression: number
  readonly notes: string[]
  cut: CutReport | undefined
}

/** The segment to write from now on, and what is to be said of the tail. */
export interface SettledTail {
  readonly active: Segment
  readonly lastTimestamp: bigint
  /** The tail, where it is sealed because of damage inside. */
  readonly sealed: SealedLine | undefined
}

/** Makes the tail what the decision says it is to become. */
export function* settleTail(work: Work): Steps<SettledTail> {
  const { plan, inspection, manifest, directory } = work
  const { decision, tail } = plan
  if (tail?.role === 'used' && plan.accepted) {
    if (decision.verdict === 'damaged' || decision.verdict === 'corrupt') return yield* sealDamaged(work, tail)
    return decision.copy ? yield* copyTail(work, tail) : stayInPlace(work, tail)
  }
  const isFresh = tail?.role === 'unused' && inspection.closed !== undefined && tail.line?.state === 'open'
  const line = isFresh ? tail.line : undefined
  const bytes = line?.segmentBytes ?? Math.min(manifest.options.segmentBytes, SMALL_SEGMENT_BYTES)
  const salt = line?.salt ?? drawSalt(work.env, tail?.line?.salt ?? 0)
  if (line === undefined || tail?.size !== bytes) yield* placeZeros(work.env, directory, plan.tailOrdinal, bytes)
  return unusedActive(work, { ordinal: plan.tailOrdinal, salt, segmentBytes: bytes }, undefined)
}

/** A segment without a record, after `before` or the segment that is before the tail. */
function unusedActive(work: Work, plan: SegmentPlan, before: SealedLine | undefined): SettledTail {
  const predecessor = before ?? lineBefore(work, plan.ordinal)
  const lost = work.plan.decision.lost.at(-1)?.to ?? 0
  const lastSequence = Math.max(before?.lastSequence ?? work.plan.sequenceBefore, lost)
  const path = `${work.directory}/${segmentName(plan.ordinal)}`
  const active = new Segment(plan, path, predecessor && predecessorOf(predecessor), lastSequence + 1)
  if (work.manifest.options.chain !== 'none') {
    active.chain = new SegmentChain(headBefore(work.manifest.logId, active.predecessor), FRAMES_START, lastSequence)
  }
  const lastTimestamp = before ? BigInt(before.lastTimestamp) : work.plan.timeBefore
  return { active, lastTimestamp, sealed: before }
}

function stayInPlace(work: Work, tail: SegmentEvidence): SettledTail {
  const header = headerOf(work, tail)
  return usedActive(
    work,
    tail,
    { ordinal: tail.ordinal, salt: header.salt, segmentBytes: header.segmentBytes },
    undefined,
  )
}

/** Copies the accepted part to a fresh file, which takes the name of the old one. */
function* copyTail(work: Work, tail: SegmentEvidence): Steps<SettledTail> {
  const { plan, copied } = yield* copyOver(work, tail)
  work.notes.push(`copied ${segmentName(tail.ordinal)} up to its end at ${work.plan.decision.end} into a fresh file`)
  return usedActive(work, tail, plan, copied)
}

function* copyOver(work: Work, tail: SegmentEvidence): Steps<{ readonly plan: SegmentPlan; readonly copied: Copied }> {
  const old = headerOf(work, tail)
  const salt = drawSalt(work.env, old.salt)
  const smallest = Math.ceil(work.plan.decision.end / UNIT) * UNIT
  for (const segmentBytes of [Math.max(old.segmentBytes, smallest), smallest]) {
    const temporary = `${work.directory}/${temporaryName('copy', nonce(work.env))}`
    const header = { ...old, salt, epoch: work.epoch, segmentBytes }
    const { stretches, bytesCrc } = tail.scan!
    const { end } = work.plan.decision
    try {
      const copied = yield* copySegment({
        from: tail.path,
        to: temporary,
        salt: tail.key!.salt,
        stretches,
        end,
        bytesCrc,
        header,
        segmentBytes,
      })
      yield* step({ do: 'rename', from: temporary, to: tail.path })
      return { plan: { ordinal: tail.ordinal, salt, segmentBytes }, copied }
    } catch (error) {
      // On a full disk the log still opens, in a file without room: the next append then says DISK_FULL.
      if (!isDiskFull(error) || segmentBytes === smallest) throw error
    }
  }
  throw new Error('unreachable: the last size either worked or threw')
}

function usedActive(work: Work, tail: SegmentEvidence, plan: SegmentPlan, copied: Copied | undefined): SettledTail {
  const { decision } = work.plan
  const scan = tail.scan!
  const { stretch } = decision
  const header = headerOf(work, tail)
  const active = new Segment(plan, tail.path, header.predecessor, header.firstSequence)
  active.end = decision.end
  active.durableEnd = decision.end
  active.digest = copied?.digest ?? stretch.digest
  noteTrail(active, scan, copied)
  active.lastSequence = decision.sequence
  active.baseTimestamp = header.baseTimestamp
  active.lastTimestamp = stretch.lastTimestamp
  active.compression = header.compression
  // Millions of places: taken over, because nothing looks at the scan any more.
  active.offsets = scan.offsets
  active.offsets.cut(decision.sequence - header.firstSequence + 1)
  active.chain = chainOf(work, tail, header)
  active.definitions.push(...scan.definitions.slice(0, stretch.definitions))
  return { active, lastTimestamp: stretch.lastTimestamp, sealed: undefined }
}

/** The chain up to the end of what is accepted of the tail; undefined in a log without one. */
function chainOf(work: Work, tail: SegmentEvidence, header: SegmentHeader): SegmentChain | undefined {
  if (header.chain === CHAIN.none) return undefined
  const before = headBefore(header.logId, header.predecessor)
  return chainUpTo(tail.scan!.stretches, work.plan.decision.end, before, header.firstSequence)
}

/** In place a trail goes on where it ends; a copy is another file, which has none yet. */
function noteTrail(active: Segment, scan: Scan, copied: Copied | undefined): void {
  active.bytesCrc = copied === undefined ? scan.bytesCrc : copied.bytesCrc
  if (copied !== undefined || scan.covered === undefined) return
  const { end, lastSequence, definitions, trailBytes } = scan.covered
  Object.assign(active.trail, { end, lastSequence, definitions: definitions.length, bytes: trailBytes })
}

/** Damage inside: the segment is sealed as it is, its bad bytes as bad as before, and writing goes on in a new one. */
function* sealDamaged(work: Work, tail: SegmentEvidence): Steps<SettledTail> {
  const { decision } = work.plan
  const { stretch } = decision
  const old = headerOf(work, tail)
  const copied = decision.copy ? yield* copyOver(work, tail) : undefined
  yield* cutTo(tail.path, decision.end)
  work.notes.push(`sealed ${segmentName(tail.ordinal)} with the damage in it`)
  const line: SealedLine = {
    state: 'sealed',
    ordinal: tail.ordinal,
    salt: copied?.plan.salt ?? old.salt,
    firstSequence: old.firstSequence,
    lastSequence: decision.sequence,
    dataBytes: decision.end,
    digest: copied?.copied.digest ?? stretch.digest,
    head: headText(chainOf(work, tail, old)),
    baseTimestamp: String(old.baseTimestamp),
    lastTimestamp: String(stretch.lastTimestamp),
    damaged: true,
    ...compressionMember(old.compression),
  }
  const bytes = Math.min(work.manifest.options.segmentBytes, SMALL_SEGMENT_BYTES)
  const ordinal = tail.ordinal + 1
  yield* placeZeros(work.env, work.directory, ordinal, bytes)
  return unusedActive(work, { ordinal, salt: drawSalt(work.env, line.salt), segmentBytes: bytes }, line)
}

/** The header of the tail as it is, or as it must have been where it cannot be read. */
function headerOf(work: Work, tail: SegmentEvidence): SegmentHeader {
  if (tail.header?.found === 'header') return tail.header.header
  const { manifest } = work
  const before = lineBefore(work, tail.ordinal)
  const line = tail.line as OpenLine
  return {
    logId: manifest.logId,
    ordinal: tail.ordinal,
    firstSequence: tail.key!.firstSequence,
    // Lost with the first frame as well: then times are at least not before those of the segment before.
    baseTimestamp: tail.scan!.baseTimestamp || work.plan.timeBefore || BigInt(manifest.createdAt),
    segmentBytes: line.segmentBytes,
    salt: tail.key!.salt,
    epoch: manifest.epoch,
    codec: manifest.options.codec,
    compression: compressionOf(line, manifest.options),
    chain: CHAIN[manifest.options.chain as keyof typeof CHAIN],
    predecessor: before && predecessorOf(before),
  }
}

function lineBefore(work: Work, ordinal: number): SealedLine | undefined {
  const lines = [...work.plan.unsealed, ...work.manifest.segments]
  const line = lines.find((each) => each.ordinal === ordinal - 1)
  return line === undefined || line.state === 'open' ? undefined : line
}

function predecessorOf(line: SealedLine): Predecessor {
  return { ordinal: line.ordinal, bytes: line.dataBytes, digest: line.digest, head: line.head }
}

/** Shortens a file to its used length, durably. */
export function* cutTo(path: string, bytes: number): Steps<void> {
  yield* withFile(path, 'write', (handle) => cutOpened(handle, bytes))
}

function* cutOpened(handle: Handle, bytes: number): Steps<void> {
  const size = yield* step({ do: 'size', handle })
  if (size > bytes) yield* step({ do: 'truncate', handle, size: bytes })
  yield* step({ do: 'sync', handle })
}
