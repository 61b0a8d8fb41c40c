import { type Steps, step } from '../segments/env/steps.ts'
import { SeglogError } from '../segments/errors.ts'
import { readUpTo, withFileIfThere } from '../segments/files.ts'
import { type SegmentHeader, decodeHeader } from '../segments/format/header.ts'
import { CHAIN, COMPRESSION, SEGMENT_HEADER } from '../segments/format/layout.ts'
import { decodeLifecycle } from '../segments/format/lifecycle.ts'
import type { Manifest } from '../segments/format/manifest.ts'
import { segmentName } from '../segments/format/names.ts'
import type { Slot } from '../segments/format/slots.ts'
import { latestSlot } from '../segments/slots-file.ts'
import { adoptArchive, isWithoutLog } from './archive-review.ts'
import type { Finding, SegmentEvidence } from './evidence.ts'

const REBUILT = 'no manifest can be read; it is rebuilt from the segments'
const PERHAPS_ARCHIVED =
  'If these are archived segments, look at them with openArchived or --archived, and never open them for writing: they would not be restored any more'

/**
 * A manifest that says what the headers of the segments say, for a log whose manifests are all gone. It lists only what is
 * in `archive/`: every other segment is then looked at as one that was never sealed. Undefined where no header can be read.
 */
export function* rebuildManifest(
  directory: string,
  ordinals: readonly number[],
  slots: readonly (Slot | 'newer' | undefined)[],
  findings: Finding[],
): Steps<Manifest | undefined> {
  const known: SegmentHeader[] = []
  for (const ordinal of ordinals) {
    const header = yield* readHeader(`${directory}/${segmentName(ordinal)}`, ordinal)
    if (header !== undefined) known.push(header)
  }
  const last = known.at(-1)
  if (last === undefined) return undefined
  const logIds = [...new Set(known.map((header) => header.logId))]
  if (logIds.length > 1) {
    const message =
      'no manifest can be read, and the segments are of different logs. Move away those that do not belong here.'
    throw new SeglogError('CORRUPT', message, { file: directory, expected: 'one log', found: logIds })
  }
  const slot = latestSlot(slots, last.logId)
  const isBare = isWithoutLog(yield* step({ do: 'list', path: directory }))
  findings.push({ code: 'CORRUPT', message: isBare ? `${REBUILT}. ${PERHAPS_ARCHIVED}` : REBUILT, file: directory })
  return {
    generation: 0,
    logId: last.logId,
    epoch: Math.max(last.epoch, slot?.epoch ?? 0),
    createdAt: String(known[0]!.baseTimestamp),
    status: 'running',
    options: {
      segmentBytes: Math.max(...known.map((header) => header.segmentBytes)),
      codec: last.codec,
      compression: nameOf(COMPRESSION, last.compression),
      chain: nameOf(CHAIN, last.chain),
    },
    highWatermark: { ordinal: 0, offset: 0, sequence: 0 },
    clean: null,
    segments: yield* adoptArchive(directory, last.logId, ordinals),
    lost: [],
    keys: {},
    anchors: [],
    cursors: {},
    run: null,
  }
}

/**
 * Where the newest manifest is lost: status and identity as the last lifecycle frame has them, for a run that was sealed
 * has no way back. Records behind it mean that the sealing never was acknowledged and the log went on.
 */
export function withLifecycle(manifest: Manifest, segments: readonly SegmentEvidence[]): Manifest {
  const scans = segments.flatMap(({ scan }) => scan ?? [])
  const frame = scans.flatMap(({ lifecycles }) => lifecycles).at(-1)
  const told = frame && decodeLifecycle(frame.payload)
  if (frame === undefined || told === undefined) return manifest
  const isLast = scans.every(({ stretches }) => (stretches.at(-1)?.lastSequence ?? 0) <= frame.sequenceBefore)
  if (isLast) return { ...manifest, status: told.status, run: told.run }
  return { ...manifest, run: told.run && { ...told.run, endedAt: null } }
}

/** The header of a segment that stands under its own name. */
function* readHeader(path: string, ordinal: number): Steps<SegmentHeader | undefined> {
  const bytes = Buffer.alloc(SEGMENT_HEADER.size)
  const read = withFileIfThere(path, (handle) => readUpTo(handle, bytes, 0, bytes.length, 0))
  const finding = decodeHeader(bytes.subarray(0, (yield* read) ?? 0))
  return finding.found === 'header' && finding.header.ordinal === ordinal ? finding.header : undefined
}

function nameOf(names: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(names).find((name) => names[name] === value) ?? `unknown-${value}`
}
