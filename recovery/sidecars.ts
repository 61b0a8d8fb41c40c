import type { Scan } from '../segments/stretches.ts'
import type { Environment, Handle } from '../segments/env/environment.ts'
import { type Steps, step } from '../segments/env/steps.ts'
import { readUpTo, withFile, withFileIfThere } from '../segments/files.ts'
import { FRAME, FRAMES_START, SEGMENT_BYTES_MAX } from '../segments/format/layout.ts'
import type { SealedLine } from '../segments/format/manifest.ts'
import { segmentName, sidecarName } from '../segments/format/names.ts'
import { PAGE_BYTES, type SegmentIdentity, isSoundPage } from '../segments/format/sidecar.ts'
import { SegmentScanner, type SegmentKey } from '../segments/scan.ts'
import { type SidecarProblem, identityOf, readFooter } from '../segments/sidecar.ts'
import { writeSidecar } from '../segments/sidecar-writing.ts'
import { type Watch, watched } from './verify-progress.ts'
import { survey } from './verify-survey.ts'

/** What became of a sidecar that was of no use. */
export interface RebuiltSidecar {
  readonly ordinal: number
  readonly file: string
  readonly problem: SidecarProblem
  /** `damaged segment`: it is not what was sealed, so no sidecar is made of it. */
  readonly outcome: 'rebuilt' | 'damaged segment'
}

/** What a rebuild of the sidecars of a log found and did. */
export interface RebuildReport {
  /** Live sealed segments; each is to have one. */
  readonly segments: number
  readonly sidecars: readonly RebuiltSidecar[]
}

/**
 * Looks at every page of every sidecar, and makes those anew that are of no use. The caller holds the lock of the log.
 * Tables of keys are not made here: the next opening for writing builds those that are missing.
 */
export function rebuildSidecars(env: Environment, directory: string, watch: Watch): Steps<RebuildReport> {
  return watched(rebuildAll(env, directory, watch), watch)
}

function* rebuildAll(env: Environment, directory: string, watch: Watch): Steps<RebuildReport> {
  const { manifest } = yield* survey(directory)
  const live = manifest.segments.filter((line): line is SealedLine => line.state === 'sealed')
  watch.expect(live.reduce((sum, { dataBytes }) => sum + dataBytes, 0))
  const sidecars: RebuiltSidecar[] = []
  for (const line of live) {
    watch.enter(line.dataBytes)
    const { ordinal } = line
    const file = `${directory}/${sidecarName(ordinal)}`
    const identity = identityOf(manifest.logId, line)
    const problem = (yield* withFileIfThere(file, (handle) => problemOf(handle, identity))) ?? 'missing'
    if (problem === 'none') continue
    const outcome = yield* rebuild(env, directory, line, identity)
    sidecars.push({ ordinal, file, problem, outcome })
  }
  watch.end()
  return { segments: live.length, sidecars }
}

function* problemOf(handle: Handle, identity: SegmentIdentity): Steps<SidecarProblem | 'none'> {
  const footer = yield* readFooter(handle, identity)
  if (typeof footer === 'string') return footer
  const pages = footer.sections.reduce((sum, { pageCount }) => sum + pageCount, 0)
  const bytes = Buffer.alloc(PAGE_BYTES)
  for (let page = 0; page < pages; page++) {
    const length = yield* readUpTo(handle, bytes, 0, PAGE_BYTES, page * PAGE_BYTES)
    if (length < PAGE_BYTES || !isSoundPage(bytes, page, footer.pageSalt)) return 'damaged'
  }
  return 'none'
}

function* rebuild(
  env: Environment,
  directory: string,
  line: SealedLine,
  identity: SegmentIdentity,
): Steps<RebuiltSidecar['outcome']> {
  const { salt, firstSequence, dataBytes, digest } = line
  const key = { salt, firstSequence, baseTimestamp: identity.baseTimestamp }
  const path = `${directory}/${segmentName(line.ordinal)}`
  const scan = yield* withFile(path, 'read', (handle) => scanOpened(handle, dataBytes, key))
  // What was damaged since it was sealed may be mended one day: a sidecar must not remember the damage.
  if (scan.stretches.at(-1)?.digest !== digest) return 'damaged segment'
  // A manifest that lies may say that there are more than fit into any segment, or into memory.
  if (line.lastSequence - firstSequence >= SEGMENT_BYTES_MAX / FRAME.size) return 'damaged segment'
  const { offsets, definitions } = scan
  while (offsets.length <= line.lastSequence - firstSequence) offsets.push(0)
  yield* writeSidecar(env, directory, identity, { offsets, definitions, keyTables: [] })
  return 'rebuilt'
}

function* scanOpened(handle: Handle, end: number, key: SegmentKey): Steps<Scan> {
  const size = yield* step({ do: 'size', handle })
  return yield* new SegmentScanner(handle, Math.min(end, size), key, FRAMES_START).run('search')
}
