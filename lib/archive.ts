import { archiveOf, bringBack, moveOut } from '../recovery/archive.ts'
import type { Environment } from '../segments/env/environment.ts'
import { type Steps, runLater } from '../segments/env/steps.ts'
import { invalid, wrapSystemError } from '../segments/errors.ts'
import type { Manifest, SealedLine, SegmentLine, SequenceRange } from '../segments/format/manifest.ts'
import type { ManifestStore } from '../segments/manifest-store.ts'
import { makeReady } from './directories.ts'

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

export interface ArchiveOptions {
  /** Another directory, also on another volume, for this log alone. Default `archive/` in the log. */
  readonly to?: string
  /** Only tells what would be done. */
  readonly dryRun?: boolean
  /** Goes on although records are archived that the newest anchor or a named cursor still needs. */
  readonly beyondAnchor?: boolean
}

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

export interface RestoreOptions {
  /** First record to be read again; default all that are archived. */
  readonly from?: number
}

/** Moves sealed segments out of the live log and back, one request after the other. */
export class Archiver {
  private readonly env: Environment
  private readonly directory: string
  private readonly manifests: ManifestStore
  private last: Promise<unknown> = Promise.resolve()

  constructor(env: Environment, directory: string, manifests: ManifestStore) {
    this.env = env
    this.directory = directory
    this.manifests = manifests
  }

  /** What is archived, in order. */
  archives(): readonly ArchivedSegment[] {
    return this.manifests.latest.segments
      .filter(isArchived)
      .map((line) => describe(line, archiveOf(this.directory, line.place)))
  }

  archiveBefore(sequence: number, options: ArchiveOptions): Promise<ArchiveReport> {
    return this.inTurn(async () => {
      if (!Number.isSafeInteger(sequence) || sequence < 1) {
        throw invalid('sequence', 'a whole number from 1 on', sequence)
      }
      const place = this.placeOf(options.to)
      const { latest } = this.manifests
      const cutOff = needyBefore(latest, sequence)
      const needed = cutOff[0]
      if (needed !== undefined && options.beyondAnchor !== true) {
        const most = `at most ${needed.sequence + 1}, which ${needed.name} needs, or beyondAnchor`
        throw invalid('sequence', most, sequence)
      }
      const lines = linesBefore(latest, sequence)
      if (options.dryRun !== true && lines.length > 0) {
        if (place !== undefined) makeReady(this.env, place)
        await this.run('archiving', moveOut(this.env, this.directory, this.manifests, lines, place))
      }
      return this.report(lines, place, sequence)
    })
  }

  restore({ from = 1 }: RestoreOptions): Promise<readonly ArchivedSegment[]> {
    return this.inTurn(async () => {
      if (!Number.isSafeInteger(from) || from < 1) throw invalid('from', 'a whole number from 1 on', from)
      const archived = this.manifests.latest.segments.filter(isArchived)
      const lines = archived.filter((line) => line.lastSequence >= from)
      const restored = lines.map((line) => describe(line, archiveOf(this.directory, line.place)))
      await this.run('restoring', bringBack(this.env, this.directory, this.manifests, lines))
      return restored
    })
  }

  /** Resolves when nothing is under way. */
  async settle(): Promise<void> {
    await this.last
  }

  private report(lines: readonly SealedLine[], place: string | undefined, sequence: number): ArchiveReport {
    const { latest } = this.manifests
    const archive = archiveOf(this.directory, place)
    const lastLine = lines.at(-1)
    const live = latest.segments.filter(isSealed).find((line) => !lines.some((each) => each.ordinal === line.ordinal))
    const before = lastLine ?? latest.segments.findLast(isArchived)
    const firstSequence = lastLine === undefined ? live?.firstSequence : undefined
    const last = lastLine?.lastSequence ?? 0
    return {
      segments: lines.map((line) => describe(line, archive)),
      bytes: lines.reduce((sum, { dataBytes }) => sum + dataBytes, 0),
      firstSequence: firstSequence ?? (before?.lastSequence ?? 0) + 1,
      unreadable: last > 0 ? { from: lines[0]!.firstSequence, to: last } : undefined,
      cutOff: needyBefore(latest, Math.min(sequence, last + 1)).map(({ name }) => name),
    }
  }

  private placeOf(to: string | undefined): string | undefined {
    if (to === undefined) return undefined
    if (typeof to !== 'string' || to === '') throw invalid('to', 'a path', to)
    const path = this.env.absolute(to)
    if (path === this.directory) throw invalid('to', 'another directory than that of the log', to)
    return path === archiveOf(this.directory, undefined) ? undefined : path
  }

  private inTurn<R>(act: () => Promise<R>): Promise<R> {
    const result = this.last.then(act)
    this.last = result.catch(() => undefined)
    return result
  }

  private run(doing: string, steps: Steps<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      runLater(this.env, steps, (error) => {
        if (error === null) resolve()
        else reject(wrapSystemError(error, doing, { file: this.directory }))
      })
    })
  }
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

function isSealed(line: SegmentLine): line is SealedLine {
  return line.state === 'sealed'
}
