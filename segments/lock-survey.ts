import type { Call, DirectoryEntry, Done, Environment, Handle, SocketProbe, SystemError } from './env/environment.ts'
import { type Steps, step } from './env/steps.ts'
import { SeglogError, hasCode, wrapSystemError } from './errors.ts'
import { withFile } from './files.ts'
import { crc32 } from './format/checksum.ts'
import { LOCK_BYTES_MAX, type LockContent, type LockOwner, decodeLock } from './format/lockfile.ts'
import { lockName, parseName, socketName } from './format/names.ts'
import { type Life, judge } from './lock-proof.ts'

/** A lock file, and what is known of its owner. */
export interface LockFinding {
  readonly number: number
  readonly file: string
  readonly content: 'sound' | 'newer' | 'damaged'
  /** Undefined unless the content is sound. */
  readonly owner: LockOwner | undefined
  readonly life: Life
  /** A clause that goes on from "the holder …"; of content that is not sound, from "the lock file …". */
  readonly why: string
  readonly probe: SocketProbe | undefined
  /** Differs for each acquisition, also under the same number. */
  readonly fingerprint: string
}

export interface Survey {
  /** By number. */
  readonly locks: readonly LockFinding[]
  readonly sockets: readonly number[]
}

/** What a process knows when it surveys once more, after it has linked its own file. */
export interface Claimed {
  /** The token in that file. */
  readonly token: string
  /** Locks that were found dead before. Dead they stay, so their files are read and nobody is asked again. */
  readonly dead: readonly LockFinding[]
}

/**
 * Sound lock files by their bytes, one character each: an acquisition reads each file two or three times, and what it says
 * follows from its bytes. Decoding takes 5 µs, looking it up here a tenth of that.
 */
export type KnownLocks = Map<string, Extract<LockContent, { readonly found: 'lock' }>>

export function* survey(env: Environment, directory: string, known: KnownLocks, claimed?: Claimed): LockSteps<Survey> {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const { listed, sockets } = numbersIn(yield* step({ do: 'list', path: directory }))
    const locks: LockFinding[] = []
    for (const number of listed) {
      const finding = yield* examine(env, directory, number, known, claimed)
      if (!finding) break
      locks.push(finding)
    }
    if (locks.length === listed.length) return { locks, sockets }
  }
  throw contended(directory)
}

/** Those of lock files and those of sockets, each in order. */
function numbersIn(entries: readonly DirectoryEntry[]): { readonly listed: number[]; readonly sockets: number[] } {
  const listed: number[] = []
  const sockets: number[] = []
  for (const { name } of entries) {
    const parsed = parseName(name)
    if (parsed.kind === 'lock') listed.push(parsed.number)
    else if (parsed.kind === 'socket') sockets.push(parsed.number)
  }
  return { listed: listed.sort(ascending), sockets: sockets.sort(ascending) }
}

const ascending = (a: number, b: number): number => a - b

/** Undefined when the file went, or became another, before the verdict was found. */
function* examine(
  env: Environment,
  directory: string,
  number: number,
  known: KnownLocks,
  claimed: Claimed | undefined,
): LockSteps<LockFinding | undefined> {
  const file = `${directory}/${lockName(number)}`
  const read = yield* readLock(file, known)
  if (read === undefined) return undefined
  const { content, fingerprint } = read
  if (content.found !== 'lock') {
    const why = content.found === 'newer' ? 'is of a newer version of seglog' : `is damaged: ${content.reason}`
    const found = { number, file, owner: undefined, probe: undefined, life: 'unknown' } as const
    return { ...found, content: content.found, why, fingerprint: `${number}:${fingerprint}` }
  }
  const before = claimed?.dead.find((lock) => lock.fingerprint === fingerprint)
  if (before) return before
  const { owner } = content
  const probe = owner.socket === null ? undefined : yield* probeSocket(directory, owner.socket)
  const verdict = judge({ owner, self: env.identity, probe, startTimeNow: env.startTimeOf(owner.pid) })
  if (mustLookAgain(verdict.life, fingerprint, claimed)) {
    const again = yield* readLock(file, known)
    if (again?.fingerprint !== fingerprint) return undefined
  }
  return { number, file, content: 'sound', owner, probe, ...verdict, fingerprint }
}

