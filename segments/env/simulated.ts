/* Over 300 lines because each call of a simulated process stands here with its promise and an example. */
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
import type { CallMode, CallNote, Fault, FaultOutcome } from './faults.ts'
import { InFlight, SimulatedDeath } from './in-flight.ts'
import { HOST, Machine } from './machine.ts'
import { OpenFiles } from './open-files.ts'
import type { CrashOptions } from './power-cut.ts'
import { Random } from './random.ts'
import { type DeathMoment, SimulatedCalls, type TraceEntry } from './simulated-calls.ts'
import { SimulatedFiles } from './simulated-files.ts'
import { closeInTree, listenInTree, probeInTree } from './sockets.ts'
import { type ErrorName, asSystemError, withoutStack } from './system-error.ts'
import type { OtherNode } from './tree.ts'
import type { VirtualClock } from './virtual-clock.ts'
import { watchTree } from './watchers.ts'

export type { CallMode, CallNote, CrashOptions, DeathMoment, ErrorName, Fault, FaultOutcome }
export type { SimulatedCalls, SimulatedFiles, TraceEntry }
export { SimulatedDeath }

/** What a simulated machine begins with. */
export interface SimulationOptions {
  /** Wall clock at the start, milliseconds since 1970. Default the first of January 2026. */
  readonly nowMs?: number
  /**
   * When started calls land. `seeded` (the default): at a moment that the seed chooses, also behind synchronous calls
   * that came later. `prompt`: in the next turn, in order.
   */
  readonly landing?: 'seeded' | 'prompt'
  /** Whether `trace` is kept. */
  readonly trace?: boolean
}

/**
 * A new machine with an empty disk, and a process on it. Equal seeds and equal calls give equal results. Throws
 * nothing.
 *
 * @example
 * import { openLog } from 'seglog'
 * import { simulate } from 'seglog/testing'
 *
 * const machine = simulate(1)
 * const log = await machine.drive(openLog('/log', { environment: machine }))
 * await machine.drive(log.commit('acknowledged'))
 *
 * const after = machine.crash(2)
 * const reopened = await after.drive(openLog('/log', { environment: after }))
 * Array.from(reopened.read(), ({ value }) => value) // → [ 'acknowledged' ]
 */
export function simulate(seed: number, options: SimulationOptions = {}): SimulatedEnvironment {
  const random = new Random(seed)
  return new SimulatedEnvironment(Machine.fresh(random, options.nowMs ?? START_MS), random, options)
}

const START_MS = Date.UTC(2026, 0, 1)

/** More virtual time than any log should need for anything. */
const DRIVE_MS_MAX = 3_600_000

/**
 * A process on a simulated machine. Time stands still except in `advance` and `drive`, so timers never spin; started
 * calls and deferred tasks go on by themselves, through turns of their own event loop. Paths are absolute, times are
 * milliseconds. Throws nothing of its own, save `drive`; calls on files fail as those of a system do, with a
 * `SystemError`.
 *
 * @example
 * import { simulate } from 'seglog/testing'
 *
 * const machine = simulate(1)
 * machine.files.makeDirectory('/data')
 * const process = machine.spawn(2) // another one, beside it
 * process.call({ do: 'list', path: '/data' }) // → []
 */
export class SimulatedEnvironment implements Environment {
  readonly identity: ProcessIdentity
  readonly absolute = (path: string): string => path
  readonly stayAlive = () => (): void => undefined
  /** Looks at and changes files past all calls, faults and counters. */
  readonly files: SimulatedFiles
  /** Counts and notes calls, makes them fail, and makes the process die in one. */
  readonly calls: SimulatedCalls
  readonly #machine: Machine
  readonly #random: Random
  readonly #options: SimulationOptions
  readonly #open: OpenFiles
  readonly #inFlight: InFlight
  readonly #sockets = new Set<OtherNode>()
  #dead = false

  /** Use `simulate`, `crash`, `kill`, `spawn` or `clone`. */
  constructor(machine: Machine, random: Random, options: SimulationOptions, host = HOST) {
    this.#machine = machine
    this.#random = random
    this.#options = options
    this.#open = new OpenFiles(machine.tree)
    this.files = new SimulatedFiles(machine.tree, machine.disk)
    this.calls = new SimulatedCalls({
      machine,
      open: this.#open,
      keepTrace: options.trace ?? false,
      die: () => this.die(),
    })
    const perform = (call: Call): unknown => this.calls.perform(call, 'started')
    this.#inFlight = new InFlight({ perform, random, machine, landing: options.landing })
    const { pid, startTime } = (this.identity = machine.nextIdentity(host))
    machine.processes.set(pid, {
      host,
      startTime,
      isBusy: () => this.#inFlight.busy,
      die: () => this.die(),
    })
  }

