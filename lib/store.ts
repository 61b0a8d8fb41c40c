/* Over 300 lines because each call of a store stands here with its promise and an example. */
import { inspect } from '../recovery/inspect.ts'
import type { Environment } from '../segments/env/environment.ts'
import { type Steps, runLater, step } from '../segments/env/steps.ts'
import { SeglogError, invalid, mustBeObject, wrapSystemError } from '../segments/errors.ts'
import type { RunIdentity } from '../segments/format/manifest.ts'
import { isName } from '../segments/format/names.ts'
import { acquireLock } from '../segments/lock.ts'
import { nanoseconds } from '../segments/timeline.ts'
import { makeReady } from './directories.ts'
import type { Log } from './log.ts'
import { type OpenLogOptions, openLogWith, openReadOnly } from './open.ts'
import { LIMITS, resolveOptions } from './options.ts'
import type { ReadOnlyLog } from './read-only.ts'
import { type RunDraft, checkName, identityOf } from './runs/identity.ts'
import { type LogListing, byStart, holdsLog, linkError, listLogs, settleSealed, told } from './runs/listing.ts'
import { quarantineAsItIs } from './runs/quarantine.ts'
import { type SweptRun, notSwept, sweep } from './runs/sweep.ts'
import { mustLeave, theWorld } from './world.ts'

/** How the logs of a store are opened, unless a call says otherwise, and the world that they are in. */
export type StoreOptions<T> = OpenLogOptions<T>

const ITS_WORLD = 'it is that of the store'

/** A run's identity, and how its log is opened. */
export interface StartOptions<T> extends RunDraft, Omit<OpenLogOptions<T>, 'environment' | 'onCrash'> {}

/**
 * A directory of logs: runs, in directories `<instance>/<run>`, and streams, each in one of its own name. Nothing is
 * read or written before it is asked for, and the directory is made with the first log. Throws INVALID_ARGUMENT.
 *
 * @example
 * import { openStore } from 'seglog'
 *
 * const store = openStore('./data')
 * const orders = await store.openStream('orders')
 * await orders.commit({ buy: 1 }) // → 1
 * await store.close()
 */
export function openStore<T = unknown>(base: string, options: StoreOptions<T> = {}): Store<T> {
  return openStoreWith(base, options, LIMITS.segmentBytes.min)
}

/** As `openStore`, with a lower limit for the length of segments, for tests. */
export function openStoreWith<T>(base: string, options: StoreOptions<T>, segmentBytesMin: number): Store<T> {
  if (typeof base !== 'string' || base === '') throw invalid('base', 'a path', base)
  mustBeObject('options', options)
  const { environment: _, ...others } = options
  resolveOptions(others, segmentBytesMin)
  return new Store(base, options, segmentBytesMin)
}

/**
 * Many logs in one directory. Made by `openStore`. Names of instances, runs and streams are up to 128 letters, digits,
 * dots, dashes and underscores, else INVALID_ARGUMENT; every call is CLOSED after `close`.
 *
 * @example
 * import { openStore } from 'seglog'
 *
 * const store = openStore('./data')
 * const run = await store.startRun('engine', 'monday', { build: '1.4.2' })
 * await run.commit({ buy: 1 })
 * await run.seal('ended')
 * const listed = await store.list()
 * listed.map(({ name, status }) => `${name}: ${status}`) // → [ 'engine/monday: ended' ]
 * await store.close()
 */
export class Store<T> {
  readonly directory: string
  private readonly env: Environment
  private readonly options: StoreOptions<T>
  private readonly segmentBytesMin: number
  private readonly opened = new Set<Log<T> | ReadOnlyLog<T>>()
  private closing: Promise<void> | undefined

  /** Use `openStore`. */
  constructor(base: string, options: StoreOptions<T>, segmentBytesMin: number) {
    this.env = theWorld(options.environment)
    this.directory = this.env.absolute(base)
    this.options = { ...options, environment: this.env }
    this.segmentBytesMin = segmentBytesMin
  }

