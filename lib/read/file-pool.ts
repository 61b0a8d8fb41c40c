import type { Handle } from '../../segments/env/environment.ts'
import { type Steps, step } from '../../segments/env/steps.ts'
import { hasCode } from '../../segments/errors.ts'

/** A file that is opened when it is needed, and may be closed between two uses. */
export class PooledFile {
  readonly path: string
  /** Tells its blocks from those of other files: no two files of a pool ever have the same. */
  readonly id: number
  /** What to throw where no regular file has that name. */
  readonly missing: (cause: unknown) => Error
  handle: Handle | undefined
  /** Procedures that use the handle, or wait for it: it is not closed under them. */
  users = 0

  constructor(path: string, id: number, missing: (cause: unknown) => Error) {
    this.path = path
    this.id = id
    this.missing = missing
  }
}

/**
 * The files of random reads: at most so many are open at a time, the ones used last. More only while more are used at the
 * same moment: a handle is never closed under a call that holds it.
 */
export class FilePool {
  private readonly filesMax: number
  /** Those that are open, the one used last at the end. */
  private readonly open = new Set<PooledFile>()
  /** Handles that exist, also while they are being opened or closed. */
  private handles = 0
  private lastId = 0
  private closed = false
  private whenEmpty: (() => void) | undefined

  constructor(filesMax: number) {
    this.filesMax = filesMax
  }

  file(path: string, missing: (cause: unknown) => Error): PooledFile {
    this.lastId += 1
    return new PooledFile(path, this.lastId, missing)
  }

  /** Runs `body` with the file open. Handles beyond the limit, and those of a closed pool, are closed behind it. */
  *use<R>(file: PooledFile, body: (handle: Handle) => Steps<R>): Steps<R> {
    file.users += 1
    try {
      if (file.handle === undefined) yield* this.openFile(file)
      else this.touch(file)
      return yield* body(file.handle!)
    } finally {
      file.users -= 1
      if (file.users === 0 && (this.closed || this.handles > this.filesMax)) yield* this.closeFile(file)
    }
  }

  /** Closes what nobody uses now, and from now on each file behind its last user. */
  *close(): Steps<void> {
    this.closed = true
    for (const file of [...this.open]) if (file.users === 0) yield* this.closeFile(file)
  }

  /** Calls `done` when no handle is left: at once, or with the last one. */
  onceEmpty(done: () => void): void {
    if (this.handles === 0) done()
    else this.whenEmpty = done
  }

  private *openFile(file: PooledFile): Steps<void> {
    yield* this.makeRoom()
    this.handles += 1
    let handle: Handle
    try {
      handle = yield* step({ do: 'open', path: file.path, access: 'read' })
    } catch (error) {
      this.gone()
      throw ['ENOENT', 'ELOOP', 'EINVAL'].some((code) => hasCode(error, code)) ? file.missing(error) : error
    }
    // Somebody else may have opened it in the meantime.
    if (file.handle === undefined) file.handle = handle
    else yield* this.closeHandle(handle)
    this.touch(file)
  }

  private touch(file: PooledFile): void {
    this.open.delete(file)
    this.open.add(file)
  }

  private *makeRoom(): Steps<void> {
    for (const file of this.open) {
      if (this.handles < this.filesMax) return
      if (file.users === 0) yield* this.closeFile(file)
    }
  }

  private *closeFile(file: PooledFile): Steps<void> {
    const { handle } = file
    if (handle === undefined) return
    this.open.delete(file)
    file.handle = undefined
    yield* this.closeHandle(handle)
  }

  private *closeHandle(handle: Handle): Steps<void> {
    try {
      yield* step({ do: 'close', handle })
    } catch (error) {
      // The handle is gone either way, and a file that was only read has nothing to lose.
      if (!(error instanceof Error)) throw error
    } finally {
      this.gone()
    }
  }

  private gone(): void {
    this.handles -= 1
    if (this.handles > 0) return
    this.whenEmpty?.()
    this.whenEmpty = undefined
  }
}
