import { joinDefinitions } from './definition-stream.ts'
import type { Environment, Handle } from './env/environment.ts'
import { type Steps, step } from './env/steps.ts'
import { discard, makeFile, writeAll } from './files.ts'
import { PAIR_INDEX_AT, SECTION, SECTION_ITEM_BYTES } from './format/layout.ts'
import { sidecarName, temporaryName } from './format/names.ts'
import {
  NO_FINGERPRINT,
  PAGE_BYTES,
  type SegmentIdentity,
  type SidecarFooter,
  type SidecarSection,
  encodeFooter,
  itemsPerPage,
  sealPage,
} from './format/sidecar.ts'
import { nonce } from './manifest-store.ts'
import type { OffsetList } from './segment.ts'
import { drawSalt } from './segment-files.ts'

/** What goes into a sidecar. Nothing of it may change while it is written. */
export interface SidecarContent {
  /** Offsets in units, one for each record of the segment; 0 where it cannot be read. */
  readonly offsets: OffsetList
  /** Payloads of all dictionary frames, in order. */
  readonly definitions: readonly Uint8Array[]
  readonly keyTables: readonly KeyTable[]
}

/** The keys of one kind in a segment. */
export interface KeyTable {
  readonly name: string
  /** What the kind's definition says, 32 hex digits. */
  readonly fingerprint: string
  /** Pairs of hash and index of the record, sorted by hash, then by index. */
  readonly pairs: Uint32Array
}

/** Pages written at once: little enough that the making of them is not felt. */
const PIECE_PAGES = 32

/** A section before it has its place: how many items, and what fills a page with them from item `first` on. */
interface Source {
  readonly type: number
  readonly name: string
  readonly fingerprint: string
  readonly count: number
  readonly fill: (bytes: Buffer, first: number, count: number) => void
}

/**
 * Makes the sidecar of a segment, or another one in the place of one that is of no use; durable, name and all, when the
 * steps end. What fails leaves nothing behind that anybody would read.
 */
export function* writeSidecar(
  env: Environment,
  directory: string,
  identity: SegmentIdentity,
  content: SidecarContent,
): Steps<void> {
  const temporary = `${directory}/${temporaryName('sidecar', nonce(env))}`
  const pageSalt = drawSalt(env, 0)
  yield* makeFile(temporary, (handle) => writePages(handle, { ...identity, pageSalt }, content))
  try {
    yield* step({ do: 'rename', from: temporary, to: `${directory}/${sidecarName(identity.ordinal)}` })
  } catch (error) {
    yield* discard(temporary)
    throw error
  }
  yield* step({ do: 'syncDirectory', path: directory })
}

function* writePages(handle: Handle, about: Omit<SidecarFooter, 'sections'>, content: SidecarContent): Steps<void> {
  const sections: SidecarSection[] = []
  let page = 0
  for (const { type, name, fingerprint, count, fill } of sourcesOf(content)) {
    const perPage = itemsPerPage(type)!
    const pageCount = Math.ceil(count / perPage)
    sections.push({ type, name, fingerprint, count, firstPage: page, pageCount })
    for (let done = 0; done < pageCount; done += PIECE_PAGES) {
      const piece = Buffer.alloc(Math.min(PIECE_PAGES, pageCount - done) * PAGE_BYTES)
      for (let at = 0; at < piece.length; at += PAGE_BYTES, page++) {
        const first = (page - sections.at(-1)!.firstPage) * perPage
        const bytes = piece.subarray(at, at + PAGE_BYTES)
        fill(bytes, first, Math.min(perPage, count - first))
        sealPage(bytes, page, about.pageSalt)
      }
      yield* writeAll(handle, piece, 0, piece.length, page * PAGE_BYTES - piece.length)
    }
  }
  yield* writeAll(handle, encodeFooter({ ...about, sections }), 0, PAGE_BYTES, page * PAGE_BYTES)
  yield* step({ do: 'sync', handle })
}

function sourcesOf({ offsets, definitions, keyTables }: SidecarContent): Source[] {
  const stream = joinDefinitions(definitions)
  const unnamed = { name: '', fingerprint: NO_FINGERPRINT }
  const fillOffsets = (bytes: Buffer, first: number, count: number): void => {
    for (let item = 0; item < count; item++) {
      bytes.writeUInt32LE(offsets.at(first + item), item * SECTION_ITEM_BYTES.offsets)
    }
  }
  const fillStream = (bytes: Buffer, first: number, count: number): void => {
    stream.copy(bytes, 0, first, first + count)
  }
  return [
    { ...unnamed, type: SECTION.offsets, count: offsets.length, fill: fillOffsets },
    { ...unnamed, type: SECTION.definitions, count: stream.length, fill: fillStream },
    ...keyTables.map(({ name, fingerprint, pairs }) => ({
      name,
      fingerprint,
      type: SECTION.keys,
      count: pairs.length / 2,
      fill: (bytes: Buffer, first: number, count: number): void => fillPairs(bytes, pairs, first, count),
    })),
  ]
}

function fillPairs(bytes: Buffer, pairs: Uint32Array, first: number, count: number): void {
  for (let item = 0; item < count; item++) {
    const at = item * SECTION_ITEM_BYTES.keys
    bytes.writeUInt32LE(pairs[(first + item) * 2]!, at)
    bytes.writeUInt32LE(pairs[(first + item) * 2 + 1]!, at + PAIR_INDEX_AT)
  }
}
