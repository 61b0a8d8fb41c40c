import type { Environment, Listener, Timer } from '../../segments/env/environment.ts'
import { runLater } from '../../segments/env/steps.ts'
import { wrapSystemError } from '../../segments/errors.ts'
import { Followers } from './followers.ts'
import type { LogView } from './view.ts'

/** How often somebody who waits looks by himself: a system that watches well leaves nothing for that to find. */
const LOOK_MS = 1000
/** Where it found something that no watch had told of, so many times in a row, the watch is not to be trusted. */
const MISSES_MAX = 3
/** Then it looks this often: some microseconds each. */
const POLL_MS = 20

/**
 * Wakes those who follow a log that another process writes: one watch of the directory for all of them, while there are
 * any. Whatever it tells, one small file is read, and only while somebody waits.
 */
export class DiskWatch {
  readonly followers: Followers
  private readonly env: Environment
  private readonly directory: string
  private readonly view: LogView
  private listener: Listener | undefined
  private timer: Timer | undefined
  /** While somebody waits: a program that does nothing else must not end before the other process has written. */
  private letGo: (() => void) | undefined
  private everyMs = LOOK_MS
  private misses = 0
  /** Something changed since the last look began. */
  private isTold = false
  private isLooking = false
  private isAskedAgain = false

  constructor(env: Environment, directory: string, view: LogView) {
    this.env = env
    this.directory = directory
    this.view = view
    this.followers = new Followers(() => view.highWatermark, {
      first: () => this.start(),
      none: () => this.stop(),
      waits: () => this.wait(),
      rests: () => this.rest(),
    })
  }

  private start(): void {
    try {
      this.listener = this.env.watch(this.directory, () => this.changed())
    } catch {
      // No watch to be had here: then looking often is all there is, and a log that is gone shows when it is read.
      this.everyMs = POLL_MS
    }
    this.lookEachTime()
  }

  private stop(): void {
    this.listener?.close()
    this.listener = undefined
    this.timer?.cancel()
    this.timer = undefined
  }

  private wait(): void {
    this.letGo ??= this.env.stayAlive()
    this.look()
  }

  private rest(): void {
    this.letGo?.()
    this.letGo = undefined
  }

  private lookEachTime(): void {
    this.timer = this.env.after(this.everyMs, () => {
      this.lookEachTime()
      if (this.followers.isAnyWaiting) this.look()
    })
  }

  private changed(): void {
    this.isTold = true
    if (this.followers.isAnyWaiting) this.look()
  }

  /** One look at a time; what changes during it is looked at once more. */
  private look(): void {
    if (this.isLooking) {
      this.isAskedAgain = true
      return
    }
    this.isLooking = true
    const wasTold = this.isTold
    this.isTold = false
    const before = this.view.highWatermark
    runLater(this.env, this.view.refresh('end'), (error) => {
      this.isLooking = false
      this.judge(wasTold || this.isTold, this.view.highWatermark > before)
      if (error) this.followers.reject(wrapSystemError(error, 'following the log'))
      else this.followers.tell()
      if (!this.isAskedAgain) return
      this.isAskedAgain = false
      if (this.followers.isAnyWaiting) this.look()
    })
  }

  private judge(wasTold: boolean, isMore: boolean): void {
    if (!isMore || this.everyMs === POLL_MS) return
    this.misses = wasTold ? 0 : this.misses + 1
    if (this.misses >= MISSES_MAX) this.everyMs = POLL_MS
  }
}
