import type { Steps } from '../../segments/env/steps.ts'
import type { ManifestStore } from '../../segments/manifest-store.ts'
import { SeglogError } from '../../segments/errors.ts'
import type { SealedLine, SegmentLine } from '../../segments/format/manifest.ts'
import { segmentName } from '../../segments/format/names.ts'
import type { SegmentIdentity } from '../../segments/format/sidecar.ts'
import type { SegmentKeys } from '../../segments/key-pairs.ts'
import type { OffsetList, Segment } from '../../segments/segment.ts'
import { identityOf } from '../../segments/sidecar.ts'

/**
 * A segment as a reader sees it. Two of them are of the same file if and only if `ordinal` and `salt` are equal: a
 * recovery by another process may put a copy under the same name, with a salt of its own. What is known of one file
 * (handles, blocks, places) is never used for the other.
 */
export interface SegmentRef {
  readonly ordinal: number
  readonly path: string
  readonly salt: number
  readonly firstSequence: number
  /** Last record that may be read. */
  readonly lastSequence: number
  readonly baseTimestamp: bigint
  /** Bytes that may be read. */
  readonly end: number
  /** What its sidecar must say to be of use; undefined where it has none, because it is not sealed. */
  readonly identity: SegmentIdentity | undefined
  /** What the writer knows of it; undefined for a sealed one. */
  readonly live:
    | {
        readonly offsets: OffsetList
        readonly definitions: readonly Uint8Array[]
        /** Known only to the process that writes. */
        readonly keys?: SegmentKeys | undefined
      }
    | undefined
}

/** What readers must know of a log, wherever they get it from. */
export interface LogView {
  /** Last record that may be read, as far as is known. */
  readonly highWatermark: number
  /** First record of the log that is not archived, as far as is known. */
  readonly firstSequence: number
  /** The segment that holds this record, which is at most `highWatermark`; throws GAP or ARCHIVED where none does. */
  segmentOf(sequence: number): Steps<SegmentRef>
  /** Another value whenever a segment may have moved, or is another: what was known of it must be asked for again. */
  readonly layout: unknown
}

/** The view of the process that writes. */
export class WriterView implements LogView {
  private readonly directory: string
  private readonly manifests: ManifestStore
  private readonly openSegments: () => readonly Segment[]
  private readonly durable: () => number
  private readonly sealed = new Map<number, SegmentRef>()
  private linesOf: readonly SegmentLine[] = []
  private lines: readonly SealedLine[] = []

  constructor(
    directory: string,
    manifests: ManifestStore,
    openSegments: () => readonly Segment[],
    durable: () => number,
  ) {
    this.directory = directory
    this.manifests = manifests
    this.openSegments = openSegments
    this.durable = durable
  }

  get highWatermark(): number {
    return this.durable()
  }

  get firstSequence(): number {
    const first = this.closedLines().find((line) => line.state === 'sealed')?.firstSequence ?? Infinity
    return Math.min(first, this.openSegments()[0]!.firstSequence)
  }

  get layout(): unknown {
    return this.manifests.latest
  }

  *segmentOf(sequence: number): Steps<SegmentRef> {
    for (const segment of this.openSegments()) {
      if (segment.firstSequence <= sequence && sequence <= segment.lastSequence) return this.liveRef(segment)
    }
    const line = this.lineOf(sequence)
    if (line === undefined) throw lostError(this.directory, sequence)
    if (line.state === 'archived') throw archivedError(line, sequence)
    return this.sealedRef(line)
  }

  private liveRef(segment: Segment): SegmentRef {
    return {
      ordinal: segment.plan.ordinal,
      path: segment.path,
      salt: segment.plan.salt,
      firstSequence: segment.firstSequence,
      lastSequence: Math.min(segment.lastSequence, this.highWatermark),
      baseTimestamp: segment.baseTimestamp,
      end: segment.durableEnd,
      identity: undefined,
      live: segment,
    }
  }

  /** The last line that starts at or before this record, if it reaches it. */
  private lineOf(sequence: number): SealedLine | undefined {
    const lines = this.closedLines()
    let low = 0
    let high = lines.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const line = lines[middle]!
      if (line.firstSequence <= sequence) low = middle + 1
      else high = middle
    }
    const line = lines[low - 1]
    return line !== undefined && sequence <= line.lastSequence ? line : undefined
  }

  /** Lines of sealed and archived segments; an open one may stand between them, where a sealing failed. */
  private closedLines(): readonly SealedLine[] {
    const { segments } = this.manifests.latest
    if (segments !== this.linesOf) {
      this.linesOf = segments
      this.lines = segments.filter((line) => line.state !== 'open')
    }
    return this.lines
  }

  private sealedRef(line: SealedLine): SegmentRef {
    const known = this.sealed.get(line.ordinal)
    if (known !== undefined) return known
    const ref: SegmentRef = {
      ordinal: line.ordinal,
      path: `${this.directory}/${segmentName(line.ordinal)}`,
      salt: line.salt,
      firstSequence: line.firstSequence,
      lastSequence: line.lastSequence,
      baseTimestamp: BigInt(line.baseTimestamp),
      end: line.dataBytes,
      identity: identityOf(this.manifests.latest.logId, line),
      live: undefined,
    }
    this.sealed.set(line.ordinal, ref)
    return ref
  }
}

function lostError(directory: string, sequence: number): SeglogError {
  return new SeglogError('GAP', `record ${sequence} should be there and no segment holds it`, {
    file: directory,
    sequence,
  })
}

function archivedError(line: SealedLine, sequence: number): SeglogError {
  const message = `record ${sequence} is archived in ${line.place ?? 'archive/'}. Restore its segment to read it.`
  return new SeglogError('ARCHIVED', message, { sequence, ...(line.place === undefined ? {} : { file: line.place }) })
}
