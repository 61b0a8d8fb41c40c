import type { Environment, Handle } from './env/environment.ts'
import { type Steps, runLater, runNow, step } from './env/steps.ts'
import { headText } from './chain.ts'
import { closeSegment } from './segment-files.ts'
import { compressionMember } from './compression.ts'
import { SeglogError } from './errors.ts'
import { withFile } from './files.ts'
import type { SealedLine } from './format/manifest.ts'
import { type ManifestStore, withLine } from './manifest-store.ts'
import type { Segment, SegmentHandles } from './segment.ts'
import type { KeyTable } from './sidecar-writing.ts'
import type { SidecarStore } from './sidecar-store.ts'

/** Segments that may wait for the background to seal them. */
const WAITING_MAX = 4

/** What becomes of the trail of a segment that is sealed. */
export type EndTrail = (segment: Segment) => Steps<void>

/**
 * Seals segments in the background, once their successor is in use and no call holds their files. What fails here is left
 * as it is: the successor proves the segment whole, and the next opening finishes the work.
 */
export class Sealer {
  /** The last failure of work that nothing depends on. */
  failure: unknown
  private readonly env: Environment
  private readonly manifests: ManifestStore
  private readonly sidecars: SidecarStore
  private readonly endTrail: EndTrail
  /** Segments that no manifest calls sealed yet, or that have no sidecar yet, in order; also those that could not be cut. */
  readonly underWay: Segment[] = []
  /** Those still to be worked on; the first is. */
  private readonly waiting: Segment[] = []
  private idleWaiters: (() => void)[] = []

  constructor(env: Environment, manifests: ManifestStore, sidecars: SidecarStore, endTrail: EndTrail) {
    this.env = env
    this.manifests = manifests
    this.sidecars = sidecars
    this.endTrail = endTrail
  }

  /**
   * One after the other, so that manifests list sealed segments before open ones. A caller who never lets the event loop
   * run would keep three open files for each; past a few, the work is done before he goes on.
   */
  seal(segment: Segment): void {
    this.underWay.push(segment)
    if (this.waiting.length >= WAITING_MAX && segment.outstanding === 0) {
      this.sealNow(segment)
      return
    }
    this.waiting.push(segment)
    if (this.waiting.length === 1) this.next(segment)
  }

  private sealNow(segment: Segment): void {
    const { handles } = segment
    segment.handles = undefined
    let failure: unknown = null
    try {
      runNow(this.env, this.work(segment, handles))
    } catch (error) {
      failure = error
    }
    this.settle(segment, failure)
  }

  private next(segment: Segment): void {
    whenQuiet(segment, () => {
      const { handles } = segment
      segment.handles = undefined
      runLater(this.env, this.work(segment, handles), (error) => {
        this.settle(segment, error)
        this.waiting.shift()
        if (this.waiting.length > 0) this.next(this.waiting[0]!)
        else for (const done of this.idleWaiters.splice(0)) done()
      })
    })
  }

  /**
   * A segment that is listed as sealed is no open one, even if that manifest or its sidecar could not be written: the next
   * generation says it, too, and from here on it may be archived.
   */
  private settle(segment: Segment, failure: unknown): void {
    if (failure !== null) this.failure = failure
    const line = this.manifests.latest.segments.find(({ ordinal }) => ordinal === segment.plan.ordinal)
    if (failure === null || line?.state === 'sealed') this.underWay.splice(this.underWay.indexOf(segment), 1)
  }

  /** Calls `done` when nothing waits to be sealed: at once, or after the last one. */
  onceIdle(done: () => void): void {
    if (this.waiting.length === 0) done()
    else this.idleWaiters.push(done)
  }

  private *work(segment: Segment, handles: SegmentHandles | undefined): Steps<void> {
    if (handles === undefined) throw new SeglogError('IO', 'a segment is sealed twice', { file: segment.path })
    try {
      yield* step({ do: 'truncate', handle: handles.plain, size: segment.end })
      yield* step({ do: 'sync', handle: handles.plain })
    } finally {
      const closing = yield* closeSegment(handles)
      this.failure ??= closing
    }
    const line = sealedLine(segment)
    yield* this.manifests.update((manifest) => withLine(manifest, line))
    yield* this.index(segment, line)
  }

  /**
   * Cuts a segment that the mark of a close lists as sealed, its files closed; makes its sidecar. Behind the mark, because
   * nothing but that says where it ends: one that is already cut and not listed would look harmed.
   */
  *finish(segment: Segment): Steps<void> {
    try {
      yield* shorten(segment)
      yield* this.index(segment, sealedLine(segment))
    } catch (error) {
      this.failure = error
    }
  }

  /** Behind the manifest: a sidecar is of a sealed segment. Readers find records in memory until it is there. */
  private *index(segment: Segment, line: SealedLine): Steps<void> {
    const { offsets, definitions } = segment
    yield* this.sidecars.write(line, { offsets, definitions, keyTables: keyTablesOf(segment) })
    yield* this.endTrail(segment)
  }
}

/** Shortens the file of a segment that nobody has open to what is used of it, durably. */
export function shorten({ path, end }: Segment): Steps<void> {
  return withFile(path, 'write', (handle) => shortenOpened(handle, end))
}

function* shortenOpened(handle: Handle, size: number): Steps<void> {
  yield* step({ do: 'truncate', handle, size })
  yield* step({ do: 'sync', handle })
}

/** None where some records are not covered: keys of a segment that was there at opening are only read when somebody asks. */
function keyTablesOf({ keys }: Segment): KeyTable[] {
  if (keys?.isWhole !== true) return []
  return keys.kinds.map(({ kind, fingerprint }, place) => ({ name: kind, fingerprint, pairs: keys.sorted(place) }))
}

/** Calls `then` when no call holds a file of the segment: at once, or after the last one. */
export function whenQuiet(segment: Segment, then: () => void): void {
  if (segment.outstanding === 0) {
    then()
    return
  }
  const whenQuiet = (): void => {
    segment.whenQuiet = undefined
    then()
  }
  segment.whenQuiet = whenQuiet
}

/** The line of a segment in which nothing is written any more. */
export function sealedLine(segment: Segment): SealedLine {
  return {
    state: 'sealed',
    ordinal: segment.plan.ordinal,
    salt: segment.plan.salt,
    firstSequence: segment.firstSequence,
    lastSequence: segment.lastSequence,
    dataBytes: segment.end,
    digest: segment.digest,
    head: headText(segment.chain),
    baseTimestamp: String(segment.baseTimestamp),
    lastTimestamp: String(segment.lastTimestamp),
    ...compressionMember(segment.compression),
  }
}
