import type {
  Call,
  Done,
  Environment,
  Listener,
  ProcessIdentity,
  ResultOf,
  SocketProbe,
  Timer,
} from '../../segments/env/environment.ts'

/**
 * Passes everything on. What a callback throws would end a real process: here it is kept, to be reported as a broken
 * promise, and the process goes on. Base of environments that put something in the way.
 *
 * @example
 * import { openLog } from 'seglog'
 * import { GuardedEnvironment, simulate, type Call } from 'seglog/testing'
 *
 * class Syncless extends GuardedEnvironment {
 *   override call<C extends Call>(call: C) {
 *     // What becomes of a log on a disk that lies?
 *     return call.do === 'sync' ? (undefined as never) : super.call(call)
 *   }
 * }
 * const machine = simulate(1)
 * const log = await machine.drive(openLog('/log', { environment: new Syncless(machine) }))
 */
export class GuardedEnvironment implements Environment {
  /** What callbacks threw. */
  readonly escaped: unknown[] = []
  protected readonly inner: Environment

  constructor(inner: Environment) {
    this.inner = inner
  }

  get identity(): ProcessIdentity {
    return this.inner.identity
  }

  call<C extends Call>(call: C): ResultOf<C> {
    return this.inner.call(call)
  }

  start<C extends Call>(call: C, done: Done<ResultOf<C>>): void {
    this.inner.start(call, this.guard(done))
  }

  nowMs(): number {
    return this.inner.nowMs()
  }

  monotonicMs(): number {
    return this.inner.monotonicMs()
  }

  after(delayMs: number, task: () => void): Timer {
    return this.inner.after(delayMs, this.guard(task))
  }

  defer(task: () => void): void {
    this.inner.defer(this.guard(task))
  }

  randomBytes(count: number): Uint8Array {
    return this.inner.randomBytes(count)
  }

  absolute(path: string): string {
    return this.inner.absolute(path)
  }

  startTimeOf(pid: number): string | undefined {
    return this.inner.startTimeOf(pid)
  }

  listen(path: string, done: Done<Listener>): void {
    this.inner.listen(path, this.guard(done))
  }

  probe(path: string, done: (probe: SocketProbe) => void): void {
    this.inner.probe(path, this.guard(done))
  }

  watch(directory: string, changed: () => void): Listener {
    return this.inner.watch(directory, this.guard(changed))
  }

  stayAlive(): () => void {
    return this.inner.stayAlive()
  }

  protected guard<A extends unknown[]>(callback: (...args: A) => void): (...args: A) => void {
    return (...args) => {
      try {
        callback(...args)
      } catch (error) {
        this.escaped.push(error)
      }
    }
  }
}
