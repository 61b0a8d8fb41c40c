import type { Environment } from './env/environment.ts'
import { type Steps, runLater } from './env/steps.ts'
import type { SealedLine } from './format/manifest.ts'
import type { SegmentIdentity } from './format/sidecar.ts'
import { identityOf } from './sidecar.ts'
import { type SidecarContent, writeSidecar } from './sidecar-writing.ts'

/** Sidecars that are made anew at a time: each holds what it is made of. */
const UNDER_WAY_MAX = 4

/** The only writer of sidecars. Nothing depends on one: what fails is told and done again another time. */
export class SidecarStore {
  /** Why the last one could not be written; undefined when it could. */
  failure: unknown
  /** How many were of no use and are made anew. */
  remade = 0
  private readonly env: Environment
  private readonly directory: string
  private readonly logId: string
  /** Ordinals of segments whose sidecars are being made anew. */
  private readonly underWay = new Set<number>()
  private whenQuiet: (() => void) | undefined

  constructor(env: Environment, directory: string, logId: string) {
    this.env = env
    this.directory = directory
    this.logId = logId
  }

  /** Writes the sidecar of a sealed segment; never throws. */
  *write(line: SealedLine, content: SidecarContent): Steps<void> {
    yield* this.put(identityOf(this.logId, line), content)
  }

  private *put(identity: SegmentIdentity, content: SidecarContent): Steps<void> {
    try {
      yield* writeSidecar(this.env, this.directory, identity, content)
      this.failure = undefined
    } catch (error) {
      this.failure = error
    }
  }

  /** Makes one anew in the background that was of no use; not now where much is under way, another time then. */
  remake(identity: SegmentIdentity, content: SidecarContent): void {
    const { ordinal } = identity
    if (this.whenQuiet !== undefined || this.underWay.has(ordinal) || this.underWay.size >= UNDER_WAY_MAX) return
    this.underWay.add(ordinal)
    this.remade += 1
    runLater(this.env, this.put(identity, content), () => {
      this.underWay.delete(ordinal)
      if (this.underWay.size === 0) this.whenQuiet?.()
    })
  }

  /** Calls `done` when no file is being written; starts no more. */
  close(done: () => void): void {
    this.whenQuiet = done
    if (this.underWay.size === 0) done()
  }
}
