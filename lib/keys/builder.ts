import type { Environment, Handle } from '../../segments/env/environment.ts'
import { type Steps, step } from '../../segments/env/steps.ts'
import { SeglogError, wrapSystemError } from '../../segments/errors.ts'
import { withFile } from '../../segments/files.ts'
import type { Manifest, SealedLine, StoredDefinition } from '../../segments/format/manifest.ts'
import { KeyPairs } from '../../segments/key-pairs.ts'
import type { ManifestStore } from '../../segments/manifest-store.ts'
import { SegmentScanner } from '../../segments/scan.ts'
import type { Sidecar } from '../../segments/sidecar.ts'
import type { SidecarStore } from '../../segments/sidecar-store.ts'
import type { SidecarContent } from '../../segments/sidecar-writing.ts'
import type { Scan } from '../../segments/stretches.ts'
import { later } from '../read/later.ts'
import type { Reading } from '../read/reading.ts'
import type { SegmentRef } from '../read/segment-ref.ts'
import { addKeys } from './built-tables.ts'
import type { KeyDefinition } from './definitions.ts'
import { isUnreadable, readableRecords } from './readable.ts'

/** How far a kind of keys is. */
export interface KeyState {
  readonly kind: string
  readonly definition: StoredDefinition
  /** Whether records can be found by it. */
  readonly isReady: boolean
  /** Records whose keys are in tables, of those that stood there when the kind was defined; both 0 of a ready one. */
  readonly done: number
  readonly total: number
}

/**
 * Builds the tables of kinds that were defined when there were records already, segment by segment in the background. Until
 * that is done the manifest says so, and lookups by these kinds are refused.
 */
export class KeyBuilder<T> {
  /** Why it stopped; it goes on with the next opening. */
  failure: SeglogError | undefined
  private readonly env: Environment
  private readonly manifests: ManifestStore
  private readonly reading: Reading<T>
  private readonly sidecars: SidecarStore
  private readonly definitions: readonly KeyDefinition<T>[]
  /** Segments to look at, in order; those asked for by lookups come last, each once for an opening. */
  private readonly queue: number[] = []
  private readonly wanted = new Set<number>()
  private done = 0
  private isStopped = false
  private isRunning = false
  private running: Promise<void> = Promise.resolve()

  constructor(
    env: Environment,
    manifests: ManifestStore,
    reading: Reading<T>,
    sidecars: SidecarStore,
    definitions: readonly KeyDefinition<T>[],
  ) {
    this.env = env
    this.manifests = manifests
    this.reading = reading
    this.sidecars = sidecars
    this.definitions = definitions
    const { total } = this
    for (const line of manifests.latest.segments) {
      if (line.state === 'sealed' && line.firstSequence <= total) this.queue.push(line.ordinal)
    }
    if (total > 0) this.start()
  }

  /** What the manifest says of each kind. */
  readonly keys = (): Manifest['keys'] => this.manifests.latest.keys

  states(): readonly KeyState[] {
    return this.definitions.map(({ kind, stored }) => {
      const total = this.keys()[kind]?.upTo ?? 0
      return { kind, definition: stored, isReady: total === 0, done: Math.min(this.done, total), total }
    })
  }

  /** Resolves when records can be found by every kind; rejects with what stopped it, or CLOSED. */
  async ready(): Promise<void> {
    await this.running
    if (this.failure !== undefined) throw this.failure
    if (this.total > 0) throw new SeglogError('CLOSED', 'the log was closed before its keys were built')
  }

  /** Builds the tables of a sealed segment that has none: its sidecar was lost, or recovery sealed it. */
  want(ordinal: number): void {
    if (this.isStopped || this.wanted.has(ordinal)) return
    this.wanted.add(ordinal)
    this.queue.push(ordinal)
    this.start()
  }

  /** Stops behind the segment that is being read; tables that are written stay. */
  async stop(): Promise<void> {
    this.isStopped = true
    await this.running
  }

