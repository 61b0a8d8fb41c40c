import type { Handle } from '../segments/env/environment.ts'
import { type Steps, step } from '../segments/env/steps.ts'
import { SeglogError, isOfDisk, newerFormat } from '../segments/errors.ts'
import { readExactly, readUpTo, withFileIfThere } from '../segments/files.ts'
import { type HeaderFinding, type SegmentHeader, decodeHeader } from '../segments/format/header.ts'
import { FRAME, SEGMENT_BYTES_MAX, SEGMENT_HEADER } from '../segments/format/layout.ts'
import type { Manifest, OpenLine, SealedLine, SegmentLine } from '../segments/format/manifest.ts'
import { segmentName, trailName } from '../segments/format/names.ts'
import { isZero } from '../segments/format/prefix.ts'
import type { Position } from '../segments/format/slots.ts'
import { type SegmentKey, SegmentScanner } from '../segments/scan.ts'
import { type Covered, type Scan, hasFrames } from '../segments/stretches.ts'
import { nothingCovered, readTrail } from '../segments/trail.ts'
import type { Finding, SegmentEvidence, SegmentRole } from './evidence.ts'

/** What the walk over the segments carries along. */
interface Walk {
  readonly directory: string
  readonly manifest: Manifest
  readonly closed: Position | undefined
  /** Ordinals of the trails that may be asked. */
  readonly trails: readonly number[]
  readonly findings: Finding[]
  /** Sequence of the record that the next segment should start with. */
  nextSequence: number
}

/** Notes the last record of a segment; records given up by name behind it count as passed. */
function goOnAfter(walk: Walk, lastSequence: number): void {
  const given = walk.manifest.lost.find((range) => range.from <= lastSequence + 1 && range.to > lastSequence)
  walk.nextSequence = (given?.to ?? lastSequence) + 1
}

/**
 * Looks at every segment that is listed or there, in order. Of sealed ones only the length and the header are read; the
 * frames of the others are checked one by one.
 */
export function* inspectSegments(
  directory: string,
  onDisk: readonly number[],
  trails: readonly number[],
  manifest: Manifest,
  closed: Position | undefined,
  findings: Finding[],
): Steps<SegmentEvidence[]> {
  const walk: Walk = { directory, manifest, closed, trails, findings, nextSequence: 1 }
  const lines = new Map(manifest.segments.map((line) => [line.ordinal, line]))
  const first = manifest.segments[0]?.ordinal ?? 1
  const ordinals = [...new Set([...lines.keys(), ...onDisk.filter((ordinal) => ordinal >= first)])].sort(
    (a, b) => a - b,
  )
  const found: SegmentEvidence[] = []
  for (const ordinal of ordinals) found.push(yield* inspectSegment(walk, ordinal, lines.get(ordinal)))
  return found
}

function* inspectSegment(walk: Walk, ordinal: number, line: SegmentLine | undefined): Steps<SegmentEvidence> {
  const path = `${walk.directory}/${segmentName(ordinal)}`
  if (line?.state === 'archived') {
    goOnAfter(walk, line.lastSequence)
    return { ordinal, path, role: 'sealed', line, size: 0, header: undefined, key: undefined, scan: undefined }
  }
  const evidence = yield* withFileIfThere(path, (handle) => readOpened(walk, ordinal, path, line, handle))
  if (evidence === undefined) {
    if (line?.state === 'sealed') reportMissing(walk, line, path)
    return { ordinal, path, role: 'missing', line, size: 0, header: undefined, key: undefined, scan: undefined }
  }
  return evidence
}

function* readOpened(
  walk: Walk,
  ordinal: number,
  path: string,
  line: SegmentLine | undefined,
  handle: Handle,
): Steps<SegmentEvidence> {
  const size = yield* step({ do: 'size', handle })
  const bytes = Buffer.allocUnsafe(SEGMENT_HEADER.size)
  const length = Math.min(size, bytes.length)
  yield* readExactly(handle, bytes, 0, length, 0)
  const header = ownHeader(decodeHeader(bytes.subarray(0, length)), walk.manifest.logId, ordinal)
  if (header.found === 'newer') throw newerFormat(path)
  if (line?.state === 'sealed') {
    checkSealed(walk, line, path, size, header)
    return { ordinal, path, role: 'sealed', line, size, header, key: undefined, scan: undefined }
  }
  if (size > SEGMENT_BYTES_MAX) {
    throw new SeglogError('CORRUPT', 'a segment file is longer than any that seglog makes. Move it away.', {
      file: path,
      expected: `at most ${SEGMENT_BYTES_MAX} bytes`,
      found: size,
    })
  }
  const key = keyOf(header, line?.state === 'open' ? line : undefined, walk.nextSequence)
  // A log that was closed in order has written nothing behind its end; there is no need to read a spare or zeros.
  const { closed } = walk
  const isBehind =
    closed !== undefined && (ordinal > closed.ordinal || (ordinal === closed.ordinal && closed.offset === 0))
  const untouched = isBehind && header.found === 'zeros'
  if (key === undefined || untouched) {
    const role = header.found === 'zeros' && (untouched || (yield* isAllZero(handle, size))) ? 'unused' : 'dirty'
    return { ordinal, path, role, line, size, header, key: undefined, scan: undefined }
  }
  const isEnd = closed?.ordinal === ordinal && (yield* isUntouched(handle, closed.offset, size))
  const end = isEnd ? Math.min(size, closed.offset) : size
  const scanner = new SegmentScanner(handle, end, key)
  if (header.found === 'header') scanner.goOn(yield* coveredBy(walk, header.header, handle, end))
  const scan = yield* scanner.run('search')
  if (scan.unknownAt !== undefined) throw newerFormat(path)
  const role = roleOf(header, scan)
  if (role === 'used') noteEnd(walk, scan, key, header, path)
  return { ordinal, path, role, line, size, header, key, scan }
}

