import { manifestFinding } from '../../recovery/inspect.ts'
import type { DirectoryEntry } from '../../segments/env/environment.ts'
import { type Steps, step } from '../../segments/env/steps.ts'
import { SeglogError, hasCode, wrapSystemError } from '../../segments/errors.ts'
import type { Manifest, RunIdentity, RunStatus } from '../../segments/format/manifest.ts'
import { isName, parseName } from '../../segments/format/names.ts'
import { readManifest } from '../../segments/manifest-files.ts'

/** A log of a store, as its manifest tells. */
export interface LogListing {
  /** `<instance>/<run>`, or the name of a stream. */
  readonly name: string
  /** Undefined where no manifest can be read; `error` says why. */
  readonly status: RunStatus | undefined
  /** Null in a stream. */
  readonly run: RunIdentity | null
  /** Nanoseconds since 1970: when the run started, or the stream was made. */
  readonly startedNs: bigint
  /** At least so many records are there; a log that is being written has more. */
  readonly highWatermark: number
  /** Why the log cannot be told of, or what is wrong with its newest manifest while the one before it is read. */
  readonly error: SeglogError | undefined
}

/** A directory of a store: what is in it is one log, or logs. */
interface Place {
  readonly path: string
  readonly name: string
}

/**
 * The logs in a store, from their manifests alone, the earliest first and those of which nothing is known last. One that
 * cannot be read is listed as such, beside the others. Writes nothing.
 */
export function* listLogs(base: string, instance?: string): Steps<LogListing[]> {
  const found: LogListing[] = []
  for (const top of yield* places(base, '')) {
    if (instance !== undefined && top.name !== instance) continue
    if ('error' in top) found.push(top)
    else found.push(...(yield* guarded(top, () => listPlace(top))))
  }
  return found.sort(byStart)
}

/** A log, or the runs of an instance. */
function* listPlace(top: Place): Steps<LogListing[]> {
  if (holdsLog(yield* step({ do: 'list', path: top.path }))) return [yield* listLog(top)]
  const found: LogListing[] = []
  for (const place of yield* places(top.path, `${top.name}/`)) {
    if ('error' in place) found.push(place)
    else found.push(...(yield* guarded(place, () => listOne(place))))
  }
  return found
}

function* listOne(place: Place): Steps<LogListing[]> {
  return [yield* listLog(place)]
}

/** Not locks: an instance has one while a run of it is started. */
const LOG_FILES: readonly string[] = ['manifest', 'segment', 'slots', 'cut', 'archive']

/** So often a writer may replace the manifests that were listed before they are read. */
const ROUNDS_MAX = 100

/** Whether the names in a directory are those of a log. */
export function holdsLog(entries: readonly DirectoryEntry[]): boolean {
  return entries.some(({ name }) => LOG_FILES.includes(parseName(name).kind))
}

/** The newest manifest of a log that can be read. */
function* listLog({ path, name }: Place, round = 0): Steps<LogListing> {
  const parsed = (yield* step({ do: 'list', path })).map((entry) => parseName(entry.name))
  const generations = parsed.flatMap((each) => (each.kind === 'manifest' ? [each.number] : [])).sort((a, b) => b - a)
  let error: SeglogError | undefined
  for (const generation of generations) {
    const finding = yield* readManifest(path, generation)
    if (finding.found === 'manifest') return told(name, finding.manifest, error)
    if (finding.isGone && round < ROUNDS_MAX) return yield* listLog({ path, name }, round + 1)
    const { message, file } = manifestFinding(path, generation, finding)
    error ??= new SeglogError('CORRUPT', message, { file })
  }
  return bad(name, error ?? new SeglogError('NOT_A_LOG', 'there is no manifest here', { file: path }))
}

/** A listing of a log whose manifest is known. */
export function told(name: string, manifest: Manifest, error: SeglogError | undefined): LogListing {
  const { status, run, createdAt, highWatermark } = manifest
  const startedNs = BigInt(run?.startedAt ?? createdAt)
  return { name, status, run, startedNs, highWatermark: highWatermark.sequence, error }
}

function bad(name: string, error: SeglogError): LogListing {
  return { name, status: undefined, run: null, startedNs: 0n, highWatermark: 0, error }
}

/** Directories of a directory, by name; what is neither a directory nor a file, a link above all, is bad. */
function* places(path: string, prefix: string): Steps<(Place | LogListing)[]> {
  let entries
  try {
    entries = yield* step({ do: 'list', path })
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return []
    throw error
  }
  const found: (Place | LogListing)[] = []
  for (const { name, kind } of entries) {
    const place = { path: `${path}/${name}`, name: prefix + name }
    if (!isName(name) || kind === 'file' || parseName(name).kind !== 'foreign') continue
    if (kind === 'directory') found.push(place)
    else found.push(bad(place.name, linkError(place.path)))
  }
  return found
}

export function linkError(path: string): SeglogError {
  return new SeglogError('NOT_A_LOG', 'this is no directory, and links are not followed out of a store', { file: path })
}

function* guarded(place: Place, list: () => Steps<LogListing[]>): Steps<LogListing[]> {
  try {
    return yield* list()
  } catch (error) {
    return [bad(place.name, wrapSystemError(error, `listing ${place.path}`, { file: place.path }))]
  }
}

/** The earliest first; those of which nothing is known last. */
export function byStart(a: LogListing, b: LogListing): number {
  if ((a.status === undefined) !== (b.status === undefined)) return a.status === undefined ? 1 : -1
  if (a.startedNs !== b.startedNs) return a.startedNs < b.startedNs ? -1 : 1
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}

/**
 * Makes durable that a run is sealed. Whoever sealed it may have died before the name of its last manifest was synced, or
 * have been told that this sync failed, and have closed the log.
 */
export function* settleSealed(path: string): Steps<void> {
  yield* step({ do: 'syncDirectory', path })
}
