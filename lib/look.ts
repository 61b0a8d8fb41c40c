import type { Finding, Inspection } from '../recovery/evidence.ts'
import { inspect } from '../recovery/inspect.ts'
import { type RecoveryPlan, planRecovery } from '../recovery/plan.ts'
import { tracesError } from '../recovery/recover.ts'
import type { Environment } from '../segments/env/environment.ts'
import { compressionOf } from '../segments/compression.ts'
import { type Steps, step } from '../segments/env/steps.ts'
import { SeglogError, hasCode } from '../segments/errors.ts'
import { FRAMES_START, UNIT } from '../segments/format/layout.ts'
import type { Manifest, RunStatus, SequenceRange } from '../segments/format/manifest.ts'
import { type Position, type Slot, furthest, isBeyond } from '../segments/format/slots.ts'
import { type LockState, inspectLock } from '../segments/lock.ts'
import { newestManifest } from '../segments/manifest-files.ts'
import { newestSlot } from '../segments/slots-file.ts'
import type { Scan } from '../segments/stretches.ts'
import { noDirectory } from './directories.ts'
import { later } from './read/later.ts'
import { sealedRef } from './read/lines.ts'
import type { SegmentRef } from './read/segment-ref.ts'
import type { DiskState } from './read/view-disk.ts'

/**
 * What is known of the writer of a log. `alive`: it has the log. `dead`: it left its lock. `free`: there is no lock.
 * `unknown`: nothing proves either, such as on another host.
 */
export type WriterLife = 'alive' | 'dead' | 'free' | 'unknown'

/** What opening a log for reading found. Nothing was changed. */
export interface ReadOnlyReport {
  /** What the manifest says of the run. */
  readonly status: RunStatus
  /** Whether a writer had the log when it was opened. */
  readonly writer: WriterLife
  /**
   * `closed`: in order. `in use`: a writer has it, and tells how far it is durable. `unrecovered`: it was not closed; the
   * next opening for writing recovers it, and until then it ends where something on disk proves that it was durable.
   */
  readonly end: 'closed' | 'in use' | 'unrecovered'
  /** Whole records behind that end, of which nothing shows whether they were durable. The recovery keeps them. */
  readonly unproven: number
  /** Records that were acknowledged and cannot be read. */
  readonly lost: readonly SequenceRange[]
  /** What is not as it should be, of an unrecovered log; of others nothing is looked at that is not read. */
  readonly findings: readonly Finding[]
}

export interface Sighting {
  readonly report: ReadOnlyReport
  readonly state: DiskState
}

/** Looks at a log that a writer never leaves alone end with what was seen last. */
const ROUNDS_MAX = 20

/**
 * Finds out what is needed to read a log, beside whatever another process does to it. An unrecovered log is inspected as a
 * recovery would; where anything changed meanwhile, what was seen is no verdict, and it is looked at again. Rejects with
 * NOT_A_LOG, CORRUPT (only traces of a log are left), UNSUPPORTED_FORMAT or IO.
 */
export async function lookAt(env: Environment, directory: string): Promise<Sighting> {
  for (let round = 1; ; round++) {
    await later(env, mustBeThere(directory))
    const lock = await lockState(env, directory)
    const glance = await later(env, glanceAt(directory))
    const isLast = round === ROUNDS_MAX
    if (glance !== undefined && (lock.life === 'alive' || glance.isClosed || isLast)) return sightingOf(lock, glance)
    let sighting: Sighting | undefined
    let problem: unknown
    try {
      sighting = await later(env, inspectAll(directory, lock, env.identity.bootId))
    } catch (error) {
      problem = error
    }
    const after = await later(env, glanceAt(directory))
    if (!isLast && textOf(glance, lock) !== textOf(after, await lockState(env, directory))) continue
    if (sighting === undefined) throw problem
    return sighting
  }
}

/** What two small files say of a log. */
interface Glance {
  readonly manifest: Manifest
  readonly slot: Slot | undefined
  readonly position: Position
  readonly isClosed: boolean
}

function* glanceAt(directory: string): Steps<Glance | undefined> {
  const manifest = yield* newestManifest(directory, undefined)
  if (manifest === undefined) return undefined
  const latest = yield* newestSlot(directory, manifest.logId)
  // A slot of an earlier epoch says less than the manifest, which was written after it.
  const slot = latest !== undefined && latest.epoch >= manifest.epoch ? latest : undefined
  const { clean, highWatermark } = manifest
  const isOpenedSince = slot !== undefined && (slot.epoch > manifest.epoch || isBeyond(slot, clean))
  const position = furthest([highWatermark, clean ?? undefined, slot])!
  return { manifest, slot, position, isClosed: clean !== null && !isOpenedSince }
}

