import { archiveOf } from '../recovery/archive.ts'
import type { Environment } from '../segments/env/environment.ts'
import { hasCode, invalid, wrapSystemError } from '../segments/errors.ts'
import { ARCHIVE_DIRECTORY } from '../segments/format/names.ts'

/**
 * The directory that archived segments are to go to; undefined for the log's own `archive/`. Reads only. Throws
 * INVALID_ARGUMENT for any other place in the log: nobody looks for segments there, `cut/` is for people to empty, and a
 * copy leaves out what it does not know.
 */
export function placeOf(env: Environment, directory: string, to: string | undefined): string | undefined {
  if (to === undefined) return undefined
  if (typeof to !== 'string' || to === '') throw invalid('to', 'a path', to)
  const path = env.absolute(to).replace(/(?<=.)\/+$/, '')
  if (path === archiveOf(directory, undefined)) return undefined
  if (path === directory || path.startsWith(`${directory}/`)) throw insideError(to)
  const where = whereIs(env, directory, path)
  if (where === 'inside') throw insideError(to)
  return where === 'archive' ? undefined : path
}

/** By a link, a path that looks like another may lead into the log. */
function whereIs(env: Environment, directory: string, path: string): 'outside' | 'inside' | 'archive' {
  try {
    const own = idOf(env, directory)
    if (own === undefined) return 'outside'
    const there = nearestThere(env, path)
    if (!aboveOf(env, there).includes(own)) return 'outside'
    const rest = path.slice(there.length).replace(/^\/+/, '')
    if (rest === ARCHIVE_DIRECTORY && idOf(env, there) === own) return 'archive'
    const archive = archiveOf(directory, undefined)
    const isThere = env.call({ do: 'stat', path: archive })?.kind === 'directory'
    return isThere && rest === '' && idOf(env, there) === idOf(env, archive) ? 'archive' : 'inside'
  } catch (error) {
    throw wrapSystemError(error, 'archiving', { file: path })
  }
}

/** Of a directory, through whatever links lead to it; undefined where there is none. */
function idOf(env: Environment, path: string): string | undefined {
  try {
    return env.call({ do: 'stat', path: `${path}/.` })?.id
  } catch (error) {
    if (hasCode(error, 'ENOTDIR')) return undefined
    throw error
  }
}

/** The path, or the nearest above it where there is a directory. */
function nearestThere(env: Environment, path: string): string {
  let at = path
  while (at !== '' && idOf(env, at) === undefined) at = at.slice(0, Math.max(0, at.lastIndexOf('/')))
  return at
}

/** A directory and all above it, as the system walks up from where links led. */
function aboveOf(env: Environment, path: string): string[] {
  const ids: string[] = []
  for (let at = path; ; at += '/..') {
    const id = idOf(env, at)
    // Above the root is the root.
    if (id === undefined || id === ids.at(-1)) return ids
    ids.push(id)
  }
}

function insideError(to: string): Error {
  const expected = "a directory outside of the log, or its own archive/ (the default); give another, or leave 'to' away"
  return invalid('to', expected, to)
}
