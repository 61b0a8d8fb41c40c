import type { Handle } from '../segments/env/environment.ts'
import type { Steps } from '../segments/env/steps.ts'
import { readUpTo, withFileIfThere } from '../segments/files.ts'
import { DIGEST_START, addToDigest } from '../segments/format/checksum.ts'
import { SECTION } from '../segments/format/layout.ts'
import { sidecarName } from '../segments/format/names.ts'
import {
  PAGE_BYTES,
  type SegmentIdentity,
  type SidecarFooter,
  isSoundPage,
  itemsPerPage,
} from '../segments/format/sidecar.ts'
import { readFooter } from '../segments/sidecar.ts'
import { type Findings, range } from './verify-findings.ts'

const PER_PAGE = itemsPerPage(SECTION.offsets)!

/** Pages that are read at once: to wait for one takes as long as to check the thousand records that it tells of. */
const PIECE_PAGES = 64

/** Places of the records of a segment as they pass by, as one number for each page that a sidecar has of them. */
export class PlaceSums {
  private readonly whole: number[] = []
  private sum = DIGEST_START
  private left = PER_PAGE

  /** Counted down, because a division for each record was a third of a verification. */
  add(units: number): void {
    this.sum = addToDigest(this.sum, units)
    this.left -= 1
    if (this.left > 0) return
    this.whole.push(this.sum)
    this.sum = DIGEST_START
    this.left = PER_PAGE
  }

  addAll(units: Uint32Array): void {
    for (const each of units) this.add(each)
  }

  /** Undefined behind the last. */
  ofPage(number: number): number | undefined {
    return number === this.whole.length ? this.sum : this.whole[number]
  }
}

/**
 * Compares the sidecar of the sound segment at `path` with what it is of: each page with its check, and the places with those where
 * records were found. One that is not there is nothing to find: it can be deleted at any time.
 */
export function* checkSidecar(
  path: string,
  identity: SegmentIdentity,
  places: PlaceSums,
  findings: Findings,
): Steps<void> {
  const file = `${path.slice(0, path.lastIndexOf('/'))}/${sidecarName(identity.ordinal)}`
  const problem = yield* withFileIfThere(file, (handle) => problemOf(handle, identity, places))
  if (problem === undefined) return
  const message = `a sidecar is of no use (${problem}); it is made anew when it is needed, or by "seglog rebuild"`
  findings.add({ code: 'SIDECAR', message, file, ...range(identity.firstSequence, identity.lastSequence) })
}

function* problemOf(handle: Handle, identity: SegmentIdentity, places: PlaceSums): Steps<string | undefined> {
  const footer = yield* readFooter(handle, identity)
  if (typeof footer === 'string') return footer
  const piece = Buffer.allocUnsafeSlow(Math.min(PIECE_PAGES, pagesOf(footer)) * PAGE_BYTES)
  for (const { type, firstPage, pageCount, count } of footer.sections) {
    for (let number = 0; number < pageCount; number++) {
      const page = firstPage + number
      const at = (number % PIECE_PAGES) * PAGE_BYTES
      if (at === 0) {
        const wanted = Math.min(piece.length, (pageCount - number) * PAGE_BYTES)
        if ((yield* readUpTo(handle, piece, 0, wanted, page * PAGE_BYTES)) < wanted) return 'damaged'
      }
      if (!isSoundPage(piece.subarray(at, at + PAGE_BYTES), page, footer.pageSalt)) return 'damaged'
      if (type !== SECTION.offsets) continue
      const items = Math.min(PER_PAGE, count - number * PER_PAGE)
      if (sumOf(piece, at, items) !== places.ofPage(number)) return 'it names other places than those of the records'
    }
  }
  return undefined
}

function pagesOf({ sections }: SidecarFooter): number {
  return sections.reduce((sum, { pageCount }) => sum + pageCount, 0)
}

function sumOf(bytes: Buffer, start: number, items: number): number {
  const units = new Uint32Array(bytes.buffer, bytes.byteOffset + start, items)
  let sum = DIGEST_START
  for (let item = 0; item < items; item++) sum = addToDigest(sum, units[item]!)
  return sum
}
