import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { ROOT } from './files.ts'
import { type Row, rowsOf } from './tables.ts'

/** What README.md quotes of the tables in bench/README.md: never by hand, so that it cannot say anything else. */
interface Quoted {
  readonly target: string
  readonly says: string
  /** How the row of ours, and of each peer, begins and ends in the first table of that target. */
  readonly ours: string
  readonly ending?: string
  /** Of a figure. */
  readonly unit: string
  /** Figures of which a smaller one is better. */
  readonly isLessBetter?: true
}

const BYTES = 'bytes'

const QUOTED: readonly Quoted[] = [
  { target: 'P1', says: 'committed one by one, each synced', ours: 'seglog commitSync', unit: 'a second' },
  { target: 'P2', says: 'appended, all synced at the end', ours: 'seglog append', unit: 'a second' },
  { target: 'P5', says: 'replayed with their values', ours: 'seglog, for … of', unit: 'a second' },
  { target: 'P7', says: 'got one by one, at random', ours: 'seglog get', unit: 'a second' },
  {
    target: 'P8',
    says: 'a log of 1,000,000 opened again',
    ours: 'the same process again',
    ending: ', 1,000,000 records',
    unit: 'ms',
    isLessBetter: true,
  },
  { target: 'P10', says: 'size of a record on disk', ours: 'seglog, .log files', unit: BYTES, isLessBetter: true },
]

const BY_HAND = 'lines of JSON, by hand'
/** What those cannot do without: for tables in which they are not yet. */
const NEEDED_BY_HAND = '*write + fdatasync of the same bytes, on this thread*'

const PEERS: readonly (readonly [says: string, begins: string])[] = [
  ['SQLite', 'better-sqlite3'],
  ['LMDB', 'lmdb, shared shapes'],
  ['event-storage', 'event-storage'],
  ['lines by hand', BY_HAND],
]

const TOO_SHORT = '`--quick`'
const NOT_QUIET = '**not quiet**'
const RATIO = 'first row / this'

/** The table for README.md: of each target that was measured for long enough, how many times as good ours is. */
export function figures(bench: string): string {
  const found = QUOTED.flatMap((quoted) => {
    const section = sectionOf(bench, quoted.target)
    if (section === undefined || section.includes(TOO_SHORT)) return []
    // However busy a machine is, files are as long as they are.
    const isQuiet = quoted.unit === BYTES || !section.includes(NOT_QUIET)
    return [{ ...quoted, section, isQuiet }]
  })
  const heading = ['order events', 'seglog', ...PEERS.map(([says]) => `beside ${says}`)]
  const lines = found.map((each) => `| ${linkTo(bench, each)} | ${cellsOf(each).join(' | ')} |`)
  const loud = found.filter(({ isQuiet }) => !isQuiet).map(({ says }) => says)
  const which = loud.length === found.length ? '' : ` (${loud.join('; ')})`
  const note = loud.length > 0 ? `\n\nMeasured on a machine that was not quiet${which}, so take it for rough.` : ''
  return `| ${heading.join(' | ')} |\n|---|---:|${PEERS.map(() => '---:|').join('')}\n${lines.join('\n')}${note}`
}

/** A page with the table in its place. */
export function withFigures(page: string, bench: string): string {
  const table = `$1\n\n${figures(bench)}\n\n$2`
  return page.replace(/(<!-- figures -->).*?(<!-- \/figures -->)/s, table)
}

function sectionOf(bench: string, target: string): string | undefined {
  return new RegExp(`<!-- ${target} -->\\n(.+?)<!-- /${target} -->`, 's').exec(bench)?.[1]
}

function linkTo(bench: string, { target, says }: Quoted): string {
  const title = new RegExp(`^## (${target}\\b.*)$`, 'm').exec(bench)![1]!
  const anchor = title
    .toLowerCase()
    .replace(/[^\w -]/g, '')
    .replaceAll(' ', '-')
  return `[${says}](bench/README.md#${anchor})`
}

function cellsOf({
  section,
  ours,
  ending = '',
  unit,
  isLessBetter,
  target,
}: Quoted & { readonly section: string }): string[] {
  // Tables have blank lines between them; the first one says it.
  const [table] = /^\|(?:.*\n)+?(?=\n)/m.exec(section)!
  const rows = rowsOf(table)
  const rowOf = (begins: string): Row | undefined => {
    return rows.find((row) => row['']!.startsWith(begins) && row['']!.endsWith(ending))
  }
  const insteadOf = (): Row | undefined => (unit === BYTES ? lineOfJson(section) : rowOf(NEEDED_BY_HAND))
  const own = rowOf(ours)
  if (own === undefined) throw new Error(`bench/README.md: ${target} has no row "${ours}"`)
  const ratios = PEERS.map(([, begins]) => {
    const row = rowOf(begins) ?? (begins === BY_HAND ? insteadOf() : undefined)
    if (row === undefined) return '–'
    const measured = own === rows[0] && isLessBetter === undefined
    return shown(measured ? Number.parseFloat(row[RATIO]!) : quotient(own, row, isLessBetter === true))
  })
  return [`${own['figure']!} ${unit}`, ...ratios]
}

/** Its length stands above the table, without the end of the line. */
function lineOfJson(section: string): Row {
  return { figure: String(Number(/(\d+) B as JSON/.exec(section)![1]) + 1) }
}

function quotient(own: Row, other: Row, isLessBetter: boolean): number {
  const [a, b] = [own, other].map((row) => Number(row['figure']!.replaceAll(',', ''))) as [number, number]
  return isLessBetter ? b / a : a / b
}

/** Where the other one is better it stands out. */
function shown(ratio: number): string {
  const text = ratio >= 9.95 ? ratio.toFixed(0) : ratio.toFixed(ratio >= 0.995 ? 1 : 2)
  return ratio < 0.995 ? `**${text}**` : text
}

// npx tsx test/tidy/figures.ts: after new figures, puts the table into README.md.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [page, bench] = ['README.md', 'bench/README.md'].map((name) => join(ROOT, name)) as [string, string]
  writeFileSync(page, withFigures(readFileSync(page, 'utf8'), readFileSync(bench, 'utf8')))
}