/** What a trail tells of a segment; of no use where it cannot be read: then all of the segment is scanned, which decides. */
function* coveredBy(walk: Walk, header: SegmentHeader, handle: Handle, end: number): Steps<Covered> {
  if (!walk.trails.includes(header.ordinal)) return nothingCovered(header)
  try {
    return yield* readTrail(`${walk.directory}/${trailName(header.ordinal)}`, header, handle, end)
  } catch (error) {
    if (!isOfDisk(error)) throw error
    return nothingCovered(header)
  }
}

/** Whoever wrote on after the log was closed began there, even if the manifest that says so is lost. */
function* isUntouched(handle: Handle, at: number, size: number): Steps<boolean> {
  const bytes = Buffer.alloc(FRAME.size)
  const length = Math.max(0, Math.min(size - at, bytes.length))
  yield* readExactly(handle, bytes, 0, length, at)
  return isZero(bytes, 0, length)
}

/** A sound header of another log, or of another place in this one, says nothing about this file. */
export function ownHeader(finding: HeaderFinding, logId: string, ordinal: number): HeaderFinding {
  if (finding.found !== 'header') return finding
  return finding.header.logId === logId && finding.header.ordinal === ordinal ? finding : { found: 'foreign' }
}

function keyOf(header: HeaderFinding, line: OpenLine | undefined, nextSequence: number): SegmentKey | undefined {
  if (header.found === 'header') return header.header
  if (line === undefined) return undefined
  return { salt: line.salt, firstSequence: nextSequence, baseTimestamp: undefined }
}

function roleOf(header: HeaderFinding, scan: Scan): SegmentRole {
  if (header.found === 'header' || hasFrames(scan)) return 'used'
  return header.found === 'zeros' && scan.holes.length === 0 ? 'unused' : 'dirty'
}

function noteEnd(walk: Walk, scan: Scan, key: SegmentKey, header: HeaderFinding, path: string): void {
  if (header.found === 'header' && header.header.firstSequence > walk.nextSequence) {
    const range = { from: walk.nextSequence, to: header.header.firstSequence - 1 }
    if (!walk.manifest.lost.some((lost) => lost.from <= range.from && lost.to >= range.to)) {
      walk.findings.push({ code: 'GAP', message: 'records are missing before this segment', file: path, ...range })
    }
  }
  goOnAfter(walk, scan.stretches.at(-1)?.lastSequence ?? key.firstSequence - 1)
}

/** Whether a file holds nothing but zeros. */
export function* isAllZero(handle: Handle, size: number): Steps<boolean> {
  const scan = yield* new SegmentScanner(handle, size, { salt: 0, firstSequence: 1, baseTimestamp: 0n }).run('stop')
  return !hasFrames(scan) && scan.holes.length === 0
}

function checkSealed(walk: Walk, line: SealedLine, path: string, size: number, header: HeaderFinding): void {
  goOnAfter(walk, line.lastSequence)
  const range = { from: line.firstSequence, to: line.lastSequence }
  if (header.found !== 'header') {
    const message = `the header of a sealed segment cannot be read (${header.found})`
    walk.findings.push({ code: 'CORRUPT', message, file: path, offset: 0, ...range })
  } else if (header.header.salt !== line.salt) {
    walk.findings.push({
      code: 'GAP',
      message: 'this is not the file that was sealed under this name',
      file: path,
      ...range,
    })
  }
  if (size < line.dataBytes) {
    const message = `a sealed segment is ${size} bytes long instead of ${line.dataBytes}`
    walk.findings.push({ code: 'GAP', message, file: path, offset: size, ...range })
  }
}

function reportMissing(walk: Walk, line: SealedLine, path: string): void {
  goOnAfter(walk, line.lastSequence)
  const range = { from: line.firstSequence, to: line.lastSequence }
  walk.findings.push({ code: 'GAP', message: 'a sealed segment is missing', file: path, ...range })
}

/** The first bytes of a segment, as many as there are, and its length. */
export function* readHead(handle: Handle): Steps<{ readonly size: number; readonly head: Buffer }> {
  const size = yield* step({ do: 'size', handle })
  const bytes = Buffer.alloc(SEGMENT_HEADER.size)
  const length = yield* readUpTo(handle, bytes, 0, bytes.length, 0)
  return { size, head: bytes.subarray(0, length) }
}
