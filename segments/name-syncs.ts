import type { Call, Done, Environment, ResultOf, SystemError } from './env/environment.ts'
import { type Steps, step } from './env/steps.ts'
import { renameOnce } from './segment-files.ts'
import { WrappedEnvironment } from './wrapped-environment.ts'

/** A sync of the directory that was started. */
interface NameSync {
  /** Those that were with the system when this one came back. */
  readonly waitsFor: Set<NameSync>
  readonly tell: () => void
}

/** Steps that give names, until a sync of theirs is known to hold. */
interface Giving {
  /** Of a sync of others that failed meanwhile. */
  failure: SystemError | undefined
}

/**
 * The world of one writer, in which syncs of its directory answer for each other. Several of its procedures give names
 * there and sync them: segments, manifests, sidecars, what is restored. A sync that fails may take along each name that
 * is not on disk yet, whoever gave it, after which the sync of who gave it finds nothing to do and says OK. So a failure
 * fails all who are giving names, and none of them is told OK while a sync is out that may have failed before his.
 */
export class NameSyncs extends WrappedEnvironment {
  readonly directory: string
  private readonly givings = new Set<Giving>()
  /** With the system. */
  private readonly out = new Set<NameSync>()
  /** Back from it while others were out. */
  private readonly back = new Set<NameSync>()
  /** Of the sync that ended last, on this thread: how many others were out then, for which nobody could wait. */
  private othersOut: number | undefined

  constructor(world: Environment, directory: string) {
    super(world)
    this.directory = directory
  }

  /** Whether names are being given, or a sync of the directory is under way. */
  get isBusy(): boolean {
    return this.givings.size > 0 || this.out.size > 0
  }

  /**
   * Gives a file a name in the directory, durably. Driven on this thread, it cannot wait for what other syncs say. Each of
   * them takes names along at most once: so the name is given once more for each, and one of these times nothing came
   * between a name and its sync, or it was on disk before. A name that another run of these steps gave may be gone from
   * the disk by one that is back by now: it is given once more, too. Nobody may count on the name before the steps end:
   * where this `isBusy` when they begin, it is gone for moments.
   */
  *give(from: string, to: string): Steps<void> {
    yield* this.giving(this.giveAndSync(from, to))
  }

  private *giveAndSync(from: string, to: string): Steps<void> {
    const isOwn = yield* renameOnce(from, to)
    yield* step({ do: 'syncDirectory', path: this.directory })
    // Driven later, a failure since the other run began is told to this one; and the file may be in use by now.
    if (this.othersOut === undefined) return
    for (let left = this.othersOut + (isOwn ? 0 : 1); left > 0; left--) yield* this.giveAgain(from, to)
  }

  private *giveAgain(from: string, to: string): Steps<void> {
    try {
      yield* step({ do: 'rename', from: to, to: from })
      yield* renameOnce(from, to)
    } catch (error) {
      // The name is gone, or may be, and another run may believe that it is there.
      this.failed(error as SystemError)
      throw error
    }
    yield* step({ do: 'syncDirectory', path: this.directory })
  }

  /** Steps that give names and then sync the directory, driven later: they fail where a sync of others failed meanwhile. */
  *giving(steps: Steps<void>): Steps<void> {
    const mine: Giving = { failure: undefined }
    this.givings.add(mine)
    try {
      yield* steps
    } finally {
      this.givings.delete(mine)
    }
    if (mine.failure !== undefined) throw mine.failure
  }

  override call<C extends Call>(call: C): ResultOf<C> {
    if (!this.isOurs(call)) return this.inner.call(call)
    try {
      const result = this.inner.call(call)
      this.othersOut = this.out.size
      return result
    } catch (error) {
      this.failed(error as SystemError)
      throw error
    }
  }

  override start<C extends Call>(call: C, done: Done<ResultOf<C>>): void {
    if (this.isOurs(call)) this.startSync(call, done)
    else this.inner.start(call, done)
  }

  private isOurs(call: Call): boolean {
    return call.do === 'syncDirectory' && call.path === this.directory
  }

  private startSync<C extends Call>(call: C, done: Done<ResultOf<C>>): void {
    let error: SystemError | null = null
    let result: ResultOf<C>
    const tell = (): void => {
      this.othersOut = undefined
      done(error, result)
    }
    const sync: NameSync = { waitsFor: new Set(), tell }
    this.out.add(sync)
    this.inner.start(call, (failure, given) => {
      error = failure
      result = given
      this.out.delete(sync)
      for (const other of this.out) sync.waitsFor.add(other)
      for (const other of this.back) other.waitsFor.delete(sync)
      this.back.add(sync)
      if (failure !== null) this.failed(failure)
      this.tellThose()
    })
  }

  /** Of what is told further syncs may begin; those come back later. */
  private tellThose(): void {
    for (const sync of this.back) {
      if (sync.waitsFor.size > 0) continue
      this.back.delete(sync)
      try {
        sync.tell()
      } finally {
        // What one of them throws keeps nobody else from hearing.
        this.tellThose()
      }
      return
    }
  }

  private failed(error: SystemError): void {
    for (const giving of this.givings) giving.failure ??= error
  }
}
