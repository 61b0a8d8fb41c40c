import ts from 'typescript'

import { type Code, importsOf, place, walk } from './code.ts'

/** What users import; what stands there is alive. */
export const ENTRIES = ['lib/index.ts', 'lib/testing.ts']
/** What is there for tests, those of others and ours. */
const FOR_TESTING = /^lib\/testing\//

/**
 * Exported names that nobody needs: no other file of the library asks for them and no entry exports them. A name that its
 * own file uses may be exported for a test, and a type for who reads a signature. `allowed` has, as `path name` with a
 * reason, what only tests use.
 */
export function deadExports(
  library: readonly Code[],
  tests: readonly Code[],
  allowed: Readonly<Record<string, string>>,
): string[] {
  const used = usedNames(library)
  const tested = usedNames(tests)
  const found: string[] = []
  const met = new Set<string>()
  for (const code of library) {
    if (ENTRIES.includes(code.path)) continue
    const own = wordCounts(code)
    for (const { name, node, isType } of exportedNames(code)) {
      const key = `${code.path} ${name}`
      if (used.has(key) || used.has(`${code.path} *`)) continue
      met.add(key)
      if (key in allowed) continue
      const ownUses = (own.get(name) ?? 0) > 1
      const isTested = tested.has(key) || tested.has(`${code.path} *`)
      if ((ownUses && (isType || isTested)) || (isTested && FOR_TESTING.test(code.path))) continue
      const who = isTested ? 'only tests ask for it' : ownUses ? 'only its own file uses it' : 'nobody uses it'
      found.push(`${place(code, node)}: ${name} is exported and ${who}`)
    }
  }
  for (const key of Object.keys(allowed)) if (!met.has(key)) found.push(`${key}: needs no reason any more`)
  return found
}

/** How often each name stands in a file; once is its declaration. */
function wordCounts(code: Code): Map<string, number> {
  const counts = new Map<string, number>()
  walk(code, (node) => {
    if (ts.isIdentifier(node)) counts.set(node.text, (counts.get(node.text) ?? 0) + 1)
  })
  return counts
}

/** `path name` of all that is imported from another file. */
function usedNames(codes: readonly Code[]): Set<string> {
  const used = new Set<string>()
  for (const code of codes) {
    for (const { path, names } of importsOf(code)) {
      if (path !== undefined && path !== code.path) for (const name of names) used.add(`${path} ${name}`)
    }
  }
  return used
}

interface Exported {
  readonly name: string
  readonly node: ts.Node
  readonly isType: boolean
}

function exportedNames(code: Code): Exported[] {
  return code.tree.statements.flatMap((statement): Exported[] => {
    if (ts.isExportDeclaration(statement) && statement.exportClause && ts.isNamedExports(statement.exportClause)) {
      return statement.exportClause.elements.map((element) => ({
        name: element.name.text,
        node: element,
        isType: statement.isTypeOnly || element.isTypeOnly,
      }))
    }
    if (!ts.canHaveModifiers(statement)) return []
    const isExported = ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false
    return isExported ? declaredNames(statement) : []
  })
}

function declaredNames(statement: ts.Statement): Exported[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.flatMap(({ name }) =>
      ts.isIdentifier(name) ? [{ name: name.text, node: name, isType: false }] : [],
    )
  }
  const { name } = statement as ts.DeclarationStatement
  const isType = ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)
  return name !== undefined && ts.isIdentifier(name) ? [{ name: name.text, node: name, isType }] : []
}
