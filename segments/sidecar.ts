import type { Handle } from './env/environment.ts'
import { splitDefinitions } from './definition-stream.ts'
import { type Steps, step } from './env/steps.ts'
import { readUpTo, withFileIfThere } from './files.ts'
import { PAIR_INDEX_AT, SECTION, SECTION_ITEM_BYTES, SIDECAR_PAGE } from './format/layout.ts'
import type { SealedLine } from './format/manifest.ts'
import {
  PAGE_BYTES,
  type SegmentIdentity,
  type SidecarFooter,
  type SidecarSection,
  decodeFooter,
  isSoundPage,
  itemsPerPage,
} from './format/sidecar.ts'

/**
 * Why a sidecar is of no use: no file; too short for a footer; bytes that do not validate; of another log, another segment
 * or an earlier life of this one; of this one, as it was before or after; of a newer version.
 */
export type SidecarProblem = 'missing' | 'short' | 'damaged' | 'foreign' | 'outdated' | 'newer'

/**
 * Gives the bytes of a page, which must not change while the next step is awaited; undefined where they are damaged.
 * `isSound` tells it of bytes that come from the disk; a page that was checked once need not be again.
 */
export type ReadPage = (page: number, isSound: (bytes: Buffer) => boolean) => Steps<Buffer | undefined>

const OFFSETS_PER_PAGE = itemsPerPage(SECTION.offsets)!
const PAIRS_PER_PAGE = itemsPerPage(SECTION.keys)!
const CONTENT_BYTES = SIDECAR_PAGE.at.crc

/** One page of a key table: pairs sorted by hash, then by index. */
export class KeyPage {
  readonly count: number
  private readonly bytes: Buffer

  constructor(bytes: Buffer, count: number) {
    this.bytes = bytes
    this.count = count
  }

  hashAt(item: number): number {
    return this.bytes.readUInt32LE(item * SECTION_ITEM_BYTES.keys)
  }

  /** Which record, counted from the first of the segment. */
  indexAt(item: number): number {
    return this.bytes.readUInt32LE(item * SECTION_ITEM_BYTES.keys + PAIR_INDEX_AT)
  }
}

/**
 * What a sidecar says, read a page at a time. It only says where to look: whatever is found there is checked as always. All
 * answers are undefined where a page is damaged; then the segment itself must be asked.
 */
export class Sidecar {
  readonly footer: SidecarFooter
  private readonly readPage: ReadPage
  private readonly offsets: SidecarSection

  constructor(footer: SidecarFooter, readPage: ReadPage) {
    this.footer = footer
    this.readPage = readPage
    this.offsets = sectionOf(footer, SECTION.offsets)
  }

  /** Offset in units of the record with this index in the segment; 0 where it could not be read. */
  *unitsOf(index: number): Steps<number | undefined> {
    if (index < 0 || index >= this.offsets.count) return 0
    const bytes = yield* this.page(this.offsets, Math.floor(index / OFFSETS_PER_PAGE))
    return bytes?.readUInt32LE((index % OFFSETS_PER_PAGE) * SECTION_ITEM_BYTES.offsets)
  }

  /** Payloads of all dictionary frames of the segment, in order; the caller owns them. */
  *definitions(): Steps<Uint8Array[] | undefined> {
    const section = sectionOf(this.footer, SECTION.definitions)
    // The stream ends where the count says, and takes no more memory than that: the footer was compared with the segment.
    const stream = Buffer.alloc(section.count)
    for (let number = 0; number < section.pageCount; number++) {
      const bytes = yield* this.page(section, number)
      if (bytes === undefined) return undefined
      bytes.copy(stream, number * CONTENT_BYTES, 0, CONTENT_BYTES)
    }
    return splitDefinitions(stream)
  }

  /** The key tables that are there. */
  get keyTables(): readonly SidecarSection[] {
    return this.footer.sections.filter(({ type }) => type === SECTION.keys)
  }

  /** Page `number` of a key table, from 0 to below its `pageCount`; each but the last is full. */
  *keyPage(table: SidecarSection, number: number): Steps<KeyPage | undefined> {
    const bytes = yield* this.page(table, number)
    return bytes && new KeyPage(bytes, Math.min(PAIRS_PER_PAGE, table.count - number * PAIRS_PER_PAGE))
  }

  private *page(section: SidecarSection, number: number): Steps<Buffer | undefined> {
    const page = section.firstPage + number
    return yield* this.readPage(page, (bytes) => isSoundPage(bytes, page, this.footer.pageSalt))
  }
}

function sectionOf(footer: SidecarFooter, type: number): SidecarSection {
  return footer.sections.find((section) => section.type === type)!
}

/**
 * Reads the footer of a sidecar, nothing else, and compares it with what the segment is. Errors of the disk are thrown: what
 * cannot be read is not missing.
 */
export function* openSidecar(path: string, expected: SegmentIdentity): Steps<SidecarFooter | SidecarProblem> {
  const found = yield* withFileIfThere(path, (handle) => readFooter(handle, expected))
  return found ?? 'missing'
}

/** As `openSidecar`, of an open file. */
export function* readFooter(handle: Handle, expected: SegmentIdentity): Steps<SidecarFooter | SidecarProblem> {
  const size = yield* step({ do: 'size', handle })
  if (size < PAGE_BYTES) return 'short'
  const bytes = Buffer.alloc(PAGE_BYTES)
  const length = yield* readUpTo(handle, bytes, 0, PAGE_BYTES, size - PAGE_BYTES)
  const finding = decodeFooter(bytes.subarray(0, length))
  if (finding.found === 'newer') return 'newer'
  if (finding.found !== 'footer') return 'damaged'
  const { footer } = finding
  const pages = footer.sections.reduce((sum, section) => sum + section.pageCount, 0)
  if (footer.logId !== expected.logId || footer.ordinal !== expected.ordinal || footer.salt !== expected.salt) {
    return 'foreign'
  }
  if (!isSame(footer, expected)) return 'outdated'
  return size === (pages + 1) * PAGE_BYTES ? footer : 'damaged'
}

/** What a sidecar must say of the segment with this line. */
export function identityOf(logId: string, line: SealedLine): SegmentIdentity {
  const { ordinal, salt, firstSequence, lastSequence, dataBytes, digest, head } = line
  const baseTimestamp = BigInt(line.baseTimestamp)
  const lastTimestamp = BigInt(line.lastTimestamp)
  return { logId, ordinal, salt, firstSequence, lastSequence, dataBytes, digest, head, baseTimestamp, lastTimestamp }
}

function isSame(footer: SegmentIdentity, expected: SegmentIdentity): boolean {
  return (
    footer.firstSequence === expected.firstSequence &&
    footer.lastSequence === expected.lastSequence &&
    footer.dataBytes === expected.dataBytes &&
    footer.digest === expected.digest &&
    footer.head === expected.head &&
    footer.baseTimestamp === expected.baseTimestamp &&
    footer.lastTimestamp === expected.lastTimestamp
  )
}
