import type { Call, Done, Environment, SocketProbe, SystemError } from './env/environment.ts'
import { type Steps, step } from './env/steps.ts'
import { SeglogError, hasCode, wrapSystemError } from './errors.ts'
import { readWhole } from './files.ts'
import { crc32 } from './format/checksum.ts'
import { LOCK_BYTES_MAX, type LockOwner, decodeLock } from './format/lockfile.ts'
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

export function* survey(env: Environment, directory: string): LockSteps<Survey> {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const names = (yield* step({ do: 'list', path: directory })).map((entry) => parseName(entry.name))
    const numbers = (kind: 'lock' | 'socket'): number[] =>
      names.flatMap((name) => (name.kind === kind ? [name.number] : [])).sort((a, b) => a - b)
    const locks: LockFinding[] = []
    const listed = numbers('lock')
    for (const number of listed) {
      const finding = yield* examine(env, directory, number)
      if (!finding) break
      locks.push(finding)
    }
    if (locks.length === listed.length) return { locks, sockets: numbers('socket') }
  }
  throw contended(directory)
}

/** Undefined when the file went, or became another, before the verdict was found. */
function* examine(env: Environment, directory: string, number: number): LockSteps<LockFinding | undefined> {
  const file = `${directory}/${lockName(number)}`
  const bytes = yield* readLock(file)
  if (bytes === undefined) return undefined
  const content = typeof bytes === 'string' ? ({ found: 'damaged', reason: bytes } as const) : decodeLock(bytes)
  const known = { number, file, owner: undefined, probe: undefined, life: 'unknown' } as const
  if (content.found !== 'lock') {
    const fingerprint = typeof bytes === 'string' ? bytes : `${number}:${crc32(bytes)}`
    const why = content.found === 'newer' ? 'is of a newer version of seglog' : `is damaged: ${content.reason}`
    return { ...known, content: content.found, why, fingerprint }
  }
  const { owner } = content
  const probe = owner.socket === null ? undefined : yield* probeSocket(directory, owner.socket)
  const verdict = judge({ owner, self: env.identity, probe, startTimeNow: env.startTimeOf(owner.pid) })
  const again = yield* readLock(file)
  if (again === undefined || !Buffer.from(again).equals(bytes as Buffer)) return undefined
  return { ...known, content: 'sound', owner, probe, ...verdict, fingerprint: owner.token }
}

/** The bytes; a reason when they cannot be those of a lock file; undefined when there is none. Other failures pass. */
export function* readLock(file: string): Steps<Buffer | string | undefined> {
  try {
    return yield* readWhole(file, LOCK_BYTES_MAX)
  } catch (error) {
    if (hasCode(error, 'EINVAL') || hasCode(error, 'ELOOP')) return 'it is not a regular file'
    if (hasCode(error, 'CORRUPT')) return 'it is too long'
    throw error
  }
}

export function* probeSocket(directory: string, socket: number): LockSteps<SocketProbe> {
  return (yield { do: 'probe', path: `${directory}/${socketName(socket)}` }) as SocketProbe
}

type LockStep =
  Call | { readonly do: 'listen'; readonly path: string } | { readonly do: 'probe'; readonly path: string }
/** As `Steps`, with sockets as well. */
export type LockSteps<T> = Generator<LockStep, T, unknown>

export function run<T>(env: Environment, directory: string, steps: LockSteps<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const advance = (error: SystemError | null, result?: unknown): void => {
      let turn: IteratorResult<LockStep, T>
      try {
        turn = error ? steps.throw(error) : steps.next(result)
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
