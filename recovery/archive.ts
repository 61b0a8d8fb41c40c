import type { Environment } from '../segments/env/environment.ts'
import { type Steps, step } from '../segments/env/steps.ts'
import { SeglogError } from '../segments/errors.ts'
import { removeIfThere } from '../segments/files.ts'
import type { SealedLine } from '../segments/format/manifest.ts'
import { ARCHIVE_DIRECTORY, segmentName, sidecarName, temporaryName } from '../segments/format/names.ts'
import { type ManifestStore, nonce, withLine } from '../segments/manifest-store.ts'
import { hasDigestOf, placeSegment, placeSidecar } from './archive-file.ts'
import { makeDirectory, nameAgain } from './aside.ts'
import { type Watch, watched } from './verify-progress.ts'

/** The directory in which an archived segment is, or would be. */
export function archiveOf(directory: string, place: string | undefined): string {
  return place ?? `${directory}/${ARCHIVE_DIRECTORY}`
}

/** The file of a sealed segment, where its line says. */
export function fileOf(directory: string, line: SealedLine): string {
  const place = line.state === 'archived' ? archiveOf(directory, line.place) : directory
  return `${place}/${segmentName(line.ordinal)}`
}

/**
 * Moves sealed segments out of the live log: all into the other directory, its names synced, then the manifest, which alone
 * decides where a segment counts, and only then away from here. The watch may end it until then. `place` is undefined for the log's own `archive/`.
 */
export function* moveOut(
  env: Environment,
  directory: string,
  manifests: ManifestStore,
  lines: readonly SealedLine[],
  place: string | undefined,
  watch: Watch,
): Steps<void> {
  const archive = archiveOf(directory, place)
  // What is found in two places after a crash must be known to be sealed, which a manifest may have failed to say.
  if (!manifests.isSaved) yield* manifests.update((latest) => latest)
  if (place === undefined) yield* manifests.names.giving(makeArchive(env, directory, archive))
  watch.expect(bytesOf(lines))
  yield* watched(placeAll(env, directory, archive, manifests.latest.logId, lines, watch), watch)
  yield* updateLines(manifests, lines, (line) => ({
    ...line,
    state: 'archived',
    ...(place === undefined ? {} : { place }),
  }))
  yield* removeAll(directory, lines)
  watch.end()
}

/**
 * Makes `archive/`. One that is empty was left by an earlier try, whose sync may have failed: the system may have forgotten
 * its name, and the next sync would say OK. So it is named once more, while nothing depends on it.
 */
function* makeArchive(env: Environment, directory: string, archive: string): Steps<void> {
  const there = yield* step({ do: 'stat', path: archive })
  const isLeft = there?.kind === 'directory' && (yield* step({ do: 'list', path: archive })).length === 0
  if (isLeft) yield* nameAgain(archive, `${directory}/${temporaryName('copy', nonce(env))}`)
  yield* makeDirectory(archive, directory)
}

/** Brings archived segments back, each compared with its digest before the manifest calls it live. */
export function* bringBack(
  env: Environment,
  directory: string,
  manifests: ManifestStore,
  lines: readonly SealedLine[],
  watch: Watch,
): Steps<void> {
  watch.expect(2 * bytesOf(lines))
  const places = yield* watched(checkedPlaces(directory, lines, watch), watch)
  const { logId } = manifests.latest
  for (const [archive, own] of places) {
    yield* manifests.names.giving(watched(placeAll(env, archive, directory, logId, own, watch), watch))
  }
  yield* updateLines(manifests, lines, ({ place: _, ...line }) => ({ ...line, state: 'sealed' }))
  for (const [archive, own] of places) yield* removeAll(archive, own)
  watch.end()
}

/** The directories where these segments are, each with its own; throws where one is missing or damaged. */
function* checkedPlaces(
  directory: string,
  lines: readonly SealedLine[],
  watch: Watch,
): Steps<ReadonlyMap<string, readonly SealedLine[]>> {
  const places = new Map<string, SealedLine[]>()
  for (const line of lines) {
    watch.enter(line.dataBytes)
    watch.mayGoOn()
    const archive = archiveOf(directory, line.place)
    const path = `${archive}/${segmentName(line.ordinal)}`
    const status = yield* step({ do: 'stat', path })
    if (status?.kind !== 'file') throw missingError(path, line)
    if (!(yield* hasDigestOf(path, line))) throw damagedError(path, line)
    places.set(archive, [...(places.get(archive) ?? []), line])
  }
  return places
}

function* placeAll(
  env: Environment,
  from: string,
  to: string,
  logId: string,
  lines: readonly SealedLine[],
  watch: Watch,
): Steps<void> {
  for (const line of lines) {
    watch.enter(line.dataBytes)
    watch.mayGoOn()
    const [segment, sidecar] = [segmentName(line.ordinal), sidecarName(line.ordinal)]
    yield* placeSegment(env, `${from}/${segment}`, `${to}/${segment}`, logId, line)
    yield* placeSidecar(`${from}/${sidecar}`, `${to}/${sidecar}`)
  }
  yield* step({ do: 'syncDirectory', path: to })
}

function* updateLines(
  manifests: ManifestStore,
  lines: readonly SealedLine[],
  change: (line: SealedLine) => SealedLine,
): Steps<void> {
  const changed = lines.map(change)
  try {
    yield* manifests.update((latest) => changed.reduce(withLine, latest))
  } catch (error) {
    // Both copies are there: who was told that it failed finds all as it was, and may do it again.
    manifests.takeBack((latest) => lines.reduce(withLine, latest))
    throw error
  }
}

/** What stays here when this is interrupted is removed by the next opening. */
function* removeAll(from: string, lines: readonly SealedLine[]): Steps<void> {
  for (const { ordinal } of lines) {
    yield* removeIfThere(`${from}/${segmentName(ordinal)}`)
    yield* removeIfThere(`${from}/${sidecarName(ordinal)}`)
  }
  yield* step({ do: 'syncDirectory', path: from })
}

function bytesOf(lines: readonly SealedLine[]): number {
  return lines.reduce((sum, { dataBytes }) => sum + dataBytes, 0)
}

function missingError(file: string, line: SealedLine): SeglogError {
  const message = `the archived segment of records ${line.firstSequence} to ${line.lastSequence} is not there. Bring its volume back.`
  return new SeglogError('GAP', message, { file, sequence: line.firstSequence })
}

function damagedError(file: string, line: SealedLine): SeglogError {
  const message = `the archived segment of records ${line.firstSequence} to ${line.lastSequence} is damaged. Nothing was restored.`
  return new SeglogError('CORRUPT', message, { file, sequence: line.firstSequence })
}
