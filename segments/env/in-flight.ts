import type { Call, Done, SystemError } from './environment.ts'
import type { Random } from './random.ts'
import type { Turns } from './turns.ts'

/**
 * Calls that were started and not reported, and tasks that were deferred: what a thread pool and an event loop hold.
 * A call lands at a moment that the seed chooses, also in the middle of synchronous calls that came later, and takes the
 * bytes of its buffer then; it is reported some time after that.
 */

export interface InFlightOptions {
  /** Performs a call now; throws what it fails with, or `SimulatedDeath`. */
  readonly perform: (call: Call) => unknown
  readonly random: Random
  /** Its turns, and who else is on it. */
  readonly machine: { readonly turns: Turns; readonly processes: { readonly size: number } }
  /** `seeded` when absent. `prompt`: calls land one turn after their start, in order. */
  readonly landing: 'seeded' | 'prompt' | undefined
}

/** Where in a call a process dies: before anything of it, with it in flight, or with it done and not reported. */
export type DeathMoment = 'before' | 'during' | 'after'

/**
 * Thrown by the call in which a process dies, and by each later one; never seen by a real program.
 *
 * @example
 * import { SimulatedDeath, simulate } from 'seglog/testing'
 *
 * const machine = simulate(1)
 * machine.calls.dieAt(1)
 * try {
 *   machine.call({ do: 'makeDirectory', path: '/data' })
 * } catch (error) {
 *   if (!(error instanceof SimulatedDeath)) throw error
 * }
 */
export class SimulatedDeath extends Error {
  readonly moment: DeathMoment

  constructor(moment: DeathMoment = 'before') {
    super('this simulated process is dead')
    this.name = 'SimulatedDeath'
    this.moment = moment
  }
}

interface Started {
  call: Call
  readonly done: Done<unknown>
  held: boolean
  landed: { readonly error: SystemError | null; readonly result: unknown } | undefined
}

/** Shares that mix well: most calls of a busy workload overtake or are overtaken now and then. */
const LANDS_AT_START = 1 / 4
const LANDS_BEFORE_A_CALL = 1 / 8
const LANDS_IN_A_TURN = 1 / 2
const REPORTED_IN_A_TURN = 3 / 4

export class InFlight {
  readonly #options: InFlightOptions
  #started: Started[] = []
  #deferred: (() => void)[] = []
  readonly #holds = new Set<(call: Call) => boolean>()
  /** Turns of the event loop that were asked for. Each reports at most one thing, so that promises settle in between. */
  #turnsAhead = 0
  #stopped = false

  constructor(options: InFlightOptions) {
    this.#options = options
  }

  start(call: Call, done: Done<unknown>): void {
    if (this.#stopped) return
    const started: Started = { call, done, held: this.#isHeld(call), landed: undefined }
    this.#started.push(started)
    if (this.#options.landing !== 'prompt' && !started.held && this.#options.random.chance(LANDS_AT_START))
      this.#land(started)
    this.#askForTurn()
  }

  defer(task: () => void): void {
    if (this.#stopped) return
    this.#deferred.push(task)
    this.#askForTurn()
  }

  /** Calls started from now on that match neither land nor are reported until the returned function is called. */
  hold(matches: (call: Call) => boolean): () => void {
    this.#holds.add(matches)
    return () => {
      this.#holds.delete(matches)
      for (const started of this.#started) started.held = this.#isHeld(started.call)
      if (this.busy) this.#askForTurn()
    }
  }

  /** Something will happen without anybody doing anything; held calls do not count. */
  get busy(): boolean {
    return !this.#stopped && (this.#deferred.length > 0 || this.#started.some((started) => !started.held))
  }

  get waiting(): boolean {
    return this.#started.length > 0
  }

  /** Gives started calls their chance to land before a synchronous one. */
  landSome(): void {
    if (this.#options.landing === 'prompt') return
    for (const started of this.#started) {
      if (this.#stopped) return
      if (!started.held && !started.landed && this.#options.random.chance(LANDS_BEFORE_A_CALL)) this.#land(started)
    }
  }

  /** Nothing lands or is reported any more. What was in the buffers now is what may still reach the disk. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    for (const started of this.#started) started.call = withOwnBytes(started.call)
  }

  /** A synchronous call in the middle of which the process died. */
  leave(call: Call): void {
    this.#started.push({ call: withOwnBytes(call), done: () => undefined, held: false, landed: undefined })
  }

  /** Started calls that have not landed, held ones too. */
  get unlanded(): Call[] {
    return this.#started.filter((started) => !started.landed).map((started) => started.call)
  }

  #isHeld(call: Call): boolean {
    for (const matches of this.#holds) if (matches(call)) return true
    return false
  }

  #askForTurn(): void {
    this.#turnsAhead++
    this.#options.machine.turns.ask(this.#turn)
  }

  #isStopped(): boolean {
    return this.#stopped
  }

  readonly #turn = (): void => {
    this.#turnsAhead--
    if (this.#stopped) return
    const report = this.#next()
    // Before the report, which may throw.
    if (this.#turnsAhead === 0 && (this.busy || report !== undefined)) this.#askForTurn()
    try {
      report?.()
    } catch (error) {
      // A process that died in the meantime has no event loop for anything to be thrown into.
      if (!this.#isStopped()) throw error
    }
  }

  /** Lets calls land and chooses what is reported in this turn. */
  #next(): (() => void) | undefined {
    const { landing, random, machine } = this.#options
    // Nothing can come before or after what is the only thing there.
    const isOnly = this.#started.length + this.#deferred.length === 1 && machine.processes.size === 1
    const seeded = landing !== 'prompt' && !isOnly
    for (const started of this.#started) {
      if (!started.held && !started.landed && (!seeded || random.chance(LANDS_IN_A_TURN))) this.#land(started)
      if (this.#stopped) return undefined
    }
    const ready = this.#started.filter((started) => started.landed)
    if (this.#deferred.length > 0 && (ready.length === 0 || random.chance(1 / 2))) return this.#deferred.shift()
    if (ready.length === 0 || (seeded && !random.chance(REPORTED_IN_A_TURN))) return undefined
    const chosen = (seeded ? random.pick(ready) : ready[0]) as Started
    this.#started = this.#started.filter((started) => started !== chosen)
    return () => chosen.done(chosen.landed?.error ?? null, chosen.landed?.result)
  }

  #land(started: Started): void {
    let error: SystemError | null = null
    let result: unknown
    try {
      result = this.#options.perform(started.call)
    } catch (thrown) {
      if (thrown instanceof SimulatedDeath && thrown.moment !== 'after') return
      error = thrown as SystemError
    }
    started.landed = { error, result }
  }
}

/** Only what is written: many a write is a small part of a large buffer. */
function withOwnBytes(call: Call): Call {
  if (call.do !== 'write') return call
  const from = new Uint8Array(call.from.subarray(call.start, call.start + call.length))
  return { ...call, from, start: 0 }
}
