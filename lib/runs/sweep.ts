import type { RecoveryReport } from '../../recovery/report.ts'
import { SeglogError, hasCode, wrapSystemError } from '../../segments/errors.ts'
import type { RunStatus } from '../../segments/format/manifest.ts'
import type { LogListing } from './listing.ts'
import { predecessorOf } from './predecessor.ts'

/** What a sweep found of one run, and did with it. */
export interface SweptRun {
  /** `<instance>/<run>`; that of an instance alone where it cannot be looked at. */
  readonly name: string
  /**
   * `recovered`: it crashed, is sound, and is sealed as crashed-recovered. `quarantined`: it is damaged, and sealed so.
   * `sealed`: it was sealed before. `running`: somebody writes it. `empty`: nothing was ever begun there. `failed`: it is
   * as it was; `error` says why.
   */
  readonly outcome: 'recovered' | 'quarantined' | 'sealed' | 'running' | 'empty' | 'failed'
  readonly status: RunStatus | undefined
  /** Of the recovery, where there was one. */
  readonly recovery: RecoveryReport | undefined
  readonly error: SeglogError | undefined
}

/** What a sweep can do to a run; each may reject. */
export interface Sweeper {
  /** Opens it to write, and gives up what it opened: rejects with CRASHED_PREDECESSOR for a run that crashed. */
  open(name: string): Promise<void>
  /** Whether anything was ever begun there. */
  isEmpty(name: string): Promise<boolean>
  /** Makes durable that a run is sealed. */
  settleSealed(name: string): Promise<void>
  /** Marks a run that cannot be recovered as quarantined, and changes nothing else of it. */
  quarantine(name: string): Promise<void>
}

/** Seals every run that was left running, one after the other; one that fails never stops the others. */
export async function sweep(listings: readonly LogListing[], sweeper: Sweeper): Promise<SweptRun[]> {
  const swept: SweptRun[] = []
  for (const listing of listings) swept.push(await sweepOne(listing, sweeper))
  return swept
}

async function sweepOne({ name, status, error: bad }: LogListing, sweeper: Sweeper): Promise<SweptRun> {
  const told = { name, status, recovery: undefined, error: undefined }
  try {
    if (status !== undefined && status !== 'running') {
      await sweeper.settleSealed(name)
      return { ...told, outcome: 'sealed', error: bad }
    }
    if (status === undefined && (await sweeper.isEmpty(name))) return { ...told, outcome: 'empty' }
    await sweeper.open(name)
    // It was sealed, or closed and begun anew, since it was listed.
    return { ...told, outcome: 'running' }
  } catch (error) {
    return settle(told, error, sweeper)
  }
}

async function settle(told: Omit<SweptRun, 'outcome'>, error: unknown, sweeper: Sweeper): Promise<SweptRun> {
  const { name } = told
  const found = predecessorOf(error)
  try {
    if (found !== undefined) {
      const status = found.isSound ? 'crashed-recovered' : 'quarantined'
      await found.seal(status)
      return { ...told, status, outcome: found.isSound ? 'recovered' : 'quarantined', recovery: found.recovery }
    }
    if (hasCode(error, 'LOCKED')) return { ...told, outcome: 'running' }
    if (hasCode(error, 'CLOSED'))
      return { ...told, outcome: 'sealed', status: (error as SeglogError).found as RunStatus }
    if (!hasCode(error, 'CORRUPT')) throw error
    await sweeper.quarantine(name)
    return { ...told, status: 'quarantined', outcome: 'quarantined', error: error as SeglogError }
  } catch (failure) {
    return { ...told, outcome: 'failed', error: wrapSystemError(failure, `recovering ${name}`) }
  }
}

/** What a sweep says of a directory that it could not look into. */
export function notSwept({ name, error }: LogListing): SweptRun {
  return { name, outcome: 'failed', status: undefined, recovery: undefined, error }
}
