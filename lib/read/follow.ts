import type { Environment } from '../../segments/env/environment.ts'
import { checkMembers, invalid, mayBeSignal, wrapSystemError } from '../../segments/errors.ts'
import type { Entry } from './entry.ts'
import type { Followers } from './followers.ts'
import { later } from './later.ts'
import type { LogView } from './view.ts'
import type { Walk } from './walk.ts'

/** Where a follow begins, and what ends it. */
export interface FollowOptions {
  /** First record; it need not be there yet. Default the first of the log. */
  readonly from?: number
  /** Ends the walk when it is aborted: its `next` rejects with an `AbortError` whose `cause` is the signal's reason. */
  readonly signal?: AbortSignal
}

/** What a follower needs of a log. */
export interface Followed<T> {
  readonly env: Environment
  readonly view: LogView
  readonly followers: Followers
  /** Begins a walk up to what is durable now; `from` undefined: at the first record. */
  start(from: number | undefined, readBytes: number): Walk<T>
}

/** Bytes read at once: entries that are kept undecoded keep so much each, so few where records come one by one. */
const CATCH_UP_BYTES = 64 * 1024
const LIVE_BYTES = 8 * 1024
/** From so many missing records on a follower catches up. */
const CATCH_UP_COUNT = 64

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined }

/** Records in order, then those that become durable, one by one as they are asked for. Each loop starts anew. */
export function follow<T>(log: Followed<T>, options: FollowOptions): AsyncIterable<Entry<T>> {
  checkMembers('options', options, ['from', 'signal'])
  const { from, signal } = options
  if (from !== undefined && (!Number.isSafeInteger(from) || from < 0)) {
    throw invalid('from', 'a whole number from 0 on', from)
  }
  mayBeSignal(signal)
  return { [Symbol.asyncIterator]: () => new FollowWalk(log, from, signal) }
}

class FollowWalk<T> implements AsyncIterableIterator<Entry<T>> {
  private readonly log: Followed<T>
  private readonly from: number | undefined
  private readonly signal: AbortSignal | undefined
  private walk: Walk<T> | undefined
  private stage: 'new' | 'open' | 'stopped' | 'over' = 'new'
  /** Calls that overlap are answered one after the other. */
  private last: Promise<unknown> = Promise.resolve()
  private interrupt: (() => void) | undefined

  constructor(log: Followed<T>, from: number | undefined, signal: AbortSignal | undefined) {
    this.log = log
    this.from = from
    this.signal = signal
  }

  next(): Promise<IteratorResult<Entry<T>>> {
    return this.inTurn(() => this.advance())
  }

  /** Ends the walk, also while a `next` waits for a record, and lets go of everything. */
  return(): Promise<IteratorReturnResult<undefined>> {
    if (this.stage !== 'over') this.stage = 'stopped'
    this.interrupt?.()
    return this.inTurn(() => this.finish())
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  private inTurn<R>(work: () => Promise<R>): Promise<R> {
    const answer = this.last.then(work)
    this.last = answer.catch(() => undefined)
    return answer
  }

  private async advance(): Promise<IteratorResult<Entry<T>>> {
    if (this.stage === 'over') return DONE
    try {
      for (;;) {
        if (this.signal?.aborted) throw abortError(this.signal)
        if (this.stage === 'stopped') return await this.finish()
        const walk = (this.walk ??= this.open())
        const found = walk.next()
        if (typeof found !== 'string') return { done: false, value: found }
        if (found === 'fill') await later(this.log.env, walk.fill())
        else if ((await this.waitFor(walk)) === 'over') return await this.finish()
      }
    } catch (error) {
      await this.finish()
      throw isAbort(error) ? error : wrapSystemError(error, 'following the log')
    }
  }

  private open(): Walk<T> {
    const { log, signal, from } = this
    const walk = log.start(from, CATCH_UP_BYTES)
    log.followers.enter()
    this.stage = 'open'
    signal?.addEventListener('abort', this.aborted)
    return walk
  }

  /** All that was durable has been given: waits for the next record, and lets the walk go on. */
  private async waitFor(walk: Walk<T>): Promise<'over' | undefined> {
    const { followers, view } = this.log
    const { answer, interrupt } = followers.wait(walk.sequence)
    this.interrupt = interrupt
    try {
      const waited = await answer
      if (waited !== 'durable') return waited === 'over' ? 'over' : undefined
    } finally {
      this.interrupt = undefined
    }
    const last = view.highWatermark
    walk.extend(last, last - walk.sequence < CATCH_UP_COUNT ? LIVE_BYTES : CATCH_UP_BYTES)
    return undefined
  }

  private async finish(): Promise<IteratorReturnResult<undefined>> {
    const { walk, log } = this
    this.stage = 'over'
    this.walk = undefined
    if (walk === undefined) return DONE
    this.signal?.removeEventListener('abort', this.aborted)
    log.followers.leave()
    await later(log.env, walk.close())
    return DONE
  }

  private readonly aborted = (): void => this.interrupt?.()
}

/** As the asynchronous iterators of Node say it. */
function abortError(signal: AbortSignal): Error {
  const error = new Error('The operation was aborted', { cause: signal.reason })
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' })
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
