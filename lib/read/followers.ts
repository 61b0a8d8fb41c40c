import type { SeglogError } from '../../segments/errors.ts'

/** What came of waiting: the record is durable, nothing will ever follow, or the follower gave up. */
export type Waited = 'durable' | 'over' | 'interrupted'

interface Waiter {
  readonly sequence: number
  readonly resolve: (waited: Waited) => void
  readonly reject: (error: SeglogError) => void
}

/** What has to be done while there are followers, when one begins to wait, and when none waits any more. */
export interface FollowerHooks {
  readonly first?: () => void
  readonly none?: () => void
  readonly waits?: () => void
  readonly rests?: () => void
}

/** Those who follow a log, and wait for what is not durable yet. Nothing is kept for them: each reads for himself. */
export class Followers {
  private readonly highWatermark: () => number
  private readonly hooks: FollowerHooks
  private readonly waiting = new Set<Waiter>()
  private count = 0
  private over = false
  private failure: SeglogError | undefined

  constructor(highWatermark: () => number, hooks: FollowerHooks = {}) {
    this.highWatermark = highWatermark
    this.hooks = hooks
  }

  get isAnyWaiting(): boolean {
    return this.waiting.size > 0
  }

  enter(): void {
    this.count += 1
    if (this.count === 1) this.hooks.first?.()
  }

  leave(): void {
    this.count -= 1
    if (this.count === 0) this.hooks.none?.()
  }

  /** Waits until this record is durable. `interrupt` ends the wait at once. */
  wait(sequence: number): { readonly answer: Promise<Waited>; readonly interrupt: () => void } {
    let interrupt = (): void => undefined
    const answer = new Promise<Waited>((resolve, reject) => {
      const waiter = { sequence, resolve, reject }
      interrupt = () => {
        this.waiting.delete(waiter)
        this.rest()
        resolve('interrupted')
      }
      this.waiting.add(waiter)
    })
    this.tell()
    if (this.waiting.size > 0) this.hooks.waits?.()
    return { answer, interrupt }
  }

  /** Wakes whose record is durable by now; once it is over, everyone. */
  tell(): void {
    const { failure, over } = this
    const last = this.highWatermark()
    for (const waiter of this.waiting) {
      if (waiter.sequence > last && !over && failure === undefined) continue
      this.waiting.delete(waiter)
      if (waiter.sequence <= last) waiter.resolve('durable')
      else if (failure !== undefined) waiter.reject(failure)
      else waiter.resolve('over')
    }
    this.rest()
  }

  /** Nothing more becomes durable: in order, or because of a failure. */
  end(failure?: SeglogError): void {
    this.over = true
    this.failure ??= failure
    this.tell()
  }

  /** What those learn who wait now; who comes later may wait. */
  reject(error: SeglogError): void {
    for (const waiter of this.waiting) waiter.reject(error)
    this.waiting.clear()
    this.rest()
  }

  private rest(): void {
    if (this.waiting.size === 0) this.hooks.rests?.()
  }
}
