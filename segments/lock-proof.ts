import type { ProcessIdentity, SocketProbe } from './env/environment.ts'
import type { LockOwner } from './format/lockfile.ts'

/** What is known of the process that a lock file names. `dead` is always a proof, never a guess or a time-out. */
export type Life = 'alive' | 'dead' | 'unknown'

export interface Verdict {
  readonly life: Life
  /** A clause that goes on from "the holder …". */
  readonly why: string
}

export interface Evidence {
  readonly owner: LockOwner
  readonly self: ProcessIdentity
  /** What came of a connection to the owner's socket; undefined when it has none. */
  readonly probe: SocketProbe | undefined
  /** Start time of the process that has the owner's pid in our namespace: '' unseen, undefined no such process. */
  readonly startTimeNow: string | undefined
}

/**
 * From evidence to verdict, the first row that fits:
 *
 * | # | evidence | verdict |
 * |---|---|---|
 * | 1 | somebody accepts on the socket | alive: only the owner ever listens under that name, whatever container it is in |
 * | 2 | another boot of the same host | dead: its kernel is gone |
 * | 3 | another host, or boots that cannot be compared | unknown |
 * | 4 | same boot, the socket refuses | dead: the kernel closes a socket with the last thread of its process |
 * | 5 | same boot, another pid namespace | unknown: pids do not compare, and a missing name was perhaps removed by hand |
 * | 6 | same pid namespace, no process has the pid | dead |
 * | 7 | … one that started at another time has it | dead: the pid was given out again |
 * | 8 | … one that started at the same time has it | alive: it, or a zombie of it, which may have a thread left that writes |
 * | 9 | … one whose start cannot be seen has it | unknown |
 *
 * Row 4 before rows 6 to 9: a zombie whose last thread has ended stays until its parent asks for it, perhaps for ever;
 * as long as one thread is left its socket still accepts. Row 2 takes hosts that share a directory to have different
 * names. On platforms without boot ids two processes of one host count as of the same boot: after a restart their rows
 * prove as much.
 */
export function judge({ owner, self, probe, startTimeNow }: Evidence): Verdict {
  if (probe === 'alive') return { life: 'alive', why: 'answers on its lock socket' }
  if (!isSameBoot(owner, self)) {
    const rebooted = owner.host === self.host && owner.bootId !== '' && self.bootId !== ''
    if (rebooted) return { life: 'dead', why: 'ran before the last restart of this host' }
    const where = owner.host === self.host ? 'in a boot of this host that cannot be told' : 'on another host'
    return { life: 'unknown', why: `runs or ran ${where}, where nothing can be proven from here` }
  }
  if (probe === 'dead') return { life: 'dead', why: 'does not listen on its lock socket any more' }
  if (!arePidsComparable(owner, self)) {
    const socket = probe === undefined ? 'has no lock socket' : 'cannot be asked through its lock socket'
    return { life: 'unknown', why: `${socket}, and its pid belongs to another pid namespace (a container)` }
  }
  if (startTimeNow === undefined) return { life: 'dead', why: 'is gone: no process has its pid' }
  if (startTimeNow === '' || owner.startTime === '') {
    return { life: 'unknown', why: 'has a pid that is in use, and this system does not tell since when' }
  }
  if (startTimeNow !== owner.startTime) return { life: 'dead', why: 'is gone: its pid belongs to another process now' }
  return { life: 'alive', why: 'is there by its pid and start time' }
}

function isSameBoot(owner: LockOwner, self: ProcessIdentity): boolean {
  return owner.bootId === self.bootId && (self.bootId !== '' || owner.host === self.host)
}

/** Without a name for the namespace, pids compare only where the platform has no namespaces (it has no boot ids either). */
function arePidsComparable(owner: LockOwner, self: ProcessIdentity): boolean {
  return owner.pidNamespace === self.pidNamespace && (self.pidNamespace !== '' || self.bootId === '')
}

/** Whether the lock is (or was) held by this very process. */
export function isSelf(owner: LockOwner, self: ProcessIdentity): boolean {
  return isSameBoot(owner, self) && arePidsComparable(owner, self) && owner.pid === self.pid
}
