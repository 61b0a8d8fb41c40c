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
  /** The first turn of a machine is a real one: there are programs of many short simulations. */
  #untilReal = 0

  /** Runs `task` in a turn of its own, after those that were asked for before. */
  ask(task: () => void): void {
    if (this.#tasks.push(task) === 1) this.#schedule()
  }

  readonly #next = (): void => {
    const task = this.#tasks[0]
    try {
      task?.()
    } finally {
      this.#tasks.shift()
      if (this.#tasks.length > 0) this.#schedule()
    }
  }

  #schedule(): void {
    if (this.#untilReal-- === 0) {
      this.#untilReal = REAL_EVERY
      setImmediate(this.#next)
    } else void SETTLED.then(this.#tick)
  }

  /** A tick runs when no microtask is left; asked for in a microtask, because other ticks do not wait for those. */
  readonly #tick = (): void => process.nextTick(this.#next)
}
