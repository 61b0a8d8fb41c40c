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

/** Runs `body` with an open file, and closes it whatever happens; an error of `body` wins over one of the close. */
export function* withFile<T>(
  path: string,
  access: 'read' | 'write' | 'create',
  body: (handle: Handle) => Steps<T>,
): Steps<T> {
  const handle = yield* step({ do: 'open', path, access })
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
  yield* makeFile(path, function* (handle) {
    yield* writeAll(handle, content, 0, content.length, 0)
    yield* step({ do: 'sync', handle })
  })
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

/** The whole of a file, refused above `bytesMax`; undefined when there is none. */
export function* readWhole(path: string, bytesMax: number): Steps<Buffer | undefined> {
  try {
    return yield* withFile(path, 'read', function* (handle) {
      const size = yield* step({ do: 'size', handle })
      if (size > bytesMax) {
        throw new SeglogError('CORRUPT', 'a file is larger than anything seglog writes there', {
          file: path,
          expected: `at most ${bytesMax} bytes`,
          found: size,
        })
      }
      const bytes = Buffer.alloc(size)
      const got = yield* readUpTo(handle, bytes, 0, size, 0)
      return bytes.subarray(0, got)
    })
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Removes a file that may be gone already. */
export function* removeIfThere(path: string): Steps<void> {
  try {
    yield* step({ do: 'unlink', path })
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
  }
}
