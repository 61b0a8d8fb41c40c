import { mustBeApart } from '../recovery/backup-target.ts'
import { type CopyReport, copyLog as copySteps } from '../recovery/backup.ts'
import { type SalvageReport, salvage } from '../recovery/salvage.ts'
import { type Progress, Watch } from '../recovery/verify-progress.ts'
import { type VerifyReport, verify } from '../recovery/verify.ts'
import type { VerifyRequest } from '../recovery/verify-request.ts'
import type { ChainHead } from '../segments/chain.ts'
import type { Environment } from '../segments/env/environment.ts'
import { type Steps, runLater } from '../segments/env/steps.ts'
import { checkMembers, invalid, wrapSystemError } from '../segments/errors.ts'
import { makeReady, mustBeDirectory } from './directories.ts'
import { theWorld } from './world.ts'

/** What long work on a whole log takes. */
export interface WatchOptions {
  /** Called some times a second, and when all is done. */
  readonly onProgress?: (progress: Progress) => void
  /** Ends the work; the promise then rejects with the reason of the signal. */
  readonly signal?: AbortSignal
}

/** Where a verification begins, what it must find, how it tells of its progress, and what ends it. */
export interface VerifyOptions extends WatchOptions {
  /** Findings that the report lists; the rest is only counted. Default 1,000. */
  readonly findingsMax?: number
  /**
   * `checkpoint`: only what follows the newest checkpoint of the hash chain, from the segment on that holds it; what lies
   * before is not read. INVALID_ARGUMENT in a log without a chain. Default `first`.
   */
  readonly from?: 'first' | 'checkpoint'
  /** What `head()` gave once: a log that was cut before it, or written anew up to it, is a finding. */
  readonly expect?: ChainHead | undefined
}

/** For functions over a directory. */
export interface WorldOption {
  /** The world: default the real one. */
  readonly environment?: Environment
}

/** Findings that a report lists unless told. */
export const FINDINGS_MAX = 1000

/**
 * Reads all of the log in this directory and tells everything that is not as it should be: each damaged record with its
 * place. Changes nothing, needs no lock, runs beside a writer at work, and does not hold the event loop. Rejects with
 * NOT_A_LOG, UNSUPPORTED_FORMAT, IO, INVALID_ARGUMENT, CORRUPT where nothing but traces of a log is left, or the reason
 * of the signal.
 *
 * @example
 * import { openLog, verifyLog } from 'seglog'
 *
 * const log = await openLog('./journal')
 * await log.commit('first')
 * const { isSound, records, findings } = await verifyLog('./journal') // → { isSound: true, records: 1, findings: [] }
 * await log.close()
 */
export async function verifyLog(directory: string, options: VerifyOptions & WorldOption = {}): Promise<VerifyReport> {
  const environment = worldOf(options, VERIFY_OPTIONS)
  return run(environment, 'verifying the log', options, (watch) =>
    verify(sourceOf(environment, directory), watch, requestOf(options, 'log')),
  )
}

/** The same for archived segments in a directory of their own. */
export async function verifySegments(
  directory: string,
  options: VerifyOptions & Required<WorldOption>,
): Promise<VerifyReport> {
  return run(worldOf(options, VERIFY_OPTIONS), 'verifying segments', options, (watch) =>
    verify(directory, watch, requestOf(options, 'segments')),
  )
}

/**
 * Copies every valid record of the log in `from`, however damaged, into a new log in `to`, a directory that is empty or
 * not there yet. Sequences and times stay; what cannot be read is `lost` in the report and given up by name in the new
 * log. The old log is not touched. Rejects with CORRUPT where nothing but traces of a log is left, NOT_A_LOG,
 * UNSUPPORTED_FORMAT, DISK_FULL, IO, INVALID_ARGUMENT, or the reason of the signal; what was made by then is no log.
 *
 * @example
 * import { openLog, salvageLog } from 'seglog'
 *
 * const log = await openLog('./damaged')
 * await log.commit('first')
 * await log.close()
 * const { records, lost } = await salvageLog('./damaged', './salvaged') // → { records: 1, lost: [] }
 */
