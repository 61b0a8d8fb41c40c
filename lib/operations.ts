import { type Progress, Watch } from '../recovery/verify-progress.ts'
import { type VerifyReport, verify } from '../recovery/verify.ts'
import type { Environment } from '../segments/env/environment.ts'
import { nodeEnvironment } from '../segments/env/node.ts'
import { type Steps, runLater } from '../segments/env/steps.ts'
import { invalid, wrapSystemError } from '../segments/errors.ts'

/** What long work on a whole log takes. */
export interface WatchOptions {
  /** Called some times a second, and when all is done. */
  readonly onProgress?: (progress: Progress) => void
  /** Ends the work; the promise then rejects with the reason of the signal. */
  readonly signal?: AbortSignal
}

export interface VerifyOptions extends WatchOptions {
  /** Findings that the report lists; the rest is only counted. Default 1,000. */
  readonly findingsMax?: number
}

/** For functions over a directory. */
export interface WorldOption {
  /** The world: default the real one. */
  readonly environment?: Environment
}

const FINDINGS_MAX = 1000

/**
 * Reads all of the log in this directory and tells everything that is not as it should be: each damaged record with its
 * place. Changes nothing, needs no lock, runs beside a writer at work, and does not hold the event loop. Rejects with
 * NOT_A_LOG, UNSUPPORTED_FORMAT, IO, INVALID_ARGUMENT, or the reason of the signal.
 */
export function verifyLog(directory: string, options: VerifyOptions & WorldOption = {}): Promise<VerifyReport> {
  const { environment = nodeEnvironment(), findingsMax = FINDINGS_MAX } = options
  if (!Number.isSafeInteger(findingsMax) || findingsMax < 1) {
    return Promise.reject(invalid('findingsMax', 'a whole number from 1 on', findingsMax))
  }
  const path = environment.absolute(directory)
  const work = verify(path, watchOf(environment, options), findingsMax)
  return run(environment, 'verifying the log', work, options.signal)
}

function watchOf(env: Environment, { onProgress, signal }: WatchOptions): Watch {
  return new Watch(() => env.monotonicMs(), onProgress, signal)
}

/** Drives long work off this thread. What its own signal says passes as it is. */
function run<T>(env: Environment, doing: string, steps: Steps<T>, signal?: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    runLater(env, steps, (error, result) => {
      if (error === null) resolve(result as T)
      else if (signal?.aborted === true && error === signal.reason && error instanceof Error) reject(error)
      else reject(wrapSystemError(error, doing))
    })
  })
}
