import ts from 'typescript'

import { type Code, importsOf, place } from './code.ts'
import { ENTRIES } from './exports.ts'

/**
 * Names that users import, and methods and getters of the classes among them, that have no doc comment. Fields need none
 * where name and type say all.
 */
export function uncommented(codes: readonly Code[]): string[] {
  const byPath = new Map(codes.map((code) => [code.path, code]))
  const found: string[] = []
  for (const entry of codes.filter(({ path }) => ENTRIES.includes(path))) {
    for (const { path, names } of importsOf(entry)) {
      const code = path === undefined ? undefined : byPath.get(path)
      if (code === undefined) continue
      for (const name of names) found.push(...withoutComment(code, name))
    }
  }
  return [...new Set(found)]
}

function withoutComment(code: Code, name: string): string[] {
  const declared = code.tree.statements.filter((statement) => namesOf(statement).includes(name))
  // Of a function with several signatures, and of a value with a type of its name, one comment is enough.
  if (declared.length === 0) return []
  const found = declared.some(isCommented) ? [] : [`${place(code, declared[0]!)}: ${name} has no doc comment`]
  for (const statement of declared) {
    // What a class has of an interface is said there.
    if (!ts.isClassDeclaration(statement) || isImplementing(statement)) continue
    for (const [member, signatures] of grouped(statement.members.filter(isPublicCall), code)) {
      if (signatures.some(isCommented)) continue
      found.push(`${place(code, signatures[0]!)}: ${name}.${member} has no doc comment`)
    }
  }
  return found
}

function grouped(members: readonly ts.ClassElement[], code: Code): Map<string, ts.ClassElement[]> {
  const groups = new Map<string, ts.ClassElement[]>()
  for (const member of members) {
    const name = member.name!.getText(code.tree)
    groups.set(name, [...(groups.get(name) ?? []), member])
  }
  return groups
}

/** Methods and getters that a user can call; those of the language, such as `[Symbol.asyncDispose]`, speak for themselves. */
function isPublicCall(member: ts.ClassElement): boolean {
  if (!ts.isMethodDeclaration(member) && !ts.isGetAccessor(member)) return false
  if (!ts.isIdentifier(member.name)) return false
  const hidden = [ts.SyntaxKind.PrivateKeyword, ts.SyntaxKind.ProtectedKeyword]
  return !(member.modifiers ?? []).some(({ kind }) => hidden.includes(kind))
}

function isImplementing({ heritageClauses }: ts.ClassDeclaration): boolean {
  return [...(heritageClauses ?? [])].some(({ token }) => token === ts.SyntaxKind.ImplementsKeyword)
}

function isCommented(node: ts.Node): boolean {
  return ts.getJSDocCommentsAndTags(node).length > 0
}

function namesOf(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map(({ name }) => (ts.isIdentifier(name) ? name.text : ''))
  }
  const { name } = statement as ts.Statement & { readonly name?: ts.Node }
  return name !== undefined && ts.isIdentifier(name) ? [name.text] : []
}
