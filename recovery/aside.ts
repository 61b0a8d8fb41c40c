import type { Handle } from '../segments/env/environment.ts'
import { type Steps, step } from '../segments/env/steps.ts'
import { SeglogError, hasCode } from '../segments/errors.ts'
import { removeIfThere, withFile, writeAll } from '../segments/files.ts'
import { CUT_DIRECTORY, cutName } from '../segments/format/names.ts'
import { Window, windowBytes } from '../segments/window.ts'

export interface AsideRequest {
  readonly directory: string
  readonly from: string
  readonly ordinal: number
  readonly start: number
  readonly end: number
  readonly epoch: number
}

/**
 * Keeps bytes that are about to be cut in a file of their own in `cut/`; durable, name and all, when the steps end.
 * Returns its path. An interrupted recovery that comes again writes the same file again.
 */
export function* keepAside(request: AsideRequest): Steps<string> {
  const cut = `${request.directory}/${CUT_DIRECTORY}`
  yield* makeDirectory(cut, request.directory)
  const path = `${cut}/${cutName(request.ordinal, request.start, request.epoch)}`
  const temporary = `${path}.tmp`
  yield* removeIfThere(temporary)
  yield* withFile(request.from, 'read', (source) =>
    withFile(temporary, 'create', (target) => copyPart(request, source, target)),
  )
  yield* step({ do: 'rename', from: temporary, to: path })
  yield* step({ do: 'syncDirectory', path: cut })
  return path
}

function* copyPart({ start, end }: AsideRequest, source: Handle, target: Handle): Steps<void> {
  const window = new Window(windowBytes(end - start))
  for (let at = start; at < end;) {
    yield* window.load(source, at, 1, end)
    if (window.length === 0) break
    yield* writeAll(target, window.block.bytes, 0, window.length, at - start)
    at += window.length
  }
  yield* step({ do: 'sync', handle: target })
}

/** Moves a file that cannot be read into `cut/`, under its own name. */
export function* moveAside(directory: string, name: string): Steps<void> {
  const cut = `${directory}/${CUT_DIRECTORY}`
  yield* makeDirectory(cut, directory)
  yield* step({ do: 'rename', from: `${directory}/${name}`, to: `${cut}/${name}` })
  yield* step({ do: 'syncDirectory', path: cut })
  yield* step({ do: 'syncDirectory', path: directory })
}

/** Makes a directory unless it is there; its name is durable when the steps end. */
export function* makeDirectory(path: string, parent: string): Steps<void> {
  try {
    yield* step({ do: 'makeDirectory', path })
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
    const there = yield* step({ do: 'stat', path })
    if (there?.kind !== 'directory') {
      const message = 'this should be a directory of the log and is something else. Move it away.'
      throw new SeglogError('IO', message, { file: path, found: there?.kind, cause: error })
    }
  }
  yield* step({ do: 'syncDirectory', path: parent })
}

/**
 * Gives a directory its name once more, by way of another one: a system may have forgotten it after a sync that failed, and
 * the next sync finds nothing to do and says OK.
 */
export function* nameAgain(path: string, temporary: string): Steps<void> {
  try {
    yield* step({ do: 'rename', from: path, to: temporary })
  } catch (error) {
    // A volume that is mounted there; its name is not ours.
    if (hasCode(error, 'EBUSY')) return
    throw error
  }
  yield* step({ do: 'rename', from: temporary, to: path })
}
