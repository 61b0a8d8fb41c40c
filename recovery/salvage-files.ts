import type { Handle } from '../segments/env/environment.ts'
import { type Steps, step } from '../segments/env/steps.ts'
import { newerFormat } from '../segments/errors.ts'
import { withFileIfThere } from '../segments/files.ts'
import { type HeaderFinding, decodeHeader } from '../segments/format/header.ts'
import type { SegmentLine } from '../segments/format/manifest.ts'
import { ARCHIVE_DIRECTORY, segmentName } from '../segments/format/names.ts'
import { type SegmentKey, SegmentScanner } from '../segments/scan.ts'
import type { Scan } from '../segments/stretches.ts'
import { sortNames } from './inspect.ts'
import { readHead } from './inspect-segments.ts'
import { type Survey, isSameLog, sizeToRead, survey } from './verify-survey.ts'

/** How often a file is looked for that a writer moves meanwhile. */
export const TRIES = 10

/** A file that may hold a segment of the log. */
export interface Candidate {
  readonly ordinal: number
  readonly path: string
  readonly line: SegmentLine | undefined
  readonly size: number
  readonly header: HeaderFinding
  readonly salt: number
}

/** Beside a writer, files may be moved to an archive and back between two looks: where one is missing, it looks again. */
export function* lookForFiles(
  from: string,
): Steps<{ readonly source: Survey; readonly candidates: readonly Candidate[] }> {
  for (let tries = 1; ; tries++) {
    const source = yield* survey(from)
    const candidates = yield* candidatesOf(from, source)
    const there = new Set(candidates.map(({ ordinal }) => ordinal))
    const isWhole = source.manifest.segments.every(({ ordinal }) => there.has(ordinal))
    if (isWhole || tries === TRIES || isSameLog(source, yield* survey(from))) return { source, candidates }
  }
}

/** Every file that may hold a segment, each ordinal once, in order; what a header says counts more than a name. */
function* candidatesOf(from: string, source: Survey): Steps<Candidate[]> {
  const { manifest } = source
  const lines = new Map(manifest.segments.map((line) => [line.ordinal, line]))
  const found = new Map<number, Candidate>()
  const places = [from, `${from}/${ARCHIVE_DIRECTORY}`, ...placesOf(manifest.segments)]
  for (const place of new Set(places)) {
    const status = yield* step({ do: 'stat', path: place })
    if (status?.kind !== 'directory') continue
    const names = sortNames(yield* step({ do: 'list', path: place }))
    for (const name of names.segments) {
      const path = `${place}/${segmentName(name)}`
      const there = yield* withFileIfThere(path, readHead)
      if (there === undefined) continue
      const header = decodeHeader(there.head)
      if (header.found === 'newer') throw newerFormat(path)
      const isOwn = header.found === 'header' && header.header.logId === manifest.logId
      const ordinal = isOwn ? header.header.ordinal : name
      const line = lines.get(ordinal)
      const salt = isOwn ? header.header.salt : line?.salt
      const isMatching = line === undefined || salt === line.salt
      if (salt === undefined || (found.has(ordinal) && (!isOwn || !isMatching))) continue
      if (found.get(ordinal)?.salt === line?.salt && found.has(ordinal)) continue
      found.set(ordinal, {
        ordinal,
        path,
        line,
        size: sizeToRead(there.size, header),
        header: isOwn ? header : { found: 'foreign' },
        salt,
      })
    }
  }
  return [...found.values()].sort((a, b) => a.ordinal - b.ordinal)
}

function placesOf(lines: readonly SegmentLine[]): string[] {
  return lines.flatMap((line) => (line.state === 'archived' && line.place !== undefined ? [line.place] : []))
}

/** A writer that seals a segment cuts its file to what it holds, also after its length was asked: then it is scanned anew. */
export function* scanAsLongAs(
  handle: Handle,
  wanted: number,
  key: SegmentKey,
): Steps<{ readonly scan: Scan; readonly end: number }> {
  for (let end = wanted; ;) {
    end = Math.min(end, yield* step({ do: 'size', handle }))
    try {
      return { scan: yield* new SegmentScanner(handle, end, key).run('search'), end }
    } catch (error) {
      if ((yield* step({ do: 'size', handle })) >= end) throw error
    }
  }
}
