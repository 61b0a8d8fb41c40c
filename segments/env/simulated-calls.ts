import type { Call, SystemError } from './environment.ts'
import { type CallMode, type CallNote, type Fault, type FaultOutcome, Faults, note, performStruck } from './faults.ts'
import { type DeathMoment, SimulatedDeath } from './in-flight.ts'
import type { Machine } from './machine.ts'
import type { OpenFiles } from './open-files.ts'
import { asSystemError, withoutStack } from './system-error.ts'

export type { DeathMoment }

export interface TraceEntry extends CallNote {
  /** Code of the error, where it failed. */
  failed?: string
}

interface CallsOf {
  readonly machine: Machine
  readonly open: OpenFiles
  readonly keepTrace: boolean
  readonly die: () => void
}

/**
 * The calls of a simulated process: each is counted when it is performed, a started one when it lands. Throws nothing.
 *
 * @example
 * import { simulate } from 'seglog/testing'
 *
 * const machine = simulate(1, { trace: true })
 * machine.call({ do: 'makeDirectory', path: '/data' })
 * machine.calls.count // → 1
 * machine.calls.trace[0]?.path // → '/data'
 */
export class SimulatedCalls {
  /** What was performed, when the option `trace` is set. */
  readonly trace: TraceEntry[] = []
  readonly #of: CallsOf
  readonly #faults = new Faults()
  #count = 0
  #deathAt = Infinity
  #deathMoment: DeathMoment = 'before'

  constructor(of: CallsOf) {
    this.#of = of
  }

  /** Calls performed until now, failed ones too. */
  get count(): number {
    return this.#count
  }

  /**
   * From now on calls that match meet this fault.
   *
   * @example
   * machine.calls.fault({ when: ({ do: what }) => what === 'sync', outcome: 'EIO' })
   * await machine.drive(openLog('/log', { environment: machine })) // throws IO
   */
  fault(fault: Fault): void {
    this.#faults.add(fault)
  }

  /**
   * The `index`-th call, counted from 1, meets this fault.
   *
   * @example
   * machine.calls.failAt(1, 'EACCES')
   * machine.call({ do: 'makeDirectory', path: '/data' }) // throws EACCES
   */
  failAt(index: number, outcome: FaultOutcome): void {
    this.#faults.add({ when: (call) => call.index === index, outcome })
  }

  /**
   * Forgets all faults that wait for their calls.
   *
   * @example
   * machine.calls.failAt(1, 'EACCES')
   * machine.calls.clearFaults()
   * machine.call({ do: 'makeDirectory', path: '/data' })
   */
  clearFaults(): void {
    this.#faults.clear()
  }

  /**
   * Makes the process die in its `index`-th call, counted from 1.
   *
   * @example
   * machine.calls.dieAt(2, 'after')
   * machine.call({ do: 'makeDirectory', path: '/first' })
   * machine.call({ do: 'makeDirectory', path: '/second' }) // throws SimulatedDeath
   * machine.files.has('/second') // → true
   */
  dieAt(index: number, moment: DeathMoment = 'before'): void {
    this.#deathAt = index
    this.#deathMoment = moment
  }

  /**
   * For the environment only.
   *
   * @internal
   */
  perform(call: Call, mode: CallMode): unknown {
    const index = ++this.#count
    if (index !== this.#deathAt) return this.#performNoted(call, index, mode)
    if (this.#deathMoment === 'after') this.#performForNobody(call, index, mode)
    this.#of.die()
    throw withoutStack(() => new SimulatedDeath(this.#deathMoment))
  }

  /** The process dies before it hears what became of this call. */
  #performForNobody(call: Call, index: number, mode: CallMode): void {
    try {
      this.#performNoted(call, index, mode)
    } catch (error) {
      asSystemError(error)
    }
  }

  #performNoted(call: Call, index: number, mode: CallMode): unknown {
    const { machine, open, keepTrace } = this.#of
    if (this.#faults.none && !keepTrace) return open.perform(call)
    const entry: TraceEntry = note(call, index, mode, open)
    if (keepTrace) this.trace.push(entry)
    const outcome = this.#faults.strike(entry)
    try {
      if (!outcome) return open.perform(call)
      return performStruck(call, outcome, { tree: machine.tree, disk: machine.disk, files: open })
    } catch (error) {
      entry.failed = (error as SystemError).code
      throw error
    }
  }
}
