import type { Environment } from '../segments/env/environment.ts'
import { type Steps, step } from '../segments/env/steps.ts'
import { SeglogError, invalid } from '../segments/errors.ts'
import type { Manifest, SealedLine } from '../segments/format/manifest.ts'
import type { Position } from '../segments/format/slots.ts'
import { ManifestStore } from '../segments/manifest-store.ts'
import { NameSyncs } from '../segments/name-syncs.ts'

/**
 * A directory in which a copy or a salvage makes a log. Its first manifest says that it is unfinished, so that one that
 * was interrupted is never taken for a log; the last one replaces it when all else is durable.
 */
export class BackupTarget {
  readonly directory: string
  private readonly env: Environment
  private manifests: ManifestStore | undefined

  constructor(env: Environment, directory: string) {
    this.env = env
    this.directory = directory
  }

  /** The directory must be there, and empty. */
  *begin(manifest: Manifest, by: 'copy' | 'salvage'): Steps<void> {
    const found = yield* step({ do: 'list', path: this.directory })
    if (found.length > 0)
      throw invalid('the directory to write to', 'empty', `${found.length} files in ${this.directory}`)
    const start = { ...manifest, generation: 0, segments: [], clean: null }
    this.manifests = new ManifestStore(new NameSyncs(this.env, this.directory), start, [], () => NOWHERE)
    yield* this.manifests.update((latest) => ({ ...latest, unfinished: by }))
  }

  /** Makes it a closed log of these segments; durable when the steps end. */
  *finish(segments: readonly SealedLine[], members: Partial<Manifest>, sequence: number): Steps<void> {
    yield* step({ do: 'syncDirectory', path: this.directory })
    const last = segments.at(-1)
    const ordinal = (last?.ordinal ?? 0) + 1
    const manifests = this.manifests!
    const position = { ordinal: last?.ordinal ?? 0, offset: last?.dataBytes ?? 0, sequence }
    const end = (): Position => position
    manifests.position = end
    const change = ({ unfinished: _, ...latest }: Manifest): Manifest => ({
      ...latest,
      ...members,
      segments,
      clean: { ordinal, offset: 0, sequence },
    })
    // Twice: the one before the newest is what counts on the day the newest cannot be read, and it must not be the first.
    yield* manifests.update(change)
    yield* manifests.update(change)
  }
}

const NOWHERE: Position = { ordinal: 0, offset: 0, sequence: 0 }

/** Neither a log inside the other, nor the same. */
export function mustBeApart(from: string, to: string): void {
  if (from !== to && !`${to}/`.startsWith(`${from}/`) && !`${from}/`.startsWith(`${to}/`)) return
  throw invalid('the directory to write to', 'another directory, neither in the log nor around it', to)
}

/** For who takes a manifest as the newest: a directory that is being made, or was when its maker died, is no log yet. */
export function mustBeFinished(directory: string, { unfinished }: Manifest): void {
  if (unfinished === undefined) return
  const message = `this directory was being made by a ${unfinished} that did not come to its end. Remove it and make it again.`
  throw new SeglogError('CORRUPT', message, { file: directory, found: unfinished })
}
