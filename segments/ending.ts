import type { Environment } from './env/environment.ts'
import { type Steps, runLater, step } from './env/steps.ts'
import { removeIfThere } from './files.ts'
import type { Manifest, SegmentLine } from './format/manifest.ts'
import { segmentName } from './format/names.ts'
import type { Position } from './format/slots.ts'
import type { ManifestStore } from './manifest-store.ts'
import { sealedLine, shorten } from './sealing.ts'
import type { Segment } from './segment.ts'

/** What becomes of a log that is sealed: its last manifest says so, and it is never written again. */
export type Ending = Pick<Manifest, 'status' | 'run'>

/**
 * Marks a log as closed at this position, and lists those segments as sealed that are `full`; with an `ending` it is closed
 * for good, and all that are `used` are.
 */
export function markClosed(
  env: Environment,
  manifests: ManifestStore,
  position: Position,
  { used, full }: { readonly used: readonly Segment[]; readonly full: readonly Segment[] },
  ending: Ending | undefined,
): Promise<unknown> {
  const close = (manifest: Manifest): Manifest => ({
    ...manifest,
    clean: position,
    segments: manifest.segments.map((line) => linesAfter(line, full)[0] ?? line),
  })
  const end = (manifest: Manifest): Manifest => ({
    ...manifest,
    clean: position,
    ...ending,
    segments: manifest.segments.flatMap((line) => linesAfter(line, used)),
  })
  const mark = manifests.update(ending === undefined ? close : end)
  return new Promise((resolve) => runLater(env, mark, (error) => resolve(error ?? undefined)))
}

/** A line of a log that is ended; none for a segment that was only prepared. */
function linesAfter(line: SegmentLine, used: readonly Segment[]): SegmentLine[] {
  if (line.state !== 'open') return [line]
  const segment = used.find((each) => each.plan.ordinal === line.ordinal)
  return segment === undefined ? [] : [sealedLine(segment)]
}

/**
 * Gives back the space that an ended log does not need: what lies behind the end of its last segments, and the prepared
 * one of what was `listed` before. All its files are closed, and its last manifest is durable: nothing depends on this.
 */
export function releaseSpace(
  env: Environment,
  directory: string,
  used: readonly Segment[],
  listed: readonly SegmentLine[],
): Promise<unknown> {
  const isUsed = (ordinal: number): boolean => used.some((each) => each.plan.ordinal === ordinal)
  const open = listed.filter((line) => line.state === 'open').map(({ ordinal }) => ordinal)
  const release = cutAndRemove(
    directory,
    used,
    open.filter((ordinal) => !isUsed(ordinal)),
  )
  return new Promise((resolve) => runLater(env, release, (error) => resolve(error ?? undefined)))
}

function* cutAndRemove(directory: string, used: readonly Segment[], prepared: readonly number[]): Steps<void> {
  for (const segment of used) yield* shorten(segment)
  for (const ordinal of prepared) yield* removeIfThere(`${directory}/${segmentName(ordinal)}`)
  if (prepared.length > 0) yield* step({ do: 'syncDirectory', path: directory })
}
