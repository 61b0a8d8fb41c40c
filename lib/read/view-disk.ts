import type { Steps } from '../../segments/env/steps.ts'
import { SeglogError } from '../../segments/errors.ts'
import { FRAMES_START } from '../../segments/format/layout.ts'
import type { Manifest, SealedLine } from '../../segments/format/manifest.ts'
import { segmentName } from '../../segments/format/names.ts'
import { type Position, furthest } from '../../segments/format/slots.ts'
import { newestManifest } from '../../segments/manifest-files.ts'
import { newestSlot } from '../../segments/slots-file.ts'
import { SegmentLines, lostError } from './lines.ts'
import { SharedWalk } from './shared-walk.ts'
import { type SegmentStart, SegmentStarts, saltOf } from './starts.ts'
import type { SegmentRef } from './segment-ref.ts'
import type { LogView } from './view.ts'
import type { Walk } from './walk.ts'

/** What a view over files starts from. */
export interface DiskState {
  readonly manifest: Manifest
  /** What is proven durable. */
  readonly position: Position
  /** Used segments that no manifest calls sealed, as a look at all their frames found them. Others are looked up. */
  readonly found: readonly SegmentRef[]
}

/**
 * The view of a process that only reads. Another process may write, roll, seal, recover and archive meanwhile, so nothing
 * that it knows is for good: whoever meets something that should not be there looks again (`lookAgain`) before he says so.
 * It holds what slots, manifest and headers say, and no open file.
 */
export class DiskView implements LogView {
  private readonly directory: string
  private readonly lines: SegmentLines
  private readonly starts: SegmentStarts
  manifest: Manifest
  /** How far the log is durable, and the opening for writing that says so. */
  position: Position
  private epoch: number
  private found: readonly SegmentRef[]
  /** Another object whenever a segment may be another, or somewhere else. */
  layout: object = {}

  constructor(directory: string, { manifest, position, found }: DiskState) {
    this.directory = directory
    this.lines = new SegmentLines(directory)
    this.starts = new SegmentStarts(directory)
    this.manifest = manifest
    this.position = position
    this.epoch = manifest.epoch
    this.found = found
  }

  get highWatermark(): number {
    return this.position.sequence
  }

  get firstSequence(): number {
    return this.lines.firstNotArchived(this.manifest, this.firstThere)
  }

  /** For the end one read of a small file, unless a writer has opened the log anew; for the lines the list of names too. */
  *refresh(what: 'end' | 'lines'): Steps<void> {
    const slot = yield* newestSlot(this.directory, this.manifest.logId)
    // The manifest of an opening is written before its first slot.
    if (what === 'lines' || (slot !== undefined && slot.epoch > this.epoch)) yield* this.reload()
    // Where that manifest cannot be read, the slot alone tells of the opening.
    if (slot !== undefined && slot.epoch > this.epoch) this.begin(slot.epoch, slot)
    if (slot?.epoch === this.epoch) this.position = furthest([this.position, slot])!
  }

  *segmentOf(sequence: number): Steps<SegmentRef> {
    const found = this.foundWith(sequence)
    if (found !== undefined) return found
    // A segment is listed before it is used. Where the active one is not, the manifest at hand is an old one.
    if (this.position.ordinal > lastOrdinal(this.manifest)) yield* this.reload()
    const sealed = this.lines.find(this.manifest, sequence)
    if (sealed !== undefined) return sealed
    for (const ordinal of this.unsealed()) {
      const start = yield* this.starts.get(ordinal, this.manifest)
      if (start.firstSequence > sequence) continue
      const ref = yield* this.refOf(ordinal, start)
      if (sequence > ref.lastSequence) break
      return ref
    }
    throw lostError(this.directory, sequence)
  }

