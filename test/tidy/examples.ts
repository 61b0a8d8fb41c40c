import ts from 'typescript'

import { type Code, place } from './code.ts'
import { publicNames } from './reference.ts'

/** An `@example` of the doc comment of a public name. */
export interface Example {
  /** `Log.append`. */
  readonly name: string
  readonly place: string
  readonly text: string
}

interface AtHand {
  readonly of: RegExp
  /** Parameters of `run`, with their types. */
  readonly names: string
  /** What the examples use besides, so that not each of them says it again. */
  readonly imports?: string
}

/** What stands at hand in the examples of methods, by the class; those of functions and classes bring all they need. */
const AT_HAND: readonly AtHand[] = [
  { of: /^Log\./, names: 'log: seglog.Log<Order>' },
  { of: /^ReadOnlyLog\./, names: 'reader: seglog.ReadOnlyLog<Order>' },
  { of: /^ArchivedSegments\./, names: 'cold: seglog.ArchivedSegments<Order>' },
  { of: /^Store\./, names: 'store: seglog.Store<Order>' },
  { of: /^CrashedPredecessor\./, names: 'crashed: seglog.CrashedPredecessor<Order>' },
  { of: /^NamedCursor\./, names: 'cursor: seglog.NamedCursor<Order>' },
  { of: /^NamedCursor$/, names: 'log: seglog.Log<Order>' },
  {
    of: /^Simulated\w+\./,
    names: 'machine: testing.SimulatedEnvironment',
    imports: `import { openLog } from 'seglog'`,
  },
  { of: /^Ledger\./, names: 'ledger: testing.Ledger', imports: `import { BYTE_VALUES } from 'seglog/testing'` },
]

/** All examples, those of each name in one. */
export function examplesOf(codes: readonly Code[]): Example[] {
  return publicNames(codes).flatMap(({ code, node, name }) => {
    const tags = ts.getJSDocTags(node).filter(({ tagName }) => tagName.text === 'example')
    const texts = tags.map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? '')
    return texts.length === 0 ? [] : [{ name, place: place(code, node), text: texts.join('\n') }]
  })
}

/**
 * An example as a module of TypeScript that exports `run`. A line `… // → value` or `… // throws CODE` becomes a check of
 * just that: `inspect` of what it gives, or the code or name of the error.
 */
export function moduleOf({ name, text }: Example): string {
  const lines = text.split('\n')
  const isImport = (line: string): boolean => /^import /.test(line)
  const { names, imports } = AT_HAND.find(({ of }) => of.test(name)) ?? { names: '' }
  return [
    `import type * as seglog from 'seglog'`,
    `import type * as testing from 'seglog/testing'`,
    imports ?? '',
    ...lines.filter(isImport),
    'interface Order { id: string; buy?: number; sell?: number; price: number }',
    'interface Checks { same(found: unknown, told: string): void; throws(act: () => unknown, code: string): Promise<void> }',
    `export async function run({ same, throws }: Checks, { ${names.replace(/:.*/, '')} }: { ${names} }): Promise<void> {`,
    ...lines.filter((line) => !isImport(line)).map(checked),
    '}',
  ].join('\n')
}

function checked(line: string): string {
  const code = /^(.*\S) +\/\/ throws (\w+)$/.exec(line)
  if (code) return `await throws(async () => (${code[1]!}), ${JSON.stringify(code[2])})`
  const [, statement, told] = /^(.*\S) +\/\/ → (.*)$/.exec(line) ?? []
  if (statement === undefined) return line
  const value = JSON.stringify(told)
  const name = /^const (\{.*?\}|\w+) = /.exec(statement)?.[1]
  return name === undefined ? `same(${statement}, ${value})` : `${statement}; same(${onlyTold(name, told!)}, ${value})`
}

/** Of the names that a line declares, those that it tells of. */
function onlyTold(names: string, told: string): string {
  if (!names.startsWith('{')) return names
  const kept = names.match(/\w+/g)!.filter((name) => new RegExp(`\\b${name}:`).test(told))
  return `{ ${kept.join(', ')} }`
}
