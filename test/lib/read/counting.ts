import type { Call, Done, ResultOf } from '../../../segments/env/environment.ts'
import { Watched } from '../world/watched.ts'

/** Counts what is read, and how many files are open at most. */
export class Counting extends Watched {
  reads = 0
  bytesRead = 0
  openMost = 0

  reset(): void {
    this.reads = 0
    this.bytesRead = 0
    this.openMost = this.openFiles.length
  }

  override call<C extends Call>(call: C): ResultOf<C> {
    const result = super.call(call)
    this.count(call, result)
    return result
  }

  override start<C extends Call>(call: C, done: Done<ResultOf<C>>): void {
    super.start(call, (error, result) => {
      if (error === null) this.count(call, result)
      done(error, result)
    })
  }

  private count(call: Call, result: unknown): void {
    this.openMost = Math.max(this.openMost, this.openFiles.length)
    if (call.do !== 'read') return
    this.reads += 1
    this.bytesRead += result as number
  }
}
