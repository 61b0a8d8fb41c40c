import type { Result, Row, Table } from './contest.ts'
import type { Goal, Spread } from './statistics.ts'

/** Results as Markdown, the same in the terminal and in `bench/README.md`. */

export function printed(result: Result): string {
  const { target, title, unit, rounds, rows, notes, tables = [], drawing } = result
  const parts = [
    `### ${target} ${title}`,
    `Median and spread of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}; ${unit}.`,
  ]
  const hasCpu = rows[0]?.cpuUs !== undefined
  const head = ['', 'figure', 'spread', 'first row / this', ...(hasCpu ? ['CPU µs each'] : []), 'target']
  parts.push(table({ head, rows: rows.map((row) => cellsOf(row, hasCpu ? [shownCpu(row)] : [])) }))
  for (const more of tables) parts.push(table(more))
  if (drawing !== undefined) parts.push(`\`\`\`text\n${drawing}\n\`\`\``)
  if (notes.length > 0) parts.push(notes.map((note) => `- ${note}`).join('\n'))
  return parts.join('\n\n')
}

/** Each row that has a target: what was asked, what came, and whether the rounds agree that it is met. */
export function summary(results: readonly Result[]): string {
  const rows = results.flatMap(({ target, title, rows: found }) =>
    found
      .filter(({ goal, ownGoal }) => goal !== undefined || ownGoal !== undefined)
      .map((row) => [
        target,
        title,
        row.goal === undefined ? row.name : `/ ${row.name}`,
        goalsOf(row),
        row.goal === undefined ? shownSpread(row.spread) : shownSpread(row.ratio),
        row.verdict === undefined ? 'not measured' : VERDICTS[row.verdict],
      ]),
  )
  return table({ head: ['target', 'what', 'row', 'asked', 'found', ''], rows })
}

const VERDICTS = { met: 'met', undecided: '*undecided*', 'not met': '**not met**' } as const

/** `more` stands between the ratio and the target. */
function cellsOf(row: Row, more: readonly string[]): string[] {
  const { name, role, spread, ratio, absent } = row
  const shown = role === 'limit' ? `*${name}*` : name
  if (absent !== undefined) return [shown, absent, '', '', ...more, '']
  const goals = goalsOf(row)
  const verdict = row.verdict === undefined ? '' : `, ${VERDICTS[row.verdict]}`
  return [
    shown,
    spread === undefined ? '' : figure(spread.median),
    spread === undefined ? '' : `${figure(spread.lowest)} – ${figure(spread.highest)}`,
    shownSpread(ratio),
    ...more,
    `${goals}${verdict}`,
  ]
}

function shownSpread(spread: Spread | undefined): string {
  if (spread === undefined) return ''
  const { median, lowest, highest } = spread
  return lowest === highest ? figure(median) : `${figure(median)} (${figure(lowest)} – ${figure(highest)})`
}

function shownCpu({ cpuUs }: Row): string {
  return cpuUs === undefined ? '' : figure(cpuUs)
}

function goalsOf({ goal, ownGoal }: Row): string {
  const own = ownGoal && goalText(ownGoal)
  return [goal && goalText(goal), own && (goal ? `figure ${own}` : own)].filter(Boolean).join(', ')
}

function goalText(goal: Goal): string {
  return 'atLeast' in goal ? `≥ ${figure(goal.atLeast)}` : `≤ ${figure(goal.atMost)}`
}

export function table({ head, rows }: Table): string {
  const widths = head.map((title, column) => Math.max(3, title.length, ...rows.map((row) => row[column]!.length)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join(' | ')} |`
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [line(head), `| ${rule.join(' | ')} |`, ...rows.map(line)].join('\n')
}

/** Three digits; from a thousand on whole numbers. */
export function figure(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en')
  if (value >= 100) return value.toFixed(0)
  return value === 0 ? '0' : value >= 10 ? value.toFixed(1) : value >= 0.01 ? value.toFixed(2) : value.toPrecision(2)
}
