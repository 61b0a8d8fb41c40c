import type {
  Call,
  Done,
  Environment,
  Listener,
  ProcessIdentity,
  ResultOf,
  SocketProbe,
  SystemError,
} from '../../segments/env/environment.ts'
import { memoryEnvironment } from '../../segments/env/memory.ts'
import { asSystemError, systemError } from '../../segments/env/system-error.ts'

export const LOG = '/log'

/** Processes on hosts that share one directory. What a process asks for happens when the scheduler lets it. */
export class World {
  readonly files = memoryEnvironment({ seed: 1 })
  readonly processes: Process[] = []
  /** Who listens behind which name, by identity of the file; a name outlives its listener, as on a disk. */
  readonly listeners = new Map<string, Process>()
  /** Otherwise everything happens by itself. */
  scheduled = false

  constructor() {
    this.files.call({ do: 'makeDirectory', path: LOG })
  }

  process(pid: number, identity: Partial<ProcessIdentity> = {}): Process {
    const made = new Process(this, {
      pid,
      startTime: String(100 + this.processes.length),
      bootId: 'boot-1',
      pidNamespace: 'pid:[1]',
      host: 'host-1',
      ...identity,
    })
    this.processes.push(made)
    return made
  }

  names(): string[] {
    return this.files.call({ do: 'list', path: LOG }).map((entry) => entry.name)
  }

  write(name: string, content: Uint8Array): void {
    const handle = this.files.call({ do: 'open', path: `${LOG}/${name}`, access: 'create' })
    this.files.call({ do: 'write', handle, from: content, start: 0, length: content.length, position: 0 })
    this.files.call({ do: 'close', handle })
  }

  /** Lets one process after the other act, until nobody wants to; `choose` gets at least one. */
  async play(choose: (ready: readonly Process[]) => Process): Promise<void> {
    for (;;) {
      await told()
      const ready = this.processes.filter((process) => process.pending)
      if (ready.length === 0) return
      choose(ready).act()
    }
  }

  /** Lets only this process act, until it wants nothing or this condition holds. */
  async run(process: Process, until: () => boolean = () => false): Promise<void> {
    for (await told(); process.pending && !until(); await told()) process.act()
  }
}

/** Promises of what just happened are told before anything else happens. */
async function told(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve()
}

export class Process implements Environment {
  readonly identity: ProcessIdentity
  readonly world: World
  alive = true
  /** A zombie is dead and still has its pid. */
  zombie = false
  pending: (() => void) | undefined
  /** What listening fails with, as on a file system without sockets. */
  noSockets: SystemError | undefined
  nowMs = (): number => 1_700_000_000_000
  monotonicMs = (): number => 0
  readonly after: Environment['after']
  readonly defer: Environment['defer']
  absolute = (path: string): string => path
  readonly randomBytes: Environment['randomBytes']

  constructor(world: World, identity: ProcessIdentity) {
    this.world = world
    this.identity = identity
    this.after = world.files.after.bind(world.files)
    this.defer = world.files.defer.bind(world.files)
    this.randomBytes = world.files.randomBytes.bind(world.files)
  }

  act(): void {
    const action = this.pending
    this.pending = undefined
    action?.()
  }

  kill(): this {
    this.alive = false
    this.pending = undefined
    return this
  }

  call<C extends Call>(call: C): ResultOf<C> {
    return this.world.files.call(call)
  }

  start<C extends Call>(call: C, done: Done<ResultOf<C>>): void {
    this.#when(() => {
      let result: ResultOf<C>
      try {
        result = this.call(call)
      } catch (error) {
        return done(asSystemError(error), undefined as ResultOf<C>)
      }
      done(null, result)
    })
  }

  startTimeOf(pid: number): string | undefined {
    const there = this.world.processes.filter(
      ({ identity, alive, zombie }) =>
        (alive || zombie) &&
        identity.pid === pid &&
        identity.bootId === this.identity.bootId &&
        identity.pidNamespace === this.identity.pidNamespace,
    )
    return there.at(-1)?.identity.startTime
  }

  listen(path: string, done: Done<Listener>): void {
    this.#when(() => {
      if (this.noSockets) return done(this.noSockets, undefined as never)
      const name = path.slice(LOG.length + 1)
      if (this.world.names().includes(name)) return done(systemError('EADDRINUSE', 'bind', path), undefined as never)
      this.world.write(name, new Uint8Array())
      const id = this.#idOf(path)!
      this.world.listeners.set(id, this)
      const close = (): void => {
        this.world.listeners.delete(id)
        if (this.#idOf(path) === id) this.world.files.call({ do: 'unlink', path })
      }
      done(null, { close })
    })
  }

  probe(path: string, done: (probe: SocketProbe) => void): void {
    this.#when(() => done(this.#ask(path)))
  }

  /** A kernel knows its own listeners only: from another boot each name refuses. */
  #ask(path: string): SocketProbe {
    const id = this.#idOf(path)
    if (id === undefined) return 'absent'
    const listener = this.world.listeners.get(id)
    return listener?.alive && listener.identity.bootId === this.identity.bootId ? 'alive' : 'dead'
  }

  #idOf(path: string): string | undefined {
    return this.world.files.call({ do: 'stat', path })?.id
  }

  #when(action: () => void): void {
    this.pending = action
    if (!this.world.scheduled) setImmediate(() => this.act())
  }

  watch(): Listener {
    throw new Error('not here')
  }

  stayAlive(): () => void {
    throw new Error('not here')
  }
}
