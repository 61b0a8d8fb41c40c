import type {
  Call,
  Done,
  Environment,
  Listener,
  ProcessIdentity,
  ResultOf,
  SocketProbe,
  SystemError,
  Timer,
} from './environment.ts'
import { OpenFiles } from './open-files.ts'
import { Random } from './random.ts'
import { closeInTree, listenInTree, probeInTree } from './sockets.ts'
import { asSystemError } from './system-error.ts'
import { unrefTimer } from './timers.ts'
import { FileTree } from './tree.ts'
import { watchTree } from './watchers.ts'

/** What chance and the clock of a world in memory begin with. */
export interface MemoryOptions {
  /** Makes `randomBytes` repeatable; without it they are drawn from the system. */
  readonly seed?: number
  /** Milliseconds since 1970; the system's clock when absent. */
  readonly nowMs?: () => number
  /** Milliseconds; the system's clock when absent. Timers always run by the system's clock. */
  readonly monotonicMs?: () => number
}

/**
 * A world in memory that only this environment sees: as fast as there is, and gone with the process. Throws nothing;
 * calls on its files fail as those of a system do, as IO.
 *
 * @example
 * import { memoryEnvironment, openLog } from 'seglog'
 *
 * const environment = memoryEnvironment()
 * const log = await openLog('/log', { environment })
 * await log.commit('first')
 * await log.close()
 * const reopened = await openLog('/log', { environment })
 * reopened.get(1)?.value // → 'first'
 */
export function memoryEnvironment(options: MemoryOptions = {}): Environment {
  return new MemoryEnvironment(options)
}

const IDENTITY: ProcessIdentity = { pid: 1, startTime: '1', bootId: 'memory', pidNamespace: 'memory', host: 'memory' }

class MemoryEnvironment implements Environment {
  readonly identity = IDENTITY
  readonly nowMs: () => number
  readonly monotonicMs: () => number
  readonly #tree = new FileTree()
  readonly #files = new OpenFiles(this.#tree)
  readonly #random: Random | undefined

  constructor(options: MemoryOptions) {
    this.nowMs = options.nowMs ?? (() => performance.timeOrigin + performance.now())
    this.monotonicMs = options.monotonicMs ?? (() => performance.now())
    this.#random = options.seed === undefined ? undefined : new Random(options.seed)
  }

  call<C extends Call>(call: C): ResultOf<C> {
    return this.#files.perform(call)
  }

  start<C extends Call>(call: C, done: Done<ResultOf<C>>): void {
    this.defer(() => {
      let result: ResultOf<C> | undefined
      let failed: SystemError | null = null
      try {
        result = this.#files.perform(call)
      } catch (error) {
        failed = asSystemError(error)
      }
      done(failed, result as ResultOf<C>)
    })
  }

  after(delayMs: number, task: () => void): Timer {
    return unrefTimer(delayMs, task)
  }

  defer(task: () => void): void {
    setImmediate(task)
  }

  absolute(path: string): string {
    return path
  }

  randomBytes(count: number): Uint8Array {
    return this.#random ? this.#random.bytes(count) : crypto.getRandomValues(new Uint8Array(count))
  }

  startTimeOf(pid: number): string | undefined {
    return pid === IDENTITY.pid ? IDENTITY.startTime : undefined
  }

  listen(path: string, done: Done<Listener>): void {
    this.defer(() => {
      let listener: Listener | undefined
      let failed: SystemError | null = null
      try {
        const socket = listenInTree(this.#tree, path)
        listener = { close: () => closeInTree(this.#tree, path, socket) }
      } catch (error) {
        failed = asSystemError(error)
      }
      done(failed, listener as Listener)
    })
  }

  probe(path: string, done: (probe: SocketProbe) => void): void {
    this.defer(() => done(probeInTree(this.#tree, path)))
  }

  watch(directory: string, changed: () => void): Listener {
    return watchTree(this.#tree, directory, (task) => this.defer(task), changed)
  }

  stayAlive(): () => void {
    return () => undefined
  }
}
