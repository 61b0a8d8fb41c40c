import type { Environment, Handle } from '../segments/env/environment.ts'
import { type Steps, step } from '../segments/env/steps.ts'
import { compressionMember } from '../segments/compression.ts'
import { SeglogError } from '../segments/errors.ts'
import { makeFile, withFile, withFileIfThere } from '../segments/files.ts'
import { decodeHeader } from '../segments/format/header.ts'
import { FRAMES_START } from '../segments/format/layout.ts'
import type { SealedLine } from '../segments/format/manifest.ts'
import { ARCHIVE_DIRECTORY, segmentName } from '../segments/format/names.ts'
import type { Position } from '../segments/format/slots.ts'
import { headAtEnd } from '../segments/chain-end.ts'
import { SegmentScanner } from '../segments/scan.ts'
import { BackupTarget } from './backup-target.ts'
import { copyRaw } from './copy.ts'
import { scanAsLongAs } from './salvage-files.ts'
import { type Watch, watched } from './verify-progress.ts'
import { wholeOf } from './verify-segments.ts'
import { readHead } from './inspect-segments.ts'
import { type Survey, survey } from './verify-survey.ts'

/** What a copy holds. */
export interface CopyReport {
  readonly directory: string
  /** Last record of the copy: the high-watermark of the log when the copy began. */
  readonly lastSequence: number
  readonly segments: number
  readonly bytes: number
  readonly durationMs: number
}

/** A segment as it goes into the copy: its first bytes, up to a frame that is known to be durable. */
interface Part {
  readonly ordinal: number
  readonly bytes: number
  readonly salt: number
  /** What it must be; undefined of one that is not sealed yet. */
  readonly line: SealedLine | undefined
}

/** How often a file that moved is looked up anew. */
const TRIES = 8

/**
 * Copies a log up to its high-watermark into an empty directory, also beside a writer at work; durable when the steps end.
 * The bytes of each segment are the same, and are read back and checked. Throws CORRUPT where the log is damaged.
 */
export function copyLog(env: Environment, from: string, to: string, watch: Watch): Steps<CopyReport> {
  return watched(copyWatched(env, from, to, watch), watch)
}

function* copyWatched(env: Environment, from: string, to: string, watch: Watch): Steps<CopyReport> {
  const source = yield* survey(from)
  const target = new BackupTarget(env, to)
  yield* target.begin(source.manifest, 'copy')
  const parts = partsOf(source, yield* provenEnd(source))
  watch.expect(2 * parts.reduce((sum, { bytes }) => sum + bytes, 0))
  const segments: SealedLine[] = []
  let hasArchive = false
  for (const part of parts) {
    const isAway = part.line?.state === 'archived'
    if (isAway && part.line.place !== undefined) {
      segments.push(part.line)
      continue
    }
    const directory = isAway ? `${to}/${ARCHIVE_DIRECTORY}` : to
    if (isAway && !hasArchive) yield* step({ do: 'makeDirectory', path: directory })
    hasArchive ||= isAway
    segments.push(yield* copyPart(source, part, `${directory}/${segmentName(part.ordinal)}`, watch))
  }
  if (hasArchive) yield* step({ do: 'syncDirectory', path: `${to}/${ARCHIVE_DIRECTORY}` })
  const sequence = Math.max(source.proven?.sequence ?? 0, segments.at(-1)?.lastSequence ?? 0)
  yield* target.finish(segments, {}, sequence)
  watch.end()
  return {
    directory: to,
    lastSequence: sequence,
    segments: segments.length,
    bytes: segments.reduce((sum, { dataBytes }) => sum + dataBytes, 0),
    durationMs: watch.durationMs,
  }
}

/** Up to where a log is proven to be durable: an offset in the last segment that is in use. */
type ProvenEnd = Pick<Position, 'ordinal' | 'offset'>

/**
 * As slots, manifests and the frames themselves tell: a power cut may have taken the slot that was written last, and then
 * only frames know of what was acknowledged before them.
 */
function* provenEnd({ proven, unsealed }: Survey): Steps<ProvenEnd | undefined> {
  const tail = unsealed.findLast(({ header }) => header?.found === 'header')
  if (tail?.header?.found !== 'header' || tail.ordinal < (proven?.ordinal ?? 0)) return proven
  const { header } = tail.header
  const scanned = yield* withFileIfThere(tail.path, (handle) => scanAsLongAs(handle, tail.size, header))
  const told = proven?.ordinal === tail.ordinal ? proven.offset : 0
  return { ordinal: tail.ordinal, offset: Math.max(told, scanned?.scan.claimedEnd ?? 0) }
}

