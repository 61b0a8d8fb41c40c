import type { Handle } from '../../segments/env/environment.ts'
import type { ChainHead } from '../../segments/chain.ts'
import { headBefore } from '../../segments/chain-end.ts'
import { type Steps, step } from '../../segments/env/steps.ts'
import { SeglogError } from '../../segments/errors.ts'
import { readUpTo, withFile } from '../../segments/files.ts'
import { chainStart } from '../../segments/format/chain.ts'
import { decodeHeader } from '../../segments/format/header.ts'
import { CHAIN_HEAD_BYTES, FRAMES_START, SEGMENT_HEADER, TAG } from '../../segments/format/layout.ts'
import type { Manifest } from '../../segments/format/manifest.ts'
import { segmentName } from '../../segments/format/names.ts'
import type { Position } from '../../segments/format/slots.ts'
import { SegmentScanner } from '../../segments/scan.ts'

/** Where a record stands: the ordinal of its segment, and its offset there. */
export interface RecordPlace {
  readonly ordinal: number
  readonly offset: number
}

/**
 * The end of the chain at a position, as whoever only reads finds it: in the line of a sealed segment, or in the last frame
 * before it. `placeOf` tells where a record stands, so that only what is behind the last one is read. Undefined in a log
 * without a chain.
 */
export function* chainHead(
  directory: string,
  { logId, options, segments }: Manifest,
  { ordinal: at, offset, sequence }: Position,
  placeOf: (sequence: number) => Steps<RecordPlace>,
): Steps<ChainHead | undefined> {
  if (options.chain === 'none') return undefined
  // A position before the first frame is one of a segment that is not used yet.
  const isUsed = offset > FRAMES_START
  const ordinal = isUsed ? at : at - 1
  const line = segments.find((each) => each.ordinal === ordinal)
  if (line !== undefined && line.state !== 'open') return { sequence, hash: line.head }
  if (ordinal < 1) return { sequence, hash: chainStart(logId).toString('hex') }
  const place = sequence === 0 ? undefined : yield* placeOf(sequence)
  const path = `${directory}/${segmentName(ordinal)}`
  const behind = place?.ordinal === ordinal && place.offset > 0 ? place.offset : undefined
  const part = { logId, sequence, behind, end: isUsed ? offset : undefined }
  const head = yield* withFile(path, 'read', (handle) => headIn(handle, part))
  if (head !== undefined) return { sequence, hash: head.toString('hex') }
  const message = `the end of the hash chain cannot be read. "seglog verify ${directory}" lists all damage.`
  throw new SeglogError('CORRUPT', message, { file: path, offset, sequence })
}

/** What of a segment is read for its last hash. */
interface HeadPart {
  readonly logId: string
  readonly sequence: number
  /** Where the frame of the record `sequence` stands, if that is in this segment. */
  readonly behind: number | undefined
  /** Where the last frame must end; undefined of a segment that may end anywhere. */
  readonly end: number | undefined
}

function* headIn(handle: Handle, { logId, sequence, behind, end }: HeadPart): Steps<Buffer | undefined> {
  const bytes = Buffer.alloc(SEGMENT_HEADER.size)
  const length = yield* readUpTo(handle, bytes, 0, bytes.length, 0)
  const finding = decodeHeader(bytes.subarray(0, length))
  if (finding.found !== 'header') return undefined
  const { header } = finding
  const from = behind ?? FRAMES_START
  const key = { ...header, firstSequence: behind === undefined ? header.firstSequence : sequence }
  let last = from === FRAMES_START ? headBefore(logId, header.predecessor) : undefined
  const scan = yield* new SegmentScanner(handle, end ?? (yield* step({ do: 'size', handle })), key, from, {
    frame: ({ tag, source, hashStart }) => {
      if ((tag & TAG.chained) === 0) return
      last ??= Buffer.alloc(CHAIN_HEAD_BYTES)
      source.copy(last, 0, hashStart, hashStart + CHAIN_HEAD_BYTES)
    },
    hole: () => undefined,
  }).run('stop')
  return end !== undefined && scan.stretches.at(-1)?.end !== end ? undefined : last
}
