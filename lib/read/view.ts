import type { Steps } from '../../segments/env/steps.ts'
import type { ManifestStore } from '../../segments/manifest-store.ts'
import type { Segment } from '../../segments/segment.ts'
import { SegmentLines, lostError } from './lines.ts'
import type { SegmentRef } from './segment-ref.ts'
import type { Walk } from './walk.ts'

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
  /** Takes over what changed since, up to `highWatermark`; with `lines` also `firstSequence`, which costs more. */
  refresh(what: 'end' | 'lines'): Steps<void>
  /** A walk that meets what another process does to the files meanwhile, and does not take it for damage. */
  guard<T>(walk: Walk<T>): Walk<T>
}

/** The view of the process that writes. */
export class WriterView implements LogView {
  private readonly directory: string
  private readonly manifests: ManifestStore
  private readonly openSegments: () => readonly Segment[]
  private readonly durable: () => number
  private readonly lines: SegmentLines

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
    this.lines = new SegmentLines(directory)
  }

  get highWatermark(): number {
    return this.durable()
  }

  get firstSequence(): number {
    const { latest } = this.manifests
    const first = this.lines.firstSequence(latest) ?? Infinity
    return this.lines.firstNotArchived(latest, Math.min(first, this.openSegments()[0]!.firstSequence))
  }

  get layout(): unknown {
    return this.manifests.latest
  }

  *refresh(): Steps<void> {
    // What the writer knows is what is so.
  }

  *segmentOf(sequence: number): Steps<SegmentRef> {
    for (const segment of this.openSegments()) {
      if (segment.firstSequence <= sequence && sequence <= segment.lastSequence) return this.liveRef(segment)
    }
    const ref = this.lines.find(this.manifests.latest, sequence)
    if (ref === undefined) throw lostError(this.directory, sequence)
    return ref
  }

  guard<T>(walk: Walk<T>): Walk<T> {
    return walk
  }

  private liveRef(segment: Segment): SegmentRef {
    return {
      ordinal: segment.plan.ordinal,
      path: segment.path,
      salt: segment.plan.salt,
      firstSequence: segment.firstSequence,
      lastSequence: Math.min(segment.lastSequence, this.highWatermark),
      baseTimestamp: segment.baseTimestamp,
      compression: segment.compression,
      end: segment.durableEnd,
      identity: undefined,
      live: segment,
    }
  }
}
