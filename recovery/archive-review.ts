import type { DirectoryEntry, Handle } from '../segments/env/environment.ts'
import { type Steps, step } from '../segments/env/steps.ts'
import { compressionMember } from '../segments/compression.ts'
import { withFileIfThere } from '../segments/files.ts'
import { decodeHeader } from '../segments/format/header.ts'
import type { Manifest, SealedLine, SegmentLine } from '../segments/format/manifest.ts'
import { ARCHIVE_DIRECTORY, parseName, segmentName, sidecarName } from '../segments/format/names.ts'
import { headAtEnd } from '../segments/chain-end.ts'
import { SegmentScanner } from '../segments/scan.ts'
import { archiveOf } from './archive.ts'
import { hasDigestOf, isFileOf } from './archive-file.ts'
import type { Finding } from './evidence.ts'
import { readHead } from './inspect-segments.ts'

/** What an interrupted archiving or restoring left, and what is to become of it. */
export interface ArchiveReview {
  readonly segments: readonly SegmentLine[]
  /** Files that count nowhere: each is the other copy of one that does. */
  readonly stale: readonly string[]
}

/**
 * Looks at segments that are in two places, or not in the one where they should be. The manifest decides which copy counts;
 * where that one is gone and the other is there, the other does. Reads only.
 */
export function* reviewArchive(
  directory: string,
  manifest: Manifest,
  live: readonly number[],
  hasArchive: boolean,
  findings: Finding[],
): Steps<ArchiveReview> {
  const archive = archiveOf(directory, undefined)
  const inArchive = hasArchive ? yield* segmentsIn(archive) : []
  const stale: string[] = []
  const segments: SegmentLine[] = []
  for (const line of manifest.segments) {
    const isLive = live.includes(line.ordinal)
    if (line.state === 'archived' && isLive) {
      segments.push(yield* reviewArchived(directory, manifest.logId, line, stale))
    } else if (line.state === 'archived' && inArchive.includes(line.ordinal)) {
      yield* reviewElsewhere(directory, manifest.logId, line, stale)
      segments.push(line)
    } else if (line.state === 'sealed' && inArchive.includes(line.ordinal)) {
      segments.push(yield* reviewSealed(directory, manifest.logId, line, isLive, stale, findings))
    } else segments.push(line)
  }
  return { segments, stale }
}

/** Archived, and still here: the moving is finished, or undone where the other copy is gone. */
function* reviewArchived(directory: string, logId: string, line: SealedLine, stale: string[]): Steps<SealedLine> {
  const away = `${archiveOf(directory, line.place)}/${segmentName(line.ordinal)}`
  if (yield* isFileOf(away, logId, line)) {
    stale.push(...filesOf(directory, line.ordinal))
    return line
  }
  if (!(yield* isFileOf(`${directory}/${segmentName(line.ordinal)}`, logId, line))) return line
  const { place: _, ...others } = line
  return { ...others, state: 'sealed' }
}

/** Archived to another place after a move to `archive/` that failed and left its file there. */
function* reviewElsewhere(directory: string, logId: string, line: SealedLine, stale: string[]): Steps<void> {
  const archive = archiveOf(directory, undefined)
  const place = archiveOf(directory, line.place)
  if (place === archive || !(yield* isFileOf(`${archive}/${segmentName(line.ordinal)}`, logId, line))) return
  if (yield* isFileOf(`${place}/${segmentName(line.ordinal)}`, logId, line))
    stale.push(...filesOf(archive, line.ordinal))
}

/** Live, and in the archive as well, or only there. */
function* reviewSealed(
  directory: string,
  logId: string,
  line: SealedLine,
  isLive: boolean,
  stale: string[],
  findings: Finding[],
): Steps<SealedLine> {
  const archive = archiveOf(directory, undefined)
  const away = `${archive}/${segmentName(line.ordinal)}`
  if (!(yield* isFileOf(away, logId, line))) return line
  if (isLive && (yield* isFileOf(`${directory}/${segmentName(line.ordinal)}`, logId, line))) {
    stale.push(...filesOf(archive, line.ordinal))
    return line
  }
  if (isLive || !(yield* hasDigestOf(away, line))) return line
  const { firstSequence: from, lastSequence: to } = line
  const message = 'a sealed segment is missing here and was found in the archive; it counts as archived'
  findings.push({ code: 'ARCHIVED', message, file: away, from, to })
  return { ...line, state: 'archived' }
}

