import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'

/** How a process came to its life, and what may happen in it. */
export interface Life {
  /** Calls of it fail: it may throw or reject typed errors, as long as what it says is true. */
  readonly faulty: boolean
  /**
   * How the one before ended. `nothing`: there was none. `power cut` and `kill`: in the middle of anything. `quiet`: by a
   * power cut that lost everything unsynced, right after it had reopened: now nothing may be missing, nothing be left to do.
   */
  readonly after: 'nothing' | 'power cut' | 'kill' | 'quiet'
  /** After reopening and checking: go on working for a little, so that what comes back later is seen. */
  readonly goesOn: boolean
}

/**
 * What is tested: a program over the simulated environment, and its oracle. `C`: a command, plain data. `N`: the notes of
 * the world outside, which no crash touches: what was asked for, and what was acknowledged. Both methods throw where a
 * promise is broken; a dead process may throw anything, or never end.
 */
export interface Subject<C, N> {
  /** Empty notes. */
  begin(): N
  /** Notes that change no more when these do: each branch of a history goes on with its own. */
  copy(notes: N): N
  /** The first process: starts from an empty disk and works through the commands. */
  work(env: SimulatedEnvironment, commands: readonly C[], notes: N, life: Life): Promise<void>
  /** Each later process: reopens, and compares what it finds with the notes. */
  reopen(env: SimulatedEnvironment, notes: N, life: Life): Promise<void>
}
