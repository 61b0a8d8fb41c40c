import type { Handle } from '../segments/env/environment.ts'
import { type Steps, runNow, step } from '../segments/env/steps.ts'
import { compressionOf, mustBeAbleTo } from '../segments/compression.ts'
import { SeglogError, newerFormat } from '../segments/errors.ts'
import type { ChainName } from '../segments/format/chain.ts'
import type { CompressionName } from '../segments/format/compression.ts'
import { CHAIN, COMPRESSION } from '../segments/format/layout.ts'
import type { Manifest, RunIdentity } from '../segments/format/manifest.ts'
import type { WriterStart } from '../segments/rolling.ts'
import type { NameSyncs } from '../segments/name-syncs.ts'
import { SidecarStore } from '../segments/sidecar-store.ts'
import { act } from './act.ts'
import { firstManifest } from './create.ts'
import type { Inspection } from './evidence.ts'
import { inspect } from './inspect.ts'
import { type RecoveryPlan, planRecovery } from './plan.ts'
import type { RecoveryReport } from './report.ts'

export interface RecoverOptions {
  readonly codec: string
  readonly segmentBytes: number
  /** Undefined: as the log was made, and none in a new one. */
  readonly chain?: ChainName | undefined
  /** `refuse`: lost acknowledged records make the opening fail. `accept-loss`: the log goes on without them. */
  readonly onDamage: 'refuse' | 'accept-loss'
  /** The last writer ran since this machine started, so what it handed to the system cannot have been lost. */
  readonly sameBoot: boolean
  /** Identity of the run that a new log is; absent in a stream. */
  readonly run?: RunIdentity
  /** Of segments that begin from now on; as before where it is undefined. */
  readonly compression?: CompressionName | undefined
}

export interface Recovered {
  readonly start: WriterStart
  readonly manifest: Manifest
  /** The file of durable slots, open, and which of its slots is the newest. */
  readonly slots: Handle
  readonly slotTurn: number
  readonly report: RecoveryReport
}

/**
 * Opens a log for writing, whatever a crash left of it: looks, decides, acts, reports. The caller holds the lock. All that
 * the report says is durable when this returns. Throws CORRUPT, UNSUPPORTED_FORMAT, INVALID_ARGUMENT, DISK_FULL, IO;
 * nothing was lost then, and it can be tried again.
 */
export function recover(env: NameSyncs, directory: string, options: RecoverOptions): Recovered {
  const started = env.monotonicMs()
  const inspection = runNow(env, inspect(directory))
  if (inspection.state === 'traces') throw tracesError(inspection)
  const { codec, segmentBytes, chain = 'none', run = null } = options
  const manifest = inspection.manifest ?? firstManifest(env, codec, segmentBytes, chain, run)
  if (manifest.status !== 'running') throw sealedError(directory, manifest)
  checkOptions(directory, manifest, options)
  const compression = compressionOf(undefined, options.compression === undefined ? manifest.options : options)
  mustBeAbleTo(compression, directory)
  const plan = planRecovery(inspection, manifest, options.sameBoot)
  if (plan.decision.verdict === 'corrupt' && options.onDamage === 'refuse') throw corruptError(inspection, plan)
  if (inspection.state === 'nothing') runNow(env, syncParent(directory))
  const acted = runNow(env, act(env, inspection, manifest, plan, compression))
  return {
    start: {
      identity: {
        logId: manifest.logId,
        epoch: acted.manifests.latest.epoch,
        codec: manifest.options.codec,
        chain: CHAIN[manifest.options.chain as ChainName],
      },
      position: acted.position,
      manifests: acted.manifests,
      sidecars: new SidecarStore(env, directory, manifest.logId),
      active: acted.active,
      spare: acted.spare,
      lastTimestamp: acted.lastTimestamp,
      compression,
    },
    manifest: acted.manifests.latest,
    slots: acted.slots,
    slotTurn: acted.slotTurn,
    report: {
      end: endOf(inspection, plan),
      row: inspection.state === 'nothing' ? 'new' : plan.decision.row,
      lastSequence: acted.position.sequence,
      cut: acted.cut,
      lost: plan.decision.lost,
      findings: [...inspection.findings, ...plan.findings],
      notes: acted.notes,
      durationMs: env.monotonicMs() - started,
    },
  }
}

function endOf(inspection: Inspection, plan: RecoveryPlan): RecoveryReport['end'] {
  if (inspection.state === 'nothing') return 'new'
  if (plan.decision.row === 'closed') return 'closed'
  const { verdict } = plan.decision
  return verdict === 'sound' ? 'clean' : verdict === 'corrupt' ? 'accepted-loss' : verdict
}

/** The name of a new log's directory must last as long as what is in it. */
function* syncParent(directory: string): Steps<void> {
  const slash = directory.lastIndexOf('/')
  const parent = slash < 0 ? '.' : slash === 0 ? '/' : directory.slice(0, slash)
  yield* step({ do: 'syncDirectory', path: parent })
}

/** Whether this version, with this codec, can read a log. */
export function checkOptions(
  directory: string,
  manifest: Manifest,
  options: Pick<RecoverOptions, 'codec' | 'chain'>,
): void {
  const { codec, compression, chain } = manifest.options
  if (!Object.hasOwn(COMPRESSION, compression) || !Object.hasOwn(CHAIN, chain)) throw newerFormat(directory)
  if (options.chain !== undefined && options.chain !== chain) {
    const message = `whether a log has a hash chain is fixed when it is made, and this one was made with chain: '${chain}'. Open it with that, or without the option.`
    throw new SeglogError('INVALID_ARGUMENT', message, { file: directory, expected: chain, found: options.chain })
  }
  if (codec === options.codec) return
  throw new SeglogError('INVALID_ARGUMENT', 'the log was written with another codec. Open it with that one.', {
    file: directory,
    expected: codec,
    found: options.codec,
  })
}

function sealedError(directory: string, { status }: Manifest): SeglogError {
  const message = `this log is sealed (${status}) and never written again. Open it to read: openReadOnly.`
  return new SeglogError('CLOSED', message, { file: directory, expected: 'running', found: status })
}

/** What is said of a directory that only holds what a log leaves behind. */
export function tracesError(inspection: Inspection): SeglogError {
  const message =
    `no manifest and no segment of this log can be read, but it was one: ${inspection.traces.join(', ')}. ` +
    'Restore its files from a backup, or begin a new log in another directory.'
  return new SeglogError('CORRUPT', message, { file: inspection.directory })
}

function corruptError(inspection: Inspection, plan: RecoveryPlan): SeglogError {
  const { decision } = plan
  const lost = decision.lost.map((range) =>
    range.from === range.to ? `${range.from}` : `${range.from} to ${range.to}`,
  )
  const which = lost.length > 0 ? `records ${lost.join(', ')}` : 'records whose number nothing tells'
  const message =
    `acknowledged data is missing (${decision.row}): ${which}. Nothing was changed. ` +
    `Run "seglog verify ${inspection.directory}" to see all damage and "seglog salvage ${inspection.directory} NEW" to ` +
    "export what is sound, or open with onDamage: 'accept-loss' to go on without it."
  return new SeglogError('CORRUPT', message, {
    file: plan.tail?.path ?? inspection.directory,
    offset: decision.stretch.wholeEnd,
    sequence: decision.lost[0]?.from ?? decision.sequence + 1,
    expected: inspection.proven,
    found: {
      ordinal: plan.tailOrdinal,
      offset: decision.end,
      sequence: decision.sequence,
    },
  })
}
