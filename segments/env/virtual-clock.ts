import type { Timer } from './environment.ts'

/**
 * A clock that stands still until somebody moves it; in milliseconds. Throws nothing.
 *
 * @example
 * import { simulate } from 'seglog/testing'
 *
 * const { clock } = simulate(1, { nowMs: 1000 })
 * clock.jump(-400)
 * clock.nowMs // → 600
 */
export class VirtualClock {
  #wallMs: number
  #monotonicMs = 0
  /** Ascending by time; equal times in the order in which they were set. */
  #timers: { readonly atMs: number; readonly task: () => void }[] = []

  constructor(wallMs: number) {
    this.#wallMs = wallMs
  }

  /** The wall clock: milliseconds since 1970. */
  get nowMs(): number {
    return this.#wallMs
  }

  /** Milliseconds since the machine was started; `jump` does not move it. */
  get monotonicMs(): number {
    return this.#monotonicMs
  }

  /**
   * Sets the wall clock forward or back by so many milliseconds, as an administrator or NTP would; no timer notices.
   */
  jump(ms: number): void {
    this.#wallMs += ms
  }

  /**
   * Runs a task so many milliseconds from now; for the environment.
   *
   * @internal
   */
  after(delayMs: number, task: () => void): Timer {
    const timer = { atMs: this.#monotonicMs + Math.max(0, delayMs), task }
    let at = this.#timers.length
    while (at > 0 && (this.#timers[at - 1]?.atMs ?? 0) > timer.atMs) at--
    this.#timers.splice(at, 0, timer)
    return {
      cancel: () => {
        const found = this.#timers.indexOf(timer)
        if (found >= 0) this.#timers.splice(found, 1)
      },
    }
  }

  /**
   * When the next timer is due by the monotonic clock.
   *
   * @internal
   */
  get nextTimerMs(): number | undefined {
    return this.#timers[0]?.atMs
  }

  /**
   * Moves to the next timer and runs it.
   *
   * @internal
   */
  runNextTimer(): void {
    const timer = this.#timers.shift()
    if (!timer) return
    this.moveTo(Math.max(timer.atMs, this.#monotonicMs))
    timer.task()
  }

  /**
   * Moves both clocks on, to this time of the monotonic one.
   *
   * @internal
   */
  moveTo(monotonicMs: number): void {
    this.#wallMs += monotonicMs - this.#monotonicMs
    this.#monotonicMs = monotonicMs
  }
}
