import type { Environment } from './env/environment.ts'
import { type Steps, runLater, runNow } from './env/steps.ts'
import { SeglogError, wrapSystemError } from './errors.ts'
import { discard } from './files.ts'
import { segmentName, temporaryName } from './format/names.ts'
import { type ManifestStore, nonce, withLine } from './manifest-store.ts'
import type { SegmentHandles, SegmentPlan } from './segment.ts'
import { closeSegment, drawSalt, openSegment } from './segment-files.ts'
import { roundUp } from './space.ts'
import { type Spare, awaited, filling, newSpare, planAfter, refused } from './spare.ts'

/** Length of the first segment of a log, and of one that must be made while somebody waits. */
export const SMALL_SEGMENT_BYTES = 1024 * 1024

/**
 * Prepares the next segment: makes a file of zeros, names it, lists it in the manifest, opens it. All of that is durable
 * before the first byte of a frame goes in. A spare that could not be made is thrown away and made anew later.
 */
export class Allocator {
  private readonly env: Environment
  private readonly directory: string
  private readonly manifests: ManifestStore
  private readonly segmentBytes: number
  private spare: Spare | undefined
  /**
   * Segments that are being filled in memory behind the one that the spare is for, in order: a burst may roll more than
   * once before the first spare is ready. Their files are made beside each other; they are named, and listed in the
   * manifest, one after the other.
   */
  private waiting: Spare[] = []
  /** Why the last spare could not be made; undefined when it could. */
  failure: unknown
  closeFailure: unknown
  /** Work on spares in the background, also on those that a smaller one overtook. */
  private underWay = 0
  private whenQuiet: (() => void) | undefined
  /** Told whenever a spare became ready or failed. */
  private readonly changed: () => void
  /** Whether there is no time for zeros: records or a close would have to wait. */
  private readonly isHurried: () => boolean

  constructor(
    env: Environment,
    directory: string,
    manifests: ManifestStore,
    segmentBytes: number,
    changed: () => void,
    isHurried: () => boolean,
  ) {
    this.env = env
    this.directory = directory
    this.manifests = manifests
    this.segmentBytes = segmentBytes
    this.changed = changed
    this.isHurried = isHurried
  }

  /** Takes over a spare that was there at opening. One that cannot be opened is no reason to refuse the log. */
  adopt(plan: SegmentPlan): void {
    let handles: SegmentHandles
    try {
      handles = runNow(this.env, openSegment(this.path(segmentName(plan.ordinal))))
    } catch (error) {
      this.failure = error
      return
    }
    this.spare = { ...newSpare(plan, ''), phase: 'ready', handles }
  }

  /** Starts preparing the segment after `current` in the background, unless it is under way, done, or failed of late. */
  prepare(current: SegmentPlan): void {
    if (this.spare !== undefined || this.waiting.length > 0) return
    const spare = newSpare(this.planAt(current.ordinal + 1, current, 0), this.temporary())
    this.spare = this.startFilling(spare)
  }

  /**
   * What the segment with this ordinal will be, made after `current` (or in its place, where that is not used): long
   * enough for `bytes`, header included.
   */
  next(ordinal: number, current: SegmentPlan, bytes: number): SegmentPlan {
    const { spare } = this
    const fits = spare !== undefined && spare.plan.ordinal === ordinal && spare.plan.segmentBytes >= bytes
    if (fits && spare.phase !== 'failed') return awaited(spare)
    this.dropWaiting((other) => other.plan.ordinal >= ordinal)
    // Groups wait for one of a smaller ordinal.
    if (spare !== undefined && spare.plan.ordinal >= ordinal) this.dropSpare()
    return this.planAt(ordinal, current, bytes)
  }

  /** Whether the file of this plan is there, on its way, or will be when those before it are. */
  has(plan: SegmentPlan): boolean {
    return (
      (this.spare?.plan === plan && this.spare.phase !== 'failed') || this.waiting.some((other) => other.plan === plan)
    )
  }

