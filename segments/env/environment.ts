/**
 * The world behind one interface: files, clock, timers, randomness, process identity, lock sockets.
 * Nothing above `segments/env/` touches the world in any other way (after LevelDB's Env).
 *
 * Calls on files are values. So one `switch` performs them, a fault is a rule over values, a trace is a list of
 * values, and each call has the same meaning whether it is performed now (`call`) or later (`start`).
 */

/** An open file. Numbers may be reused after `close`, so nobody closes a handle that has a started call outstanding. */
export type Handle = number & { readonly handle: unique symbol }

/** What can be asked of files, as a value; offsets and lengths are in bytes. */
export type Call =
  /**
   * Opens a regular file: never through a link, never a directory, pipe or device (EINVAL; a link: ELOOP).
   * `read`: existing, to read. `write`: existing, to read and write. `create`: must not exist (EEXIST), mode 0600,
   * to read and write. With `durable`, a write that reports success has its bytes on disk (O_DSYNC, or a write and a
   * sync where the platform's O_DSYNC does not flush the drive); it covers the bytes of that write, nothing else.
   */
  | { readonly do: 'open'; readonly path: string; readonly access: Access; readonly durable?: boolean }
  /**
   * Reads up to `length` bytes at `position` into `into[start…]`; the count may be short, 0 means the end of the file.
   * `into` belongs to the call until it is done.
   */
  | {
      readonly do: 'read'
      readonly handle: Handle
      readonly into: Uint8Array
      readonly start: number
      readonly length: number
      readonly position: number
    }
  /**
   * Writes up to `length` bytes of `from[start…]` at `position`; the count may be short without an error (seen on a
   * nearly full disk), so the caller compares it. `from` belongs to the call until it is done, and must not change.
   */
  | {
      readonly do: 'write'
      readonly handle: Handle
      readonly from: Uint8Array
      readonly start: number
      readonly length: number
      readonly position: number
    }
  /** Makes all bytes and the length of this file durable (fdatasync). After a failure nothing is known: never retry. */
  | { readonly do: 'sync'; readonly handle: Handle }
  /** Sets the length; growing reads as zeros. Durable only after a `sync`. */
  | { readonly do: 'truncate'; readonly handle: Handle; readonly size: number }
  /** The length in bytes. */
  | { readonly do: 'size'; readonly handle: Handle }
  | { readonly do: 'close'; readonly handle: Handle }
  /** Names change in memory at once and are durable only after `syncDirectory` of each directory concerned. */
  | { readonly do: 'rename'; readonly from: string; readonly to: string }
  | { readonly do: 'link'; readonly from: string; readonly to: string }
  | { readonly do: 'unlink'; readonly path: string }
  /** One level, mode 0700. EEXIST when the name is taken, by anything. */
  | { readonly do: 'makeDirectory'; readonly path: string }
  /** All names, sorted by code unit. ENOENT, ENOTDIR, EACCES as the system says. */
  | { readonly do: 'list'; readonly path: string }
  /** What stands at the path itself (links are not followed), or undefined when nothing does (ENOENT only). */
  | { readonly do: 'stat'; readonly path: string }
  /** How many bytes this user may still write to the volume of a path, as far as the system knows. */
  | { readonly do: 'space'; readonly path: string }
  /** Makes the names in this directory durable. */
  | { readonly do: 'syncDirectory'; readonly path: string }

/** For what a file is opened; see the call `open`. */
export type Access = 'read' | 'write' | 'create'

/** `other`: a link, a pipe, a socket, a device. */
export type EntryKind = 'file' | 'directory' | 'other'

/** A name in a directory. */
export interface DirectoryEntry {
  readonly name: string
  readonly kind: EntryKind
}

/** What stands at a path. */
export interface FileStatus {
  readonly kind: EntryKind
  /** Length in bytes. */
  readonly size: number
  /** Bytes of storage in use; for a sparse file less than `size`. */
  readonly allocated: number
  /** Device and inode: equal if and only if it is the same file. */
  readonly id: string
}

