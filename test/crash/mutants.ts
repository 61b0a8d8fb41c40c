import type { Call, Done, Handle, ResultOf } from '../../segments/env/environment.ts'
import { GuardedEnvironment } from '../../lib/testing.ts'

/**
 * Environments with a bug each: what the log would be if it did not do something. They stand between the log and the
 * simulated machine, so that no product code knows of them.
 */
abstract class Mutant extends GuardedEnvironment {
  /** Open segments; what befalls other files, such as the lock's, would be seen too soon. */
  private readonly segments = new Set<Handle>()

  override call<C extends Call>(call: C): ResultOf<C> {
    const result = this.callWrongly(call)
    this.notice(call, result)
    return result as ResultOf<C>
  }

  override start<C extends Call>(call: C, done: Done<ResultOf<C>>): void {
    const guarded = this.guard(done as Done<unknown>)
    this.startWrongly(call, (error, result) => {
      if (!error) this.notice(call, result)
      guarded(error, result)
    })
  }

  protected callWrongly(call: Call): unknown {
    return this.inner.call(this.instead(call))
  }

  protected startWrongly(call: Call, done: Done<unknown>): void {
    this.inner.start(this.instead(call), done)
  }

  /** Another call, where that is all of the bug. */
  protected instead(call: Call): Call {
    return call
  }

  protected isOfSegment(call: Call): boolean {
    if (call.do === 'open') return /\/(segment-|tmp-segment|tmp-copy)/.test(call.path)
    return 'handle' in call && this.segments.has(call.handle)
  }

  private notice(call: Call, result: unknown): void {
    if (call.do === 'close') this.segments.delete(call.handle)
    if (call.do === 'open' && this.isOfSegment(call)) this.segments.add(result as Handle)
  }
}

/** Writes are never synced: neither by descriptors that promise it, nor by `sync`. */
export class SkipsDataSync extends Mutant {
  protected override instead(call: Call): Call {
    if (!this.isOfSegment(call)) return call
    if (call.do === 'open' && call.durable) return { ...call, durable: false }
    return call.do === 'sync' ? { do: 'stat', path: '/' } : call
  }
}

export class SkipsDirectorySync extends Mutant {
  protected override instead(call: Call): Call {
    return call.do === 'syncDirectory' ? { do: 'stat', path: '/' } : call
  }
}

/** Names of archived segments are not made durable before they are removed from the log. */
export class SkipsArchiveSync extends Mutant {
  protected override instead(call: Call): Call {
    return call.do === 'syncDirectory' && call.path.endsWith('/archive') ? { do: 'stat', path: '/' } : call
  }
}

/** A started durable write is reported when it is written; the sync comes behind it. */
export class AcknowledgesBeforeSync extends Mutant {
  private readonly durable = new Set<Handle>()

  protected override callWrongly(call: Call): unknown {
    if (call.do === 'open' && call.durable) {
      const handle = this.inner.call({ ...call, durable: false })
      this.durable.add(handle)
      return handle
    }
    const result = this.inner.call(call)
    if (call.do === 'write' && this.durable.has(call.handle)) this.inner.call({ do: 'sync', handle: call.handle })
    return result
  }

  protected override startWrongly(call: Call, done: Done<unknown>): void {
    if (call.do === 'open' && call.durable) {
      this.inner.start({ ...call, durable: false }, (error, handle) => {
        if (!error) this.durable.add(handle)
        done(error, handle)
      })
    } else if (call.do === 'write' && this.durable.has(call.handle)) {
      this.inner.start(call, (error, count) => {
        done(error, count)
        this.inner.start({ do: 'sync', handle: call.handle }, () => undefined)
      })
    } else this.inner.start(call, done)
  }
}

/** A sync that failed is called once more, and the second answer counts. */
export class RetriesFailedSync extends Mutant {
  protected override callWrongly(call: Call): unknown {
    try {
      return this.inner.call(call)
    } catch (error) {
      if (call.do !== 'sync' || !this.isOfSegment(call)) throw error
      return this.inner.call(call)
    }
  }

  protected override startWrongly(call: Call, done: Done<unknown>): void {
    this.inner.start(call, (error, result) => {
      if (error && call.do === 'sync' && this.isOfSegment(call)) this.inner.start(call, done)
      else done(error, result)
    })
  }
}

/** The count of a write is not looked at. */
export class IgnoresShortWrites extends Mutant {
  protected override callWrongly(call: Call): unknown {
    const result = this.inner.call(call)
    return call.do === 'write' && this.isOfSegment(call) ? call.length : result
  }

  protected override startWrongly(call: Call, done: Done<unknown>): void {
    const isShort = call.do === 'write' && this.isOfSegment(call)
    this.inner.start(call, (error, result) => done(error, isShort && !error ? call.length : result))
  }
}

/**
 * A read that fails is taken for the end of the log: for zeros, where nothing was written yet. (One that is taken for the end
 * of the file does no harm any more: the length of the file tells that it is not.)
 */
export class TakesReadErrorsForTheEnd extends Mutant {
  protected override callWrongly(call: Call): unknown {
    try {
      return this.inner.call(call)
    } catch (error) {
      if (call.do !== 'read' || !this.isOfSegment(call)) throw error
      return nothingThere(call)
    }
  }

  protected override startWrongly(call: Call, done: Done<unknown>): void {
    this.inner.start(call, (error, result) => {
      if (error && call.do === 'read' && this.isOfSegment(call)) done(null, nothingThere(call))
      else done(error, result)
    })
  }
}

function nothingThere({ into, start, length }: Call & { readonly do: 'read' }): number {
  into.fill(0, start, start + length)
  return length
}
