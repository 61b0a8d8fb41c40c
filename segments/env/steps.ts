import type { Call, Environment, ResultOf, SystemError } from './environment.ts'

/**
 * A procedure over files, written once and driven either now (on this thread) or later (off it), so that no body exists
 * twice. It yields calls and receives their results; a failed call is thrown into it.
 */
export type Steps<T> = Generator<Call, T, unknown>

export function* step<C extends Call>(call: C): Generator<Call, ResultOf<C>, unknown> {
  return (yield call) as ResultOf<C>
}

/** Drives a procedure with synchronous calls. */
export function runNow<T>(env: Environment, steps: Steps<T>): T {
  let turn = steps.next()
  while (!turn.done) {
    let result: unknown
    try {
      result = env.call(turn.value)
    } catch (error) {
      turn = steps.throw(error)
      continue
    }
    turn = steps.next(result)
  }
  return turn.value
}

/** Drives a procedure with asynchronous calls; `done` gets what it returns or throws, never during this call. */
export function runLater<T>(env: Environment, steps: Steps<T>, done: (error: unknown, result?: T) => void): void {
  let started = false
  const finish = (error: unknown, result?: T): void => {
    if (started) done(error, result)
    else env.defer(() => done(error, result))
  }
  const advance = (error: SystemError | null, result: unknown): void => {
    let turn: IteratorResult<Call, T>
    try {
      turn = error ? steps.throw(error) : steps.next(result)
    } catch (thrown) {
      finish(thrown)
      return
    }
    if (turn.done) finish(null, turn.value)
    else env.start(turn.value, advance)
  }
  advance(null, undefined)
  started = true
}