  /**
   * All logs, from their manifests alone, the earliest first; of one instance, where one is named. One that cannot be
   * read is listed as such, behind the others. A store whose directory is not there has none. Rejects with IO where the
   * directory cannot be read.
   *
   * @example
   * await store.openStream('orders')
   * const names = (await store.list()).map(({ name }) => name) // → [ 'orders' ]
   */
  async list(instance?: string): Promise<LogListing[]> {
    this.mustBeOpen()
    if (instance !== undefined) checkName('instance', instance)
    return this.later(listLogs(this.directory, instance))
  }

  /**
   * Opens a stream, a log that goes on where it was, and makes it when there is none. Rejects as `openLog` does, and
   * with NOT_A_LOG where the name is that of an instance, or a link.
   *
   * @example
   * const orders = await store.openStream('orders')
   * await orders.commit({ id: 'a', buy: 10, price: 101 }) // → 1
   */
  async openStream(name: string, options: Omit<OpenLogOptions<T>, 'environment'> = {}): Promise<Log<T>> {
    mustBeObject('options', options)
    mustLeave(options, 'environment', ITS_WORLD)
    const path = await this.place([checkName('name', name)])
    await this.later(mustHold(path, 'log'))
    await this.make(this.directory)
    return this.open(path, options)
  }

  /**
   * Starts a run: status running, no record, and what the caller says of it. An instance has one running run at a time:
   * LOCKED while another lives, CRASHED_PREDECESSOR while one that crashed is not sealed, its own error while one
   * cannot be read. CLOSED where this very run was sealed before. Else it rejects as `openLog` does.
   *
   * @example
   * const run = await store.startRun('engine', 'monday', { build: '1.4.2', fields: { desk: 7 } })
   * run.status // → 'running'
   * await store.startRun('engine', 'tuesday') // throws LOCKED
   */
  async startRun(instance: string, run: string, options: StartOptions<T> = {}): Promise<Log<T>> {
    mustBeObject('options', options)
    mustLeave(options, 'environment', ITS_WORLD)
    mustLeave(options, 'onCrash', 'a run that crashed is never gone on with')
    const { build: _1, configurationHash: _2, fields: _3, parent: _4, ...others } = options
    checkName('instance', instance)
    const path = await this.place([instance, checkName('run', run)])
    identityOf(instance, run, options, null, '0')
    const above = `${this.directory}/${instance}`
    await this.later(mustHold(above, 'runs'))
    await this.make(above)
    // Two who start runs of an instance at the same time would both find none running.
    const lock = await acquireLock(this.env, above)
    try {
      const siblings: LogListing[] = []
      for (const sibling of await this.list(instance)) siblings.push(...(await this.mustBeOver(sibling)))
      siblings.sort(byStart)
      const parent = parentOf(siblings, `${instance}/${run}`, options.parent)
      if (parent !== null) await this.later(settleSealed(`${above}/${parent}`))
      const identity = identityOf(instance, run, options, parent, this.startOf(siblings))
      return await this.open(path, { ...others, onCrash: 'refuse' }, identity)
    } finally {
      lock.release()
    }
  }

  /**
   * Opens a run that was started before, to look at what became of it: always rejects, with CRASHED_PREDECESSOR (and a
   * handle to seal it), LOCKED while it is written, CLOSED when it is sealed, or NOT_A_LOG.
   *
   * @example
   * const run = await store.startRun('engine', 'monday')
   * await run.seal('ended')
   * await run.close()
   * await store.openRun('engine', 'monday') // throws CLOSED
   */
  async openRun(instance: string, run: string): Promise<never> {
    const path = await this.place([checkName('instance', instance), checkName('run', run)])
    if (await this.isEmpty(path)) throw new SeglogError('NOT_A_LOG', 'there is no such run', { file: path })
    const log = await this.open(path, { onCrash: 'refuse' })
    await log.close()
    throw new SeglogError('NOT_A_LOG', 'there was no such run, and now there is a log', { file: path })
  }

