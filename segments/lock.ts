import type { Environment, Listener } from './env/environment.ts'
import { type Steps, runNow, step } from './env/steps.ts'
import { hasCode, wrapSystemError } from './errors.ts'
import { createFile, removeIfThere } from './files.ts'
import { type LockOwner, encodeLock } from './format/lockfile.ts'
import { lockName, socketName, temporaryName } from './format/names.ts'
import type { Life } from './lock-proof.ts'
import {
  type LockCalls,
  type LockFinding,
  type LockSteps,
  ROUNDS_MAX,
  type KnownLocks,
  type Survey,
  contended,
  probeSocket,
  readLock,
  run,
  survey,
} from './lock-survey.ts'
import { refusal } from './lock-refusal.ts'

/**
 * The writer's lock of a log directory. To acquire it:
 *
 * 1. *survey*: read all lock files and judge their owners. One that is not proven dead: refused.
 * 2. *claim*: listen on a socket of a name that nobody else ever had, write the lock file under a temporary name, sync
 *    it, and link it to the next number. The link is exclusive, and shows the file complete and its socket listening.
 * 3. *survey* again: held if and only if our file and our socket are found in place and every other owner is dead.
 *    Else the claim is withdrawn and all starts over. Who was found dead in step 1 is not asked again, only recognised by
 *    the token in its file.
 * 4. *sweep*: the holder removes the lock files of the dead, then the sockets that refuse and that no lock file names.
 *
 * **Never two holders.** Of two that both hold, one linked later. Its survey came later still, so it read the file of the
 * other, who lived and listened: alive or unknown, never dead. (So it does not matter which number is higher, that
 * numbers come back after a release, or how old the first survey was when the link was made.)
 *
 * **Nobody removes another's file by mistake.** A name is removed by its owner, and by a holder that has proven the
 * owner dead. That proof cannot go stale before the unlink: only an earlier holder could have swept the name, and so
 * freed it for somebody else. Its link came before ours (else it would have met ours); our second survey either met its
 * file, then we do not hold, or began after its release, because a survey in which a file went or changed between
 * listing, verdict and a second look is made again. Owners found dead before our link need no second look: they sweep
 * nothing after it.
 *
 * **Somebody gets it.** Those that surveyed the same files claim the same number, and one link wins; the others find it
 * alive. Two claims with different numbers need a third process that acquired and released in between; if both are
 * withdrawn, whoever withdrew last starts over and meets neither. Refused is only who met a file of somebody alive; of
 * all that were met, one holds or goes on trying.
 *
 * **A crash between any two steps** leaves a socket that refuses (swept), a temporary file (removed by any opening), a
 * lock file with a dead owner (taken over), or some of these. Releasing removes the lock file before the socket, so no
 * lock file is left without the socket that proves its owner dead.
 *
 * All this rests on `judge` being right about the dead, and on the operator who breaks a lock being right.
 */
export interface WriterLock {
  readonly number: number
  readonly owner: LockOwner
  /** Locks of the dead that were taken over. */
  readonly predecessors: readonly LockFinding[]
  /** Lets go, now and on this thread; a second call does nothing. No call on a file of the log may be outstanding. */
  release(): void
}

export interface LockState {
  /** `free`: no lock file. Else of all that were found the first of alive, unknown, dead; a dead one is taken over. */
  readonly life: 'free' | Life
  /** By number. */
  readonly locks: readonly LockFinding[]
}

export interface BreakOptions {
  /** A state that the operator has just looked at: those very locks are broken also without a proof of death. */
  readonly evenIfUnproven?: LockState
}

/**
 * Acquires the lock of an existing directory. Rejects with LOCKED while a holder is not proven dead, CORRUPT or
 * UNSUPPORTED_FORMAT for a lock file that does not say who holds it, IO, DISK_FULL.
 */
export function acquireLock(env: Environment, directory: string, calls: LockCalls = 'now'): Promise<WriterLock> {
  return run(env, directory, acquire(env, directory, new Set()), calls)
}

