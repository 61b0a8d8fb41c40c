import fs from 'node:fs'
import type {
  Access,
  Call,
  DirectoryEntry,
  Done,
  EntryKind,
  FileStatus,
  Handle,
  ResultOf,
  SystemError,
} from './environment.ts'
import { asSystemError, systemError } from './system-error.ts'

/**
 * How a durable write is made so. `flag`: O_DSYNC, one system call. `sync`: a write and a sync behind it, for systems
 * where O_DSYNC stops at the drive's cache (macOS; there libuv's fdatasync is F_FULLFSYNC).
 */
export type DurableWrites = 'flag' | 'sync'

/** Calls on the files of the system. */
export class NodeFiles {
  readonly #durableWrites: DurableWrites
  /** Handles whose writes need a sync behind them. */
  readonly #syncAfterWrite = new Set<Handle>()

  constructor(durableWrites: DurableWrites) {
    this.#durableWrites = durableWrites
  }

  call<C extends Call>(call: C): ResultOf<C> {
    return this.#perform(call) as ResultOf<C>
  }

  start<C extends Call>(call: C, done: Done<ResultOf<C>>): void {
    this.#begin(call, done as Done<unknown>)
  }

  #perform(call: Call): unknown {
    switch (call.do) {
      case 'open':
        return this.#openNow(call.path, call.access, call.durable ?? false)
      case 'read':
        return fs.readSync(call.handle, call.into, call.start, call.length, call.position)
      case 'write': {
        const count = fs.writeSync(call.handle, call.from, call.start, call.length, call.position)
        if (this.#syncAfterWrite.has(call.handle)) fs.fdatasyncSync(call.handle)
        return count
      }
      case 'sync':
        return fs.fdatasyncSync(call.handle)
      case 'truncate':
        return fs.ftruncateSync(call.handle, call.size)
      case 'size':
        return fs.fstatSync(call.handle).size
      case 'close':
        this.#syncAfterWrite.delete(call.handle)
        return fs.closeSync(call.handle)
      case 'rename':
        return fs.renameSync(call.from, call.to)
      case 'link':
        return fs.linkSync(call.from, call.to)
      case 'unlink':
        return fs.unlinkSync(call.path)
      case 'makeDirectory':
        return fs.mkdirSync(call.path, DIRECTORY_MODE)
      case 'list':
        return entriesOf(fs.readdirSync(call.path, { withFileTypes: true }))
      case 'stat':
        return statNow(call.path)
      case 'space':
        return spaceOf(fs.statfsSync(call.path))
      case 'syncDirectory':
        return syncDirectoryNow(call.path)
    }
  }

  #begin(call: Call, done: Done<unknown>): void {
    switch (call.do) {
      case 'open':
        return this.#openLater(call.path, call.access, call.durable ?? false, done)
      case 'read':
        return fs.read(call.handle, call.into, call.start, call.length, call.position, told(done))
      case 'write':
        return this.#writeLater(call, done)
      case 'sync':
        return fs.fdatasync(call.handle, told(done))
      case 'truncate':
        return fs.ftruncate(call.handle, call.size, told(done))
      case 'size':
        return fs.fstat(call.handle, (error, stats) => done(error as SystemError | null, stats?.size))
      case 'close':
        this.#syncAfterWrite.delete(call.handle)
        return fs.close(call.handle, told(done))
      case 'rename':
        return fs.rename(call.from, call.to, told(done))
      case 'link':
        return fs.link(call.from, call.to, told(done))
      case 'unlink':
        return fs.unlink(call.path, told(done))
      case 'makeDirectory':
        return fs.mkdir(call.path, DIRECTORY_MODE, told(done))
      case 'list':
        return fs.readdir(call.path, { withFileTypes: true }, (error, entries) =>
          done(error as SystemError | null, error ? undefined : entriesOf(entries)),
        )
      case 'stat':
        return fs.lstat(call.path, { bigint: true }, (error, stats) => {
          if (error && error.code !== 'ENOENT') done(error as SystemError, undefined)
          else done(null, error ? undefined : statusOf(stats))
        })
      case 'space':
        return fs.statfs(call.path, (error, stats) => {
          done(error as SystemError | null, error ? undefined : spaceOf(stats))
        })
      case 'syncDirectory':
        return syncDirectoryLater(call.path, done)
    }
  }

  #openNow(path: string, access: Access, durable: boolean): Handle {
    let handle: number
    try {
      handle = fs.openSync(path, this.#flags(access, durable), FILE_MODE)
    } catch (error) {
      throw asOpenError(asSystemError(error), path)
    }
    try {
      if (!fs.fstatSync(handle).isFile()) throw systemError('EINVAL', 'open', path)
    } catch (error) {
      fs.closeSync(handle)
      throw error
    }
    return this.#opened(handle, durable)
  }

  #openLater(path: string, access: Access, durable: boolean, done: Done<unknown>): void {
    fs.open(path, this.#flags(access, durable), FILE_MODE, (failed, handle) => {
      if (failed) return done(asOpenError(failed as SystemError, path), undefined)
      fs.fstat(handle, (error, stats) => {
        if (!error && stats.isFile()) return done(null, this.#opened(handle, durable))
        fs.close(handle, () => done((error as SystemError | null) ?? systemError('EINVAL', 'open', path), undefined))
      })
    })
  }

  #writeLater(call: Extract<Call, { do: 'write' }>, done: Done<unknown>): void {
    const written = this.#syncAfterWrite.has(call.handle) ? syncedAfter(call.handle, done) : told(done)
    fs.write(call.handle, call.from, call.start, call.length, call.position, written)
  }

  #flags(access: Access, durable: boolean): number {
    const sync = durable && this.#durableWrites === 'flag' ? fs.constants.O_DSYNC : 0
    return ACCESS_FLAGS[access] | SAFE_FLAGS | sync
  }

  #opened(handle: number, durable: boolean): Handle {
    // Of the two, what is no flag is a sync: a way that is misspelt in JavaScript must not be none.
    if (durable && this.#durableWrites !== 'flag') this.#syncAfterWrite.add(handle as Handle)
    return handle as Handle
  }
}

