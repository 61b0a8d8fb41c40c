import { nameAgain } from '../recovery/aside.ts'
import type { Environment } from '../segments/env/environment.ts'
import { runNow, type Steps, step } from '../segments/env/steps.ts'
import { SeglogError, hasCode } from '../segments/errors.ts'
import { SLOTS_NAME, temporaryName } from '../segments/format/names.ts'
import { nonce } from '../segments/manifest-store.ts'

/**
 * Makes a directory for a log, and those above it, unless they are there. Each name is durable then, also that of a
 * directory that was there: who made it may have been killed before its sync. Throws NOT_A_LOG where something else is.
 */
export function makeReady(env: Environment, path: string): void {
  try {
    runNow(env, ready(env, path))
  } catch (error) {
    throw hasCode(error, 'ENOTDIR') ? noDirectory(path, error) : error
  }
}

/** What is in a log was written after its directory had a durable name. */
function* ready(env: Environment, path: string): Steps<void> {
  const slots = yield* step({ do: 'stat', path: `${path}/${SLOTS_NAME}` })
  if (slots === undefined) yield* makeDirectories(env, path)
}

/** Makes a directory and those above it that are missing, each when the name of the one above it is durable. */
function* makeDirectories(env: Environment, path: string): Steps<void> {
  const status = yield* step({ do: 'stat', path })
  if (status?.kind === 'file') throw noDirectory(path, undefined)
  if (status?.kind === 'directory') return yield* syncNames(env, path)
  if (status === undefined) yield* makeDirectories(env, parentOf(path))
  try {
    yield* step({ do: 'makeDirectory', path })
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
    yield* mustList(path)
    return yield* syncNames(env, path)
  }
  yield* syncName(env, path, 'us')
}

/** Of a directory that is there, and of those above it: a program that made them with one call has synced none. */
function* syncNames(env: Environment, path: string): Steps<void> {
  for (let at = path; at !== '/'; at = parentOf(at)) yield* syncName(env, at, 'others')
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

/** What says that this system, volume or user cannot sync a directory. */
const CANNOT_SYNC = ['EACCES', 'EPERM', 'EINVAL', 'EROFS', 'ENOTSUP'] as const

/**
 * Makes the name of a directory durable. A system may forget a name whose sync failed, and the next sync says OK. So it is
 * given once more before anybody hears of the failure: who tries again then finds something to sync.
 */
function* syncName(env: Environment, path: string, madeBy: 'us' | 'others'): Steps<void> {
  try {
    yield* step({ do: 'syncDirectory', path: parentOf(path) })
  } catch (error) {
    // Then a directory that was there is not ours to care for.
    if (madeBy === 'others' && CANNOT_SYNC.some((code) => hasCode(error, code))) return
    yield* nameEmptyAgain(env, path)
    throw error
  }
}

/** One that is empty was made by us, now or in an earlier try; one with anything in it may be in use. */
function* nameEmptyAgain(env: Environment, path: string): Steps<void> {
  try {
    const isEmpty = (yield* step({ do: 'list', path })).length === 0
    if (isEmpty) yield* nameAgain(path, `${parentOf(path)}/${temporaryName('copy', nonce(env))}`)
  } catch {
    // The failure of the sync is what is told.
  }
}

/** A link to a directory is as good as one; a link to anything else, a pipe or a device is not. */
function* mustList(path: string): Steps<void> {
  try {
    yield* step({ do: 'list', path })
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) throw noDirectory(path, error)
    throw error
  }
}

/** Of a log that is to be read. Throws NOT_A_LOG where nothing is there, or something else than a directory. */
export function mustBeDirectory(env: Environment, path: string): void {
  try {
    runNow(env, mustList(path))
  } catch (error) {
    if (!hasCode(error, 'ENOENT') && !hasCode((error as Error).cause, 'ENOENT')) throw error
    throw new SeglogError('NOT_A_LOG', 'there is no such directory', { file: path, cause: error })
  }
}

export function noDirectory(path: string, cause: unknown): SeglogError {
  return new SeglogError('NOT_A_LOG', 'a log is a directory, and this is something else', { file: path, cause })
}
