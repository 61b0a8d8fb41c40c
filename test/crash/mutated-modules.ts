import { vi } from 'vitest'
import type { Steps } from '../../segments/env/steps.ts'
import { type Manifest, encodeManifest } from '../../segments/format/manifest.ts'

/**
 * Bugs in modules that no environment can play: each replaces a part of one module, before the log is imported anew. The
 * product has no hooks for them. What is private is reached by its name: a change there fails here, loudly.
 */
type Door = typeof import('../../lib/testing.ts')

interface Mock {
  readonly path: string
  readonly change: (original: object) => object
}

function mock<M>(path: string, change: (original: M) => object): Mock {
  return { path, change: (original) => change(original as M) }
}

/** A fresh copy of everything, in which these modules are other ones. */
async function withModules(...mocks: Mock[]): Promise<Door> {
  vi.resetModules()
  for (const { path, change } of mocks) {
    vi.doMock(path, async (importOriginal) => {
      const original = await importOriginal<object>()
      return { ...original, ...change(original) }
    })
  }
  const door = await import('../../lib/testing.ts')
  for (const { path } of mocks) vi.doUnmock(path)
  return door
}

type DecideModule = typeof import('../../recovery/decide.ts')
type PlanModule = typeof import('../../recovery/plan.ts')
type SettleModule = typeof import('../../recovery/settle.ts')
type Classes<N extends string> = Readonly<Record<N, new (...args: unknown[]) => object>>

const neverCopy = mock<DecideModule>('../../recovery/decide.ts', ({ decide }) => ({
  decide: (evidence: Parameters<typeof decide>[0]) => ({ ...decide(evidence), copy: false }),
}))

/** Recovery goes on in the old file: behind stale bytes, and on bytes that only the page cache may hold. */
export function neverCopies(): Promise<Door> {
  return withModules(neverCopy)
}

/** Recovery syncs the old file once more, and takes the answer for the truth. */
export function trustsThePageCache(): Promise<Door> {
  const syncFirst = mock<SettleModule>('../../recovery/settle.ts', ({ settleTail }) => ({
    *settleTail(work: Parameters<typeof settleTail>[0]) {
      const { tail } = work.plan
      if (tail?.role === 'used') yield* syncFile(tail.path)
      return yield* settleTail(work)
    },
  }))
  return withModules(neverCopy, syncFirst)
}

function* syncFile(path: string): Steps<void> {
  const handle = (yield { do: 'open', path, access: 'write' }) as never
  yield { do: 'sync', handle }
  yield { do: 'close', handle }
}

/** Whatever is wrong with the active segment is a torn tail. */
export function callsDamageTorn(): Promise<Door> {
  return withModules(
    mock<DecideModule>('../../recovery/decide.ts', ({ decide }) => ({
      decide(evidence: Parameters<typeof decide>[0]) {
        const scan = { ...evidence.scan, claimedEnd: 0, stretches: evidence.scan.stretches.slice(0, 1) }
        return decide({ ...evidence, scan, proven: undefined, missing: false })
      },
    })),
  )
}

/** Frames of all lives of a file, and of all files, look alike. */
export function ignoresTheSalt(): Promise<Door> {
  return withModules(
    mock<typeof import('../../segments/format/checksum.ts')>('../../segments/format/checksum.ts', ({ frameSeed }) => ({
      frameSeed: (_salt: number, offset: number) => frameSeed(0, offset),
    })),
  )
}

/** Every record is whole by itself, also those in the middle of a batch. */
export function dropsTheBatchEnd(): Promise<Door> {
  return withModules(
    mock<Classes<'FrameTaker'>>('../../segments/frame-taker.ts', ({ FrameTaker }) => ({
      FrameTaker: class extends FrameTaker {
        declare decoder: { tag: number }
        take(stretch: object, at: number): void {
          const { decoder } = this
          const { tag } = decoder
          decoder.tag = 0xffff
          inherited(FrameTaker, 'take').call(this, stretch, at)
          decoder.tag = tag
        }
      },
    })),
  )
}

/** A frame proves everything before its group, also what was not synced. */
export function provesTooMuch(): Promise<Door> {
  return withModules(
    mock<Classes<'Group'>>('../../segments/group.ts', ({ Group }) => ({
      Group: class extends Group {
        constructor(segment: object, start: number, claimEnd: number, lastSequence: number, buffer: Buffer) {
          super(segment, start, Math.max(claimEnd, start), lastSequence, buffer)
        }
      },
    })),
  )
}

