import { nodeEnvironment } from '../../segments/env/node.ts'

/** A limit in real time, which no simulation moves. */
export class Deadline {
  private readonly env = nodeEnvironment()
  private readonly untilMs: number

  constructor(withinMs: number) {
    this.untilMs = this.env.monotonicMs() + withinMs
  }

  get isPast(): boolean {
    return this.env.monotonicMs() > this.untilMs
  }
}