  /**
   * Opens a sealed run for reading; writes nothing, and needs no permission to. Rejects with INVALID_ARGUMENT for one
   * that is running, and as `openReadOnly` does.
   *
   * @example
   * const run = await store.startRun('engine', 'monday')
   * await run.commit({ id: 'a', buy: 10, price: 101 })
   * await run.seal('ended')
   * await run.close()
   * const sealed = await store.openSealed('engine', 'monday')
   * sealed.get(1)?.value.id // → 'a'
   */
  async openSealed(instance: string, run: string): Promise<ReadOnlyLog<T>> {
    const path = await this.place([checkName('instance', instance), checkName('run', run)])
    const { codec, blockCacheBytes, openFilesMax } = this.options
    const given = { ...(codec && { codec }), ...(blockCacheBytes !== undefined && { blockCacheBytes }) }
    const files = openFilesMax === undefined ? {} : { openFilesMax }
    const log = await openReadOnly<T>(path, { ...given, ...files, environment: this.env })
    if (log.report.status !== 'running') return this.keep(log)
    await log.close()
    throw invalid('run', 'one that is sealed: seal it first, or read it with openReadOnly', 'running')
  }

  /**
   * Seals every run that was left running, of one instance or of all: sound ones as crashed-recovered, to go on from;
   * damaged ones as quarantined. One that fails never stops the others. A result for each run. Rejects with IO where
   * the directory cannot be read; what goes wrong with one run is the `error` of its result.
   *
   * @example
   * const run = await store.startRun('engine', 'monday')
   * await run.close() // closed, and never sealed
   * const swept = await store.recover()
   * swept.map(({ name, outcome }) => `${name}: ${outcome}`) // → [ 'engine/monday: recovered' ]
   */
  async recover(instance?: string): Promise<SweptRun[]> {
    const listed = await this.list(instance)
    const runs = listed.filter(({ name }) => name.includes('/'))
    // What cannot be looked at may be an instance with runs in it, and is not to be passed over in silence.
    const unseen = listed.filter(({ name, error }) => !name.includes('/') && isOfTheSystem(error))
    const pathOf = (name: string): string => `${this.directory}/${name}`
    const swept = await sweep(runs, {
      open: async (name) => {
        const [above, below] = name.split('/') as [string, string]
        await this.openRun(above, below)
      },
      isEmpty: (name) => this.isEmpty(pathOf(name)),
      settleSealed: (name) => this.later(settleSealed(pathOf(name))),
      quarantine: (name) => quarantineAsItIs(this.env, pathOf(name)),
    })
    return [...unseen.map(notSwept), ...swept]
  }

