import { archiveOf, bringBack, moveOut } from '../recovery/archive.ts'
import { Watch } from '../recovery/verify-progress.ts'
import type { Environment } from '../segments/env/environment.ts'
import { type Steps, runLater } from '../segments/env/steps.ts'
import { checkMembers, invalid, mayBeBoolean, wrapSystemError } from '../segments/errors.ts'
import type { Manifest, SealedLine, SegmentLine, SequenceRange } from '../segments/format/manifest.ts'
import { SLOTS_NAME } from '../segments/format/names.ts'
import type { ManifestStore } from '../segments/manifest-store.ts'
import { placeOf } from './archive-place.ts'
import { makeReady } from './directories.ts'
import type { WatchOptions } from './operations.ts'

/** A segment that is archived, or is to be. */
export interface ArchivedSegment {
  readonly ordinal: number
  /** First and last record; `to` is one below `from` where it holds none. */
  readonly from: number
  readonly to: number
  readonly bytes: number
  /** The directory where it is, or will be. */
  readonly place: string
}

/** Which segments, and where they go. */
export interface ArchivePlanOptions {
  /** Another directory outside of the log, also on another volume, for this log alone. Default `archive/` in the log. */
  readonly to?: string
  /** Goes on although records are archived that the newest anchor or a named cursor still needs. */
  readonly beyondAnchor?: boolean
}

/** Ended by its signal, archiving leaves every segment live: what was copied by then is replaced or removed later. */
export interface ArchiveOptions extends ArchivePlanOptions, WatchOptions {
  /** Only tells what would be done. */
  readonly dryRun?: boolean
}

/** What was moved out of the live log, or would be by a dry run. */
export interface ArchiveReport {
  readonly segments: readonly ArchivedSegment[]
  readonly bytes: number
  /** First record of the live log after that. */
  readonly firstSequence: number
  /** Records that cannot be read until they are restored; undefined where nothing is archived. */
  readonly unreadable: SequenceRange | undefined
  /** Whom that keeps from going on, only with `beyondAnchor`: `anchor 12`, `cursor billing`. */
  readonly cutOff: readonly string[]
}

/** Which archived segments come back; all of them, unless told. */
export interface RestoreOptions extends WatchOptions {
  /** First record to be read again; default all that are archived. */
  readonly from?: number
}

/** Moves sealed segments out of the live log and back, one request after the other. */
export class Archiver {
  private readonly env: Environment
  private readonly directory: string
  private readonly manifests: ManifestStore
  /** Resolves when what can be sealed is sealed: that happens in the background, and who archives counts on it. */
  private readonly sealed: () => Promise<void>
  private last: Promise<unknown> = Promise.resolve()

  constructor(env: Environment, directory: string, manifests: ManifestStore, sealed: () => Promise<void>) {
    this.sealed = sealed
    this.env = env
    this.directory = directory
    this.manifests = manifests
  }

  /** What is archived, in order. */
  archives(): readonly ArchivedSegment[] {
    return archivesOf(this.directory, this.manifests.latest)
  }

  archiveBefore(sequence: number, options: ArchiveOptions): Promise<ArchiveReport> {
    return this.inTurn(async () => {
      checkMembers('options', options, ['to', 'beyondAnchor', 'dryRun', 'onProgress', 'signal'])
      mayBeBoolean('dryRun', options.dryRun)
      const watch = this.watchOf(options)
      await this.sealed()
      const { lines, place, report } = planArchive(this.env, this.directory, this.manifests.latest, sequence, options)
      if (options.dryRun !== true && lines.length > 0) {
        if (place !== undefined) this.makePlace(place)
        await this.run('archiving', options, moveOut(this.env, this.directory, this.manifests, lines, place, watch))
      }
      return report
    })
  }

  restore(options: RestoreOptions): Promise<readonly ArchivedSegment[]> {
    return this.inTurn(async () => {
      checkMembers('options', options, ['from', 'onProgress', 'signal'])
      const { from = 1 } = options
      if (!Number.isSafeInteger(from) || from < 1) throw invalid('from', 'a whole number from 1 on', from)
      const archived = this.manifests.latest.segments.filter(isArchived)
      const lines = archived.filter((line) => line.lastSequence >= from)
      const restored = lines.map((line) => describe(line, archiveOf(this.directory, line.place)))
      const watch = this.watchOf(options)
      await this.run('restoring', options, bringBack(this.env, this.directory, this.manifests, lines, watch))
      return restored
    })
  }

  /** Resolves when nothing is under way. */
  async settle(): Promise<void> {
    await this.last
  }

  private inTurn<R>(act: () => Promise<R>): Promise<R> {
    const result = this.last.then(act)
    this.last = result.catch(() => undefined)
    return result
  }

