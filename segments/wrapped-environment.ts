import type {
  Call,
  Done,
  Environment,
  Listener,
  ProcessIdentity,
  ResultOf,
  SocketProbe,
  Timer,
} from './env/environment.ts'

/** A world that asks another one for everything: for those who change some of it. */
export class WrappedEnvironment implements Environment {
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
    this.inner.start(call, done)
  }

  nowMs(): number {
    return this.inner.nowMs()
  }

  monotonicMs(): number {
    return this.inner.monotonicMs()
  }

  after(delayMs: number, task: () => void): Timer {
    return this.inner.after(delayMs, task)
  }

  defer(task: () => void): void {
    this.inner.defer(task)
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
    this.inner.listen(path, done)
  }

  probe(path: string, done: (probe: SocketProbe) => void): void {
    this.inner.probe(path, done)
  }

  watch(directory: string, changed: () => void): Listener {
    return this.inner.watch(directory, changed)
  }

  stayAlive(): () => void {
    return this.inner.stayAlive()
  }
}