/** Our own file has no owner who could have gone. Without a claim, a dead one leads to a claim, and is looked at then. */
function mustLookAgain(life: Life, token: string, claimed: Claimed | undefined): boolean {
  return claimed === undefined ? life !== 'dead' : token !== claimed.token
}

interface LockRead {
  readonly content: LockContent
  /** The token of a sound one; else the same for the same bytes. */
  readonly fingerprint: string
}

/** What a lock file says; undefined when there is none. Failures of the disk pass. */
export function* readLock(file: string, known: KnownLocks): Steps<LockRead | undefined> {
  try {
    return yield* withFile(file, 'read', (handle) => readContent(handle, known))
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    if (hasCode(error, 'EINVAL') || hasCode(error, 'ELOOP')) return unreadable('it is not a regular file')
    throw error
  }
}

/** Ours are shorter; for a longer one there is more room. */
const LOCK_BYTES_USUAL = 1024

function* readContent(handle: Handle, known: KnownLocks): Steps<LockRead> {
  let bytes = Buffer.allocUnsafe(LOCK_BYTES_USUAL)
  for (let length = 0; ;) {
    if (length === bytes.length) bytes = Buffer.concat([bytes], LOCK_BYTES_MAX + 1)
    const got = yield* step({
      do: 'read',
      handle,
      into: bytes,
      start: length,
      length: bytes.length - length,
      position: length,
    })
    length += got
    if (length > LOCK_BYTES_MAX) return unreadable('it is too long')
    const text = bytes.toString('latin1', 0, length)
    const content = known.get(text) ?? decodeLock(bytes.subarray(0, length))
    if (content.found === 'lock') {
      known.set(text, content)
      return { content, fingerprint: content.owner.token }
    }
    // What its CRC confirms is whole; all else may have been cut short by the read, unless nothing follows.
    if (content.found === 'newer' || got === 0) {
      return { content, fingerprint: String(crc32(bytes.subarray(0, length))) }
    }
  }
}

function unreadable(reason: string): LockRead {
  return { content: { found: 'damaged', reason }, fingerprint: reason }
}

export function* probeSocket(directory: string, socket: number): LockSteps<SocketProbe> {
  return (yield { do: 'probe', path: `${directory}/${socketName(socket)}` }) as SocketProbe
}

type LockStep =
  Call | { readonly do: 'listen'; readonly path: string } | { readonly do: 'probe'; readonly path: string }
/** As `Steps`, with sockets as well. */
export type LockSteps<T> = Generator<LockStep, T, unknown>

/**
 * How calls on files are made. `now`: at once, as those of the recovery that follows. `later`: each for itself, off this
 * thread; for tests, which want other processes to act in between.
 */
export type LockCalls = 'now' | 'later'

export function run<T>(env: Environment, directory: string, steps: LockSteps<T>, calls: LockCalls): Promise<T> {
  return new Promise((resolve, reject) => {
    const advance = (error: SystemError | null, result?: unknown): void => {
      let turn: IteratorResult<LockStep, T>
      try {
        turn = error ? steps.throw(error) : steps.next(result)
        if (calls === 'now') turn = callNow(env, steps, turn)
      } catch (thrown) {
        reject(wrapSystemError(thrown, `locking ${directory}`, { file: directory }))
        return
      }
      if (turn.done) resolve(turn.value)
      else perform(env, turn.value, advance)
    }
    advance(null)
  })
}

/** Goes on to the next step that has to do with a socket. */
function callNow<T>(env: Environment, steps: LockSteps<T>, from: IteratorResult<LockStep, T>) {
  let turn = from
  while (!turn.done && turn.value.do !== 'listen' && turn.value.do !== 'probe') {
    let result: unknown
    try {
      result = env.call(turn.value)
    } catch (error) {
      turn = steps.throw(error)
      continue
    }
    turn = steps.next(result)
  }
  return turn
}

function perform(env: Environment, wanted: LockStep, done: Done<unknown>): void {
  if (wanted.do === 'listen') env.listen(wanted.path, done)
  else if (wanted.do === 'probe') env.probe(wanted.path, (probe) => done(null, probe))
  else env.start(wanted, done)
}

/** Each further round follows from a step forward of another process; so many in a row are a defect somewhere. */
export const ROUNDS_MAX = 1000

export function contended(directory: string): SeglogError {
  return new SeglogError('LOCKED', `too many processes acquire the lock of ${directory} at once. Try again.`)
}
