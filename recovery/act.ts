import type { Handle } from '../segments/env/environment.ts'
import { type Steps, step } from '../segments/env/steps.ts'
import { compressionOf } from '../segments/compression.ts'
import { removeIfThere, withFile } from '../segments/files.ts'
import { compressionName } from '../segments/format/compression.ts'
import type { Manifest, OpenLine, SealedLine } from '../segments/format/manifest.ts'
import {
  ARCHIVE_DIRECTORY,
  SLOTS_NAME,
  manifestName,
  segmentName,
  sidecarName,
  trailName,
} from '../segments/format/names.ts'
import type { Position } from '../segments/format/slots.ts'
import { ManifestStore } from '../segments/manifest-store.ts'
import type { NameSyncs } from '../segments/name-syncs.ts'
import type { Segment, SegmentPlan } from '../segments/segment.ts'
import { writeFirstSlot } from '../segments/slots-file.ts'
import { keepAside, moveAside } from './aside.ts'
import { placeSlots } from './create.ts'
import type { Inspection, SegmentEvidence } from './evidence.ts'
import type { RecoveryPlan } from './plan.ts'
import type { CutReport } from './report.ts'
import { type SettledTail, type Work, cutTo, settleTail } from './settle.ts'

/** What acting on a plan leaves: a log that can be written. */
export interface Acted {
  readonly manifests: ManifestStore
  readonly active: Segment
  readonly spare: SegmentPlan | undefined
  readonly lastTimestamp: bigint
  readonly position: Position
  readonly slots: Handle
  readonly slotTurn: number
  readonly cut: CutReport | undefined
  readonly notes: readonly string[]
}

/**
 * Carries out a plan. Each step can be interrupted and done again: what is cut is kept aside first; new files get their
 * names only when they are synced; then the manifest; the slot last of all; files are removed after the manifest that
 * does not list them any more.
 */
export function* act(
  env: NameSyncs,
  inspection: Inspection,
  manifest: Manifest,
  plan: RecoveryPlan,
  compression: number = compressionOf(undefined, manifest.options),
): Steps<Acted> {
  const { directory } = inspection
  const epoch = Math.max(manifest.epoch, inspection.slot?.epoch ?? 0) + 1
  const work: Work = { env, directory, inspection, manifest, plan, epoch, compression, notes: [], cut: undefined }
  // First, because they may hold the room that the rest needs; they mean nothing to anyone, and the lock is ours.
  for (const name of inspection.temporary) yield* removeIfThere(`${directory}/${name}`)
  for (const line of plan.unsealed) yield* keepDeadEnd(work, line)
  yield* keepRests(work)
  const tail = yield* settleTail(work)
  if (!inspection.slotsThere) yield* placeSlots(env, directory)
  yield* step({ do: 'syncDirectory', path: directory })
  // Names that a killed process removed there are gone for everyone but the disk: a power cut would bring them back.
  if (inspection.hasArchive) yield* step({ do: 'syncDirectory', path: `${directory}/${ARCHIVE_DIRECTORY}` })

  noteSidecars(work)
  const { active } = tail
  const position = { ordinal: active.plan.ordinal, offset: active.end, sequence: active.lastSequence }
  const spare = spareOf(work, active)
  const start = { ...manifest, generation: Math.max(manifest.generation, ...inspection.generations) }
  // One that cannot be read is not the previous one that is kept.
  const readable = inspection.generations.filter((generation) => generation <= manifest.generation)
  const manifests = new ManifestStore(env, start, readable, () => position)
  yield* manifests.update((latest) => nextManifest(work, latest, tail, spare))
  const slotTurn = 1 - inspection.slotTurn
  const slotsPath = `${directory}/${SLOTS_NAME}`
  const slot = { ...position, logId: manifest.logId, epoch }
  yield* withFile(slotsPath, 'write', (handle) => writeFirstSlot(handle, slot, slotTurn))
  yield* finishSealing(work)
  yield* removeLeftovers(work, active, spare, manifests.latest)
  yield* finishArchiving(work)
  for (const generation of inspection.generations) {
    if (generation > manifest.generation) yield* moveAside(directory, manifestName(generation))
  }
  // Last, so that no step that fails leaves it open.
  const slots = yield* step({ do: 'open', path: slotsPath, access: 'write' })
  return {
    manifests,
    active,
    spare,
    lastTimestamp: tail.lastTimestamp,
    position,
    slots,
    slotTurn,
    cut: work.cut,
    notes: work.notes,
  }
}

/** Only names are looked at: what is in a sidecar is read when it is needed first. */
function noteSidecars({ inspection, manifest, notes }: Work): void {
  const there = new Set(inspection.sidecars)
  for (const line of manifest.segments) {
    if (line.state !== 'sealed' || there.has(line.ordinal)) continue
    notes.push(`${sidecarName(line.ordinal)} is missing; it is made anew when it is first needed`)
  }
}

/** The successor proves this segment whole; what lies behind its end is dead, and kept aside. */
function* keepDeadEnd(work: Work, line: SealedLine): Steps<void> {
  const evidence = work.inspection.segments.find((segment) => segment.ordinal === line.ordinal)
  const { holes, stretches } = evidence!.scan!
  const restEnd = Math.max(stretches.at(-1)?.end ?? 0, holes.at(-1)?.end ?? 0)
  if (restEnd > line.dataBytes) yield* aside(work, evidence!, line.dataBytes, restEnd)
}

/**
 * Cuts segments to their length, after the manifest that calls them sealed: until then their successor may be in the page
 * cache only, and with it gone a segment that is already cut would look damaged. One that stays longer is no harm.
 */