export async function salvageLog(
  from: string,
  to: string,
  options: VerifyOptions & WorldOption = {},
): Promise<SalvageReport> {
  const environment = worldOf(options, [...WATCH_OPTIONS, 'findingsMax'])
  return run(environment, 'salvaging the log', options, (watch) => {
    const findingsMax = findingsMaxOf(options)
    const [source, target] = [sourceOf(environment, from), pathOf(environment, to)]
    mustBeApart(source, target)
    makeReady(environment, target)
    return salvage(environment, source, target, watch, findingsMax)
  })
}

/**
 * Copies the log in `from` up to its high-watermark into `to`, a directory that is empty or not there yet; the log may
 * be written meanwhile. The copy is checked, durable, and opens as a log that was closed. Rejects with CORRUPT where
 * the log is damaged (salvage it instead), and as `salvageLog`.
 *
 * @example
 * import { copyLog, openLog } from 'seglog'
 *
 * const log = await openLog('./journal')
 * await log.commit('first')
 * const { lastSequence } = await copyLog('./journal', './backup') // → { lastSequence: 1 }
 * await log.close()
 */
export async function copyLog(from: string, to: string, options: WatchOptions & WorldOption = {}): Promise<CopyReport> {
  const environment = worldOf(options, WATCH_OPTIONS)
  return run(environment, 'copying the log', options, (watch) => {
    const [source, target] = [sourceOf(environment, from), pathOf(environment, to)]
    mustBeApart(source, target)
    makeReady(environment, target)
    return copySteps(environment, source, target, watch)
  })
}

const WATCH_OPTIONS = ['environment', 'onProgress', 'signal']
const VERIFY_OPTIONS = [...WATCH_OPTIONS, 'findingsMax', 'from', 'expect']

function worldOf(options: WorldOption, known: readonly string[]): Environment {
  checkMembers('options', options, known)
  return theWorld(options.environment)
}

function requestOf(options: VerifyOptions, of: VerifyRequest['of']): VerifyRequest {
  const { from = 'first', expect } = options
  if (from !== 'first' && from !== 'checkpoint') throw invalid('from', "'first' or 'checkpoint'", from)
  if (expect !== undefined && !isChainHead(expect)) {
    throw invalid('expect', 'what head() gave: { sequence, hash }, the hash as 64 hex digits', expect)
  }
  return { findingsMax: findingsMaxOf(options), of, from, expect }
}

function isChainHead(expect: unknown): expect is ChainHead {
  const { sequence, hash } = (expect ?? {}) as Partial<ChainHead>
  return Number.isSafeInteger(sequence) && sequence! >= 0 && typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash)
}

function findingsMaxOf({ findingsMax = FINDINGS_MAX }: VerifyOptions): number {
  if (Number.isSafeInteger(findingsMax) && findingsMax >= 1) return findingsMax
  throw invalid('findingsMax', 'a whole number from 1 on', findingsMax)
}

function sourceOf(environment: Environment, directory: string): string {
  const path = pathOf(environment, directory)
  mustBeDirectory(environment, path)
  return path
}

function pathOf(env: Environment, directory: string): string {
  if (typeof directory !== 'string' || directory === '') throw invalid('directory', 'a path', directory)
  return env.absolute(directory)
}

/** Drives long work off this thread. What its own signal says passes as it is. */
function run<T>(
  env: Environment,
  doing: string,
  { onProgress, signal }: WatchOptions,
  begin: (watch: Watch) => Steps<T>,
): Promise<T> {
  const work = new Promise<T>((resolve, reject) => {
    const steps = begin(new Watch(() => env.monotonicMs(), onProgress, signal))
    runLater(env, steps, (error, result) => {
      if (error instanceof Error) reject(error)
      else if (error !== null) reject(wrapSystemError(error, doing))
      else resolve(result as T)
    })
  })
  return work.catch((error: unknown) => {
    throw error instanceof Error && signal?.reason === error ? error : wrapSystemError(error, doing)
  })
}
