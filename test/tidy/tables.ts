/** A table of a page: its cells, by the heading of their column. */
export type Row = Readonly<Record<string, string>>

/** All rows of the tables in a page, or in one section of it, each with its line (from 1 on). */
export function rowsOf(page: string, section?: string): (Row & { readonly line: string })[] {
  const rows: (Row & { readonly line: string })[] = []
  let heading: string[] | undefined
  let here = section === undefined
  let level = 0
  for (const [index, text] of page.split('\n').entries()) {
    const title = /^(#+) (.*)$/.exec(text)
    if (title !== null && section !== undefined) {
      if (title[2] === section) [here, level] = [true, title[1]!.length]
      else if (here && title[1]!.length <= level) here = false
    }
    if (!text.startsWith('|')) heading = undefined
    else if (here && heading === undefined) heading = cellsOf(text)
    else if (here && !/^\|[\s|:-]+\|$/.test(text)) {
      const cells = cellsOf(text)
      const named = Object.fromEntries(heading!.map((name, at) => [name, cells[at] ?? '']))
      rows.push({ ...named, line: String(index + 1) })
    }
  }
  return rows
}

function cellsOf(text: string): string[] {
  return text
    .trim()
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim())
}

/** The first piece of code in a cell. */
export function codeIn(cell: string | undefined): string | undefined {
  return /`([^`]+)`/.exec(cell ?? '')?.[1]
}

/** `64 MiB` and `100 ms` as a number; `none` as undefined. Throws where it says neither. */
export function amountOf(cell: string): number | undefined {
  if (cell === 'none') return undefined
  const found = /^([\d,]+)(?: (KiB|MiB|GiB|bytes?|ms))?$/.exec(cell)
  if (found === null) throw new Error(`not an amount: ${cell}`)
  const scale = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }[found[2] ?? ''] ?? 1
  return Number(found[1]!.replaceAll(',', '')) * scale
}
