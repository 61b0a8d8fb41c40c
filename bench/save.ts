import { readFileSync, writeFileSync } from 'node:fs'
import type { Result } from './measure/contest.ts'
import { printed } from './measure/tables.ts'

/** Puts figures where readers find them: tables between their marks in `bench/README.md`, plots in `docs/`. */
export function save(machine: string, results: readonly Result[]): void {
  const page = new URL('README.md', import.meta.url)
  const byTarget = groups(results)
  let text = readFileSync(page, 'utf8')
  for (const [target, found] of byTarget) {
    const tables = found.map((result) => printed(result)).join('\n\n')
    text = between(text, target, `${tables}\n\nMeasured on ${machine}.`)
  }
  writeFileSync(page, text)
  for (const { plots = {} } of results) {
    for (const [name, svg] of Object.entries(plots)) writeFileSync(new URL(`../docs/${name}`, import.meta.url), svg)
  }
}

/** What stands between `<!-- name -->` and `<!-- /name -->`, replaced. */
export function between(text: string, name: string, content: string): string {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const [from, to] = [text.indexOf(start), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`bench/README.md has no marks for ${name}`)
  return `${text.slice(0, from + start.length)}\n\n${content}\n\n${text.slice(to)}`
}

function groups(results: readonly Result[]): Map<string, Result[]> {
  const found = new Map<string, Result[]>()
  for (const result of results) found.set(result.target, [...(found.get(result.target) ?? []), result])
  return found
}