  private makePlace(place: string): void {
    try {
      makeReady(this.env, place)
      if (!this.isOwn(place)) return
    } catch (error) {
      throw wrapSystemError(error, 'archiving', { file: place })
    }
    throw invalid('to', 'another directory than that of the log', place)
  }

  /** By a link, another path may lead to the log: what is removed there after a move would be gone from both. */
  private isOwn(place: string): boolean {
    const own = this.env.call({ do: 'stat', path: `${this.directory}/${SLOTS_NAME}` })
    return own !== undefined && own.id === this.env.call({ do: 'stat', path: `${place}/${SLOTS_NAME}` })?.id
  }

  private watchOf({ onProgress, signal }: WatchOptions): Watch {
    return new Watch(() => this.env.monotonicMs(), onProgress, signal)
  }

  /** What a signal says passes as it is. */
  private run(doing: string, { signal }: WatchOptions, steps: Steps<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      runLater(this.env, steps, (error) => {
        if (error === null) resolve()
        else if (error instanceof Error && error === signal?.reason) reject(error)
        else reject(wrapSystemError(error, doing, { file: this.directory }))
      })
    })
  }
}

/** What archiving would do. */
export interface ArchivePlan {
  readonly lines: readonly SealedLine[]
  /** Undefined for the log's own `archive/`. */
  readonly place: string | undefined
  readonly report: ArchiveReport
}

/** Which segments of a log go, and where to. Changes nothing. Throws INVALID_ARGUMENT, or IO where that place cannot be looked at. */
export function planArchive(
  env: Environment,
  directory: string,
  manifest: Manifest,
  sequence: number,
  { to, beyondAnchor }: ArchivePlanOptions,
): ArchivePlan {
  if (!Number.isSafeInteger(sequence) || sequence < 1) throw invalid('sequence', 'a whole number from 1 on', sequence)
  mayBeBoolean('beyondAnchor', beyondAnchor)
  const place = placeOf(env, directory, to)
  const needed = needyBefore(manifest, sequence)[0]
  if (needed !== undefined && beyondAnchor !== true) {
    throw invalid('sequence', `at most ${needed.sequence + 1}, which ${needed.name} needs, or beyondAnchor`, sequence)
  }
  const lines = linesBefore(manifest, sequence)
  const archive = archiveOf(directory, place)
  const last = lines.at(-1)?.lastSequence ?? 0
  const report = {
    segments: lines.map((line) => describe(line, archive)),
    bytes: lines.reduce((sum, { dataBytes }) => sum + dataBytes, 0),
    firstSequence: last > 0 ? last + 1 : firstLive(manifest),
    unreadable: last > 0 ? { from: lines[0]!.firstSequence, to: last } : undefined,
    cutOff: needyBefore(manifest, Math.min(sequence, last + 1)).map(({ name }) => name),
  }
  return { lines, place, report }
}

/** The segments of a log that are archived, in order. */
export function archivesOf(directory: string, { segments }: Manifest): readonly ArchivedSegment[] {
  return segments.filter(isArchived).map((line) => describe(line, archiveOf(directory, line.place)))
}

/** A segment whose sealing failed stands before sealed ones, and its line does not say where it begins. */
function firstLive({ segments, lost }: Manifest): number {
  const line = segments.find(({ state }) => state !== 'archived')
  if (line?.state === 'sealed') return line.firstSequence
  const next = (segments.findLast(isArchived)?.lastSequence ?? 0) + 1
  return (lost.find(({ from, to }) => from <= next && next <= to)?.to ?? next - 1) + 1
}

/** Sealed segments that lie wholly before a record, from the first live one on without a gap. */
export function linesBefore({ segments }: Manifest, sequence: number): SealedLine[] {
  const lines: SealedLine[] = []
  for (const line of segments) {
    if (line.state === 'archived') continue
    if (line.state === 'open' || line.lastSequence >= sequence) break
    lines.push(line)
  }
  return lines
}

/** Who still needs records before this one, the neediest first. Replay begins behind an anchor, a consumer behind its cursor. */
function needyBefore({ anchors, cursors }: Manifest, sequence: number): { name: string; sequence: number }[] {
  const newest = anchors.at(-1)
  const named = Object.entries(cursors).map(([name, cursor]) => ({ name: `cursor ${name}`, sequence: cursor.sequence }))
  const all = newest ? [{ name: `anchor ${newest.sequence}`, sequence: newest.sequence }, ...named] : named
  return all.filter((each) => each.sequence < sequence - 1).sort((a, b) => a.sequence - b.sequence)
}

function describe(line: SealedLine, place: string): ArchivedSegment {
  const { ordinal, firstSequence: from, lastSequence: to, dataBytes: bytes } = line
  return { ordinal, from, to, bytes, place }
}

function isArchived(line: SegmentLine): line is SealedLine {
  return line.state === 'archived'
}
