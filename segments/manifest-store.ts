import type { Environment } from './env/environment.ts'
import { type Steps, step } from './env/steps.ts'
import { createFile, removeIfThere } from './files.ts'
import { type Manifest, type SegmentLine, encodeManifest } from './format/manifest.ts'
import { manifestName, temporaryName } from './format/names.ts'
import type { Position } from './format/slots.ts'
import type { NameSyncs } from './name-syncs.ts'

/** How many generations stay: the newest, and the one before it for the day the newest cannot be read. */
const KEPT = 2

/** The only writer of manifests: each change makes a new generation under a name of its own. */
export class ManifestStore {
  /**
   * All that was ever asked to be written, also by updates that are under way or failed: each member is a fact whether
   * or not a manifest says so yet, and the next generation says it, unless it was taken back.
   */
  latest: Manifest
  readonly names: NameSyncs
  /** The newest that is durable, once one was written. */
  private saved: Manifest | undefined
  /** What is durable now, for the lower bound that each generation carries; the writer puts its own in. */
  position: () => Position
  private onDisk: number[]

  constructor(names: NameSyncs, latest: Manifest, onDisk: readonly number[], position: () => Position) {
    this.names = names
    this.latest = latest
    this.onDisk = [...onDisk].sort((a, b) => a - b)
    this.position = position
  }

  /**
   * Writes a generation with this change; durable when the steps end. Two updates may overlap, and an earlier one may land
   * later: the higher generation counts, and it holds what the earlier one says.
   */
  *update(change: (manifest: Manifest) => Manifest): Steps<void> {
    const generation = this.latest.generation + 1
    this.latest = { ...change(this.latest), generation, highWatermark: this.position() }
    const written = this.latest
    const temporary = this.path(temporaryName('manifest', nonce(this.names)))
    const name = this.path(manifestName(generation))
    const content = encodeManifest(this.latest)
    yield* createFile(temporary, content)
    try {
      yield* this.names.give(temporary, name)
    } catch (error) {
      yield* giveOnceMore(temporary, name)
      throw error
    }
    if (generation > (this.saved?.generation ?? 0)) this.saved = written
    this.onDisk.push(generation)
    this.onDisk.sort((a, b) => a - b)
    const old = this.onDisk.slice(0, -KEPT)
    this.onDisk = this.onDisk.slice(-KEPT)
    for (const number of old) yield* removeIfThere(this.path(manifestName(number)))
  }

  /** Whether all that is known is durable: nothing failed, nothing is under way. */
  get isSaved(): boolean {
    return this.saved === this.latest
  }

  /** Takes back what could not be written, and is no fact then. A generation that says it may be there all the same. */
  takeBack(change: (manifest: Manifest) => Manifest): void {
    this.latest = change(this.latest)
  }

  /**
   * Gives a prepared segment its name, durably. It may be that of a file that was given up, and which a manifest lists.
   * While others give names or sync the directory, a name may be gone for moments: it is not listed then, or a power cut
   * would leave a log whose last segment is missing. Another run may give the name first, and lose it to a sync that
   * fails: from the first step on, that is a failure of this one.
   */
  *nameSegment(ordinal: number, from: string, to: string): Steps<void> {
    const isListed = this.latest.segments.some((line) => line.ordinal === ordinal)
    yield* this.names.giving(this.unlistAndGive(isListed && this.names.isBusy, ordinal, from, to))
  }

  private *unlistAndGive(mayBeGone: boolean, ordinal: number, from: string, to: string): Steps<void> {
    if (mayBeGone) yield* this.update((manifest) => withoutLine(manifest, ordinal))
    yield* this.names.give(from, to)
  }

  private path(name: string): string {
    return `${this.names.directory}/${name}`
  }
}

/**
 * Of a manifest whose sync failed: a system may have forgotten its name, and the next sync finds nothing to do and says OK.
 * The next manifest makes up for that; but behind one that seals a log there is none, and who finds it there will take the
 * log for sealed and sync its name.
 */
function* giveOnceMore(temporary: string, name: string): Steps<void> {
  yield* renameIfItCan(name, temporary)
  // Also where the first says that it failed: it may have been done.
  yield* renameIfItCan(temporary, name)
}

/** What is told is that the sync failed; without its name it is a manifest that was not written. */
function* renameIfItCan(from: string, to: string): Steps<void> {
  try {
    yield* step({ do: 'rename', from, to })
  } catch (error) {
    if (!(error instanceof Error)) throw error
  }
}

/** Random part of a temporary name. */
export function nonce(env: Environment): string {
  return Buffer.from(env.randomBytes(8)).toString('hex')
}

/** Lists the segment with this ordinal no more. */
function withoutLine(manifest: Manifest, ordinal: number): Manifest {
  return { ...manifest, segments: manifest.segments.filter((line) => line.ordinal !== ordinal) }
}

/** Puts a line in the place of the one with its ordinal, or behind all others. */
export function withLine(manifest: Manifest, line: SegmentLine): Manifest {
  const others = withoutLine(manifest, line.ordinal).segments
  const segments = [...others, line].sort((a, b) => a.ordinal - b.ordinal)
  return { ...manifest, segments }
}