  /** The open files of a planned segment, once it is ready; after that it is no spare any more. */
  take(plan: SegmentPlan): SegmentHandles | undefined {
    const handles = this.takeReady(plan)
    if (handles !== undefined) this.startWaiting()
    return handles
  }

  /** Starts the file of a plan that nothing was started for, and whose records are there already. */
  begin(plan: SegmentPlan): void {
    const spare = newSpare(plan, this.temporary())
    awaited(spare)
    this.waiting.push(this.startFilling(spare))
    this.startWaiting()
  }

  /** Goes on with the first file that waits for those before it, unless one of them is under way. */
  startWaiting(): void {
    if (this.spare !== undefined) return
    this.spare = this.waiting.shift()
    if (this.spare !== undefined) this.goOn(this.spare)
  }

  private startFilling(spare: Spare): Spare {
    this.inBackground(filling(spare, this.isHurried), (error) => {
      spare.phase = error ? 'failed' : 'filled'
      spare.failure = error
      if (spare.dropped) this.discardFilled(spare)
      else if (this.spare === spare) this.goOn(spare)
    })
    return spare
  }

  /** The next step of the spare: its name, once its zeros are there. */
  private goOn(spare: Spare): void {
    // Told later in any case: who takes the spare before this one does not have it yet when it is told.
    if (spare.phase === 'failed') this.inBackground(refused(spare.failure), (error) => this.ended(spare, error))
    if (spare.phase !== 'filled') return
    spare.phase = 'naming'
    this.inBackground(this.finish(spare), (error) => this.ended(spare, error))
  }

  private ended(spare: Spare, error: unknown): void {
    // Somebody who could not wait has named it in the meantime: what this run met after that means nothing.
    if (error && spare.phase !== 'ready') {
      spare.phase = 'failed'
      this.failure = wrapSystemError(error, 'preparing a segment', { file: spare.temporary })
    } else {
      this.failure = undefined
    }
    this.changed()
  }

  private inBackground(steps: Steps<void>, done: (error: unknown) => void): void {
    this.underWay += 1
    runLater(this.env, steps, (error) => {
      done(error)
      this.underWay -= 1
      if (this.underWay === 0) this.whenQuiet?.()
    })
  }

  /**
   * The open files of a planned segment, made ready on this thread. A spare still being filled cannot be taken over (its
   * zeros may land at any time), so a file of at least `bytes` is made instead, and the spare serves as the one after,
   * unless that has a plan already.
   */
  takeNow(plan: SegmentPlan, bytes: number): { readonly plan: SegmentPlan; readonly handles: SegmentHandles } {
    const ready = this.takeReady(plan)
    if (ready) return { plan, handles: ready }
    const { spare } = this
    if (spare?.plan === plan && spare.phase === 'naming') {
      const handles = this.nameNow(spare)
      this.spare = undefined
      return { plan, handles }
    }
    const smaller = {
      ...plan,
      segmentBytes: Math.min(plan.segmentBytes, Math.max(roundUp(bytes), SMALL_SEGMENT_BYTES)),
    }
    const handles = this.makeNow(smaller)
    this.failure = undefined
    this.dropWaiting((other) => other.plan === plan)
    if (spare?.plan === plan && this.waiting.length > 0) this.dropSpare()
    else if (spare?.plan === plan)
      spare.plan = { ...plan, ordinal: plan.ordinal + 1, salt: drawSalt(this.env, plan.salt) }
    return { plan: smaller, handles }
  }

  /** Calls `done` when no file of a spare is held by a call; closes a ready one. */
  close(done: () => void): void {
    // Nothing is under way then, so no spare is being named, and to drop one only closes it.
    const finish = (): void => {
      for (const spare of this.waiting.splice(0)) runNow(this.env, discard(spare.temporary))
      this.dropSpare()
      done()
    }
    if (this.underWay === 0) finish()
    else this.whenQuiet = finish
  }

