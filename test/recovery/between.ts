import type { Call } from '../../segments/env/environment.ts'
import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import type { Steps } from '../../segments/env/steps.ts'

/** Runs steps to their end on this thread, with `act` before each call: what a writer does beside them. */
export function between<T>(env: SimulatedEnvironment, steps: Steps<T>, act: (call: number, next: Call) => void): T {
  let turn = steps.next()
  for (let call = 1; !turn.done; call++) {
    act(call, turn.value)
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
