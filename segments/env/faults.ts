import type { Call } from './environment.ts'
import type { Disk } from './disk.ts'
import type { OpenFiles } from './open-files.ts'
import { type ErrorName, systemError } from './system-error.ts'
import type { FileTree } from './tree.ts'

/** Whether a call was made now or given away to be made later. */
export type CallMode = 'called' | 'started'

/** What a rule or a trace sees of a call: sizes, never buffers. */
export interface CallNote {
  /** 1 for the first call of a process. */
  readonly index: number
  readonly do: Call['do']
  /** Of the file or directory; of an open file the path by which it was opened. */
  readonly path: string
  /** New name, of `rename` and `link`. */
  readonly to?: string
  /** In bytes, of a read or write. */
  readonly position?: number
  /** Bytes of a read or write, new size of a `truncate`. */
  readonly length?: number
  readonly mode: CallMode
}

/**
 * - An error's name: nothing is done, the call fails with it.
 * - `bytes`: a read or write does only this many; with `error` it fails then, without saying how many.
 * - `done-but-reported-failed`: everything is done, the call fails with EIO.
 * - `sync-fails-and-drops-dirty-pages`: EIO; what the sync should have written is seen by all reads and never reaches
 *   the disk, and the next sync says OK (Linux: ext4, xfs, btrfs). Also for a durable write, and its own bytes.
 * - `sync-fails-and-keeps-pages`: EIO; nothing is durable by it, a later sync may make it so.
 */
export type FaultOutcome =
  | ErrorName
  | { readonly bytes: number; readonly error?: ErrorName }
  | 'done-but-reported-failed'
  | 'sync-fails-and-drops-dirty-pages'
  | 'sync-fails-and-keeps-pages'

export interface Fault {
  readonly when: (call: CallNote) => boolean
  readonly outcome: FaultOutcome
  /** How many calls it strikes; 1 when absent. */
  readonly times?: number
}

/** The faults that wait for their calls. */
export class Faults {
  readonly #waiting: { readonly fault: Fault; left: number }[] = []

  add(fault: Fault): void {
    this.#waiting.push({ fault, left: fault.times ?? 1 })
  }

  clear(): void {
    this.#waiting.length = 0
  }

  get none(): boolean {
    return this.#waiting.length === 0
  }

  /** What strikes this call; the rule added first counts. */
  strike(note: CallNote): FaultOutcome | undefined {
    for (const [at, waiting] of this.#waiting.entries()) {
      if (!waiting.fault.when(note)) continue
      if (--waiting.left === 0) this.#waiting.splice(at, 1)
      return waiting.fault.outcome
    }
    return undefined
  }
}

export interface Struck {
  readonly tree: FileTree
  readonly disk: Disk
  readonly files: OpenFiles
}

/** Performs a call as this fault lets it; returns its result or throws. */
export function performStruck(call: Call, outcome: FaultOutcome, { tree, disk, files }: Struck): unknown {
  if (typeof outcome === 'object') {
    if (call.do !== 'read' && call.do !== 'write') throw systemError(outcome.error ?? 'EIO', call.do)
    const count = files.perform({ ...call, length: Math.min(outcome.bytes, call.length) })
    if (outcome.error) throw systemError(outcome.error, call.do)
    return count
  }
  switch (outcome) {
    case 'done-but-reported-failed':
      files.perform(call)
      throw systemError('EIO', call.do)
    case 'sync-fails-and-drops-dirty-pages':
    case 'sync-fails-and-keeps-pages': {
      const drops = outcome === 'sync-fails-and-drops-dirty-pages'
      if (call.do === 'sync' && drops) disk.drop(files.get(call.handle, 'fdatasync').file)
      if (call.do === 'syncDirectory' && drops) disk.drop(tree.directory(call.path, 'fsync'))
      if (call.do === 'write') writeUnsynced(call, drops, disk, files)
      throw systemError('EIO', call.do)
    }
    default:
      throw systemError(outcome, call.do, pathOf(call, files))
  }
}

function writeUnsynced(call: Extract<Call, { do: 'write' }>, drops: boolean, disk: Disk, files: OpenFiles): void {
  const { file } = files.get(call.handle, 'write')
  const count = files.performUnsynced(call)
  if (drops && count > 0) disk.file(file).unsynced.pop()
}

export function note(call: Call, index: number, mode: CallMode, files: OpenFiles): CallNote {
  const path = pathOf(call, files)
  switch (call.do) {
    case 'read':
    case 'write':
      return { index, do: call.do, path, position: call.position, length: call.length, mode }
    case 'truncate':
      return { index, do: call.do, path, length: call.size, mode }
    case 'rename':
    case 'link':
      return { index, do: call.do, path, to: call.to, mode }
    default:
      return { index, do: call.do, path, mode }
  }
}

function pathOf(call: Call, files: OpenFiles): string {
  if ('path' in call) return call.path
  if ('handle' in call) return files.pathOf(call.handle)
  return call.from
}
