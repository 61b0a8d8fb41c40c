import type { CrashOptions, DeathMoment, FaultOutcome } from '../../segments/env/simulated.ts'

/** What becomes of one process; plain data, so that a case can be printed and run again. */
export interface Fate {
  /** The call, counted from 1, in which it dies. Absent: it comes to the end of its work. */
  readonly diesAt?: number
  readonly moment?: DeathMoment
  /** The call from which on calls fail, how, and how many of them (1 when absent). */
  readonly failsAt?: number
  readonly outcome?: FaultOutcome
  /** How many calls fail. */
  readonly times?: number
  /** What happens to the machine when the process is dead or done. */
  readonly then: 'power cut' | 'kill'
  /** Chooses what of the unsynced bytes survives. */
  readonly seed: number
  readonly crash?: CrashOptions
  /** Only for one that reopens: it does nothing but that, so that after losing all unsynced bytes nothing may be missing. */
  readonly quiet?: true
}

/** The fate of a process that reopens, does nothing, and loses what it did not sync. */
export const QUIET: Fate = { then: 'power cut', seed: 1, crash: { unsynced: 'lost' }, quiet: true }

/** A history: one process that works through commands, then one more after each fate; the last one lives on. */
export interface Case<C> {
  readonly seed: number
  readonly commands: readonly C[]
  readonly fates: readonly Fate[]
}

/**
 * A promise was broken. The message says which, and ends with the history as JSON, by which `runCase` runs it again.
 *
 * @example
 * import { CaseFailed, explore, LogSubject, WORKLOADS } from 'seglog/testing'
 *
 * try {
 *   await explore(new LogSubject(), { seed: 1, commands: WORKLOADS['one record']!, every: 50 })
 * } catch (error) {
 *   if (error instanceof CaseFailed) console.log(error.reason, JSON.stringify(error.history))
 *   throw error
 * }
 */
export class CaseFailed<C> extends Error {
  readonly history: Case<C>
  readonly trace: readonly string[]

  constructor(history: Case<C>, reason: unknown, trace: readonly string[]) {
    const why = reason instanceof Error ? reason.message : String(reason)
    super(`${why}\n\n${describeCase(history)}\n\nrun again: ${JSON.stringify(history)}`, { cause: reason })
    this.name = 'CaseFailed'
    this.history = history
    this.trace = trace
  }

  /** The reason alone. */
  get reason(): string {
    return this.cause instanceof Error ? this.cause.message : String(this.cause)
  }
}

function describeCase<C>(history: Case<C>): string {
  const commands = history.commands.map((command, index) => `  ${index + 1}. ${JSON.stringify(command)}`)
  const fates = history.fates.map((fate, index) => `  process ${index + 1} ${describeFate(fate)}`)
  return [`seed ${history.seed}`, ...commands, ...fates].join('\n')
}

function describeFate(fate: Fate): string {
  const { diesAt, moment, failsAt, outcome, times, then, seed, crash } = fate
  const fails =
    failsAt === undefined ? '' : `meets ${JSON.stringify(outcome)} at call ${failsAt} (${times ?? 1} times), `
  const dies = diesAt === undefined ? 'ends its work' : `dies ${moment ?? 'before'} call ${diesAt}`
  const options = crash === undefined ? '' : ` ${JSON.stringify(crash)}`
  return `${fails}${dies}; then ${then} (seed ${seed}${options})`
}