const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700

/**
 * No link is followed, and a pipe does not make `open` wait for its other end. O_CLOEXEC is not here because libuv
 * always sets it.
 */
const SAFE_FLAGS = fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK

const ACCESS_FLAGS: Readonly<Record<Access, number>> = {
  read: fs.constants.O_RDONLY,
  write: fs.constants.O_RDWR,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
}

/** Directories and sockets refuse to be opened by errors of their own; a caller wants one for "not a regular file". */
function asOpenError(error: SystemError, path: string): SystemError {
  return error.code === 'EISDIR' || error.code === 'ENXIO' ? systemError('EINVAL', 'open', path) : error
}

function told(done: Done<unknown>): (error: NodeJS.ErrnoException | null, result?: unknown) => void {
  return (error, result) => done(error as SystemError | null, result)
}

function syncedAfter(
  handle: Handle,
  done: Done<unknown>,
): (error: NodeJS.ErrnoException | null, count: number) => void {
  return (failed, count) => {
    if (failed) done(failed as SystemError, undefined)
    else fs.fdatasync(handle, (error) => done(error as SystemError | null, count))
  }
}

function spaceOf({ bavail, bsize }: fs.StatsFs): number {
  return bavail * bsize
}

function statNow(path: string): FileStatus | undefined {
  try {
    return statusOf(fs.lstatSync(path, { bigint: true }))
  } catch (error) {
    if (asSystemError(error).code === 'ENOENT') return undefined
    throw error
  }
}

/** In bigints, because inode numbers of some file systems use all 64 bits. */
function statusOf(stats: fs.BigIntStats): FileStatus {
  return {
    kind: kindOf(stats),
    size: Number(stats.size),
    // POSIX counts blocks of 512 bytes here, whatever the file system's own are.
    allocated: Number(stats.blocks) * 512,
    id: `${stats.dev}:${stats.ino}`,
  }
}

function entriesOf(found: readonly fs.Dirent[]): DirectoryEntry[] {
  const entries = found.map((entry) => ({ name: entry.name, kind: kindOf(entry) }))
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
}

function kindOf(found: { isFile(): boolean; isDirectory(): boolean }): EntryKind {
  return found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other'
}

/** O_DIRECTORY, so that a path to anything else is an error and not a sync of something. */
const DIRECTORY_FLAGS = fs.constants.O_RDONLY | fs.constants.O_DIRECTORY

function syncDirectoryNow(path: string): void {
  const handle = fs.openSync(path, DIRECTORY_FLAGS)
  try {
    fs.fsyncSync(handle)
  } finally {
    fs.closeSync(handle)
  }
}

function syncDirectoryLater(path: string, done: Done<unknown>): void {
  fs.open(path, DIRECTORY_FLAGS, (failed, handle) => {
    if (failed) return done(failed as SystemError, undefined)
    fs.fsync(handle, (error) => {
      fs.close(handle, (notClosed) => done((error ?? notClosed ?? null) as SystemError | null, undefined))
    })
  })
}
