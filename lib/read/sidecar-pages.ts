import type { Steps } from '../../segments/env/steps.ts'
import { SECTION, SECTION_ITEM_BYTES } from '../../segments/format/layout.ts'
import { sidecarName } from '../../segments/format/names.ts'
import { PAGE_BYTES, type SidecarFooter, itemsPerPage } from '../../segments/format/sidecar.ts'
import { Sidecar, readFooter } from '../../segments/sidecar.ts'
import { BLOCK_BYTES, type BlockCache } from './block-cache.ts'
import type { FilePool, PooledFile } from './file-pool.ts'
import type { SegmentRef } from './segment-ref.ts'

const PAGES_PER_BLOCK = BLOCK_BYTES / PAGE_BYTES
const OFFSETS_PER_PAGE = itemsPerPage(SECTION.offsets)!
const WORDS_PER_PAGE = PAGE_BYTES / SECTION_ITEM_BYTES.offsets

/** A sidecar whose pages are in the cache of blocks. Each is checked when it comes from the disk. */
export class SidecarPages {
  /** All that the sidecar says. */
  readonly sidecar: Sidecar
  private readonly file: PooledFile
  private readonly cache: BlockCache
  private readonly bytes: number
  private readonly firstPage: number

  constructor(footer: SidecarFooter, file: PooledFile, cache: BlockCache) {
    this.file = file
    this.cache = cache
    const { sections } = footer
    this.bytes = (sections.reduce((sum, section) => sum + section.pageCount, 0) + 1) * PAGE_BYTES
    this.firstPage = sections.find((section) => section.type === SECTION.offsets)!.firstPage
    this.sidecar = new Sidecar(footer, (page, isSound) => this.read(page, isSound))
  }

  /** What `sidecar.unitsOf` gives, where the page is in memory; a record that is in the segment. Runs once per record. */
  peekUnits(index: number): number | undefined {
    const { cache } = this
    const page = this.firstPage + ((index / OFFSETS_PER_PAGE) | 0)
    const slot = cache.find(this.file.id, (page / PAGES_PER_BLOCK) | 0)
    if (slot === undefined || !cache.isSound(slot, page % PAGES_PER_BLOCK)) return undefined
    const word = cache.startOf(slot) / SECTION_ITEM_BYTES.offsets + (page % PAGES_PER_BLOCK) * WORDS_PER_PAGE
    return cache.blockOf(slot).words[word + (index % OFFSETS_PER_PAGE)]! >>> 0
  }

  /** A copy, because the block may be read into while who asked still looks at the page. */
  private *read(page: number, isSound: (bytes: Buffer) => boolean): Steps<Buffer | undefined> {
    const { cache } = this
    const { block, start, end, slot } = yield* cache.load(this.file, Math.floor(page / PAGES_PER_BLOCK), this.bytes)
    const part = page % PAGES_PER_BLOCK
    const at = start + part * PAGE_BYTES
    if (at + PAGE_BYTES > end) return undefined
    const bytes = Buffer.from(block.bytes.subarray(at, at + PAGE_BYTES))
    if (slot !== undefined && cache.isSound(slot, part)) return bytes
    if (!isSound(bytes)) return undefined
    if (slot !== undefined) cache.markSound(slot, part)
    return bytes
  }
}

/**
 * The sidecar of a sealed segment, undefined where there is none that can be used. Whatever keeps it from being read, the
 * segment itself holds all that it says.
 */
export function* openPages(files: FilePool, cache: BlockCache, ref: SegmentRef): Steps<SidecarPages | undefined> {
  const { identity } = ref
  if (identity === undefined) return undefined
  const directory = ref.path.slice(0, ref.path.lastIndexOf('/') + 1)
  const file = files.file(`${directory}${sidecarName(ref.ordinal)}`, (cause) => cause as Error)
  try {
    const footer = yield* files.use(file, (handle) => readFooter(handle, identity))
    return typeof footer === 'string' ? undefined : new SidecarPages(footer, file, cache)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return undefined
  }
}

/** Sidecars that are kept open; of each a footer is in memory. */
const KEPT_MAX = 256

/** Sidecars that somebody searches in, whatever is known of their segments otherwise. */
export class OpenSidecars {
  private readonly files: FilePool
  private readonly cache: BlockCache
  private readonly kept = new Map<number, Sidecar>()

  constructor(files: FilePool, cache: BlockCache) {
    this.files = files
    this.cache = cache
  }

  /** Undefined where there is none that can be used; then the next one who asks has it looked for again. */
  *of(ref: SegmentRef): Steps<Sidecar | undefined> {
    const known = this.kept.get(ref.ordinal)
    if (known !== undefined && known.footer.salt === ref.salt) return known
    const sidecar = (yield* openPages(this.files, this.cache, ref))?.sidecar
    if (sidecar === undefined) return undefined
    if (this.kept.size === KEPT_MAX) this.kept.delete(this.kept.keys().next().value!)
    this.kept.set(ref.ordinal, sidecar)
    return sidecar
  }

  /** The sidecar was made anew. */
  forget(ordinal: number): void {
    this.kept.delete(ordinal)
  }
}