/** Who holds the lock and how that is known. Changes nothing. */
export async function inspectLock(env: Environment, directory: string): Promise<LockState> {
  const { locks } = await run(env, directory, survey(env, directory, new Map()), 'now')
  const life = (['alive', 'unknown', 'dead'] as const).find((each) => locks.some((lock) => lock.life === each))
  return { life: life ?? 'free', locks }
}

/** Removes the locks of the dead, by taking them over and letting go. Rejects as `acquireLock` does. */
export async function breakLock(env: Environment, directory: string, options: BreakOptions = {}): Promise<void> {
  const broken = new Set(options.evenIfUnproven?.locks.map((lock) => lock.fingerprint))
  const lock = await run(env, directory, acquire(env, directory, broken), 'now')
  lock.release()
}

function* acquire(env: Environment, directory: string, broken: ReadonlySet<string>): LockSteps<WriterLock> {
  const known: KnownLocks = new Map()
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const { locks } = yield* survey(env, directory, known)
    const obstacles = locks.filter((lock) => !isOver(lock, broken))
    const obstacle = obstacles.find((lock) => lock.life === 'alive') ?? obstacles[0]
    if (obstacle) throw refusal(env, directory, obstacle)
    const claim = yield* claimNumber(env, directory, (locks.at(-1)?.number ?? 0) + 1, known)
    if (!claim) continue
    try {
      const dead = locks.filter((lock) => lock.life === 'dead')
      const found = yield* survey(env, directory, known, { token: claim.owner.token, dead })
      if (isHeld(claim, found, broken)) {
        yield* sweep(env, directory, claim, found, known)
        const predecessors = found.locks.filter((lock) => lock.number !== claim.number)
        return lockOf(env, directory, claim, predecessors)
      }
    } catch (error) {
      yield* withdrawAfter(error, directory, claim)
    }
    yield* withdraw(directory, claim)
  }
  throw contended(directory)
}

function isOver(lock: LockFinding, broken: ReadonlySet<string>): boolean {
  return lock.life === 'dead' || (lock.life === 'unknown' && broken.has(lock.fingerprint))
}

interface Claim {
  readonly number: number
  readonly owner: LockOwner
  readonly listener: Listener | undefined
}

/** We must see ourselves as others would see us: a holder may have swept our socket before it could answer. */
function isHeld(claim: Claim, { locks }: Survey, broken: ReadonlySet<string>): boolean {
  const isOurs = (lock: LockFinding): boolean => lock.owner?.token === claim.owner.token
  const ours = locks.find(isOurs)
  if (!ours || (claim.listener && ours.probe !== 'alive')) return false
  return locks.every((lock) => isOurs(lock) || isOver(lock, broken))
}

function lockOf(env: Environment, directory: string, claim: Claim, predecessors: readonly LockFinding[]): WriterLock {
  let released = false
  const release = (): void => {
    if (released) return
    try {
      runNow(env, withdraw(directory, claim))
    } catch (error) {
      throw wrapSystemError(error, `releasing the lock of ${directory}`, {
        file: `${directory}/${lockName(claim.number)}`,
      })
    }
    released = true
  }
  return { number: claim.number, owner: claim.owner, predecessors, release }
}

/** Undefined when another process was faster. */
function* claimNumber(
  env: Environment,
  directory: string,
  number: number,
  known: KnownLocks,
): LockSteps<Claim | undefined> {
  const { socket, listener } = yield* listenSomewhere(env, directory)
  const token = Buffer.from(env.randomBytes(16)).toString('hex')
  const { pid, startTime, bootId, pidNamespace, host } = env.identity
  const owner = { pid, startTime, bootId, pidNamespace, host, token, acquiredAtMs: env.nowMs(), socket }
  const claim: Claim = { number, owner, listener }
  const temporary = `${directory}/${temporaryName('lock', token)}`
  try {
    const content = encodeLock(owner)
    known.set(content.toString('latin1'), { found: 'lock', owner })
    yield* createFile(temporary, content)
    const won = yield* linkExclusively(temporary, `${directory}/${lockName(number)}`)
    yield* removeIfThere(temporary)
    if (won) return claim
  } catch (error) {
    yield* withdrawAfter(error, directory, claim)
  }
  listener?.close()
  return undefined
}

