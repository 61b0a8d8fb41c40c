import type { Steps } from '../../segments/env/steps.ts'
import { SeglogError } from '../../segments/errors.ts'
import type { Entry } from './entry.ts'
import type { Walk } from './walk.ts'

/** Looks at everything that another process may have changed, and says as a text what it saw of a record. */
export interface Sight {
  lookAgain(sequence: number): Steps<string>
}

/** Whether what was met may be due to a writer that rolls, recovers or archives at this moment. */
function mayBeRace(error: unknown): error is SeglogError {
  if (!(error instanceof SeglogError)) return false
  // A file that became shorter while it was read: an error of the system always has its cause.
  if (error.code === 'IO') return error.cause === undefined
  return error.code === 'CORRUPT' || error.code === 'GAP' || error.code === 'ARCHIVED'
}

/**
 * Tells damage from a race: where a record cannot be read it looks again, and the record may be tried again, until it looks
 * the same twice in a row. Each further round follows from a step forward of a writer.
 */
export class Doubt {
  private readonly sight: Sight
  private sequence = 0
  private seen: string | undefined

  constructor(sight: Sight) {
    this.sight = sight
  }

  /** Returns where it makes sense to try once more; else throws the error. */
  *about(error: unknown, sequence: number): Steps<void> {
    if (!mayBeRace(error)) throw error
    const before = this.sequence === sequence ? this.seen : undefined
    this.sequence = sequence
    this.seen = yield* this.sight.lookAgain(sequence)
    if (this.seen === before) throw error
  }
}

/** A walk beside a writer in another process: it takes nothing for damage that only changes at this moment. */
export class SharedWalk<T> implements Walk<T> {
  private readonly walk: Walk<T>
  private readonly doubt: Doubt
  /** Met at the next record, and not looked into yet. */
  private problem: SeglogError | undefined

  constructor(sight: Sight, walk: Walk<T>) {
    this.walk = walk
    this.doubt = new Doubt(sight)
  }

  get sequence(): number {
    return this.walk.sequence
  }

  next(): Entry<T> | 'fill' | 'end' {
    if (this.problem !== undefined) return 'fill'
    try {
      return this.walk.next()
    } catch (error) {
      return this.note(error)
    }
  }

  *fill(): Steps<void> {
    const { problem } = this
    if (problem !== undefined) {
      // Whatever it holds may be of a file that is not the one any more.
      yield* this.walk.close()
      yield* this.doubt.about(problem, this.sequence)
      this.problem = undefined
    }
    try {
      yield* this.walk.fill()
    } catch (error) {
      this.note(error)
    }
  }

  ahead(): Steps<void> | undefined {
    return this.walk.ahead()
  }

  extend(to: number, readBytes: number): void {
    this.walk.extend(to, readBytes)
  }

  close(): Steps<void> {
    return this.walk.close()
  }

  private note(error: unknown): 'fill' {
    if (!mayBeRace(error)) throw error
    this.problem = error
    return 'fill'
  }
}