  /**
   * Forgets what may have changed, looks again, and gives what it saw of this record as a text. Where the text is the same
   * twice there is no race any more. What it looks at: slots and their epoch, the manifest, the header of the segment.
   */
  *lookAgain(sequence: number): Steps<string> {
    this.layout = {}
    this.starts.forget()
    yield* this.refresh('lines')
    const found = this.foundWith(sequence)
    // A recovery that has put its copy there, and has come no further yet.
    if (found !== undefined && ((yield* saltOf(found.path)) ?? found.salt) !== found.salt) this.forget()
    let seen: string
    try {
      const { ordinal, salt } = yield* this.segmentOf(sequence)
      seen = `${ordinal}:${salt}`
    } catch (error) {
      if (!(error instanceof SeglogError)) throw error
      seen = error.message
    }
    return `${this.epoch}:${this.manifest.generation}:${seen}`
  }

  guard<T>(walk: Walk<T>): Walk<T> {
    return new SharedWalk(this, walk)
  }

  /** The first record that is there; where none is, the one behind all that were. */
  private get firstThere(): number {
    const { segments, lost } = this.manifest
    const line = segments.find((each) => each.state !== 'archived')
    if (line?.state === 'sealed') return line.firstSequence
    if (this.found.length > 0) return this.found[0]!.firstSequence
    const archived = segments.findLast((each) => each.state === 'archived')
    const next = ((archived as SealedLine | undefined)?.lastSequence ?? 0) + 1
    return (lost.find((range) => range.from <= next && next <= range.to)?.to ?? next - 1) + 1
  }

  private *reload(): Steps<void> {
    const { logId } = this.manifest
    const manifest = yield* newestManifest(this.directory, this.manifest)
    // None, or an older one: the newest cannot be read any more, and what it said stays true.
    if (manifest === undefined || manifest.generation <= this.manifest.generation) return
    if (manifest.logId !== logId) {
      const message = 'another log stands in this directory by now. Open it again.'
      throw new SeglogError('NOT_A_LOG', message, { file: this.directory, expected: logId, found: manifest.logId })
    }
    this.manifest = manifest
    this.layout = {}
    const said = furthest([manifest.highWatermark, manifest.clean ?? undefined])!
    if (manifest.epoch > this.epoch) this.begin(manifest.epoch, said)
    else if (manifest.epoch === this.epoch) this.position = furthest([this.position, said])!
  }

  /** Another opening for writing: what it says of the end counts, and each name may be another file. */
  private begin(epoch: number, position: Position): void {
    this.epoch = epoch
    this.position = position
    this.forget()
  }

  private forget(): void {
    this.found = []
    this.layout = {}
    this.starts.forget()
  }

  private foundWith(sequence: number): SegmentRef | undefined {
    return this.found.find((ref) => ref.firstSequence <= sequence && sequence <= ref.lastSequence)
  }

  /**
   * Ordinals of the used segments that the manifest does not call sealed, the last first. One by one: a slot that lies may
   * name a segment four thousand millions further on, and the first that is not there ends the search.
   */
  private *unsealed(): Generator<number, void> {
    const { ordinal: last, offset } = this.position
    const isUsed = (ordinal: number): boolean => ordinal < last || (ordinal === last && offset > FRAMES_START)
    // A position before the first frame is one of a segment that is not used yet.
    for (let ordinal = last; ordinal > lastOrdinal(this.manifest); ordinal--) if (isUsed(ordinal)) yield ordinal
    for (const { ordinal, state } of this.manifest.segments.toReversed()) {
      if (state === 'open' && isUsed(ordinal)) yield ordinal
    }
  }

  private *refOf(ordinal: number, start: SegmentStart): Steps<SegmentRef> {
    const { position } = this
    let end = position.offset
    let lastSequence = position.sequence
    if (ordinal < position.ordinal) {
      const next = yield* this.starts.get(ordinal + 1, this.manifest)
      // A successor without a header does not tell where this one ends: then its file does.
      end = next.predecessor?.bytes ?? Infinity
      lastSequence = next.firstSequence - 1
    }
    return {
      ordinal,
      path: `${this.directory}/${segmentName(ordinal)}`,
      salt: start.salt,
      firstSequence: start.firstSequence,
      lastSequence,
      baseTimestamp: start.baseTimestamp,
      compression: start.compression,
      end,
      identity: undefined,
      live: undefined,
    }
  }
}

function lastOrdinal({ segments }: Manifest): number {
  return segments.at(-1)?.ordinal ?? 0
}
