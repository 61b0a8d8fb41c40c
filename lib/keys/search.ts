import type { Steps } from '../../segments/env/steps.ts'
import type { SidecarSection } from '../../segments/format/sidecar.ts'
import type { KeyPage, Sidecar } from '../../segments/sidecar.ts'

/** Guesses before pages are halved: hashes lie evenly, unless many records share a key. */
const GUESSES = 3
const HASHES = 2 ** 32

/**
 * Records with a key of this hash in the table of a sealed segment, in order; undefined where a page is damaged. Hashes are
 * spread evenly, so the first page that is read is nearly always the right one: there is no need for a filter in memory,
 * which would have to read a page as well, or grow with the log.
 */
export function* searchTable(sidecar: Sidecar, table: SidecarSection, hash: number): Steps<number[] | undefined> {
  const found: number[] = []
  const start = yield* firstPageWith(sidecar, table, hash)
  if (start === undefined) return undefined
  for (let number = start; number < table.pageCount; number++) {
    const page = yield* sidecar.keyPage(table, number)
    if (page === undefined) return undefined
    let item = number === start ? firstItemFrom(page, hash) : 0
    for (; item < page.count && page.hashAt(item) === hash; item++) {
      const index = page.indexAt(item)
      if (found.at(-1) !== index) found.push(index)
    }
    if (item < page.count) break
  }
  return found
}

/** The first page whose last hash is not below this one; behind the last page where there is none. */
function* firstPageWith(sidecar: Sidecar, table: SidecarSection, hash: number): Steps<number | undefined> {
  let low = 0
  let high = table.pageCount
  let guess = Math.floor((hash / HASHES) * table.pageCount)
  for (let round = 0; low < high; round++) {
    const number = Math.min(high - 1, Math.max(low, guess))
    const page = yield* sidecar.keyPage(table, number)
    if (page === undefined) return undefined
    if (page.hashAt(page.count - 1) < hash) low = number + 1
    else if (page.hashAt(0) < hash) return number
    else high = number
    // The neighbour first; where that is wrong too, something is uneven.
    guess = round < GUESSES ? (low > number ? low : high - 1) : (low + high) >>> 1
  }
  return low
}

function firstItemFrom(page: KeyPage, hash: number): number {
  let low = 0
  let high = page.count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (page.hashAt(middle) < hash) low = middle + 1
    else high = middle
  }
  return low
}