interface SentGroup {
  readonly end: number
  readonly lastSequence: number
  readonly segment: { readonly plan: { readonly ordinal: number } }
}

/** Readers are shown a group when it is sent. */
export function movesTheWatermarkEarly(): Promise<Door> {
  return withModules(
    mock<Classes<'Committer'>>('../../segments/committer.ts', ({ Committer }) => ({
      Committer: class extends Committer {
        declare position: object
        send(group: SentGroup): void {
          inherited(Committer, 'send').call(this, group)
          const { end, lastSequence, segment } = group
          this.position = { ordinal: segment.plan.ordinal, offset: end, sequence: lastSequence }
        }
      },
    })),
  )
}

/** Who follows gets every record that there is, durable or not. */
export function followsBeyondTheWatermark(): Promise<Door> {
  return withModules(
    mock<Classes<'WriterView'>>('../../lib/read/view.ts', ({ WriterView }) => ({
      WriterView: class extends WriterView {
        declare openSegments: () => readonly { readonly lastSequence: number }[]
        get highWatermark(): number {
          return this.openSegments().at(-1)!.lastSequence
        }
        liveRef(segment: { readonly end: number; readonly lastSequence: number }): object {
          const ref = inherited(WriterView, 'liveRef').call(this, segment) as object
          return { ...ref, end: segment.end, lastSequence: segment.lastSequence }
        }
      },
    })),
  )
}

/** A copy that was begun is a log, whether it came to its end or not. */
export function takesAnUnfinishedCopyForALog(): Promise<Door> {
  const changed = (): object => ({ mustBeFinished: () => undefined })
  return withModules(mock('../../recovery/backup-target.ts', changed))
}

/** Whoever searches beyond damage finds nothing there. */
export function stopsAtTheFirstDamage(): Promise<Door> {
  return withModules(
    mock<Classes<'SegmentScanner'>>('../../segments/scan.ts', ({ SegmentScanner }) => ({
      SegmentScanner: class extends SegmentScanner {
        run(): unknown {
          return inherited(SegmentScanner, 'run').call(this, 'stop')
        }
      },
    })),
  )
}

/** Recovery seals what a crash left unsealed, and its line does not say how the segment is compressed. */
export function forgetsHowASegmentIsCompressed(): Promise<Door> {
  return withModules(
    mock<PlanModule>('../../recovery/plan.ts', ({ planRecovery }) => ({
      planRecovery: (...given: Parameters<typeof planRecovery>) => {
        const plan = planRecovery(...given)
        return { ...plan, unsealed: plan.unsealed.map(({ compression: _, ...line }) => line) }
      },
    })),
  )
}

/** One manifest, written over again and again. */
export function writesTheManifestInPlace(): Promise<Door> {
  return withModules(
    mock<Classes<'ManifestStore'>>('../../segments/manifest-store.ts', ({ ManifestStore }) => ({
      ManifestStore: class extends ManifestStore {
        declare latest: Manifest
        declare position: () => Manifest['highWatermark']
        declare names: { readonly directory: string };
        *update(change: (manifest: Manifest) => Manifest): Steps<void> {
          this.latest = { ...change(this.latest), generation: 1, highWatermark: this.position() }
          const path = `${this.names.directory}/manifest-0000000001.json`
          const isThere = (yield { do: 'stat', path }) !== undefined
          const handle = (yield { do: 'open', path, access: isThere ? 'write' : 'create' }) as never
          const from = encodeManifest(this.latest)
          yield { do: 'truncate', handle, size: 0 }
          yield { do: 'write', handle, from, start: 0, length: from.length, position: 0 }
          yield { do: 'sync', handle }
          yield { do: 'close', handle }
          yield { do: 'syncDirectory', path: this.names.directory }
        }
      },
    })),
  )
}

/** A failed sync of the directory means nothing to who gave other names there at the same time. */
export function letsSyncsAnswerAlone(): Promise<Door> {
  return withModules(
    mock<Classes<'NameSyncs'>>('../../segments/name-syncs.ts', ({ NameSyncs }) => ({
      NameSyncs: class extends NameSyncs {
        isOurs(): boolean {
          return false
        }
      },
    })),
  )
}

/** A private method of the class itself, by name. */
function inherited(from: Classes<'any'>['any'], name: string): (...args: unknown[]) => unknown {
  const method: unknown = (from.prototype as Record<string, unknown>)[name]
  if (typeof method !== 'function') throw new Error(`${from.name} has no method ${name} any more`)
  return method as (...args: unknown[]) => unknown
}
