import { checkOptions, recover } from '../recovery/recover.ts'
import type { Environment } from '../segments/env/environment.ts'
import { runNow } from '../segments/env/steps.ts'
import { checkMembers, invalid, mustBeObject, wrapSystemError } from '../segments/errors.ts'
import type { RunIdentity } from '../segments/format/manifest.ts'
import { type WriterLock, acquireLock } from '../segments/lock.ts'
import type { LockCalls } from '../segments/lock-survey.ts'
import { NameSyncs } from '../segments/name-syncs.ts'
import { SlotsFile } from '../segments/slots-file.ts'
import { Writer } from '../segments/writer.ts'
import { type KeyDefinition, adoptKeys, readKeys } from './keys/definitions.ts'
import { type ArchivedSegments, openSegments } from './archive-reader.ts'
import { makeReady } from './directories.ts'
import { Log } from './log.ts'
import { lookAt } from './look.ts'
import {
  LIMITS,
  type OpenOptions,
  type ReadOnlyOptions,
  type ResolvedOptions,
  resolveOptions,
  resolveReadOnlyOptions,
} from './options.ts'
import { ReadOnlyLog } from './read-only.ts'
import { DiskView } from './read/view-disk.ts'
import type { SealedStatus } from './runs/identity.ts'
import { CrashedPredecessor, crashedPredecessor, factsOf } from './runs/predecessor.ts'
import { tellLifecycle } from './runs/sealing.ts'
import { theWorld } from './world.ts'

/** How a log is opened: all options of `docs/options.md`, and the world that it is in. */
export interface OpenLogOptions<T> extends OpenOptions<T> {
  /** The world: files, clock, randomness. Default the real one; `memoryEnvironment()` for a log in memory. */
  readonly environment?: Environment
}

/**
 * Opens a log for writing, and makes it when there is none. Opening is recovering: see `log.recovery`. One process at a
 * time: LOCKED names the other. Rejects with CORRUPT where acknowledged records are lost (nothing was changed then),
 * CLOSED for a log that is sealed, CRASHED_PREDECESSOR with `onCrash: 'refuse'`, UNSUPPORTED_FORMAT, NOT_A_LOG,
 * INVALID_ARGUMENT, DISK_FULL or IO.
 *
 * @example
 * import { openLog } from 'seglog'
 *
 * const log = await openLog('./journal')
 * log.recovery.end // → 'new'
 * await log.commit({ buy: 10, price: 101.5 }) // → 1
 * await log.close()
 */
export function openLog<T = unknown>(directory: string, options: OpenLogOptions<T> = {}): Promise<Log<T>> {
  return openLogWith(directory, options, LIMITS.segmentBytes.min)
}

/** Of what is no path to any system, Node says so in an error of its own. */
function mustBePath(directory: unknown): asserts directory is string {
  if (typeof directory !== 'string' || directory === '' || directory.includes('\0')) {
    throw invalid('directory', 'a path', directory)
  }
}

/**
 * As `openLog`, for tests: with a lower limit for the lengths of segments and queues, because they want many small ones, and
 * with a lock that is acquired call by call, because they want other processes to act in between. With `run`, a log that
 * is made is that run.
 */
export async function openLogWith<T>(
  directory: string,
  options: OpenLogOptions<T>,
  bytesMin: number,
  lockCalls: LockCalls = 'now',
  run?: RunIdentity,
): Promise<Log<T>> {
  mustBePath(directory)
  mustBeObject('options', options)
  const { environment: given, ...others } = options
  const environment = theWorld(given)
  const resolved = resolveOptions(others, bytesMin)
  const path = environment.absolute(directory)
  const seal = async (status: SealedStatus): Promise<void> => {
    const log = await openLogWith(directory, { ...options, onCrash: 'resume' }, bytesMin, lockCalls)
    await log.seal(status).finally(() => log.close())
  }
  try {
    makeReady(environment, path)
    const lock = await acquireLock(environment, path, lockCalls)
    const { bootId } = environment.identity
    const dead = lock.predecessors
    const sameBoot = bootId !== '' && dead.length > 0 && dead.every(({ owner }) => owner?.bootId === bootId)
    try {
      return await start({
        env: new NameSyncs(environment, path),
        directory: path,
        options: resolved,
        sameBoot,
        lock,
        run,
        seal,
      })
    } catch (error) {
      lock.release()
      throw error
    }
  } catch (error) {
    throw wrapSystemError(error, `opening ${path}`, { file: path })
  }
}

/** How a log is opened for reading; everything else is its writer's to choose. */
export interface OpenReadOnlyOptions<T> extends ReadOnlyOptions<T> {
  /** The world: files, clock, randomness. Default the real one. */
  readonly environment?: Environment
}

