import type { DirectoryEntry, Handle } from '../segments/env/environment.ts'
import { type Steps, step } from '../segments/env/steps.ts'
import { newerFormat } from '../segments/errors.ts'
import { readUpTo, withFile } from '../segments/files.ts'
import { SEGMENT_BYTES_MAX, SEGMENT_HEADER } from '../segments/format/layout.ts'
import type { Manifest, ManifestFinding } from '../segments/format/manifest.ts'
import { SLOTS_NAME, manifestName, parseName, segmentName, sidecarName, trailName } from '../segments/format/names.ts'
import { isZero } from '../segments/format/prefix.ts'
import { furthest, isBeyond } from '../segments/format/slots.ts'
import { readManifest } from '../segments/manifest-files.ts'
import { latestSlot, readSlots } from '../segments/slots-file.ts'
import type { Finding, Inspection } from './evidence.ts'
import { reviewArchive } from './archive-review.ts'
import { mustBeFinished } from './backup-target.ts'
import { inspectSegments, isAllZero } from './inspect-segments.ts'
import { rebuildManifest, withLifecycle } from './rebuild.ts'

/** The names in a log directory, by kind. */
export interface Names {
  readonly segments: readonly number[]
  readonly sidecars: readonly number[]
  readonly trails: readonly number[]
  readonly manifests: readonly number[]
  readonly slots: boolean
  readonly cut: boolean
  readonly archive: boolean
  readonly temporary: readonly string[]
  readonly foreign: readonly string[]
}

/**
 * Reads what a log directory holds. Changes nothing, needs no lock. Any error of the disk is thrown as it is: a file that
 * cannot be read is never taken for one that is empty or short.
 */
export function* inspect(directory: string): Steps<Inspection> {
  const names = sortNames(yield* step({ do: 'list', path: directory }))
  const findings: Finding[] = names.foreign.map((name) => ({
    code: 'IGNORED',
    message: 'a file that is none of seglog; it is left alone',
    file: `${directory}/${name}`,
  }))
  const manifests = yield* readManifests(directory, names, findings)
  const slots = names.slots ? yield* readSlots(`${directory}/${SLOTS_NAME}`) : []
  if (slots.includes('newer')) throw newerFormat(`${directory}/${SLOTS_NAME}`)
  let manifest = manifests.manifest
  let from: Inspection['manifestFrom'] = manifests.from
  if (manifest === undefined) {
    const rebuilt = yield* rebuildManifest(directory, names.segments, slots, findings)
    if (rebuilt === undefined) return nothing(directory, names, yield* tracesOf(directory, names), findings)
    manifest = rebuilt
    from = 'rebuilt'
  }
  const archive = yield* reviewArchive(directory, manifest, names.segments, names.archive, findings)
  manifest = { ...manifest, segments: archive.segments }
  // A slot of an earlier epoch says less than the manifest, which was written after it and names a later point.
  const slot = latestSlot(slots, manifest.logId)
  const current = slot !== undefined && slot.epoch >= manifest.epoch ? slot : undefined
  // An opening after the close wrote a slot of its own epoch.
  const isOpenedSince = current !== undefined && (current.epoch > manifest.epoch || isBeyond(current, manifest.clean))
  const closed = from === 'newest' && !isOpenedSince ? manifest.clean : null
  const proven = furthest([manifest.highWatermark, manifest.clean ?? undefined, current])
  // A trail tells nothing of lifecycle frames, which are asked for where the newest manifest is lost.
  const trails = from === 'newest' ? names.trails : []
  const segments = yield* inspectSegments(directory, names.segments, trails, manifest, closed ?? undefined, findings)
  return {
    directory,
    state: 'log',
    traces: [],
    manifest: from === 'newest' ? manifest : withLifecycle(manifest, segments),
    manifestFrom: from,
    generations: names.manifests,
    slot: current,
    slotsThere: names.slots,
    slotTurn: Math.max(
      0,
      slots.findIndex((each) => each === slot),
    ),
    proven,
    closed: closed ?? undefined,
    segments,
    sidecars: names.sidecars,
    trails: names.trails,
    findings,
    foreign: names.foreign,
    temporary: names.temporary,
    stale: archive.stale,
    hasArchive: names.archive,
  }
}

