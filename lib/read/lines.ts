import { compressionOf } from '../../segments/compression.ts'
import { SeglogError } from '../../segments/errors.ts'
import type { Manifest, SealedLine, SegmentLine } from '../../segments/format/manifest.ts'
import { segmentName } from '../../segments/format/names.ts'
import { identityOf } from '../../segments/sidecar.ts'
import type { SegmentRef } from './segment-ref.ts'

/** The sealed and archived segments of a manifest, as readers ask for them. */
export class SegmentLines {
  private readonly directory: string
  private readonly refs = new Map<number, SegmentRef>()
  private linesOf: readonly SegmentLine[] = []
  private lines: readonly SealedLine[] = []

  constructor(directory: string) {
    this.directory = directory
  }

  /** The sealed segment that holds this record, undefined where no line has it; throws ARCHIVED. */
  find({ logId, segments }: Manifest, sequence: number): SegmentRef | undefined {
    const line = this.lineOf(segments, sequence)
    if (line?.state === 'archived') throw archivedError(line, sequence)
    return line && this.refOf(logId, line)
  }

  /** First record of the first sealed segment. */
  firstSequence({ segments }: Manifest): number | undefined {
    return this.closed(segments).find((line) => line.state === 'sealed')?.firstSequence
  }

  /** First record that is not archived, where `first` is the first that is there: those given up before it count, too. */
  firstNotArchived({ lost }: Manifest, first: number): number {
    return lost.findLast((range) => range.from < first && first <= range.to + 1)?.from ?? first
  }

  /** The last line that starts at or before this record, if it reaches it. */
  private lineOf(segments: readonly SegmentLine[], sequence: number): SealedLine | undefined {
    const lines = this.closed(segments)
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
  private closed(segments: readonly SegmentLine[]): readonly SealedLine[] {
    if (segments !== this.linesOf) {
      this.linesOf = segments
      this.lines = segments.filter((line) => line.state !== 'open')
    }
    return this.lines
  }

  private refOf(logId: string, line: SealedLine): SegmentRef {
    const known = this.refs.get(line.ordinal)
    if (known?.salt === line.salt) return known
    const ref = sealedRef(this.directory, logId, line)
    this.refs.set(line.ordinal, ref)
    return ref
  }
}

/** A segment of which a line says all. */
export function sealedRef(directory: string, logId: string, line: SealedLine): SegmentRef {
  return {
    ordinal: line.ordinal,
    path: `${directory}/${segmentName(line.ordinal)}`,
    salt: line.salt,
    firstSequence: line.firstSequence,
    lastSequence: line.lastSequence,
    baseTimestamp: BigInt(line.baseTimestamp),
    compression: compressionOf(line, {}),
    end: line.dataBytes,
    identity: identityOf(logId, line),
    live: undefined,
  }
}

/** What is said of a record that no segment has. */
export function lostError(directory: string, sequence: number): SeglogError {
  return new SeglogError('GAP', `record ${sequence} should be there and no segment holds it`, {
    file: directory,
    sequence,
  })
}

function archivedError(line: SealedLine, sequence: number): SeglogError {
  const message = `record ${sequence} is archived in ${line.place ?? 'archive/'}. Restore its segment to read it.`
  return new SeglogError('ARCHIVED', message, { sequence, ...(line.place === undefined ? {} : { file: line.place }) })
}