/**
 * Ordinals of sealed segments that are missing and in `archive/`, where somebody moved them: the next opening for writing
 * adopts them, as far as they are as they were sealed. Reads only; safe beside a writer who moves segments meanwhile.
 */
export function* findAdopted(
  directory: string,
  manifest: Manifest,
  live: readonly number[],
  hasArchive: boolean,
): Steps<number[]> {
  // A link or a file of that name is none of ours.
  if (!hasArchive) return []
  const there = new Set(live)
  const adopted: number[] = []
  for (const line of manifest.segments) {
    const { ordinal, state } = line
    if (state !== 'sealed' || there.has(ordinal)) continue
    // The names may have been listed before it was restored.
    if ((yield* step({ do: 'stat', path: `${directory}/${segmentName(ordinal)}` })) !== undefined) continue
    const away = `${archiveOf(directory, undefined)}/${segmentName(ordinal)}`
    if (yield* isFileOf(away, manifest.logId, line)) adopted.push(ordinal)
  }
  return adopted
}

/** Whether segments may be archived ones without their log: in a log there is a manifest or a slot, unless both are lost. */
export function isWithoutLog(entries: readonly DirectoryEntry[]): boolean {
  return entries.every(({ name }) => !OF_A_LOG.includes(parseName(name).kind))
}

const OF_A_LOG = ['manifest', 'slots']

function filesOf(directory: string, ordinal: number): string[] {
  return [`${directory}/${segmentName(ordinal)}`, `${directory}/${sidecarName(ordinal)}`]
}

function* segmentsIn(archive: string): Steps<number[]> {
  const entries = yield* step({ do: 'list', path: archive })
  const numbers = entries.flatMap(({ name, kind }) => {
    const parsed = parseName(name)
    return kind === 'file' && parsed.kind === 'segment' ? [parsed.number] : []
  })
  return numbers.sort((a, b) => a - b)
}

/** Lines of segments that are in `archive/` only, for a log without manifests: each is read through. */
export function* adoptArchive(directory: string, logId: string, live: readonly number[]): Steps<SealedLine[]> {
  const archive = `${directory}/${ARCHIVE_DIRECTORY}`
  const status = yield* step({ do: 'stat', path: archive })
  if (status?.kind !== 'directory') return []
  const lines: SealedLine[] = []
  for (const ordinal of yield* segmentsIn(archive)) {
    if (live.some((each) => each <= ordinal)) continue
    const line = yield* lineOf(`${archive}/${segmentName(ordinal)}`, logId, ordinal)
    if (line !== undefined) lines.push(line)
  }
  return lines
}

/** The line that a segment must have had, from its header and its frames; undefined where it is none of this log. */
export function* lineOf(path: string, logId: string | undefined, ordinal: number): Steps<SealedLine | undefined> {
  return yield* withFileIfThere(path, (handle) => lineIn(handle, logId, ordinal))
}

function* lineIn(handle: Handle, logId: string | undefined, ordinal: number): Steps<SealedLine | undefined> {
  const { size, head } = yield* readHead(handle)
  const finding = decodeHeader(head)
  if (finding.found !== 'header' || finding.header.ordinal !== ordinal) return undefined
  const { header } = finding
  if (logId !== undefined && header.logId !== logId) return undefined
  const scan = yield* new SegmentScanner(handle, size, header).run('search')
  const last = scan.stretches.at(-1)!
  return {
    state: 'archived',
    ordinal,
    salt: header.salt,
    firstSequence: header.firstSequence,
    lastSequence: last.lastSequence,
    dataBytes: last.wholeEnd,
    digest: last.digest,
    head: headAtEnd(scan.stretches, last.wholeEnd),
    baseTimestamp: String(header.baseTimestamp),
    lastTimestamp: String(last.lastTimestamp),
    ...compressionMember(header.compression),
    ...(scan.holes.length > 0 ? { damaged: true as const } : {}),
  }
}
