import type { Environment } from './env/environment.ts'
import { SeglogError } from './errors.ts'
import { isSelf } from './lock-proof.ts'
import type { LockFinding } from './lock-survey.ts'

/** What is told to who cannot have the lock because of this one. */
export function refusal(env: Environment, directory: string, lock: LockFinding): SeglogError {
  const command = `seglog lock ${directory} --break`
  const { file, owner, why } = lock
  if (!owner) {
    const code = lock.content === 'newer' ? 'UNSUPPORTED_FORMAT' : 'CORRUPT'
    const advice = `Make sure that no process writes this log, then: ${command}`
    return new SeglogError(code, `the lock file ${why}, so nobody knows who holds the lock. ${advice}`, { file })
  }
  const self = isSelf(owner, env.identity) ? 'this process, ' : ''
  const holder = `${self}pid ${owner.pid} on host ${JSON.stringify(owner.host)}, since ${timeText(owner.acquiredAtMs)}`
  const advice =
    lock.life === 'alive'
      ? 'Close the log there first; a log has one writer.'
      : `Make sure that it is dead, then: ${command}`
  return new SeglogError('LOCKED', `the log ${directory} is held by ${holder}. The holder ${why}. ${advice}`, {
    file,
    found: owner,
  })
}

function timeText(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? 'a time unknown' : date.toISOString()
}