/** Equal texts: nothing of note happened in between. */
function textOf(glance: Glance | undefined, lock: LockState): string {
  const locks = lock.locks.map((each) => `${each.fingerprint} ${each.life}`)
  const { manifest, slot } = glance ?? {}
  return JSON.stringify([lock.life, locks, manifest?.generation, slot?.epoch, slot?.sequence])
}

function sightingOf(lock: LockState, { manifest, position, isClosed }: Glance): Sighting {
  const end = isClosed ? 'closed' : lock.life === 'dead' || lock.life === 'free' ? 'unrecovered' : 'in use'
  const { status, lost } = manifest
  const report = { status, writer: lock.life, end, unproven: 0, lost, findings: [] } as const
  return { report, state: { manifest, position, found: [] } }
}

function* mustBeThere(directory: string): Steps<void> {
  try {
    yield* step({ do: 'list', path: directory })
  } catch (error) {
    if (hasCode(error, 'ENOENT')) throw noLog(directory, error)
    if (hasCode(error, 'ENOTDIR')) throw noDirectory(directory, error)
    throw error
  }
}

function noLog(directory: string, cause?: unknown): SeglogError {
  const message = 'there is no log here. Open it for writing to make one.'
  return new SeglogError('NOT_A_LOG', message, { file: directory, ...(cause === undefined ? {} : { cause }) })
}

/** Who has the lock; that it cannot be read proves nothing. */
async function lockState(env: Environment, directory: string): Promise<LockState> {
  try {
    return await inspectLock(env, directory)
  } catch (error) {
    const { cause } = error as { readonly cause?: unknown }
    const isHidden = hasCode(error, 'LOCKED') || ['EACCES', 'EPERM'].some((code) => hasCode(cause ?? {}, code))
    if (!isHidden) throw error
    return { life: 'unknown', locks: [] }
  }
}

/** As a recovery would see it. */
function* inspectAll(directory: string, lock: LockState, bootId: string): Steps<Sighting> {
  const inspection = yield* inspect(directory)
  const { manifest } = inspection
  if (inspection.state === 'traces') throw tracesError(inspection)
  if (manifest === undefined) throw noLog(directory)
  const { life, locks } = lock
  const sameBoot = bootId !== '' && locks.length > 0 && locks.every(({ owner }) => owner?.bootId === bootId)
  const plan = planRecovery(inspection, manifest, sameBoot)
  const position = provenEnd(inspection, plan)
  const { decision } = plan
  const report: ReadOnlyReport = {
    status: manifest.status,
    writer: life,
    end: inspection.closed === undefined ? 'unrecovered' : 'closed',
    unproven: Math.max(0, decision.sequence - position.sequence),
    lost: [...manifest.lost, ...decision.lost],
    findings: [...inspection.findings, ...plan.findings],
  }
  return { report, state: { manifest, position, found: refsOf(inspection, plan, position) } }
}

/** The furthest point that anything proves durable: slots, manifest and mark of a close, a used successor, a claim. */
function provenEnd({ proven }: Inspection, { tail }: RecoveryPlan): Position {
  const start = { ordinal: 0, offset: 0, sequence: 0 }
  if (tail?.role !== 'used' || tail.key === undefined || tail.scan === undefined) return proven ?? start
  const offset = Math.max(FRAMES_START, tail.scan.claimedEnd)
  const sequence = tail.key.firstSequence - 1 + countBefore(tail.scan, offset)
  return furthest([proven, { ordinal: tail.ordinal, offset, sequence }])!
}

/** How many records, lost ones included, stand before this offset. */
function countBefore({ offsets }: Scan, offset: number): number {
  let count = offsets.length
  while (count > 0 && (offsets.at(count - 1) === 0 || offsets.at(count - 1) * UNIT >= offset)) count -= 1
  return count
}

/** Used segments that no manifest calls sealed. */
function refsOf(
  { directory, manifest }: Inspection,
  { unsealed, tail, decision }: RecoveryPlan,
  position: Position,
): SegmentRef[] {
  const logId = manifest?.logId ?? ''
  const refs = unsealed.map((line) => sealedRef(directory, logId, line))
  if (tail?.role !== 'used' || tail.key === undefined || tail.scan === undefined) return refs
  const isEnd = position.ordinal === tail.ordinal
  refs.push({
    ordinal: tail.ordinal,
    path: tail.path,
    salt: tail.key.salt,
    firstSequence: tail.key.firstSequence,
    lastSequence: isEnd ? position.sequence : decision.sequence,
    baseTimestamp: tail.scan.baseTimestamp,
    compression:
      tail.header?.found === 'header'
        ? tail.header.header.compression
        : compressionOf(tail.line, manifest?.options ?? {}),
    end: isEnd ? position.offset : decision.end,
    identity: undefined,
    live: undefined,
  })
  return refs
}