/**
 * Opens a log for reading, beside any writer: needs no lock and no permission to write, changes no byte. It shows what
 * is durable, also what becomes so later. Rejects with NOT_A_LOG (also where there is none yet), CORRUPT where only
 * traces of a log are left, UNSUPPORTED_FORMAT, INVALID_ARGUMENT or IO.
 *
 * @example
 * import { openLog, openReadOnly } from 'seglog'
 *
 * await openReadOnly('./journal') // throws NOT_A_LOG
 * const log = await openLog('./journal')
 * await log.commit('first')
 * const reader = await openReadOnly('./journal')
 * reader.get(1)?.value // → 'first'
 * await reader.close()
 * await log.close()
 */
export async function openReadOnly<T = unknown>(
  directory: string,
  options: OpenReadOnlyOptions<T> = {},
): Promise<ReadOnlyLog<T>> {
  mustBePath(directory)
  mustBeObject('options', options)
  const { environment: given, ...others } = options
  const environment = theWorld(given)
  const resolved = resolveReadOnlyOptions<T>(others)
  const path = environment.absolute(directory)
  try {
    const { report, state } = await lookAt(environment, path)
    checkOptions(path, state.manifest, { codec: resolved.codec.name })
    const { segmentBytes } = state.manifest.options
    const view = new DiskView(path, state)
    const keys = readKeys(resolved.keys, state.manifest)
    const parts = { env: environment, directory: path, options: { ...resolved, segmentBytes }, report, view, keys }
    return new ReadOnlyLog(parts)
  } catch (error) {
    throw wrapSystemError(error, `opening ${path}`, { file: path })
  }
}

interface Start<T> {
  readonly env: NameSyncs
  readonly directory: string
  readonly options: ResolvedOptions<T>
  readonly sameBoot: boolean
  readonly lock: WriterLock
  readonly run: RunIdentity | undefined
  readonly seal: (status: SealedStatus) => Promise<void>
}

async function start<T>({ env, directory, options, sameBoot, lock, run, seal }: Start<T>): Promise<Log<T>> {
  const { codec, segmentBytes, chain, compression, onDamage } = options
  const settings = { codec: codec.name, segmentBytes, chain, compression, onDamage, sameBoot, ...(run && { run }) }
  const recovered = recover(env, directory, settings)
  const { start: from, slots: handle, slotTurn, report } = recovered
  const onCrash = options.onCrash ?? (recovered.manifest.run === null ? 'resume' : 'refuse')
  if (report.end !== 'new' && onCrash === 'refuse') {
    env.call({ do: 'close', handle })
    throw crashedPredecessor(new CrashedPredecessor(await factsOf(env, directory, recovered, options), seal))
  }
  const slots = new SlotsFile(env, handle, { ...from.identity, ...from.position }, slotTurn)
  const { manifests, sidecars } = from
  let writer: Writer
  let keys: readonly KeyDefinition<T>[]
  try {
    keys = runNow(env, adoptKeys(manifests, options.keys))
    writer = new Writer(env, directory, from, slots, options, (known) => codec.encoder(known))
  } catch (error) {
    env.call({ do: 'close', handle })
    throw error
  }
  const release = (): void => lock.release()
  const log = new Log({ env, directory, options, recovery: report, writer, manifests, sidecars, keys, release })
  if (run === undefined) return log
  try {
    await tellLifecycle(writer, 'running', run)
    return log
  } catch (error) {
    await log.close().catch(() => undefined)
    throw error
  }
}

/** How archived segments are opened; everything else was for their writer to choose. */
export interface OpenArchivedOptions<T> extends Omit<ReadOnlyOptions<T>, 'keys'> {
  /** The world: files, clock, randomness. Default the real one. */
  readonly environment?: Environment
}

/**
 * Opens archived segments of a log without the log: all in this directory, or a single one alone in it. Each is read
 * through once. Rejects with NOT_A_LOG where there is none, CORRUPT where they are of several logs, INVALID_ARGUMENT
 * for another codec than they were written with, UNSUPPORTED_FORMAT where a newer version made one. GAP and IO as reads
 * throw them.
 *
 * @example
 * import { openArchived, openLog } from 'seglog'
 *
 * const log = await openLog('./journal')
 * await log.commit('first')
 * log.roll()
 * await log.commit('second')
 * await log.archiveBefore(2, { to: './cold' })
 * const cold = await openArchived('./cold')
 * Array.from(cold.read(), ({ value }) => value) // → [ 'first' ]
 * await cold.close()
 * await log.close()
 */
export function openArchived<T = unknown>(
  directory: string,
  options: OpenArchivedOptions<T> = {},
): Promise<ArchivedSegments<T>> {
  return new Promise((resolve) => {
    mustBePath(directory)
    checkMembers('options', options, ['codec', 'blockCacheBytes', 'openFilesMax', 'environment'])
    const { environment, ...others } = options
    resolve(openSegments(theWorld(environment), directory, others))
  })
}