  private get total(): number {
    return Math.max(0, ...this.definitions.map(({ kind }) => this.keys()[kind]?.upTo ?? 0))
  }

  private start(): void {
    if (this.isRunning) return
    this.isRunning = true
    this.running = this.run()
  }

  private async run(): Promise<void> {
    try {
      for (let ordinal = this.queue.shift(); ordinal !== undefined && !this.isStopped; ordinal = this.queue.shift()) {
        const line = this.manifests.latest.segments.find((each) => each.ordinal === ordinal)
        // It may have been archived in the meantime, and one without a record needs no table.
        if (line?.state !== 'sealed' || line.lastSequence < line.firstSequence) continue
        await this.build(line)
        this.done = Math.max(this.done, line.lastSequence)
      }
      if (this.total > 0 && !this.isStopped) await later(this.env, this.manifests.update(withoutTotals), BUILDING)
    } catch (error) {
      this.failure = wrapSystemError(error, BUILDING)
    } finally {
      this.isRunning = false
    }
  }

  private async build(line: SealedLine): Promise<void> {
    const ref = await this.refOf(line)
    if (ref === undefined || (await later(this.env, this.hasTables(ref)))) return
    const tables = this.definitions.map(() => new KeyPairs())
    for await (const entry of readableRecords(this.reading, ref, skip)) {
      if (this.isStopped) return
      addKeys(this.definitions, tables, entry, ref.firstSequence)
    }
    const { offsets, definitions } = await later(this.env, this.contentOf(ref))
    const keyTables = this.definitions.map(({ kind, fingerprint }, place) => {
      return { name: kind, fingerprint, pairs: tables[place]!.sorted() }
    })
    await later(this.env, this.sidecars.write(line, { offsets, definitions, keyTables }), BUILDING)
    if (this.sidecars.failure !== undefined) throw this.sidecars.failure as Error
    this.reading.forgetSidecar(line.ordinal)
  }

  /** Undefined where the segment is missing or was archived in the meantime: no record of it can be read. */
  private async refOf(line: SealedLine): Promise<SegmentRef | undefined> {
    try {
      return await later(this.env, this.reading.view.segmentOf(line.firstSequence))
    } catch (error) {
      if (error instanceof SeglogError && isUnreadable(error)) return undefined
      throw error
    }
  }

  /** The new sidecar replaces the old one, which may hold the only copy of definitions that are damaged in the segment. */
  private *contentOf(ref: SegmentRef): Steps<Pick<SidecarContent, 'offsets' | 'definitions'>> {
    const { offsets, definitions } = yield* scanOf(ref)
    const sidecar = yield* this.reading.sidecarOf(ref)
    return { offsets, definitions: (yield* definitionsOf(sidecar)) ?? definitions }
  }

  private *hasTables(ref: SegmentRef): Steps<boolean> {
    const sidecar = yield* this.reading.sidecarOf(ref)
    return this.definitions.every(({ kind, fingerprint }) =>
      sidecar?.keyTables.some((table) => table.name === kind && table.fingerprint === fingerprint),
    )
  }
}

const BUILDING = 'building the tables of keys'
/** A record that cannot be read has no keys. */
const skip = (): undefined => undefined

function* scanOf(ref: SegmentRef): Steps<Scan> {
  return yield* withFile(ref.path, 'read', (handle) => scanOpened(handle, ref))
}

function* scanOpened(handle: Handle, ref: SegmentRef): Steps<Scan> {
  const size = yield* step({ do: 'size', handle })
  return yield* new SegmentScanner(handle, Math.min(ref.end, size), ref).run('search')
}

function* definitionsOf(sidecar: Sidecar | undefined): Steps<readonly Uint8Array[] | undefined> {
  return sidecar && (yield* sidecar.definitions())
}

function withoutTotals(manifest: Manifest): Manifest {
  const keys = Object.entries(manifest.keys).map(([kind, definition]) => [kind, { ...definition, upTo: undefined }])
  return { ...manifest, keys: Object.fromEntries(keys) as Manifest['keys'] }
}
