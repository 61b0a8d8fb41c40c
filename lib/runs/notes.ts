import type { Environment } from '../../segments/env/environment.ts'
import { runLater } from '../../segments/env/steps.ts'
import { wrapSystemError } from '../../segments/errors.ts'
import type { Anchor, CursorState, Manifest } from '../../segments/format/manifest.ts'
import type { ManifestStore } from '../../segments/manifest-store.ts'
import { nanoseconds } from '../../segments/timeline.ts'

/** Somebody who waits until what was asked for is durable. */
interface Waiter {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/**
 * What the manifest of an open log keeps for its users: anchors and cursors. State is set here first and written then, one
 * generation at a time; what is asked for in the meantime goes out together in the next. A generation that fails rejects
 * those who wait for it, and nothing else: no acknowledgement of a record depends on it. What it said is unknown from then
 * on, and the next generation says it again.
 */
export class Notes {
  /** As asked for, written or not: what the next one is checked against. */
  anchors: readonly Anchor[]
  cursors: Readonly<Record<string, CursorState>>
  /** The last generation of these that is durable. */
  durable: Manifest
  private readonly env: Environment
  private readonly manifests: ManifestStore
  private waiting: Waiter[] = []
  private isWriting = false
  private whenQuiet: (() => void) | undefined

  constructor(env: Environment, manifests: ManifestStore) {
    this.env = env
    this.manifests = manifests
    this.durable = manifests.latest
    this.anchors = manifests.latest.anchors
    this.cursors = manifests.latest.cursors
  }

  /** Resolves when all that is asked for by now is durable. */
  save(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject })
      this.write()
    })
  }

  /** All that was ever asked for, durable or not. */
  get manifest(): Manifest {
    return this.manifests.latest
  }

  /** Now, as a manifest has it. */
  now(): string {
    return String(nanoseconds(this.env.nowMs()))
  }

  /** Resolves when nothing is being written; no more may be asked for from here on. */
  settle(): Promise<void> {
    return new Promise((resolve) => {
      this.whenQuiet = resolve
      this.tellQuiet()
    })
  }

  private write(): void {
    if (this.isWriting || this.waiting.length === 0) return
    const waiters = this.waiting
    this.waiting = []
    this.isWriting = true
    const { anchors, cursors } = this
    const update = this.manifests.update((manifest) => ({ ...manifest, anchors, cursors }))
    runLater(this.env, update, (error) => {
      this.isWriting = false
      if (error) {
        const reason = wrapSystemError(error, 'writing the manifest')
        for (const { reject } of waiters) reject(reason)
      } else {
        this.durable = written
        for (const { resolve } of waiters) resolve()
      }
      this.write()
      this.tellQuiet()
    })
    const written = this.manifests.latest
  }

  private tellQuiet(): void {
    if (!this.isWriting && this.waiting.length === 0) this.whenQuiet?.()
  }
}