  // ---- the environment

  call<C extends Call>(call: C): ResultOf<C> {
    if (this.#inFlight.waiting) this.#inFlight.landSome()
    if (this.#dead) throw withoutStack(() => new SimulatedDeath())
    try {
      return this.calls.perform(call, 'called') as ResultOf<C>
    } catch (error) {
      if (error instanceof SimulatedDeath && error.moment === 'during') this.#inFlight.leave(call)
      throw error
    }
  }

  start<C extends Call>(call: C, done: Done<ResultOf<C>>): void {
    this.#inFlight.start(call, done as Done<unknown>)
  }

  nowMs(): number {
    return this.#machine.clock.nowMs
  }

  monotonicMs(): number {
    return this.#machine.clock.monotonicMs
  }

  after(delayMs: number, task: () => void): Timer {
    return this.#machine.clock.after(delayMs, () => {
      if (!this.#dead) task()
    })
  }

  defer(task: () => void): void {
    this.#inFlight.defer(task)
  }

  randomBytes(count: number): Uint8Array {
    return this.#random.bytes(count)
  }

  startTimeOf(pid: number): string | undefined {
    return this.#machine.startTimeOf(pid, this.identity.host)
  }

  listen(path: string, done: Done<Listener>): void {
    this.defer(() => {
      let listener: Listener | undefined
      let failed: SystemError | null = null
      try {
        listener = this.#listen(path)
      } catch (error) {
        failed = asSystemError(error)
      }
      done(failed, listener as Listener)
    })
  }

  probe(path: string, done: (probe: SocketProbe) => void): void {
    this.defer(() => done(probeInTree(this.#machine.tree, path, this.identity.host)))
  }

  watch(directory: string, changed: () => void): Listener {
    // A dead process defers nothing, so a watch ends with it.
    return watchTree(this.#machine.tree, directory, (task) => this.defer(task), changed)
  }

  // ---- death and what comes after it

  get dead(): boolean {
    return this.#dead
  }

  /**
   * Ends this process now: calls throw `SimulatedDeath`, nothing that was started or set ever happens in it.
   *
   * @example
   * machine.die()
   * machine.dead // → true
   * machine.call({ do: 'list', path: '/' }) // throws SimulatedDeath
   */
  die(): void {
    if (this.#dead) return
    this.#dead = true
    this.#inFlight.stop()
    this.#machine.remove(this.identity.pid, this.#sockets)
  }

  /**
   * A process on this machine after a power cut: what was synced is there, of the rest any part. All processes of the
   * old machine are dead; its disk stays as it was, so that it can crash again with other seeds.
   *
   * @example
   * const log = await machine.drive(openLog('/log', { environment: machine }))
   * log.append('never acknowledged')
   * const after = machine.crash(2, { unsynced: 'lost' })
   * const reopened = await after.drive(openLog('/log', { environment: after }))
   * reopened.lastSequence // → 0
   */
  crash(seed: number, options: CrashOptions = {}): SimulatedEnvironment {
    const random = new Random(seed, 1)
    for (const process of [...this.#machine.processes.values()]) process.die()
    this.die()
    const unlanded = options.unsynced === 'lost' ? [] : this.#inFlight.unlanded
    if (unlanded.length === 0) return this.#next(this.#machine.afterPowerCut(random, options), random)
    const { copied } = this.#machine.copy(random)
    const open = this.#open.copy(copied.tree, (file) => copied.of(file))
    for (const call of shuffled(unlanded, random)) {
      if (options.unsynced === 'kept' || random.chance(1 / 2)) attempt(() => open.perform(call))
    }
    return this.#next(this.#machine.afterPowerCut(random, options, copied.tree, copied.disk), random)
  }

  /**
   * A new process on this machine after this one was killed (SIGKILL). All performed calls remain; calls in flight land
   * or not, a write also in part; other processes live on.
   *
   * @example
   * const log = await machine.drive(openLog('/log', { environment: machine }))
   * await machine.drive(log.commit('first', { durability: 'written' }))
   * const next = machine.kill(2)
   * const reopened = await next.drive(openLog('/log', { environment: next }))
   * reopened.lastSequence // → 1
   */
  kill(seed: number): SimulatedEnvironment {
    const random = new Random(seed, 2)
    this.die()
    for (const call of shuffled(this.#inFlight.unlanded, random)) {
      if (random.chance(1 / 3)) continue
      const length = call.do === 'write' && random.chance(1 / 2) ? random.below(call.length + 1) : undefined
      attempt(() => this.#open.perform(length === undefined ? call : ({ ...call, length } as Call)))
    }
    return this.#next(this.#machine, random)
  }

  /**
   * Another process beside this one: on this machine, or on another `host` that shares its disk.
   *
   * @example
   * const log = await machine.drive(openLog('/log', { environment: machine }))
   * const other = machine.spawn(2)
   * await other.drive(openLog('/log', { environment: other })) // throws LOCKED
   */
  spawn(seed: number, { host = this.identity.host }: { readonly host?: string } = {}): SimulatedEnvironment {
    return new SimulatedEnvironment(this.#machine, new Random(seed, 3), this.#options, host)
  }

  /**
   * A machine of its own with the same files, as durable as they are here, and a process that has nothing open.
   *
   * @example
   * const twin = machine.clone(2)
   * twin.files.makeDirectory('/only-here')
   * machine.files.has('/only-here') // → false
   */
  clone(seed: number): SimulatedEnvironment {
    const random = new Random(seed, 4)
    return this.#next(this.#machine.copy(random).machine, random)
  }

  // ---- order, room and time

  /**
   * Holds started calls that match in flight until the returned function is called; `settle` does not wait for them.
   *
   * @example
   * const log = await machine.drive(openLog('/log', { environment: machine }))
   * const release = machine.hold((call) => call.do === 'write')
   * const committed = log.commit('first')
   * await machine.settle()
   * log.highWatermark // → 0
   * release()
   * await machine.drive(committed) // → 1
   */
  hold(matches: (call: Call) => boolean): () => void {
    return this.#inFlight.hold(matches)
  }

  /** Bytes of storage that the files of this machine may use; a write beyond is short, the next one fails (ENOSPC). */
  get capacity(): number {
    return this.#machine.tree.capacity
  }

  set capacity(bytes: number) {
    this.#machine.tree.capacity = bytes
  }

  /** The clock of this machine, to be looked at and to be set. */
  get clock(): VirtualClock {
    return this.#machine.clock
  }

  /**
   * Resolves when no process of this machine has a started call or deferred task left. Timers are not waited for.
   *
   * @example
   * const log = await machine.drive(openLog('/log', { environment: machine }))
   * log.append('first')
   * await machine.settle()
   * log.highWatermark // → 1
   */
  settle(): Promise<void> {
    return this.#machine.settle()
  }

  /**
   * Lets so many milliseconds pass: runs the timers that become due, each after everything before it has settled.
   *
   * @example
   * let rang = false
   * machine.after(1000, () => (rang = true))
   * await machine.advance(999)
   * rang // → false
   * await machine.advance(1)
   * rang // → true
   */
  advance(ms: number): Promise<void> {
    return this.#machine.advance(ms)
  }

  /**
   * Lets as much time pass as this work needs, and gives its result or rejects as it does. Rejects with
   * `SimulatedDeath` when this process dies before, and with an `Error` when nothing is left that could end the work.
   *
   * @example
   * const log = await machine.drive(openLog('/log', { environment: machine }))
   * await machine.drive(log.commit('first')) // → 1
   */
  async drive<T>(work: Promise<T>): Promise<T> {
    let ended = false
    const end = (): void => void (ended = true)
    work.then(end, end)
    const { clock } = this.#machine
    const until = clock.monotonicMs + DRIVE_MS_MAX
    for (;;) {
      await this.settle()
      if (ended) return work
      if (this.#dead) throw new SimulatedDeath()
      if ((clock.nextTimerMs ?? Infinity) > until)
        throw new Error('simulated: nothing is left that could end this work')
      clock.runNextTimer()
    }
  }

  // ---- inside

  #next(machine: Machine, random: Random): SimulatedEnvironment {
    return new SimulatedEnvironment(machine, random, this.#options)
  }

  #listen(path: string): Listener {
    const { tree } = this.#machine
    const socket = listenInTree(tree, path, this.identity.host)
    this.#sockets.add(socket)
    return { close: () => closeInTree(tree, path, socket) }
  }
}

function shuffled<T>(of: readonly T[], random: Random): T[] {
  const rest = of.slice()
  return of.map(() => rest.splice(random.below(rest.length), 1)[0] as T)
}

/** A call in flight that fails has nobody to tell. */
function attempt(perform: () => unknown): void {
  try {
    perform()
  } catch (error) {
    asSystemError(error)
  }
}
