import type { Environment } from '../segments/env/environment.ts'
import { runNow, type Steps, step } from '../segments/env/steps.ts'
import { SeglogError, hasCode } from '../segments/errors.ts'

/** Makes a directory for a log, and those above it, unless they are there. Throws NOT_A_LOG where something else is. */
export function makeReady(env: Environment, path: string): void {
  try {
    runNow(env, makeDirectories(path))
  } catch (error) {
    throw hasCode(error, 'ENOTDIR') ? noDirectory(path, error) : error
  }
}

/** Makes a directory and those above it that are missing; each name is durable when the steps end. */
function* makeDirectories(path: string): Steps<void> {
  const status = yield* step({ do: 'stat', path })
  if (status?.kind === 'directory') return
  if (status?.kind === 'file') throw noDirectory(path, undefined)
  const slash = path.lastIndexOf('/')
  const parent = slash <= 0 ? '/' : path.slice(0, slash)
  if (status === undefined && slash > 0) yield* makeDirectories(parent)
  try {
    yield* step({ do: 'makeDirectory', path })
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
    yield* mustList(path)
    return
  }
  yield* step({ do: 'syncDirectory', path: parent })
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

function noDirectory(path: string, cause: unknown): SeglogError {
  return new SeglogError('NOT_A_LOG', 'a log is a directory, and this is something else', { file: path, cause })
}
