import type { Environment } from './env/environment.ts'
import { type Steps, runLater, runNow, step } from './env/steps.ts'
import { SeglogError, hasCode, wrapSystemError } from './errors.ts'
import { discard } from './files.ts'
import { segmentName, temporaryName } from './format/names.ts'
import { UNIT } from './format/layout.ts'
import { type ManifestStore, nonce, withLine } from './manifest-store.ts'
import type { SegmentHandles, SegmentPlan } from './segment.ts'
import { closeSegment, drawSalt, fillWithZeros, openSegment } from './segment-files.ts'

/** Length of the first segment of a log, and of one that must be made while somebody waits. */
export const SMALL_SEGMENT_BYTES = 1024 * 1024

/** Each segment may be this many times as long as the one before, up to the configured length. */
const GROWTH = 4

/** How far a spare has come. Naming can be done again by anyone; filling cannot be taken over. */
type Phase = 'filling' | 'naming' | 'ready' | 'failed'

interface Spare {
  plan: SegmentPlan
  readonly temporary: string
  phase: Phase
  handles: SegmentHandles | undefined
  /** Not wanted any more; only ever set before naming began, so it never gets a name. */
  dropped: boolean
}

/**
 * Prepares the next segment: fills a file with zeros, names it, lists it in the manifest, opens it. All of that is durable
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
   * once before the first spare is ready. Files are made, and listed in the manifest, one after the other.
   */
  private waiting: SegmentPlan[] = []
  /** Why the last spare could not be made; undefined when it could. */
  failure: unknown
  /** Of a spare that nobody needed. */
  closeFailure: unknown
  /** Spares under way, also those that a smaller one overtook. */
  private underWay = 0
  private whenQuiet: (() => void) | undefined
  /** Told whenever a spare became ready or failed. */
  private readonly changed: () => void

  constructor(
    env: Environment,
    directory: string,
    manifests: ManifestStore,
    segmentBytes: number,
    changed: () => void,
  ) {
    this.env = env
    this.directory = directory
    this.manifests = manifests
    this.segmentBytes = segmentBytes
    this.changed = changed
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
    this.spare = { plan, temporary: '', phase: 'ready', handles, dropped: false }
  }

  /** Starts preparing the segment after `current` in the background, unless it is under way, done, or failed of late. */
  prepare(current: SegmentPlan): void {
    if (this.spare !== undefined || this.waiting.length > 0) return
    this.startSpare(this.planAt(current.ordinal + 1, current, 0))
  }

  /**
   * What the segment with this ordinal will be, made after `current` (or in its place, where that is not used): long
   * enough for `bytes`, header included.
   */
  next(ordinal: number, current: SegmentPlan, bytes: number): SegmentPlan {
    const { spare } = this
    const fits = spare !== undefined && spare.plan.ordinal === ordinal && spare.plan.segmentBytes >= bytes
    if (fits && spare.phase !== 'failed') return spare.plan
    this.waiting = this.waiting.filter((plan) => plan.ordinal < ordinal)
    // Groups wait for one of a smaller ordinal.
    if (spare !== undefined && spare.plan.ordinal >= ordinal) this.dropSpare()
    return this.planAt(ordinal, current, bytes)
  }

  /** Whether the file of this plan is there, on its way, or will be when those before it are. */
  has(plan: SegmentPlan): boolean {
    return (this.spare?.plan === plan && this.spare.phase !== 'failed') || this.waiting.includes(plan)
  }

  /** The open files of a planned segment, once it is ready; after that it is no spare any more. */
  take(plan: SegmentPlan): SegmentHandles | undefined {
    const handles = this.takeReady(plan)
    if (handles !== undefined) this.startWaiting()
    return handles
  }

  /** Starts the file of a plan that nothing was started for; later, where those before it are not made yet. */
  begin(plan: SegmentPlan): void {
    if (this.spare !== undefined || this.waiting.length > 0) this.waiting.push(plan)
    else this.startSpare(plan)
  }

  /** Starts the first file that waits, unless one is under way. */
  startWaiting(): void {
    const plan = this.spare === undefined ? this.waiting.shift() : undefined
    if (plan !== undefined) this.startSpare(plan)
  }

  private startSpare(plan: SegmentPlan): void {
    const temporary = this.path(temporaryName('segment', nonce(this.env)))
    const spare: Spare = { plan, temporary, phase: 'filling', handles: undefined, dropped: false }
    this.spare = spare
    this.underWay += 1
    runLater(this.env, this.make(spare), (error) => {
      this.underWay -= 1
      // Somebody who could not wait has named it in the meantime: what this run met after that means nothing.
      if (error && spare.phase !== 'ready') {
        spare.phase = 'failed'
        this.failure = error
      } else {
        this.failure = undefined
      }
      this.changed()
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
    const spare = this.spare
    if (spare?.plan === plan && spare.phase === 'naming') {
      const handles = this.nameNow(spare)
      this.spare = undefined
      return { plan, handles }
    }
    const smaller = {
      ...plan,
      segmentBytes: Math.min(plan.segmentBytes, Math.max(roundUp(bytes), SMALL_SEGMENT_BYTES)),
    }
    const temporary = this.path(temporaryName('segment', nonce(this.env)))
    const stand: Spare = {
      plan: smaller,
      temporary,
      phase: 'filling',
      handles: undefined,
      dropped: false,
    }
    const handles = runNow(this.env, this.make(stand))
    if (handles === undefined) throw new SeglogError('IO', 'a segment was made and is not there', { file: temporary })
    this.failure = undefined
    this.waiting = this.waiting.filter((other) => other !== plan)
    if (spare?.plan === plan && this.waiting.length > 0) this.dropSpare()
    else if (spare?.plan === plan)
      spare.plan = { ...plan, ordinal: plan.ordinal + 1, salt: drawSalt(this.env, plan.salt) }
    return { plan: smaller, handles }
  }

  /** Calls `done` when no file of a spare is held by a call; closes a ready one. */
  close(done: () => void): void {
    // Nothing is under way then, so no spare is being named, and to drop one only closes it.
    const finish = (): void => {
      this.waiting = []
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
    const grown = Math.min(this.segmentBytes, current.segmentBytes * GROWTH)
    const segmentBytes = Math.max(grown, Math.min(this.segmentBytes, roundUp(bytes)))
    return { ordinal, salt: drawSalt(this.env, current.salt), segmentBytes }
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

  private *make(spare: Spare): Steps<SegmentHandles | undefined> {
    try {
      yield* fillWithZeros(spare.temporary, spare.plan.segmentBytes)
    } catch (error) {
      throw wrapSystemError(error, 'preparing a segment', { file: spare.temporary })
    }
    if (spare.dropped) {
      yield* discard(spare.temporary)
      return undefined
    }
    spare.phase = 'naming'
    let handles: SegmentHandles | undefined
    try {
      handles = yield* this.name(spare)
    } catch (error) {
      yield* discard(spare.temporary)
      throw error
    }
    if (handles === undefined) return undefined
    // Named by somebody else while this run opened it: these handles are a second set.
    if ((spare.phase as Phase) === 'ready') {
      yield* closeSegment(handles)
      return undefined
    }
    spare.phase = 'ready'
    spare.handles = handles
    return handles
  }

  /**
   * May run twice at the same time for the same spare: each step is harmless when the other run has done it. A run that
   * comes second stops before the manifest: by then the segment may be full and sealed, and must not be listed as open.
   */
  private *name(spare: Spare): Steps<SegmentHandles | undefined> {
    const path = this.path(segmentName(spare.plan.ordinal))
    yield* renameOnce(spare.temporary, path)
    yield* step({ do: 'syncDirectory', path: this.directory })
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

  private path(name: string): string {
    return `${this.directory}/${name}`
  }
}

function* renameOnce(from: string, to: string): Steps<void> {
  try {
    yield* step({ do: 'rename', from, to })
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error
    const there = yield* step({ do: 'stat', path: to })
    if (there === undefined) throw error
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / UNIT) * UNIT
}
