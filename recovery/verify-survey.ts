import { type Steps, step } from '../segments/env/steps.ts'
import { SeglogError, newerFormat } from '../segments/errors.ts'
import { withFileIfThere } from '../segments/files.ts'
import { type HeaderFinding, decodeHeader } from '../segments/format/header.ts'
import { SEGMENT_BYTES_MAX } from '../segments/format/layout.ts'
import type { Manifest, SealedLine, SegmentLine } from '../segments/format/manifest.ts'
import { SLOTS_NAME, segmentName } from '../segments/format/names.ts'
import { type Position, type Slot, furthest, isBeyond } from '../segments/format/slots.ts'
import { readManifest } from '../segments/manifest-files.ts'
import { latestSlot, readSlots } from '../segments/slots-file.ts'
import { findAdopted } from './archive-review.ts'
import { mustBeFinished } from './backup-target.ts'
import type { Finding } from './evidence.ts'
import { ownHeader, readHead } from './inspect-segments.ts'
import { type Names, manifestFinding, sortNames, tracesOf } from './inspect.ts'
import { rebuildManifest } from './rebuild.ts'

/**
 * A segment that no manifest calls sealed, or one behind such a one; `header` is undefined where the file is not there. A
 * writer in a loop of synchronous commits seals segments before those that wait for the background to do so.
 */
export interface Unsealed {
  readonly ordinal: number
  readonly path: string
  readonly line: SegmentLine | undefined
  readonly size: number
  readonly header: HeaderFinding | undefined
}

/**
 * What a log says of itself, read in an order that makes it true beside a writer at work: slots first, so that what they
 * prove is there for all that is read after them; then names and manifests; then headers of segments.
 */
export interface Survey {
  readonly directory: string
  readonly manifest: Manifest
  readonly manifestFrom: 'newest' | 'previous' | 'rebuilt'
  readonly proven: Position | undefined
  readonly closed: Position | undefined
  readonly slot: Slot | undefined
  /** Sealed and archived, in order, up to the first that is neither. */
  readonly sealed: readonly SealedLine[]
  /** Of these, what somebody moved to `archive/`: called archived here, as the next opening for writing will. */
  readonly adopted: readonly number[]
  /** Those behind them, in order. */
  readonly unsealed: readonly Unsealed[]
  readonly findings: readonly Finding[]
}

/** How often the names are listed anew when a manifest is gone before it is read: a writer makes a new one each time. */
const TRIES = 100

/** Reads what a log says of itself. Throws NOT_A_LOG where there is none, CORRUPT where only traces of one are left. */
export function* survey(directory: string): Steps<Survey> {
  for (let tries = 1; ; tries++) {
    const slots = yield* readSlotsIfThere(directory)
    const names = sortNames(yield* step({ do: 'list', path: directory }))
    const findings: Finding[] = names.foreign.map((name) => ({
      code: 'IGNORED',
      message: 'a file that is none of seglog; it is left alone',
      file: `${directory}/${name}`,
    }))
    const found = yield* readAllManifests(directory, names, findings)
    if (found === 'gone' && tries < TRIES) continue
    const from = found === 'gone' ? undefined : found
    const listed = from?.manifest ?? (yield* rebuildManifest(directory, names.segments, slots, findings))
    if (listed === undefined) throw yield* noLog(directory, names)
    const adopted = yield* findAdopted(directory, listed, names.segments, names.archive)
    const manifest = { ...listed, segments: listed.segments.map((line) => asAdopted(line, adopted)) }
    const slot = latestSlot(slots, manifest.logId)
    const current = slot !== undefined && slot.epoch >= manifest.epoch ? slot : undefined
    const isOpenedSince = current !== undefined && (current.epoch > manifest.epoch || isBeyond(current, manifest.clean))
    const sealed = sealedFirst(manifest)
    return {
      directory,
      manifest,
      manifestFrom: from?.from ?? 'rebuilt',
      proven: furthest([manifest.highWatermark, manifest.clean ?? undefined, current]),
      closed: from?.from === 'newest' && !isOpenedSince ? (manifest.clean ?? undefined) : undefined,
      slot: current,
      sealed,
      adopted,
      unsealed: yield* readUnsealed(directory, manifest, sealed, names.segments, findings),
      findings,
    }
  }
}

function asAdopted(line: SegmentLine, adopted: readonly number[]): SegmentLine {
  return line.state === 'sealed' && adopted.includes(line.ordinal) ? { ...line, state: 'archived' } : line
}

function sealedFirst({ segments }: Manifest): SealedLine[] {
  const open = segments.findIndex(({ state }) => state === 'open')
  const first = open < 0 ? segments : segments.slice(0, open)
  return first.filter((line) => line.state !== 'open')
}