/** What each call gives. */
export interface Results {
  readonly open: Handle
  /** How many bytes were read or written. */
  readonly read: number
  readonly write: number
  readonly sync: void
  readonly truncate: void
  /** Length in bytes. */
  readonly size: number
  readonly close: void
  readonly rename: void
  readonly link: void
  readonly unlink: void
  readonly makeDirectory: void
  readonly list: readonly DirectoryEntry[]
  readonly stat: FileStatus | undefined
  readonly space: number
  readonly syncDirectory: void
}

/** What a call gives, by what it does. */
export type ResultOf<C extends Call> = Results[C['do']]

/**
 * What a failed call throws or hands to `done`. `errno` is negative as in Node; decide by it where a code is unknown
 * (EDQUOT arrives as code 'UNKNOWN', errno -122).
 */
export interface SystemError extends Error {
  readonly code: string
  /** A negative number, as the system has it. */
  readonly errno: number
  readonly syscall?: string
  readonly path?: string
}

/** Told of the end of a call, once: of its error or of its result. */
export type Done<R> = (error: SystemError | null, result: R) => void

/** Something that will happen, unless it is cancelled before. */
export interface Timer {
  cancel(): void
}

/** Who a process is, so that another one can tell later, without doubt, whether it is still there. */
export interface ProcessIdentity {
  readonly pid: number
  /** Start time in clock ticks since boot (field 22 of /proc/pid/stat); '' where the platform has none. */
  readonly startTime: string
  /** Changes with each boot; '' where the platform has none. */
  readonly bootId: string
  /** Pids mean something only within one pid namespace; '' where the platform has none. */
  readonly pidNamespace: string
  readonly host: string
}

/**
 * What a probe of a lock socket proved. `alive`: someone accepted. `dead`: the name is there and nobody listens
 * (ECONNREFUSED). `absent`: no such name. `unknown`: anything else, which proves nothing.
 */
export type SocketProbe = 'alive' | 'dead' | 'absent' | 'unknown'

/** Proof that a process lives, until it is closed. */
export interface Listener {
  /** Stops listening. The name in the directory goes too. */
  close(): void
}

/**
 * The world of a log: files, clock, chance and processes, as calls that are values. Three come with the library:
 * `nodeEnvironment`, `memoryEnvironment` and, in `seglog/testing`, `simulate`.
 */
export interface Environment {
  /** Performs a call now, on this thread; throws a SystemError. */
  call<C extends Call>(call: C): ResultOf<C>
  /**
   * Performs a call later, off this thread, at any time before `done`: it may land after synchronous calls made in the
   * meantime, and cannot be taken back. `done` is called once, never during `start`.
   */
  start<C extends Call>(call: C, done: Done<ResultOf<C>>): void

  /** Wall clock, milliseconds since 1970 with a fraction; may jump either way. */
  nowMs(): number
  /** Monotonic clock in milliseconds with a fraction; only differences mean anything. */
  monotonicMs(): number
  /** Runs `task` once, no sooner than `delayMs` from now. A timer never keeps the process alive. */
  after(delayMs: number, task: () => void): Timer
  /** Runs `task` soon, after the current turn of the event loop. */
  defer(task: () => void): void

  /** So many bytes that nobody can foretell; they belong to the caller. */
  randomBytes(count: number): Uint8Array

  /** A path that means the same whatever becomes of the working directory. */
  absolute(path: string): string

  readonly identity: ProcessIdentity
  /** Start time of the process with this pid in our pid namespace (also of a zombie), undefined when there is none. */
  startTimeOf(pid: number): string | undefined

  /** Listens on a unix socket at this path, however long the path is. Fails with EADDRINUSE when the name is taken. */
  listen(path: string, done: Done<Listener>): void
  /** Asks whether somebody listens there; connects, sends nothing, hangs up. */
  probe(path: string, done: (probe: SocketProbe) => void): void

  /** Calls `changed` (perhaps too often, never too rarely while it lasts) when a name or file in the directory changes. */
  watch(directory: string, changed: () => void): Listener

  /**
   * Keeps the process (in a worker: the thread) alive until the returned function is called; calling it again does
   * nothing. For whoever waits for another process. Does nothing in a world where nothing happens behind its back.
   */
  stayAlive(): () => void
}
