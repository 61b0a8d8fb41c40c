import type { TextFile } from './files.ts'
import { type Row, rowsOf } from './tables.ts'

const NO_TEST = 'no test yet'

/** What the map must name: the promises, and the features that exist so far. */
export const PROMISES = numbered('', 1, 11)
export const FEATURES = [
  ...numbered('A', 1, 18),
  ...numbered('B', 1, 16),
  ...numbered('C', 1, 22),
  ...numbered('D', 1, 23),
  ...numbered('E', 1, 8),
]

function numbered(letter: string, from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => `${letter}${from + index}`)
}

/** What is wrong with the map: rows that are missing or come twice, files or names of tests that are not there. */
export function falseRows(map: TextFile, tests: readonly TextFile[]): string[] {
  const rows = rowsOf(map.text)
  const ids = rows.map((row) => row['id'])
  const wanted = [...PROMISES, ...FEATURES]
  return [
    ...wanted.filter((id) => !ids.includes(id)).map((id) => `${map.path}: ${id} is missing`),
    ...ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `${map.path}: ${id} comes twice`),
    ...rows.flatMap((row) => problemsOf(row, tests).map((what) => `${map.path}:${row.line}: ${row['id']}: ${what}`)),
  ]
}

/** `path` "name of a test", one or more, divided by `;`, or the words "no test yet". */
function problemsOf(row: Row, tests: readonly TextFile[]): string[] {
  const proof = row['proof'] ?? ''
  if (proof.startsWith(NO_TEST)) return []
  return proof.split(/;\s*(?=`)/).flatMap((each) => {
    const found = /^`([^`]+)`(?: "(.+)")?$/.exec(each.trim())
    if (found === null) return [`cannot be read: ${each}`]
    const [, path, name] = found
    const file = tests.find((test) => test.path === path)
    if (file === undefined) return [`there is no ${path}`]
    if (name === undefined) return path!.startsWith('bench/') ? [] : [`names no test of ${path}`]
    const line = file.text.split('\n').find((text) => text.includes(name.replaceAll('\\|', '|')))
    if (line === undefined) return [`${path} has no test "${name}"`]
    return /\.(skip|todo)\(/.test(line) ? [`the test "${name}" is skipped`] : []
  })
}
