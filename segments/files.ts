import type { Handle } from './env/environment.ts'
import { type Steps, step } from './env/steps.ts'
import { SeglogError, hasCode } from './errors.ts'

/** Reads exactly `length` bytes, or as many as there are; returns the count. An error of the disk is never an end. */
export function* readUpTo(
  handle: Handle,
  into: Uint8Array,
  start: number,
  length: number,
  position: number,
): Steps<number> {
  let done = 0
  while (done < length) {
    const got = yield* step({
      do: 'read',
      handle,
      into,
      start: start + done,
      length: length - done,
      position: position + done,
    })
    if (got === 0) break
    done += got
  }
  return done
}

/**
 * Reads exactly `length` bytes, or as many as the file has: it may be shorter than whoever asks believes. A read that ends
 * before the file does is an error of the disk, and not damage.
 */
export function* readWhatIsThere(
  handle: Handle,
  into: Uint8Array,
  start: number,
  length: number,
  position: number,
): Steps<number> {
  const got = yield* readUpTo(handle, into, start, length, position)
  if (got < length) {
    const size = yield* step({ do: 'size', handle })
    if (size > position + got) throw endedEarly(position + got, length, got)
  }
  return got
}

/** Writes all of `from[start…start+length)`, going on after a short count: the next call then names what was wrong. */
export function* writeAll(
  handle: Handle,
  from: Uint8Array,
  start: number,
  length: number,
  position: number,
): Steps<void> {
  let done = 0
  while (done < length) {
    const put = yield* step({
      do: 'write',
      handle,
      from,
      start: start + done,
      length: length - done,
      position: position + done,
    })
    if (put === 0) throw new SeglogError('IO', 'a write took no bytes', { offset: position + done })
    done += put
  }
}

/**
 * Reads exactly `length` bytes that the file's length says are there. Where they are not, the disk is not to be trusted:
 * an error, and never an end.
 */
export function* readExactly(
  handle: Handle,
  into: Uint8Array,
  start: number,
  length: number,
  position: number,
): Steps<void> {
  const got = yield* readUpTo(handle, into, start, length, position)
  if (got === length) return
  throw endedEarly(position + got, length, got)
}

function endedEarly(offset: number, expected: number, found: number): SeglogError {
  return new SeglogError('IO', 'a read ended before the file does', { offset, expected, found })
}

/**
 * Runs `body` with an open file, and closes it whatever happens; an error of `body` wins over one of the close. Let `body`
 * be an arrow that calls a generator of its own: a `function*` that is made anew for each call gets a hidden class of its
 * own, which keeps all that it refers to until the next full collection.
 */
export function* withFile<T>(
  path: string,
  access: 'read' | 'write' | 'create',
  body: (handle: Handle) => Steps<T>,
): Steps<T> {
  const handle = yield* step({ do: 'open', path, access })
  return yield* closingAfter(handle, body)
}

/**
 * As `withFile` to read; undefined where no regular file has that name. Only the opening of it says so: whatever else
 * fails on the file is an error of the disk.
 */
export function* withFileIfThere<T>(path: string, body: (handle: Handle) => Steps<T>): Steps<T | undefined> {
  let handle: Handle
  try {
    handle = yield* step({ do: 'open', path, access: 'read' })
  } catch (error) {
    if (['ENOENT', 'ELOOP', 'EINVAL'].some((code) => hasCode(error, code))) return undefined
    throw error
  }
  return yield* closingAfter(handle, body)
}

/** Runs `body` and closes the file whatever happens; an error of `body` wins over one of the close. */
export function* closingAfter<T>(handle: Handle, body: (handle: Handle) => Steps<T>): Steps<T> {
  let result: T
  try {
    result = yield* body(handle)
  } catch (error) {
    try {
      yield* step({ do: 'close', handle })
    } catch (closing) {
      throw new AggregateError([error, closing], 'the work on a file and its close both failed', { cause: error })
    }
    throw error
  }
  yield* step({ do: 'close', handle })
  return result
}

/** Makes a new file with this content, durable except for its name. */
export function* createFile(path: string, content: Uint8Array): Steps<void> {
  yield* makeFile(path, (handle) => writeDurably(handle, content))
}

function* writeDurably(handle: Handle, content: Uint8Array): Steps<void> {
  yield* writeAll(handle, content, 0, content.length, 0)
  yield* step({ do: 'sync', handle })
}

/** Makes a new file; one that could not be finished is removed, so that a full disk does not fill up with beginnings. */
export function* makeFile<T>(path: string, body: (handle: Handle) => Steps<T>): Steps<T> {
  try {
    return yield* withFile(path, 'create', body)
  } catch (error) {
    // Not when the name was taken: then it is another's.
    if (!hasCode(error, 'EEXIST')) yield* discard(path)
    throw error
  }
}

/** Removes a temporary file if that is possible: one that stays is removed by the next opening. */
export function* discard(path: string): Steps<void> {
  try {
    yield* removeIfThere(path)
  } catch (error) {
    if (!(error instanceof Error)) throw error
  }
}

/** All bytes of an open file, refused above `bytesMax`. */
export function* readAll(handle: Handle, path: string, bytesMax: number): Steps<Buffer> {
  const size = yield* step({ do: 'size', handle })
  if (size > bytesMax) {
    throw new SeglogError('CORRUPT', 'a file is larger than anything seglog writes there', {
      file: path,
      expected: `at most ${bytesMax} bytes`,
      found: size,
    })
  }
  const bytes = Buffer.allocUnsafe(size)
  yield* readExactly(handle, bytes, 0, size, 0)
  return bytes
}

/** Removes a file that may be gone already. */
export function* removeIfThere(path: string): Steps<void> {
  try {
    yield* step({ do: 'unlink', path })
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
  }
}