export function sortNames(entries: readonly DirectoryEntry[]): Names {
  const segments: number[] = []
  const sidecars: number[] = []
  const trails: number[] = []
  const manifests: number[] = []
  const temporary: string[] = []
  const foreign: string[] = []
  let slots = false
  let cut = false
  let archive = false
  for (const { name, kind } of entries) {
    const parsed = parseName(name)
    if (kind === 'directory' && parsed.kind === 'cut') cut = true
    else if (kind === 'directory' && parsed.kind === 'archive') archive = true
    else if (parsed.kind === 'socket' || parsed.kind === 'lock') continue
    else if (kind !== 'file') foreign.push(name)
    else if (parsed.kind === 'segment') segments.push(parsed.number)
    else if (parsed.kind === 'manifest') manifests.push(parsed.number)
    else if (parsed.kind === 'slots') slots = true
    else if (parsed.kind === 'temporary') temporary.push(name)
    else if (parsed.kind === 'sidecar') sidecars.push(parsed.number)
    else if (parsed.kind === 'trail') trails.push(parsed.number)
    else foreign.push(name)
  }
  segments.sort((a, b) => a - b)
  manifests.sort((a, b) => b - a)
  return { segments, sidecars, trails, manifests, slots, cut, archive, temporary, foreign }
}

interface FoundManifest {
  readonly manifest: Manifest | undefined
  readonly from: 'newest' | 'previous' | 'nowhere'
}

/** The newest manifest that can be read; what is wrong with newer ones is a finding. */
function* readManifests(directory: string, names: Names, findings: Finding[]): Steps<FoundManifest> {
  for (const [index, generation] of names.manifests.entries()) {
    const finding = yield* readManifest(directory, generation)
    if (finding.found === 'manifest') {
      mustBeFinished(directory, finding.manifest)
      return { manifest: finding.manifest, from: index === 0 ? 'newest' : 'previous' }
    }
    findings.push(manifestFinding(directory, generation, finding))
  }
  return { manifest: undefined, from: 'nowhere' }
}

/** What a manifest that cannot be read is reported as. */
export function manifestFinding(
  directory: string,
  generation: number,
  finding: Exclude<ManifestFinding, { readonly found: 'manifest' }>,
): Finding {
  const file = `${directory}/${manifestName(generation)}`
  if (finding.found === 'newer') throw newerFormat(file)
  const reason = finding.found === 'damaged' ? finding.reason : 'it is no manifest of that generation'
  return { code: 'CORRUPT', message: `a manifest cannot be read: ${reason}`, file }
}

/** What only a log leaves behind: with any of it, an empty directory was not always empty. */
export function* tracesOf(directory: string, names: Names): Steps<string[]> {
  // The files of a log that was only begun hold zeros.
  const files = [...(names.slots ? [SLOTS_NAME] : []), ...names.segments.map(segmentName)]
  const traces: string[] = []
  for (const name of files) if (!(yield* isZeroFile(`${directory}/${name}`))) traces.push(name)
  traces.push(...names.sidecars.map(sidecarName), ...names.trails.map(trailName))
  if (names.manifests.length > 0) traces.push(...names.manifests.map(manifestName))
  if (names.cut) traces.push('cut/')
  if (names.archive) traces.push('archive/')
  return traces
}

function* isZeroFile(path: string): Steps<boolean> {
  return yield* withFile(path, 'read', holdsZeros)
}

function* holdsZeros(handle: Handle): Steps<boolean> {
  const size = yield* step({ do: 'size', handle })
  const head = Buffer.alloc(SEGMENT_HEADER.size)
  const length = yield* readUpTo(handle, head, 0, head.length, 0)
  return size <= SEGMENT_BYTES_MAX && isZero(head, 0, length) && (yield* isAllZero(handle, size))
}

function nothing(directory: string, names: Names, traces: readonly string[], findings: readonly Finding[]): Inspection {
  return {
    directory,
    state: traces.length > 0 ? 'traces' : 'nothing',
    traces,
    manifest: undefined,
    manifestFrom: 'nowhere',
    generations: names.manifests,
    slot: undefined,
    slotsThere: names.slots,
    slotTurn: 0,
    proven: undefined,
    closed: undefined,
    segments: [],
    sidecars: names.sidecars,
    trails: names.trails,
    findings,
    foreign: names.foreign,
    temporary: names.temporary,
    stale: [],
    hasArchive: names.archive,
  }
}
