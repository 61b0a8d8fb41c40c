import type { Call } from '../segments/env/environment.ts'
import type { Steps } from '../segments/env/steps.ts'
import { mayBeFunction, mayBeSignal } from '../segments/errors.ts'

/** How far long work has come. */
export interface Progress {
  /** Bytes that were read. */
  readonly bytesDone: number
  /** Bytes to be read, as far as is known; they may grow while a log is written. */
  readonly bytesTotal: number
  /** Bytes each second, over the whole time so far. */
  readonly bytesPerSecond: number
  /** Seconds at that rate; undefined while nothing tells. */
  readonly secondsLeft: number | undefined
}

/** Between two calls of `onProgress`. */
const PROGRESS_MS = 100

/** Counts what long work reads, tells how far it is, and ends it where it is told to. */
export class Watch {
  private readonly nowMs: () => number
  private readonly onProgress: ((progress: Progress) => void) | undefined
  private readonly signal: AbortSignal | undefined
  private readonly startedMs: number
  private toldMs: number
  private bytesTotal = 0
  private bytesBefore = 0
  private partBytes = 0
  private partDone = 0

  /** `nowMs` is a clock that never goes back. Throws INVALID_ARGUMENT. */
  constructor(nowMs: () => number, onProgress?: (progress: Progress) => void, signal?: AbortSignal) {
    mayBeFunction('onProgress', onProgress)
    mayBeSignal(signal)
    this.nowMs = nowMs
    this.onProgress = onProgress
    this.signal = signal
    this.startedMs = nowMs()
    this.toldMs = this.startedMs
  }

  get durationMs(): number {
    return this.nowMs() - this.startedMs
  }

  /** So many bytes lie ahead of those that are done. */
  expect(bytes: number): void {
    this.bytesTotal = this.bytesBefore + bytes
  }

  /** The next part begins, of so many bytes; the one before it counts as done. */
  enter(bytes: number): void {
    this.bytesBefore += this.partBytes
    this.partBytes = bytes
    this.partDone = 0
    this.bytesTotal = Math.max(this.bytesTotal, this.bytesBefore + bytes)
  }

  /** All is done. */
  end(): void {
    this.enter(0)
    this.bytesTotal = this.bytesBefore
    this.tell()
  }

  /** Throws the reason of the signal. */
  mayGoOn(): void {
    this.signal?.throwIfAborted()
  }

  /** Bytes of the part were read up to this offset. */
  reached(offset: number): void {
    this.partDone = Math.min(this.partBytes, Math.max(this.partDone, offset))
    if (this.onProgress === undefined || this.nowMs() - this.toldMs < PROGRESS_MS) return
    this.tell()
  }

  private tell(): void {
    const { bytesTotal } = this
    const bytesDone = this.bytesBefore + this.partDone
    this.toldMs = this.nowMs()
    const seconds = (this.toldMs - this.startedMs) / 1000
    const bytesPerSecond = seconds > 0 ? bytesDone / seconds : 0
    const secondsLeft = bytesPerSecond > 0 ? (bytesTotal - bytesDone) / bytesPerSecond : undefined
    this.onProgress?.({ bytesDone, bytesTotal, bytesPerSecond, secondsLeft })
  }
}

/** The same steps, watched: before each read they may be ended, as if it had failed, so that files are closed. */
export function* watched<T>(steps: Steps<T>, watch: Watch): Steps<T> {
  let turn = steps.next()
  while (!turn.done) {
    const call: Call = turn.value
    let result: unknown
    try {
      if (call.do === 'read') watch.mayGoOn()
      result = yield call
      if (call.do === 'read') watch.reached(call.position + (result as number))
    } catch (error) {
      turn = steps.throw(error)
      continue
    }
    turn = steps.next(result)
  }
  return turn.value
}
