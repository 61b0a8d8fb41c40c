import type { Environment, Handle } from '../segments/env/environment.ts'
import { type Steps, step } from '../segments/env/steps.ts'
import { SeglogError, hasCode } from '../segments/errors.ts'
import { discard, makeFile, withFile, withFileIfThere } from '../segments/files.ts'
import { decodeHeader } from '../segments/format/header.ts'
import { FRAMES_START } from '../segments/format/layout.ts'
import type { SealedLine } from '../segments/format/manifest.ts'
import { temporaryName } from '../segments/format/names.ts'
import { nonce } from '../segments/manifest-store.ts'
import { SegmentScanner } from '../segments/scan.ts'
import { copyRaw } from './copy.ts'
import { readHead } from './inspect-segments.ts'

/** Whether a file is the segment of this line, as far as its header and its length tell. */
export function* isFileOf(path: string, logId: string, line: SealedLine): Steps<boolean> {
  const there = yield* withFileIfThere(path, readHead)
  if (there === undefined || there.size < line.dataBytes) return false
  const finding = decodeHeader(there.head)
  if (finding.found !== 'header') return false
  const { header } = finding
  return header.logId === logId && header.ordinal === line.ordinal && header.salt === line.salt
}

/** Reads a segment through: valid frames only, and those that were sealed. Of one with damage inside only its length counts. */
export function* hasDigestOf(path: string, line: SealedLine): Steps<boolean> {
  return yield* withFile(path, 'read', (handle) => isAsSealed(handle, line))
}

function* isAsSealed(handle: Handle, line: SealedLine): Steps<boolean> {
  const size = yield* step({ do: 'size', handle })
  if (size < line.dataBytes) return false
  const { salt, firstSequence, dataBytes } = line
  const key = { salt, firstSequence, baseTimestamp: BigInt(line.baseTimestamp) }
  let holes = 0
  const hole = (): void => void (holes += 1)
  const scan = yield* new SegmentScanner(handle, dataBytes, key, FRAMES_START, { hole }).run('search')
  const last = scan.stretches.at(-1)!
  return line.damaged === true || (holes === 0 && last.wholeEnd === dataBytes && last.digest === line.digest)
}

/** Who cannot link says so: another volume, or a file system without links. */
const NO_LINK = ['EXDEV', 'EPERM', 'EOPNOTSUPP', 'ENOTSUP', 'EMLINK']

/**
 * Puts a sealed segment into another directory, under the same name: a link where that can be, else a copy that is synced
 * and compared with its digest. The old file stays; the new name is durable after a sync of its directory. What an
 * interrupted move left there is replaced, a file of anything else is not.
 */
export function* placeSegment(
  env: Environment,
  from: string,
  to: string,
  logId: string,
  line: SealedLine,
): Steps<void> {
  const there = yield* step({ do: 'stat', path: to })
  if (there !== undefined) {
    const own = yield* step({ do: 'stat', path: from })
    // Where it is the same file, an interrupted move gave it the name. If its sync failed, the system may have forgotten
    // the name, and the next sync would say OK: so a copy takes its place, too.
    if (own?.id !== there.id && !(yield* isFileOf(to, logId, line))) throw takenError(to)
  } else if (yield* linked(from, to)) return
  yield* placeCopy(env, from, to, line.dataBytes)
  if (yield* hasDigestOf(to, line)) return
  const message = `a segment was damaged, or is damaged in its copy. Run "seglog verify" on the log. Nothing was moved.`
  throw new SeglogError('CORRUPT', message, { file: from, expected: line.digest, found: 'another digest' })
}

/** A sidecar goes along where that can be. It can be made anew, so nothing depends on it. */
export function* placeSidecar(from: string, to: string): Steps<void> {
  try {
    const status = yield* step({ do: 'stat', path: from })
    if (status?.kind === 'file') yield* linkedOrCopied(from, to, status.size)
  } catch (error) {
    if (!(error instanceof Error)) throw error
  }
}

function* linkedOrCopied(from: string, to: string, bytes: number): Steps<void> {
  if ((yield* step({ do: 'stat', path: to })) !== undefined) yield* discard(to)
  if (yield* linked(from, to)) return
  yield* makeFile(to, (target) => copySynced(from, target, bytes))
}

function* linked(from: string, to: string): Steps<boolean> {
  try {
    yield* step({ do: 'link', from, to })
    return true
  } catch (error) {
    if (NO_LINK.some((code) => hasCode(error, code))) return false
    throw error
  }
}

function* placeCopy(env: Environment, from: string, to: string, bytes: number): Steps<void> {
  const temporary = `${to.slice(0, to.lastIndexOf('/'))}/${temporaryName('copy', nonce(env))}`
  yield* makeFile(temporary, (target) => copySynced(from, target, bytes))
  yield* step({ do: 'rename', from: temporary, to })
}

function* copySynced(from: string, target: Handle, bytes: number): Steps<void> {
  yield* withFile(from, 'read', (source) => copyRaw(source, target, 0, bytes))
  yield* step({ do: 'sync', handle: target })
}

function takenError(file: string): SeglogError {
  const message = 'another file has the name that a segment is to get. Use a directory for this log alone.'
  return new SeglogError('INVALID_ARGUMENT', message, { file })
}
