import type { Environment } from '../../segments/env/environment.ts'
import { type Steps, runLater } from '../../segments/env/steps.ts'
import { wrapSystemError } from '../../segments/errors.ts'

/** Drives steps off the thread; rejects with errors of ours only. */
export function later<T>(env: Environment, steps: Steps<T>, doing = 'reading the log'): Promise<T> {
  return new Promise((resolve, reject) => {
    runLater(env, steps, (error, result) => {
      if (error) reject(wrapSystemError(error, doing))
      else resolve(result as T)
    })
  })
}