/** All that is durable, segment by segment: sealed ones, those that wait for it, and the active one so far. */
function partsOf(source: Survey, proven: ProvenEnd | undefined): Part[] {
  const { sealed, unsealed } = source
  const parts: Part[] = sealed.map((line) => ({ ordinal: line.ordinal, bytes: line.dataBytes, salt: line.salt, line }))
  for (const [index, segment] of unsealed.entries()) {
    const { ordinal, header, line } = segment
    const salt = header?.found === 'header' ? header.header.salt : line?.salt
    if (salt === undefined || proven === undefined || ordinal > proven.ordinal) continue
    const whole = wholeOf(segment, unsealed[index + 1], 1, undefined)
    const bytes = ordinal === proven.ordinal ? proven.offset : (whole?.dataBytes ?? 0)
    if (bytes > FRAMES_START) parts.push({ ordinal, bytes, salt, line: undefined })
  }
  return parts
}

/** Copies and checks one segment, wherever it is by now; gives its line in the copy. */
function* copyPart(source: Survey, part: Part, to: string, watch: Watch): Steps<SealedLine> {
  let current = source
  for (let tries = 1; ; tries++) {
    const line = current.sealed.find(({ ordinal }) => ordinal === part.ordinal)
    const isAway = line?.state === 'archived'
    const directory = isAway ? (line.place ?? `${source.directory}/${ARCHIVE_DIRECTORY}`) : source.directory
    const path = `${directory}/${segmentName(part.ordinal)}`
    watch.enter(part.bytes)
    const copied = yield* withFileIfThere(path, (handle) =>
      makeFile(to, (target) => copyDurably(handle, target, part.bytes)),
    )
    if (copied === true) break
    if (tries === TRIES) throw damagedError(source.directory, path, 'it is missing')
    current = yield* survey(source.directory)
  }
  watch.enter(part.bytes)
  return yield* checkCopy(source, part, to)
}

function* copyDurably(from: Handle, to: Handle, bytes: number): Steps<true> {
  yield* copyRaw(from, to, 0, bytes)
  yield* step({ do: 'sync', handle: to })
  return true
}

/** Reads the copy back: one stretch of valid frames, and of the digest that was sealed. */
function* checkCopy(source: Survey, part: Part, path: string): Steps<SealedLine> {
  return yield* withFile(path, 'read', (handle) => checkOpened(source, part, path, handle))
}

function* checkOpened(source: Survey, part: Part, path: string, handle: Handle): Steps<SealedLine> {
  const { line, bytes, ordinal } = part
  const { size, head } = yield* readHead(handle)
  const header = decodeHeader(head)
  if (header.found !== 'header' || header.header.salt !== part.salt)
    throw damagedError(source.directory, path, 'its header cannot be read')
  if (size !== bytes) throw damagedError(source.directory, path, `it is ${size} bytes long instead of ${bytes}`)
  let holes = 0
  const { firstSequence, baseTimestamp } = header.header
  const key = { salt: part.salt, firstSequence, baseTimestamp }
  const hole = (): void => void (holes += 1)
  const scan = yield* new SegmentScanner(handle, bytes, key, FRAMES_START, { hole }).run('search')
  const last = scan.stretches.at(-1)!
  const isWhole = holes === 0 && last.wholeEnd === bytes && (line === undefined || last.digest === line.digest)
  // One that was sealed with damage inside is copied with it, as its line says.
  if (!isWhole && line?.damaged !== true)
    throw damagedError(source.directory, path, 'its frames are not those that were written')
  if (line !== undefined) return line
  return {
    state: 'sealed',
    ordinal,
    salt: part.salt,
    firstSequence,
    lastSequence: last.lastSequence,
    dataBytes: bytes,
    digest: last.digest,
    head: headAtEnd(scan.stretches, bytes),
    baseTimestamp: String(baseTimestamp),
    lastTimestamp: String(last.lastTimestamp),
    ...compressionMember(header.header.compression),
  }
}

function damagedError(directory: string, file: string, what: string): SeglogError {
  const message = `a segment cannot be copied: ${what}. "seglog verify ${directory}" lists all damage, "seglog salvage" exports what is sound.`
  return new SeglogError('CORRUPT', message, { file })
}
