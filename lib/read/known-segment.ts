import type { Handle } from '../../segments/env/environment.ts'
import { type Steps, step } from '../../segments/env/steps.ts'
import { FRAME, FRAMES_START } from '../../segments/format/layout.ts'
import type { SegmentIdentity } from '../../segments/format/sidecar.ts'
import { type SegmentKey, SegmentScanner } from '../../segments/scan.ts'
import { OffsetList } from '../../segments/segment.ts'
import type { Scan } from '../../segments/stretches.ts'
import type { SidecarContent } from '../../segments/sidecar-writing.ts'
import type { Decoder } from '../codecs/codec.ts'
import type { BlockCache } from './block-cache.ts'
import type { EntrySource } from './entry.ts'
import type { FilePool, PooledFile } from './file-pool.ts'
import type { SegmentRef } from './segment-ref.ts'
import { type SidecarPages, openPages } from './sidecar-pages.ts'

/** Takes what a sidecar should hold that was of no use: the process that writes makes it anew. */
export type Remake = (identity: SegmentIdentity, content: SidecarContent) => void

interface Scanned {
  readonly found: Scan
  /** Of the file, which may be shorter than what should be in it. */
  readonly fileBytes: number
}

/** What is known of a segment beyond its name: where its records are, and how its values are decoded. */
export class KnownSegment<T> implements EntrySource<T> {
  readonly file: PooledFile
  readonly path: string
  readonly salt: number
  readonly firstSequence: number
  readonly baseTimestamp: bigint
  readonly compression: number
  readonly decoder: Decoder<T>
  /** As of the last time that somebody looked: a segment that is being written grows. */
  ref: SegmentRef
  private readonly files: FilePool
  private readonly cache: BlockCache
  private readonly remake: Remake | undefined
  /** The sidecar, where places are looked up in it; nothing else of them is in memory then. */
  private pages: SidecarPages | undefined
  /** Up to here its places are known; Infinity where the writer keeps them itself. */
  private end: number
  private readonly offsets: OffsetList
  private readonly definitions: readonly Uint8Array[]
  private defined = 0
  /** Whether the sidecar was compared with its segment. */
  private isCompared = false

  constructor(
    ref: SegmentRef,
    file: PooledFile,
    decoder: Decoder<T>,
    files: FilePool,
    cache: BlockCache,
    remake: Remake | undefined,
  ) {
    this.remake = remake
    this.files = files
    this.cache = cache
    this.file = file
    this.path = ref.path
    this.salt = ref.salt
    this.firstSequence = ref.firstSequence
    this.baseTimestamp = ref.baseTimestamp
    this.compression = ref.compression
    this.decoder = decoder
    this.ref = ref
    this.end = ref.live === undefined ? FRAMES_START : Infinity
    this.offsets = ref.live?.offsets ?? new OffsetList()
    this.definitions = ref.live?.definitions ?? []
  }

  /** Whether a list of its places is in memory, four bytes a record. */
  get isHeavy(): boolean {
    return this.pages === undefined
  }

  /** As `unitsOf`, where the answer is in memory. */
  peekUnits(sequence: number): number | undefined {
    const { pages, offsets } = this
    const index = sequence - this.firstSequence
    if (pages !== undefined) return pages.peekUnits(index)
    return index < offsets.length ? offsets.at(index) : 0
  }

  /** Offset in units, 0 where the record cannot be found. */
  *unitsOf(sequence: number): Steps<number> {
    const known = this.peekUnits(sequence)
    if (known !== undefined) return known
    const units = yield* this.pages!.sidecar.unitsOf(sequence - this.firstSequence)
    if (units !== undefined) return units
    yield* this.giveUpSidecar()
    return this.peekUnits(sequence)!
  }

  isOf(ref: SegmentRef): boolean {
    return this.salt === ref.salt && this.path === ref.path
  }

