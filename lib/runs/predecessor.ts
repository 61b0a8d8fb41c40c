import type { Recovered } from '../../recovery/recover.ts'
import type { RecoveryReport } from '../../recovery/report.ts'
import type { Environment } from '../../segments/env/environment.ts'
import { SeglogError, hasCode } from '../../segments/errors.ts'
import type { Manifest } from '../../segments/format/manifest.ts'
import type { Codec } from '../codecs/codec.ts'
import type { Entry } from '../read/entry.ts'
import { Reading, type ReadLimits } from '../read/reading.ts'
import { WriterView } from '../read/view.ts'
import { type SealedStatus, checkSealedStatus } from './identity.ts'

/** What is known of a run that was never sealed and whose writer is gone. */
export interface PredecessorFacts<T> {
  readonly directory: string
  readonly manifest: Manifest
  readonly recovery: RecoveryReport
  /** Undefined where there is none, or where it cannot be read. */
  readonly lastRecord: Entry<T> | undefined
}

/**
 * A run that was never sealed and whose writer is gone. What it shows is durable. It can be looked at and sealed,
 * nothing else, and holds neither lock nor file: until it is sealed, every opening for writing gives such a one.
 *
 * @example
 * import { openStore, predecessorOf } from 'seglog'
 *
 * const store = openStore('./data')
 * await store.startRun('engine', 'tuesday').catch(async (error) => {
 *   const crashed = predecessorOf(error)
 *   if (crashed === undefined) throw error
 *   console.log(crashed.directory, 'ends at', crashed.highWatermark)
 *   await crashed.seal(crashed.isSound ? 'crashed-recovered' : 'quarantined')
 * })
 * await store.close()
 */
export class CrashedPredecessor<T = unknown> {
  readonly #facts: PredecessorFacts<T>
  readonly #seal: (status: SealedStatus) => Promise<void>

  /** Comes with an error; see `predecessorOf`. */
  constructor(facts: PredecessorFacts<T>, seal: (status: SealedStatus) => Promise<void>) {
    this.#facts = facts
    this.#seal = seal
  }

  /** Its absolute path. */
  get directory(): string {
    return this.#facts.directory
  }

  /** As recovery left it: status, identity, anchors, cursors. */
  get manifest(): Manifest {
    return this.#facts.manifest
  }

  /** Last record, durable; 0 where there is none. */
  get highWatermark(): number {
    return this.#facts.recovery.lastSequence
  }

  /** Undefined where there is none, or where it cannot be read. */
  get lastRecord(): Entry<T> | undefined {
    return this.#facts.lastRecord
  }

  /** What its recovery found and did. A second look at the same run reports what the first one left. */
  get recovery(): RecoveryReport {
    return this.#facts.recovery
  }

  /** Whether nothing that was acknowledged is known to be lost or damaged, neither now nor by an earlier recovery. */
  get isSound(): boolean {
    const { recovery, manifest } = this.#facts
    const isWhole = ['closed', 'clean', 'torn', 'ambiguous'].includes(recovery.end) && recovery.lost.length === 0
    const isHarmed = recovery.findings.some(({ code }) => code === 'CORRUPT' || code === 'GAP')
    const wasHarmed = manifest.lost.length > 0 || manifest.segments.some((line) => 'damaged' in line)
    return isWhole && !isHarmed && !wasHarmed
  }

  /**
   * Seals the run; it is never written again. Rejects with CLOSED where somebody else was faster, LOCKED, IO,
   * DISK_FULL, INVALID_ARGUMENT.
   *
   * @example
   * await crashed.seal('crashed-recovered')
   * await crashed.seal('ended') // throws CLOSED
   */
  async seal(status: SealedStatus): Promise<void> {
    await this.#seal(checkSealedStatus(status))
  }
}

interface LookOptions<T> extends ReadLimits {
  readonly codec: Codec<T>
}

/** What is to be known of a log that was recovered and is not gone on with. */
export async function factsOf<T>(
  env: Environment,
  directory: string,
  { start, report: recovery, manifest }: Recovered,
  options: LookOptions<T>,
): Promise<PredecessorFacts<T>> {
  const { sequence } = start.position
  const view = new WriterView(
    directory,
    start.manifests,
    () => [start.active],
    () => sequence,
  )
  const reading = new Reading(env, view, options.codec, options)
  try {
    return { directory, manifest, recovery, lastRecord: readLast(reading, sequence) }
  } finally {
    await reading.close()
  }
}

/** Damage of the last record is no reason not to look at the rest. */
function readLast<T>(reading: Reading<T>, sequence: number): Entry<T> | undefined {
  try {
    return reading.get(sequence)
  } catch (error) {
    if (hasCode(error, 'CORRUPT') || hasCode(error, 'GAP')) return undefined
    throw error
  }
}

/**
 * The run that made an opening fail with CRASHED_PREDECESSOR; undefined for any other error. Throws nothing.
 *
 * @example
 * import { predecessorOf } from 'seglog'
 *
 * predecessorOf(new Error('another')) // → undefined
 */
export function predecessorOf<T = unknown>(error: unknown): CrashedPredecessor<T> | undefined {
  if (!(error instanceof SeglogError) || !(error.found instanceof CrashedPredecessor)) return undefined
  return error.found as CrashedPredecessor<T>
}

export function crashedPredecessor<T>(found: CrashedPredecessor<T>): SeglogError {
  const { directory, recovery } = found
  const how = recovery.end === 'closed' ? 'was closed and never sealed' : 'crashed'
  const message =
    `this run ${how}: ${directory} ends at record ${recovery.lastSequence}. Look at it with predecessorOf(error) and ` +
    'seal it, or let store.recover() do that; then start a new run.'
  return new SeglogError('CRASHED_PREDECESSOR', message, { file: directory, sequence: recovery.lastSequence, found })
}
