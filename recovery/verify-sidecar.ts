import type { Handle } from '../segments/env/environment.ts'
import type { Steps } from '../segments/env/steps.ts'
import { readUpTo, withFileIfThere } from '../segments/files.ts'
import { DIGEST_START, addToDigest } from '../segments/format/checksum.ts'
import { SECTION, SECTION_ITEM_BYTES } from '../segments/format/layout.ts'
import { sidecarName } from '../segments/format/names.ts'
import { PAGE_BYTES, type SegmentIdentity, isSoundPage, itemsPerPage } from '../segments/format/sidecar.ts'
import { readFooter } from '../segments/sidecar.ts'
import { type Findings, range } from './verify-findings.ts'

const PER_PAGE = itemsPerPage(SECTION.offsets)!

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
  const bytes = Buffer.alloc(PAGE_BYTES)
  for (const { type, firstPage, pageCount, count } of footer.sections) {
    for (let number = 0; number < pageCount; number++) {
      const page = firstPage + number
      const length = yield* readUpTo(handle, bytes, 0, PAGE_BYTES, page * PAGE_BYTES)
      if (length < PAGE_BYTES || !isSoundPage(bytes, page, footer.pageSalt)) return 'damaged'
      if (type !== SECTION.offsets) continue
      const items = Math.min(PER_PAGE, count - number * PER_PAGE)
      if (sumOf(bytes, items) !== places.ofPage(number)) return 'it names other places than those of the records'
    }
  }
  return undefined
}

function sumOf(bytes: Buffer, items: number): number {
  let sum = DIGEST_START
  for (let item = 0; item < items; item++) sum = addToDigest(sum, bytes.readUInt32LE(item * SECTION_ITEM_BYTES.offsets))
  return sum
}
