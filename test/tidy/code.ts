import { posix } from 'node:path'

import ts from 'typescript'

import type { TextFile } from './files.ts'

/** A file of code with its syntax tree; no types are resolved, so that all checks together take a second. */
export interface Code extends TextFile {
  readonly tree: ts.SourceFile
}

export function parse(files: readonly TextFile[]): Code[] {
  return files.map((file) => ({
    ...file,
    tree: ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true),
  }))
}

/** Calls `visit` for every node of a file, parents first. */
export function walk(code: Code, visit: (node: ts.Node) => void): void {
  const go = (node: ts.Node): void => {
    visit(node)
    ts.forEachChild(node, go)
  }
  go(code.tree)
}

/** Line of a node, from 1 on; without the comments above it. */
export function lineOf(code: Code, node: ts.Node): number {
  return code.tree.getLineAndCharacterOfPosition(node.getStart(code.tree)).line + 1
}

export function place(code: Code, node: ts.Node): string {
  return `${code.path}:${lineOf(code, node)}`
}

/** The directory that a file is in, such as `segments/format`. */
export function roomOf(path: string): string {
  return posix.dirname(path)
}

export interface Import {
  readonly node: ts.Node
  /** As written. */
  readonly from: string
  /** The file it means; undefined for a package. */
  readonly path: string | undefined
  /** Names asked for, as the other file calls them; `*` for all, `default` for the default. */
  readonly names: readonly string[]
}

/** Imports and re-exports of a file, also those by `import()`. */
export function importsOf(code: Code): Import[] {
  const imports: Import[] = []
  const add = (node: ts.Node, from: ts.Node | undefined, names: readonly string[]): void => {
    if (from === undefined || !ts.isStringLiteralLike(from)) return
    const path = from.text.startsWith('.') ? posix.join(roomOf(code.path), from.text) : undefined
    imports.push({ node, from: from.text, path, names })
  }
  walk(code, (node) => {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier, importedNames(node))
    else if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, reexportedNames(node))
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node, node.arguments[0], ['*'])
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node, node.argument.literal, node.qualifier ? [node.qualifier.getText(code.tree)] : ['*'])
    }
  })
  return imports
}

function importedNames(node: ts.ImportDeclaration): string[] {
  const clause = node.importClause
  if (clause === undefined) return []
  const names = clause.name ? ['default'] : []
  const bindings = clause.namedBindings
  if (bindings === undefined) return names
  if (ts.isNamespaceImport(bindings)) return [...names, '*']
  return [...names, ...bindings.elements.map((element) => (element.propertyName ?? element.name).text)]
}

function reexportedNames(node: ts.ExportDeclaration): string[] {
  if (node.exportClause === undefined || !ts.isNamedExports(node.exportClause)) return ['*']
  return node.exportClause.elements.map((element) => (element.propertyName ?? element.name).text)
}