  private takeReady(plan: SegmentPlan): SegmentHandles | undefined {
    if (this.spare?.plan !== plan || this.spare.phase !== 'ready') return undefined
    const { handles } = this.spare
    this.spare = undefined
    return handles
  }

  private planAt(ordinal: number, current: SegmentPlan, bytes: number): SegmentPlan {
    return planAfter(current, ordinal, bytes, this.segmentBytes, drawSalt(this.env, current.salt))
  }

  /**
   * Gives up a spare that is too small or not wanted. One that is being named is named here first: once its own name is
   * gone, a rename that lands late finds nothing to move over a file that has come into use. Its file stays, all zeros.
   */
  private dropSpare(): void {
    const { spare } = this
    if (spare?.phase === 'filling') spare.dropped = true
    if (spare?.phase === 'naming') spare.handles = this.nameNow(spare)
    this.spare = undefined
    if (spare?.handles === undefined) return
    const closing = runNow(this.env, closeSegment(spare.handles))
    this.closeFailure ??= closing
  }

  private dropWaiting(matches: (spare: Spare) => boolean): void {
    for (const spare of this.waiting) {
      if (!matches(spare)) continue
      spare.dropped = true
      this.discardFilled(spare)
    }
    this.waiting = this.waiting.filter((spare) => !spare.dropped)
  }

  /** Removes the file of a spare that was given up, once no call holds it. One that failed has removed its own. */
  private discardFilled(spare: Spare): void {
    if (spare.phase === 'filled') this.inBackground(discard(spare.temporary), () => undefined)
  }

  private makeNow(plan: SegmentPlan): SegmentHandles {
    const spare = newSpare(plan, this.temporary())
    // One that is longer was made for bytes that are about to be written, and zeros under them are of no use.
    const isHurried = (): boolean => plan.segmentBytes > SMALL_SEGMENT_BYTES
    runNow(this.env, filling(spare, isHurried))
    runNow(this.env, this.finish(spare))
    if (spare.handles !== undefined) return spare.handles
    throw new SeglogError('IO', 'a segment was made and is not there', { file: spare.temporary })
  }

  /** Names and opens what was filled. */
  private *finish(spare: Spare): Steps<void> {
    let handles: SegmentHandles | undefined
    try {
      handles = yield* this.name(spare)
    } catch (error) {
      yield* discard(spare.temporary)
      throw error
    }
    if (handles === undefined) return
    // Named by somebody else while this run opened it: these handles are a second set.
    if (spare.phase === 'ready') {
      yield* closeSegment(handles)
      return
    }
    spare.phase = 'ready'
    spare.handles = handles
  }

  /**
   * May run twice at the same time for the same spare: each step is harmless when the other run has done it. A run that
   * comes second stops before the manifest: by then the segment may be full and sealed, and must not be listed as open.
   */
  private *name(spare: Spare): Steps<SegmentHandles | undefined> {
    const path = this.path(segmentName(spare.plan.ordinal))
    if (!spare.named) yield* this.manifests.nameSegment(spare.plan.ordinal, spare.temporary, path)
    spare.named = true
    if (spare.phase === 'ready') return undefined
    const { ordinal, salt, segmentBytes } = spare.plan
    yield* this.manifests.update((manifest) => withLine(manifest, { state: 'open', ordinal, salt, segmentBytes }))
    return yield* openSegment(path)
  }

  /** Names a spare on this thread, whatever the run in the background is at. */
  private nameNow(spare: Spare): SegmentHandles {
    let handles: SegmentHandles | undefined
    try {
      handles = runNow(this.env, this.name(spare))
    } catch (error) {
      throw wrapSystemError(error, 'naming a segment', { file: spare.temporary })
    }
    if (handles === undefined) throw new SeglogError('IO', 'a spare was named twice', { file: spare.temporary })
    spare.phase = 'ready'
    return handles
  }

  private temporary(): string {
    return this.path(temporaryName('segment', nonce(this.env)))
  }

  private path(name: string): string {
    return `${this.directory}/${name}`
  }
}