function* finishSealing(work: Work): Steps<void> {
  for (const line of work.plan.unsealed) {
    yield* cutTo(`${work.directory}/${segmentName(line.ordinal)}`, line.dataBytes)
    work.notes.push(`finished the sealing of ${segmentName(line.ordinal)}`)
  }
}

/** Keeps aside what is cut off the end, and files in which nothing is accepted. */
function* keepRests(work: Work): Steps<void> {
  const { tail, behind, decision, accepted } = work.plan
  const { holes, stretches } = tail?.scan ?? { holes: [], stretches: [] }
  if (tail?.role === 'used') {
    const start = accepted ? decision.end : 0
    const restEnd = Math.max(stretches.at(-1)?.end ?? 0, holes.at(-1)?.end ?? 0)
    if (restEnd > start) {
      const zeroSectors = holes.some((hole) => hole.zeroSectors && hole.end > decision.end)
      yield* cutOff(work, tail, start, restEnd, zeroSectors)
    }
  }
  for (const dirty of [tail, ...behind]) {
    if (dirty?.role === 'dirty') yield* cutOff(work, dirty, 0, dirty.size, true)
  }
}

function* cutOff(work: Work, from: SegmentEvidence, start: number, end: number, zeroSectors: boolean): Steps<void> {
  const keptIn = yield* aside(work, from, start, end)
  const first = work.plan.decision.sequence + 1
  const to = Math.max(first, from.scan?.stretches.at(-1)?.lastSeen ?? 0)
  work.cut ??= { file: from.path, offset: start, bytes: end - start, keptIn, from: first, to, zeroSectors }
}

function* aside(work: Work, segment: SegmentEvidence, start: number, end: number): Steps<string> {
  const { directory, epoch } = work
  const path = yield* keepAside({ directory, from: segment.path, ordinal: segment.ordinal, start, end, epoch })
  work.notes.push(`kept ${end - start} bytes of ${segmentName(segment.ordinal)} in ${path}`)
  return path
}

/** An empty segment behind the active one, kept only after a clean end: then nothing can have been on its way into it. */
function spareOf(work: Work, active: Segment): SegmentPlan | undefined {
  const { inspection, plan } = work
  const behind = plan.behind.find((segment) => segment.ordinal === active.plan.ordinal + 1)
  if (inspection.closed === undefined || behind?.role !== 'unused' || behind.line?.state !== 'open') return undefined
  const { ordinal, salt, segmentBytes } = behind.line
  return behind.size === segmentBytes ? { ordinal, salt, segmentBytes } : undefined
}

function nextManifest(work: Work, latest: Manifest, tail: SettledTail, spare: SegmentPlan | undefined): Manifest {
  const { plan, epoch } = work
  const { active } = tail
  // The header of a used one says how it was begun, the option may say otherwise by now.
  const isOther = active.isUsed && active.compression !== work.compression
  const others = isOther ? { compression: compressionName(active.compression) } : {}
  const open: OpenLine[] = [{ ...active.plan, state: 'open', ...others }]
  if (spare !== undefined) open.push({ ...spare, state: 'open' })
  const sealed = [...plan.unsealed, ...(tail.sealed ? [tail.sealed] : [])]
  const isReplaced = (ordinal: number): boolean =>
    ordinal >= active.plan.ordinal || sealed.some((line) => line.ordinal === ordinal)
  const kept = latest.segments.filter((line) => !isReplaced(line.ordinal))
  const lost = plan.decision.verdict === 'corrupt' ? [...latest.lost, ...plan.decision.lost] : latest.lost
  const segments = [...kept, ...sealed, ...open].sort((a, b) => a.ordinal - b.ordinal)
  const options = { ...latest.options, compression: compressionName(work.compression) }
  return { ...latest, epoch, clean: null, lost, segments, options }
}

/** Removes the other copies of segments that an interrupted archiving or restoring left in two places. */
function* finishArchiving({ inspection, notes }: Work): Steps<void> {
  const directories = new Set(inspection.stale.map((path) => path.slice(0, path.lastIndexOf('/'))))
  for (const path of inspection.stale) yield* removeIfThere(path)
  for (const path of directories) {
    yield* step({ do: 'syncDirectory', path })
    notes.push(`removed segments from ${path} that count elsewhere`)
  }
}

/**
 * Segments behind the active one, of which only zeros are left that were not kept aside, sidecars of what is no sealed
 * segment any more, and trails that are not gone on with.
 */
function* removeLeftovers(work: Work, active: Segment, spare: SegmentPlan | undefined, latest: Manifest): Steps<void> {
  let removed = work.inspection.temporary.length > 0
  for (const segment of work.plan.behind) {
    if (segment.ordinal <= active.plan.ordinal || segment.ordinal === spare?.ordinal) continue
    if (segment.role === 'missing') continue
    yield* removeIfThere(segment.path)
    removed = true
  }
  const sealed = new Set(latest.segments.filter((line) => line.state === 'sealed').map((line) => line.ordinal))
  for (const ordinal of work.inspection.sidecars) {
    if (sealed.has(ordinal)) continue
    yield* removeIfThere(`${work.directory}/${sidecarName(ordinal)}`)
    removed = true
  }
  for (const ordinal of work.inspection.trails) {
    if (ordinal === active.plan.ordinal && active.trail.bytes > 0) continue
    yield* removeIfThere(`${work.directory}/${trailName(ordinal)}`)
    removed = true
  }
  // Else a power cut brings them back, and the next opening finds them again.
  if (removed) yield* step({ do: 'syncDirectory', path: work.directory })
}
