import type { Environment, Handle } from './env/environment.ts'
import { type Steps, step } from './env/steps.ts'
import { hasCode, isOfDisk } from './errors.ts'
import { closingAfter, discard, makeFile, writeAll } from './files.ts'
import type { SegmentHandles } from './segment.ts'

/** Zeros for which somebody waits go out in pieces of this size. */
const PIECE_BYTES = 8 * 1024 * 1024
const ZEROS = Buffer.alloc(PIECE_BYTES)

/** Writes zeros from `from` up to `to`. */
export function* writeZeros(handle: Handle, from: number, to: number): Steps<void> {
  for (let at = from; at < to; at += PIECE_BYTES) {
    yield* writeAll(handle, ZEROS, 0, Math.min(PIECE_BYTES, to - at), at)
  }
}

/** Makes a file of zeros that really hold their blocks: a full disk is met here, not in the middle of a record. */
export function* fillWithZeros(path: string, bytes: number): Steps<void> {
  yield* makeFile(path, (handle) => writeZerosDurably(handle, bytes))
}

function* writeZerosDurably(handle: Handle, bytes: number): Steps<void> {
  yield* writeZeros(handle, 0, bytes)
  yield* step({ do: 'sync', handle })
}

/**
 * The same into a file that was just made and is open for durable writes. Ahead of need in small pieces, of which each is on
 * disk before the next: with 8 MiB at a time and one sync behind all, one commit in a hundred waited for 12 to 22 ms
 * while a segment of 64 MiB was filled. As soon as there is no time for zeros, the rest becomes a hole: to write each byte
 * twice takes the disk from the records that wait for it (of 4 KiB each, 640 instead of 450 MiB a second). Not where the
 * volume is nearly full: that is to be met here.
 */
export function* fillAhead(path: string, handle: Handle, bytes: number, isHurried: () => boolean): Steps<void> {
  try {
    yield* closingAfter(handle, () => writeAhead(path, handle, bytes, isHurried))
  } catch (error) {
    yield* discard(path)
    throw error
  }
}

const AHEAD_BYTES = 512 * 1024

function* writeAhead(path: string, handle: Handle, bytes: number, isHurried: () => boolean): Steps<void> {
  for (let at = 0; at < bytes; at += AHEAD_BYTES) {
    if (isHurried() && (yield* isRoomy(path, bytes))) {
      yield* step({ do: 'truncate', handle, size: bytes })
      break
    }
    yield* writeAll(handle, ZEROS, 0, Math.min(AHEAD_BYTES, bytes - at), at)
  }
  yield* step({ do: 'sync', handle })
}

/** A hole is only left where there is room for so many files like it: others write, too, and more than one may have a hole. */
const ROOMY = 4

/** False also where the system does not tell. */
function* isRoomy(path: string, bytes: number): Steps<boolean> {
  try {
    return (yield* step({ do: 'space', path })) >= ROOMY * bytes
  } catch (error) {
    if (!isOfDisk(error)) throw error
    return false
  }
}

/** Opens a segment in each way in which it is written; all or none. */
export function* openSegment(path: string): Steps<SegmentHandles> {
  const opened: Handle[] = []
  try {
    for (const durable of [true, true, false]) opened.push(yield* step({ do: 'open', path, access: 'write', durable }))
  } catch (error) {
    for (const handle of opened) yield* step({ do: 'close', handle })
    throw error
  }
  const [group, direct, plain] = opened
  return { group: group!, direct: direct!, plain: plain! }
}

/**
 * Closes all three files, and gives the error of a close that failed. Nothing depends on it: what was to be durable was
 * synced before, and a handle is gone whatever its close says.
 */
export function* closeSegment(handles: SegmentHandles): Steps<unknown> {
  let failure: unknown
  for (const handle of [handles.group, handles.direct, handles.plain]) {
    try {
      yield* step({ do: 'close', handle })
    } catch (error) {
      failure ??= error
    }
  }
  return failure
}

/** A rename that another run of the same steps may have done; returns whether this one did it. */
export function* renameOnce(from: string, to: string): Steps<boolean> {
  try {
    yield* step({ do: 'rename', from, to })
    return true
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
    const there = yield* step({ do: 'stat', path: to })
    if (there === undefined) throw error
    return false
  }
}

/** A salt for a new life of a file: never zero, never that of the life before. */
export function drawSalt(env: Environment, before: number): number {
  for (;;) {
    const salt = Buffer.from(env.randomBytes(4)).readInt32LE(0)
    if (salt !== 0 && salt !== before) return salt
  }
}