/** Whether nothing was rolled, sealed, archived, recovered or closed between two surveys. */
export function isSameLog(a: Survey, b: Survey): boolean {
  const identify = ({ manifest, slot, unsealed }: Survey): string =>
    JSON.stringify([manifest.generation, manifest.epoch, slot?.epoch, slot?.ordinal, unsealed.map(identifyFile)])
  return identify(a) === identify(b)
}

/** Whether a sealed segment is the same in two surveys, and in the same place for the same reason. */
export function isSameLine(a: Survey, b: Survey, ordinal: number): boolean {
  const identify = ({ sealed, adopted }: Survey): string =>
    JSON.stringify([sealed.find((each) => each.ordinal === ordinal), adopted.includes(ordinal)])
  return identify(a) === identify(b)
}

function identifyFile({ ordinal, size, header }: Unsealed): unknown {
  return [ordinal, size, header?.found, header?.found === 'header' ? header.header.salt : 0]
}

function* readSlotsIfThere(directory: string): Steps<readonly (Slot | 'newer' | undefined)[]> {
  const path = `${directory}/${SLOTS_NAME}`
  const status = yield* step({ do: 'stat', path })
  if (status?.kind !== 'file') return []
  const slots = yield* readSlots(path)
  if (slots.includes('newer')) throw newerFormat(path)
  return slots
}

/** The newest that can be read; findings for all that cannot. `gone`: a writer has put a newer one in its place. */
function* readAllManifests(
  directory: string,
  names: Names,
  findings: Finding[],
): Steps<{ readonly manifest: Manifest; readonly from: 'newest' | 'previous' } | undefined | 'gone'> {
  let best: { readonly manifest: Manifest; readonly from: 'newest' | 'previous' } | undefined
  for (const [index, generation] of names.manifests.entries()) {
    const finding = yield* readManifest(directory, generation)
    if (finding.isGone) {
      if (best === undefined) return 'gone'
      continue
    }
    if (finding.found === 'manifest') {
      best ??= { manifest: finding.manifest, from: index === 0 ? 'newest' : 'previous' }
    } else findings.push(manifestFinding(directory, generation, finding))
  }
  if (best !== undefined) mustBeFinished(directory, best.manifest)
  return best
}

function* noLog(directory: string, names: Names): Steps<SeglogError> {
  const traces = yield* tracesOf(directory, names)
  if (traces.length === 0) return new SeglogError('NOT_A_LOG', 'there is no log here', { file: directory })
  const message =
    `no manifest and no segment of this log can be read, but it was one: ${traces.join(', ')}. ` +
    'Restore its files from a backup.'
  return new SeglogError('CORRUPT', message, { file: directory })
}

/** Of a file that is longer than any segment only what its header says: behind that may be terabytes of nothing. */
export function sizeToRead(size: number, header: HeaderFinding | undefined): number {
  if (size <= SEGMENT_BYTES_MAX) return size
  return header?.found === 'header' ? header.header.segmentBytes : SEGMENT_BYTES_MAX
}

function tooLong(file: string, size: number): Finding {
  const message = `a segment file of ${size} bytes is longer than any that seglog makes; no more than that is read`
  return { code: 'CORRUPT', message, file, offset: SEGMENT_BYTES_MAX }
}

function* readUnsealed(
  directory: string,
  manifest: Manifest,
  sealed: readonly SealedLine[],
  onDisk: readonly number[],
  findings: Finding[],
): Steps<Unsealed[]> {
  const passed = new Set(sealed.map(({ ordinal }) => ordinal))
  const lines = new Map(manifest.segments.map((line) => [line.ordinal, line]))
  const first = manifest.segments[0]?.ordinal ?? 1
  const ordinals = new Set([...lines.keys(), ...onDisk.filter((ordinal) => ordinal >= first)])
  const found: Unsealed[] = []
  // Backwards: what a header says of the segment before it is then known before that one is read.
  for (const ordinal of [...ordinals].sort((a, b) => b - a)) {
    if (passed.has(ordinal)) continue
    const line = lines.get(ordinal)
    const path = `${directory}/${segmentName(ordinal)}`
    const there = yield* withFileIfThere(path, readHead)
    const header = there && ownHeader(decodeHeader(there.head), manifest.logId, ordinal)
    if (header?.found === 'newer') throw newerFormat(path)
    if (line === undefined && header?.found !== 'header') continue
    const size = there?.size ?? 0
    if (size > SEGMENT_BYTES_MAX) findings.push(tooLong(path, size))
    found.unshift({ ordinal, path, line, size: sizeToRead(size, header), header })
  }
  return found
}
