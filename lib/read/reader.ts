import type { Environment } from '../../segments/env/environment.ts'
import { runNow } from '../../segments/env/steps.ts'
import { wrapSystemError } from '../../segments/errors.ts'
import type { Entry } from './entry.ts'
import { later } from './later.ts'
import { ReadAhead } from './read-ahead.ts'
import type { Walk } from './walk.ts'

/**
 * Records in order, walked with `for … of` on this thread (the fastest way) or with `for await … of`, which reads off it.
 * Each loop starts anew. A record that cannot be read ends the walk with one error, after everything before it.
 */
export interface Records<T> extends Iterable<Entry<T>>, AsyncIterable<Entry<T>> {
  [Symbol.iterator](): IterableIterator<Entry<T>>
  [Symbol.asyncIterator](): AsyncIterableIterator<Entry<T>>
}

export class CursorRecords<T> implements Records<T> {
  private readonly env: Environment
  private readonly cursor: () => Walk<T>

  /** `cursor` makes one for each walk; what it throws, the walk throws. */
  constructor(env: Environment, cursor: () => Walk<T>) {
    this.env = env
    this.cursor = cursor
  }

  [Symbol.iterator](): IterableIterator<Entry<T>> {
    return new SyncWalk(this.env, this.cursor())
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Entry<T>> {
    return new AsyncWalk(this.env, this.cursor())
  }
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined }

/** Not a generator: resuming one costs as much as checking a frame. */
class SyncWalk<T> implements IterableIterator<Entry<T>> {
  private readonly env: Environment
  private cursor: Walk<T> | undefined

  constructor(env: Environment, cursor: Walk<T>) {
    this.env = env
    this.cursor = cursor
  }

  next(): IteratorResult<Entry<T>> {
    const { cursor } = this
    if (cursor === undefined) return DONE
    try {
      let found: Entry<T> | 'fill' | 'end' = cursor.next()
      for (; found === 'fill'; found = cursor.next()) runNow(this.env, cursor.fill())
      return found === 'end' ? this.return() : { done: false, value: found }
    } catch (error) {
      this.return()
      throw wrapSystemError(error, 'reading the log')
    }
  }

  return(): IteratorReturnResult<undefined> {
    const { cursor } = this
    this.cursor = undefined
    if (cursor !== undefined) runNow(this.env, cursor.close())
    return DONE
  }

  [Symbol.iterator](): this {
    return this
  }
}

class AsyncWalk<T> implements AsyncIterableIterator<Entry<T>> {
  private readonly env: Environment
  private cursor: Walk<T> | undefined
  /** Calls that overlap are answered one after the other; how many are not answered yet. */
  private last: Promise<unknown> = Promise.resolve()
  private waiting = 0
  private readonly ahead: ReadAhead

  constructor(env: Environment, cursor: Walk<T>) {
    this.env = env
    this.cursor = cursor
    this.ahead = new ReadAhead(env)
  }

  /**
   * An entry that is in memory takes one promise, which the protocol asks for, and no turn through `last`: that would cost
   * as much as decoding it.
   */
  next(): Promise<IteratorResult<Entry<T>>> {
    const { cursor } = this
    if (this.waiting > 0 || cursor === undefined) return this.inTurn(() => this.advance())
    let found: Entry<T> | 'fill' | 'end'
    try {
      found = cursor.next()
    } catch (error) {
      return this.inTurn(() => this.fail(error))
    }
    if (typeof found === 'string') return this.inTurn(() => this.advance())
    return Promise.resolve({ done: false, value: found })
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    return this.inTurn(() => this.finish())
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  private inTurn<R>(work: () => Promise<R>): Promise<R> {
    this.waiting += 1
    const answer = this.last.then(work).finally(() => (this.waiting -= 1))
    this.last = answer.catch(() => undefined)
    return answer
  }

  private async advance(): Promise<IteratorResult<Entry<T>>> {
    const { cursor } = this
    if (cursor === undefined) return DONE
    try {
      let found: Entry<T> | 'fill' | 'end' = cursor.next()
      for (; found === 'fill'; found = cursor.next()) {
        await this.ahead.settled()
        await later(this.env, cursor.fill())
        this.ahead.begin(cursor.ahead())
      }
      return found === 'end' ? await this.finish() : { done: false, value: found }
    } catch (error) {
      return this.fail(error)
    }
  }

  private async fail(error: unknown): Promise<never> {
    await this.finish()
    throw wrapSystemError(error, 'reading the log')
  }

  private async finish(): Promise<IteratorReturnResult<undefined>> {
    const { cursor } = this
    this.cursor = undefined
    await this.ahead.settled()
    if (cursor !== undefined) await later(this.env, cursor.close())
    return DONE
  }
}