  /** Finds out what is not known yet of the segment as it is by now. */
  *renew(ref: SegmentRef): Steps<void> {
    if (ref.identity !== undefined && this.end === FRAMES_START && this.pages === undefined) {
      yield* this.openSidecar(ref)
    }
    if (this.pages === undefined) yield* this.scanUpTo(ref)
    // Later definitions never change what earlier records mean.
    const { definitions } = this
    for (; this.defined < definitions.length; this.defined++) this.decoder.define(definitions[this.defined]!)
    if (ref.end >= this.ref.end) this.ref = ref
  }

  /**
   * A record is not where it should be: a sidecar only says where to look, so it is compared with what a scan of the segment
   * finds, once. Whether it was wrong: from now on places are those of the scan. A damaged record is so wherever one looks.
   */
  *doubt(): Steps<boolean> {
    if (this.pages === undefined || this.isCompared) return false
    const { ref, firstSequence } = this
    const scanned = yield* this.scan(ref)
    const { offsets } = scanned.found
    for (let index = 0; index < offsets.length && this.pages !== undefined; index++) {
      const units = offsets.at(index)
      if (units === 0 || units === (yield* this.unitsOf(firstSequence + index))) continue
      this.pages = undefined
      this.add(scanned, ref)
    }
    this.isCompared = true
    return this.pages === undefined
  }

  /** A page is damaged. */
  private *giveUpSidecar(): Steps<void> {
    this.pages = undefined
    yield* this.scanUpTo(this.ref)
  }

  /** Whatever keeps a sidecar from being read, the segment itself holds all that it says. */
  private *openSidecar(ref: SegmentRef): Steps<void> {
    const pages = yield* openPages(this.files, this.cache, ref)
    try {
      const definitions = pages && (yield* pages.sidecar.definitions())
      if (definitions === undefined || this.end !== FRAMES_START) return
      for (const definition of definitions) this.decoder.define(definition)
      this.pages = pages
    } catch (error) {
      if (!(error instanceof Error)) throw error
    }
  }

  private *scanUpTo(ref: SegmentRef): Steps<void> {
    while (this.end < ref.end) {
      const from = this.end
      const scanned = yield* this.scan(ref)
      // Another walk may have added this part, or some of it, while this one waited for the disk.
      if (this.end === from) this.add(scanned, ref)
    }
  }

  private scan(ref: SegmentRef): Steps<Scanned> {
    const { end: from, salt, baseTimestamp, offsets } = this
    const key = { salt, baseTimestamp, firstSequence: this.firstSequence + offsets.length }
    return this.files.use(this.file, (handle) => scanOpened(handle, ref.end, key, from))
  }

  /** Records that a scan did not find have no place. */
  private add({ found, fileBytes }: Scanned, ref: SegmentRef): void {
    this.end = ref.end
    const { offsets } = this
    for (let index = 0; index < found.offsets.length; index++) offsets.push(found.offsets.at(index))
    // A slot or a manifest that lies may say that there are more than fit into the file, or into memory.
    const said = ref.lastSequence - ref.firstSequence + 1
    const count = Math.min(said, Math.floor(fileBytes / FRAME.size))
    while (offsets.length < count) offsets.push(0)
    for (const definition of found.definitions) this.decoder.define(definition)
    // What was damaged since it was sealed may be mended: a sidecar must not remember it.
    const { identity } = ref
    if (identity === undefined || found.stretches.at(-1)?.digest !== identity.digest || offsets.length < said) return
    this.remake?.(identity, { offsets, definitions: found.definitions, keyTables: [] })
  }
}

/** A file that is shorter than it should be still has sound records; those that are missing are looked for in vain. */
function* scanOpened(handle: Handle, end: number, key: SegmentKey, from: number): Steps<Scanned> {
  const fileBytes = yield* step({ do: 'size', handle })
  const found = yield* new SegmentScanner(handle, Math.min(end, fileBytes), key, from).run('search')
  return { found, fileBytes }
}
