import { randomFillSync } from 'node:crypto'
import { resolve } from 'node:path'
import type { Call, Done, Environment, Listener, ResultOf, SocketProbe, Timer } from './environment.ts'
import { WallClock } from './node-clock.ts'
import { type DurableWrites, NodeFiles } from './node-files.ts'
import { processIdentity, startTimeOf } from './node-process.ts'
import { listen, probe } from './node-sockets.ts'
import { watch } from './node-watch.ts'
import { refTimer, unrefTimer } from './timers.ts'

/**
 * The real world, which is the default wherever an environment can be given. Throws nothing.
 *
 * @example
 * import { nodeEnvironment, openLog } from 'seglog'
 *
 * const log = await openLog('./journal', { environment: nodeEnvironment({ durableWrites: 'sync' }) })
 * await log.close()
 */
export function nodeEnvironment(options: NodeOptions = {}): Environment {
  return new NodeEnvironment(options)
}

/** How the real world is dealt with. */
export interface NodeOptions {
  /** By default as the platform needs it. */
  readonly durableWrites?: DurableWrites
}

class NodeEnvironment implements Environment {
  readonly identity = processIdentity()
  readonly #files: NodeFiles
  readonly #clock = new WallClock()

  constructor(options: NodeOptions) {
    this.#files = new NodeFiles(options.durableWrites ?? (process.platform === 'linux' ? 'flag' : 'sync'))
  }

  call<C extends Call>(call: C): ResultOf<C> {
    return this.#files.call(call)
  }

  start<C extends Call>(call: C, done: Done<ResultOf<C>>): void {
    this.#files.start(call, done)
  }

  nowMs(): number {
    return this.#clock.nowMs()
  }

  monotonicMs(): number {
    return performance.now()
  }

  after(delayMs: number, task: () => void): Timer {
    return unrefTimer(delayMs, task)
  }

  defer(task: () => void): void {
    setImmediate(task)
  }

  absolute(path: string): string {
    return resolve(path)
  }

  randomBytes(count: number): Uint8Array {
    // The web's `crypto` is loaded when it is first asked: 2 ms of each process's first opening.
    return randomFillSync(new Uint8Array(count))
  }

  startTimeOf(pid: number): string | undefined {
    return startTimeOf(pid)
  }

  listen(path: string, done: Done<Listener>): void {
    listen(path, done)
  }

  probe(path: string, done: (probe: SocketProbe) => void): void {
    probe(path, done)
  }

  watch(directory: string, changed: () => void): Listener {
    return watch(directory, changed)
  }

  stayAlive(): () => void {
    return refTimer()
  }
}