/** Errors by which a file system or a platform says that it has no sockets, or none with so long a path. */
const NO_SOCKET_CODES: readonly string[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EAFNOSUPPORT', 'EINVAL', 'ENAMETOOLONG']

/**
 * The number in a socket's name is drawn at random, not that of the lock: were it the same, a late claimant could bind
 * the name of a holder, die, and so make the holder look dead.
 */
function* listenSomewhere(
  env: Environment,
  directory: string,
): LockSteps<{ readonly socket: number | null; readonly listener: Listener | undefined }> {
  for (;;) {
    const socket = Buffer.from(env.randomBytes(6)).readUIntBE(0, 6) + 1
    try {
      const listener = (yield { do: 'listen', path: `${directory}/${socketName(socket)}` }) as Listener
      return { socket, listener }
    } catch (error) {
      if (hasCode(error, 'EADDRINUSE')) continue
      if (NO_SOCKET_CODES.some((code) => hasCode(error, code))) return { socket: null, listener: undefined }
      throw error
    }
  }
}

function* linkExclusively(from: string, to: string): Steps<boolean> {
  try {
    yield* step({ do: 'link', from, to })
    return true
  } catch (error) {
    if (hasCode(error, 'EEXIST')) {
      // NFS may lose the answer to a link that was made, and then says EEXIST to its own repetition.
      const ours = yield* step({ do: 'stat', path: from })
      const theirs = yield* step({ do: 'stat', path: to })
      return ours !== undefined && ours.id === theirs?.id
    }
    // The holder was opening the log and removed our temporary file.
    if (hasCode(error, 'ENOENT')) return false
    throw error
  }
}

/**
 * The files of the dead go, and then their sockets, which nobody else ever names. Another socket that refuses, and that no
 * lock file names thereafter, is of no use to anyone: its owner died before its link. One whose owner linked and died
 * since our survey stays; it is the only proof of that death for other containers.
 */
function* sweep(env: Environment, directory: string, claim: Claim, found: Survey, known: KnownLocks): LockSteps<void> {
  const swept = found.locks.filter((lock) => lock.number !== claim.number)
  for (const lock of swept) yield* removeIfThere(lock.file)
  const refusing: number[] = []
  for (const socket of found.sockets) {
    if (socket === claim.owner.socket) continue
    const lock = swept.find((each) => each.owner?.socket === socket)
    const probe = lock ? lock.probe : yield* probeSocket(directory, socket)
    if (probe !== 'dead') continue
    if (lock) yield* removeIfThere(`${directory}/${socketName(socket)}`)
    else refusing.push(socket)
  }
  if (refusing.length === 0) return
  const { locks } = yield* survey(env, directory, known, { token: claim.owner.token, dead: [] })
  const named = new Set(locks.map((lock) => lock.owner?.socket))
  for (const socket of refusing) if (!named.has(socket)) yield* removeIfThere(`${directory}/${socketName(socket)}`)
}

/** How often a lock file is tried to be removed: one that stays locks everybody out until this process ends. */
const REMOVALS_MAX = 3

/** Removes our lock file, unless an operator has broken it and it is another's now, and then our socket. */
function* withdraw(directory: string, claim: Claim): Steps<void> {
  try {
    yield* removeOwn(`${directory}/${lockName(claim.number)}`, claim.owner.token)
  } finally {
    claim.listener?.close()
  }
  try {
    yield* step({ do: 'syncDirectory', path: directory })
  } catch {
    // Without it the file may come back after a power cut. It is then of an earlier boot, so its owner is proven dead.
  }
}

function* removeOwn(file: string, token: string): Steps<void> {
  for (let tries = 1; ; tries++) {
    try {
      const found = yield* readLock(file, new Map())
      if (found?.fingerprint === token) yield* removeIfThere(file)
      return
    } catch (error) {
      // Also where the removal that failed was done: then there is nothing to read, or another's.
      if (tries === REMOVALS_MAX) throw error
    }
  }
}

function* withdrawAfter(error: unknown, directory: string, claim: Claim): Steps<never> {
  try {
    yield* withdraw(directory, claim)
  } catch (second) {
    throw new AggregateError([error, second], 'acquiring the lock and undoing that both failed', { cause: error })
  }
  throw error
}
