import ts from 'typescript'

import { type Code, place, walk } from './code.ts'

/** Names in code that contain a word for which `docs/words.md` has another; `words` maps the one to the other. */
export function strayWords(codes: readonly Code[], words: ReadonlyMap<string, string>): string[] {
  const found: string[] = []
  for (const code of codes) {
    walk(code, (node) => {
      if (!ts.isIdentifier(node) || !isDeclared(node)) return
      for (const word of wordsOf(node.text)) {
        const better = words.get(word)
        if (better !== undefined) found.push(`${place(code, node)}: ${node.text}; say ${better}`)
      }
    })
  }
  return found
}

/** `syncLatencyMs` has the words sync, latency, ms. */
export function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .split(/[ _$]+/)
    .map((word) => word.toLowerCase())
}

/** Only names that we chose: what other code is called is not ours. */
function isDeclared(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isImportSpecifier(parent)) return parent.propertyName !== undefined && parent.name === node
  const named = parent as ts.Node & { readonly name?: ts.Node }
  if (named.name !== node || ts.isPropertyAccessExpression(parent)) return false
  return ts.isVariableDeclaration(parent) || !ts.isExpression(parent)
}