  /**
   * Closes the logs that were opened through it; rejects with the first error (IO, DISK_FULL, FAILED), after all are
   * closed.
   *
   * @example
   * await store.close()
   */
  close(): Promise<void> {
    this.closing ??= this.closeAll()
    return this.closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private async closeAll(): Promise<void> {
    const results = await Promise.allSettled([...this.opened].map((log) => log.close()))
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  private async open(
    path: string,
    options: Omit<OpenLogOptions<T>, 'environment'>,
    run?: RunIdentity,
  ): Promise<Log<T>> {
    this.mustBeOpen()
    const log = await openLogWith(path, { ...this.options, ...options }, this.segmentBytesMin, 'now', run)
    return this.keep(log)
  }

  /** Notes a log, to be closed with the store; it may have been closed while the log was opened. */
  private async keep<L extends Log<T> | ReadOnlyLog<T>>(log: L): Promise<L> {
    for (const other of this.opened) if (!other.isOpen) this.opened.delete(other)
    this.opened.add(log)
    if (this.closing === undefined) return log
    await log.close()
    throw closedError()
  }

  /** Where a log of these names is, or would be; nothing on the way to it may be a link. */
  private async place(names: readonly string[]): Promise<string> {
    this.mustBeOpen()
    const path = `${this.directory}/${names.join('/')}`
    await this.later(mustNotLeave(this.directory, names))
    return path
  }

  /** A run of an instance in which another is to start, as it is known to be over; none where nothing was ever begun. */
  private async mustBeOver(sibling: LogListing): Promise<LogListing[]> {
    const { name, status, error } = sibling
    const path = `${this.directory}/${name}`
    if (status !== undefined && status !== 'running') return [sibling]
    if (status === undefined) {
      // What the disk refuses to tell is never taken for nothing.
      if (error !== undefined && error.code !== 'CORRUPT' && error.code !== 'NOT_A_LOG') throw error
      if (await this.isEmpty(path)) return []
      const { manifest } = await this.later(inspect(path))
      if (manifest === undefined) throw error ?? linkError(path)
      // Its manifests are lost, and its lifecycle frames say that it was sealed.
      if (manifest.status !== 'running') return [told(name, manifest, error)]
    }
    const log = await this.open(path, { onCrash: 'refuse' })
    await log.close()
    return []
  }

  /**
   * Makes a directory above logs. Its name and that of the store are made durable also where they are there: who made them
   * may have died before that.
   */
  private async make(path: string): Promise<void> {
    try {
      makeReady(this.env, path)
    } catch (error) {
      throw wrapSystemError(error, `making ${path}`, { file: path })
    }
    const above = this.directory.slice(0, this.directory.lastIndexOf('/')) || '/'
    await this.later(syncAll(path === this.directory ? [above] : [above, this.directory]))
  }

  /** Whether nothing was ever begun in this directory, or it is not there. */
  private async isEmpty(path: string): Promise<boolean> {
    const status = await this.later(step({ do: 'stat', path }))
    if (status === undefined) return true
    if (status.kind !== 'directory') throw linkError(path)
    return (await this.later(inspect(path))).state === 'nothing'
  }

  /** Now, and later than every other run of the instance started, whatever the clock says. */
  private startOf(siblings: readonly LogListing[]): string {
    let start = nanoseconds(this.env.nowMs())
    for (const { startedNs } of siblings) if (startedNs >= start) start = startedNs + 1n
    return String(start)
  }

  private later<R>(steps: Steps<R>): Promise<R> {
    return new Promise((resolve, reject) => {
      runLater(this.env, steps, (error, result) => {
        if (error) reject(wrapSystemError(error, `reading ${this.directory}`, { file: this.directory }))
        else resolve(result as R)
      })
    })
  }

  private mustBeOpen(): void {
    if (this.closing !== undefined) throw closedError()
  }
}

function closedError(): SeglogError {
  return new SeglogError('CLOSED', 'the store is closed. Open it again.')
}

function* syncAll(paths: readonly string[]): Steps<void> {
  for (const path of paths) yield* step({ do: 'syncDirectory', path })
}

function* mustNotLeave(base: string, names: readonly string[]): Steps<void> {
  let path = base
  for (const name of names) {
    path = `${path}/${name}`
    const status = yield* step({ do: 'stat', path })
    if (status === undefined) return
    if (status.kind !== 'directory') throw linkError(path)
  }
}

/** A name is that of a stream or that of an instance, never both: the one would hide the other. */
function* mustHold(path: string, what: 'log' | 'runs'): Steps<void> {
  const status = yield* step({ do: 'stat', path })
  if (status === undefined) return
  const entries = yield* step({ do: 'list', path })
  const isLog = holdsLog(entries)
  const isInstance = !isLog && entries.some(({ name, kind }) => kind === 'directory' && isName(name))
  if (what === 'log' ? !isInstance : !isLog) return
  const message = isLog ? 'this is a stream, and not an instance of runs' : 'this is an instance of runs, and no stream'
  throw new SeglogError('NOT_A_LOG', message, { file: path })
}

/** The name of the run that a new one goes on from; null for none. */
function parentOf(siblings: readonly LogListing[], self: string, wanted: string | null | undefined): string | null {
  if (wanted === null) return null
  const isOver = ({ status, name }: LogListing): boolean =>
    name !== self && (status === 'ended' || status === 'crashed-recovered')
  const runs = siblings.filter(isOver).map(({ name }) => name.slice(name.indexOf('/') + 1))
  if (wanted === undefined) return runs.at(-1) ?? null
  if (runs.includes(wanted)) return wanted
  throw invalid('parent', 'a run of the same instance that has ended or is recovered', wanted)
}

/** Whether the system failed, instead of anything being wrong with what is there. */
function isOfTheSystem(error: SeglogError | undefined): boolean {
  return error?.code === 'IO' || error?.code === 'DISK_FULL'
}
