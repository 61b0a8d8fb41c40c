import type { Environment } from '../../segments/env/environment.ts'
import { type Steps, runLater } from '../../segments/env/steps.ts'

/** Reads on behind a walk while what was read before is consumed: one read at a time. */
export class ReadAhead {
  private readonly env: Environment
  private flight: Promise<void> | undefined

  constructor(env: Environment) {
    this.env = env
  }

  /** Begins a read, if there is one to begin. An error is met again by who needs these bytes. */
  begin(steps: Steps<void> | undefined): void {
    if (steps === undefined) return
    this.flight = new Promise((resolve) => {
      runLater(this.env, steps, () => {
        this.flight = undefined
        resolve()
      })
    })
  }

  /** Resolves when no call is out any more: only then may the file be closed, or what was read be looked at. */
  settled(): Promise<void> {
    return this.flight ?? Promise.resolve()
  }
}
