/**
 * Turns of a simulated event loop. Between two of them all promises settle that can, as between two turns of the real
 * one; they cost no system call, so most of them take place inside a single real turn.
 */

/** Each so many-th turn is a real one, so that whatever else runs in this program goes on too. */
const REAL_EVERY = 256

/** Cheaper than `queueMicrotask`. */
const SETTLED = Promise.resolve()

export class Turns {
  readonly #tasks: (() => void)[] = []
  readonly #whenIdle: (() => void)[] = []
  #isAhead = false
  /** The first turn of a machine is a real one: there are programs of many short simulations. */
  #untilReal = 0

  /** Runs `task` in a turn of its own, after those that were asked for before. */
  ask(task: () => void): void {
    this.#tasks.push(task)
    this.#schedule()
  }

  /**
   * Runs `task` in the first turn that nobody else asked for. Who waits for a machine to come to rest and asked for one turn
   * after the other instead would take every second one: a thirtieth of what a crash test does.
   */
  whenIdle(task: () => void): void {
    this.#whenIdle.push(task)
    this.#schedule()
  }

  readonly #next = (): void => {
    this.#isAhead = false
    const task = this.#tasks.shift() ?? this.#whenIdle.shift()
    try {
      task?.()
    } finally {
      if (this.#tasks.length > 0 || this.#whenIdle.length > 0) this.#schedule()
    }
  }

  #schedule(): void {
    if (this.#isAhead) return
    this.#isAhead = true
    if (this.#untilReal-- === 0) {
      this.#untilReal = REAL_EVERY
      setImmediate(this.#next)
    } else void SETTLED.then(this.#tick)
  }

  /** A tick runs when no microtask is left; asked for in a microtask, because other ticks do not wait for those. */
  readonly #tick = (): void => process.nextTick(this.#next)
}
