import type { Handle } from '../../segments/env/environment.ts'
import type { Steps } from '../../segments/env/steps.ts'
import { compressionOf } from '../../segments/compression.ts'
import { SeglogError, newerFormat } from '../../segments/errors.ts'
import { readUpTo, withFileIfThere } from '../../segments/files.ts'
import { FrameDecoder } from '../../segments/format/frame.ts'
import { type Predecessor, decodeHeader } from '../../segments/format/header.ts'
import { FRAME, FRAMES_START, SEGMENT_HEADER } from '../../segments/format/layout.ts'
import type { Manifest, SealedLine } from '../../segments/format/manifest.ts'
import { segmentName } from '../../segments/format/names.ts'
import { Window } from '../../segments/window.ts'

/** How a used segment begins. */
export interface SegmentStart {
  readonly salt: number
  readonly firstSequence: number
  readonly baseTimestamp: bigint
  readonly compression: number
  /** What its header proves of the segment before; undefined in the first one, and where the header is damaged. */
  readonly predecessor: Predecessor | undefined
}

/** How the segments begin that are used and that no manifest calls sealed: from their headers, each read once. */
export class SegmentStarts {
  private readonly directory: string
  private readonly known = new Map<number, SegmentStart>()

  constructor(directory: string) {
    this.directory = directory
  }

  /** After a recovery the same name may be another file. */
  forget(): void {
    this.known.clear()
  }

  /** Throws GAP where no such file is there, CORRUPT where it does not tell how it begins. */
  *get(ordinal: number, manifest: Manifest): Steps<SegmentStart> {
    const known = this.known.get(ordinal)
    if (known !== undefined) return known
    const path = `${this.directory}/${segmentName(ordinal)}`
    const start = yield* withFileIfThere(path, (handle) => readStart(handle, path, ordinal, manifest))
    if (start === undefined) throw new SeglogError('GAP', 'a segment that is in use is missing', { file: path })
    this.known.set(ordinal, start)
    return start
  }
}

function* readStart(handle: Handle, path: string, ordinal: number, manifest: Manifest): Steps<SegmentStart> {
  const bytes = Buffer.alloc(SEGMENT_HEADER.size)
  const length = yield* readUpTo(handle, bytes, 0, bytes.length, 0)
  const finding = decodeHeader(bytes.subarray(0, length))
  if (finding.found === 'newer') throw newerFormat(path)
  if (finding.found === 'header') {
    const { header } = finding
    if (header.logId === manifest.logId && header.ordinal === ordinal) return header
  }
  const start = yield* startWithoutHeader(handle, ordinal, manifest)
  if (start !== undefined) return start
  throw new SeglogError('CORRUPT', 'the header of a segment that is in use cannot be read', {
    file: path,
    offset: 0,
    expected: 'a header',
    found: finding.found,
  })
}

/** A damaged header never makes a segment look empty: the manifest holds the salt, and the first frame the rest. */
function* startWithoutHeader(handle: Handle, ordinal: number, manifest: Manifest): Steps<SegmentStart | undefined> {
  const line = manifest.segments.find((each) => each.ordinal === ordinal)
  const before = manifest.segments.find((each) => each.ordinal === ordinal - 1)
  if (line?.state !== 'open' || (ordinal > 1 && (before === undefined || before.state === 'open'))) return undefined
  const firstSequence = ((before as SealedLine | undefined)?.lastSequence ?? 0) + 1
  const window = new Window(FRAME.size)
  const decoder = new FrameDecoder()
  for (let need: number = FRAME.size; ; need = decoder.length) {
    yield* window.load(handle, FRAMES_START, need, line.segmentBytes)
    const finding = decoder.read(window.block, 0, window.length, FRAMES_START, line.salt)
    if (finding === 'short' && decoder.length > need) continue
    if (finding !== 'frame') return undefined
    const compression = compressionOf(line, manifest.options)
    const baseTimestamp = decoder.timestamp ?? 0n
    return { salt: line.salt, firstSequence, baseTimestamp, compression, predecessor: undefined }
  }
}

/** The salt that the file has now, undefined where its header does not tell. */
export function* saltOf(path: string): Steps<number | undefined> {
  return yield* withFileIfThere(path, readSalt)
}

function* readSalt(handle: Handle): Steps<number | undefined> {
  const bytes = Buffer.alloc(SEGMENT_HEADER.size)
  const finding = decodeHeader(bytes.subarray(0, yield* readUpTo(handle, bytes, 0, bytes.length, 0)))
  return finding.found === 'header' ? finding.header.salt : undefined
}
