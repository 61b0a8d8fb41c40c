import ts from 'typescript'

import { type Code, importsOf, place } from './code.ts'
import { ENTRIES } from './exports.ts'

/** A public name that is declared in a file: its statement there, or one of its members. */
export interface Told {
  readonly code: Code
  readonly node: ts.Node
  /** `openLog`, `Log.append`. */
  readonly name: string
  /** All of its doc comments as written; those of other signatures of the same name included. */
  readonly comment: string
  /** The comment of what it is a member of; empty for others. */
  readonly above: string
  readonly is: 'function' | 'class' | 'method' | 'number' | 'other'
}

/** What a doc comment must say beside what the name does, and of which names. */
interface Rule {
  readonly applies: (told: Told) => boolean
  readonly isMet: (told: Told) => boolean
  readonly lacks: string
}

const CODE =
  /\b(?:[A-Z]+_[A-Z_]+|CLOSED|FAILED|IO|LOCKED|CORRUPT|GAP|ARCHIVED|ENCODE|DECODE)\b|`\w*(?:Error|Death|Failed)`/
const NO_ERROR = /(?:Throws|Rejects with) nothing|[Nn]ever (?:throws|rejects)|[Aa]lways rejects/
const OWNER =
  /\bcop(?:y|ies|ied)\b|\bowns?\b|\bbelongs?\b|\byours\b|\baliase?s?\b|\bshared?\b|must not change|valid until/
const UNIT_IN_NAME =
  /(?:Bytes|Ms|Ns|Sequence|Count|Max|Min)$|^(?:bytes|sequence|ordinal|records|segments|syncs|groups|rolls|offset|seed|pid|seconds|generation|epoch)$/
const UNIT =
  /\b(?:bytes?|milliseconds?|nanoseconds|microseconds|seconds|records?|sequences?|segments?|anchors|calls?|times|files?|findings|groups|seed|bits?|how (?:often|many)|signed|quarters|numbers?)\b|\b0\b|\b1\b/i

const RULES: readonly Rule[] = [
  {
    applies: ({ is }) => is === 'function' || is === 'class' || is === 'method',
    isMet: ({ comment, above, name, is }) =>
      /@example\b/.test(comment) || (is === 'method' && above.includes(`.${name.split('.').at(-1)!}(`)),
    lacks: 'an @example',
  },
  {
    applies: ({ is }) => is === 'function' || is === 'method',
    isMet: ({ comment, above }) => CODE.test(comment) || NO_ERROR.test(comment) || NO_ERROR.test(above),
    lacks: 'the codes of its errors, or that it throws or rejects with nothing',
  },
  {
    applies: ({ is }) => is === 'number',
    isMet: ({ name, comment }) => UNIT_IN_NAME.test(name.split('.').at(-1)!) || UNIT.test(comment),
    lacks: 'the unit of this number',
  },
  {
    applies: ({ is, node }) =>
      (is === 'function' || is === 'method') && /\b(?:number|bigint)\b/.test(signatureOf(node)),
    isMet: ({ node, comment }) => numbersIn(node).every((name) => UNIT_IN_NAME.test(name)) || UNIT.test(comment),
    lacks: 'the units of the numbers that it takes or gives',
  },
  {
    applies: ({ is, node }) => is !== 'class' && /\b(?:Uint8Array|Buffer)\b/.test(signatureOf(node)),
    isMet: ({ comment }) => OWNER.test(comment),
    lacks: 'to whom its bytes belong',
  },
]

/** Public names whose doc comments lack units, errors, owners or an example. */
export function lacking(codes: readonly Code[]): string[] {
  return publicNames(codes).flatMap((told) =>
    RULES.filter(({ applies, isMet }) => applies(told) && !isMet(told)).map(
      ({ lacks }) => `${place(told.code, told.node)}: ${told.name} lacks ${lacks}`,
    ),
  )
}

/** Names that users import, and the members of those, once each. */
export function publicNames(codes: readonly Code[]): Told[] {
  const byPath = new Map(codes.map((code) => [code.path, code]))
  const found = new Map<ts.Node, Told>()
  for (const { path, names } of codes.filter((code) => ENTRIES.includes(code.path)).flatMap(importsOf)) {
    const code = path === undefined ? undefined : byPath.get(path)
    if (code === undefined) continue
    for (const name of names) for (const told of namesIn(code, name, byPath)) found.set(told.node, told)
  }
  return [...found.values()]
}

function namesIn(code: Code, name: string, byPath: ReadonlyMap<string, Code>): Told[] {
  const declared = code.tree.statements.filter((statement) => 'name' in statement && nameOf(statement) === name)
  const node = declared[0]
  if (node === undefined) {
    // A door within the house gives on what another file declares.
    const from = importsOf(code).find(({ node: at, names }) => ts.isImportDeclaration(at) && names.includes(name))
    const next = from?.path === undefined ? undefined : byPath.get(from.path)
    return next === undefined ? [] : namesIn(next, name, byPath)
  }
  const own: Told = { code, node, name, comment: declared.map(commentOf).join('\n'), above: '', is: sortOf(node) }
  return [own, ...membersOf(own, byPath)]
}

function membersOf({ code, node, name, comment: above }: Told, byPath: ReadonlyMap<string, Code>): Told[] {
  const elsewhere = ts.isClassDeclaration(node) ? promisedElsewhere(node, [...byPath.values()]) : new Set()
  const found: Told[] = []
  let heading = ''
  for (const member of memberNodes(node)) {
    const own = nameOf(member)
    if (own === undefined || isHidden(member)) continue
    const isField = sortOf(member) !== 'method'
    // What a list of fields begins with speaks for those behind it, as of `records` and `lastSequence` of a report.
    const comment = commentOf(member) || (isField ? heading : '')
    heading = isField ? comment : ''
    if (elsewhere.has(own) || /@internal\b/.test(comment)) continue
    const told = { code, node: member, name: `${name}.${own}`, comment, above, is: sortOf(member) }
    const known = found.findIndex((each) => each.name === told.name && each.is === 'method')
    if (known < 0) found.push(told)
    else found[known] = { ...found[known]!, comment: `${found[known]!.comment}\n${comment}` }
  }
  return found
}

/** Members of a class or an interface, and of each object in a union. */
function memberNodes(node: ts.Node): readonly ts.Node[] {
  if (ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node)) return [...node.members]
  if (!ts.isTypeAliasDeclaration(node)) return []
  const found: ts.Node[] = []
  const go = (type: ts.Node): void => {
    if (ts.isTypeLiteralNode(type)) found.push(...type.members)
    else ts.forEachChild(type, go)
  }
  go(node.type)
  return found
}

/** Names that a class has of an interface of ours: what they do is said there. */
function promisedElsewhere({ heritageClauses }: ts.ClassDeclaration, codes: readonly Code[]): Set<string> {
  const names = (heritageClauses ?? [])
    .filter(({ token }) => token === ts.SyntaxKind.ImplementsKeyword)
    .flatMap(({ types }) => types.map(({ expression }) => expression.getText()))
  const found = codes.flatMap(({ tree }) =>
    tree.statements.filter((each) => ts.isInterfaceDeclaration(each) && names.includes(each.name.text)),
  )
  return new Set(found.flatMap(memberNodes).flatMap((member) => nameOf(member) ?? []))
}

function sortOf(node: ts.Node): Told['is'] {
  if (ts.isFunctionDeclaration(node)) return 'function'
  if (ts.isClassDeclaration(node)) return 'class'
  if (ts.isMethodDeclaration(node)) return 'method'
  return sortOfField(node)
}

function sortOfField(node: ts.Node): Told['is'] {
  const isField = ts.isPropertySignature(node) || ts.isPropertyDeclaration(node) || ts.isGetAccessor(node)
  return isField && /^(?:number|bigint)\b/.test(node.type?.getText() ?? '') ? 'number' : 'other'
}

/** What is declared, without its body and without what stands inside of a type of several members. */
function signatureOf(node: ts.Node): string {
  if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return ''
  const { body } = node as ts.Node & { readonly body?: ts.Node }
  return body === undefined ? node.getText() : node.getText().slice(0, body.getStart() - node.getStart())
}

/** Names of the parameters that are numbers; the name of the function where it gives one. */
function numbersIn(node: ts.Node): string[] {
  if (!ts.isFunctionDeclaration(node) && !ts.isMethodDeclaration(node)) return []
  const isNumber = (type: ts.Node | undefined): boolean =>
    /^(?:Promise<)?(?:number|bigint)\b/.test(type?.getText() ?? '')
  const taken = node.parameters.filter(({ type }) => isNumber(type)).map(({ name }) => name.getText())
  return isNumber(node.type) ? [...taken, node.name?.getText() ?? ''] : taken
}

function isHidden(node: ts.Node): boolean {
  const hidden = [ts.SyntaxKind.PrivateKeyword, ts.SyntaxKind.ProtectedKeyword]
  const modifiers = ts.canHaveModifiers(node) ? (ts.getModifiers(node) ?? []) : []
  return ts.isConstructorDeclaration(node) || modifiers.some(({ kind }) => hidden.includes(kind))
}

function nameOf(node: ts.Node): string | undefined {
  const { name } = node as ts.Node & { readonly name?: ts.Node }
  return name !== undefined && ts.isIdentifier(name) ? name.text : undefined
}

function commentOf(node: ts.Node): string {
  const own = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc)
  const texts = [...own.map((comment) => comment.getText()), commentInUnion(node)]
  // As if it stood on one line.
  return texts
    .join('\n')
    .replace(/\s*\n\s*\*? ?/g, ' ')
    .trim()
}

/** What stands above the object of a union that this is a member of, before its `|`, and above the union. */
function commentInUnion(node: ts.Node): string {
  if (!ts.isTypeLiteralNode(node.parent)) return ''
  let type: ts.Node = node.parent
  while (!ts.isUnionTypeNode(type.parent) && !ts.isTypeAliasDeclaration(type.parent)) type = type.parent
  const { parent } = type
  if (ts.isTypeAliasDeclaration(parent)) return commentOf(parent)
  const before = parent.types[parent.types.indexOf(type as ts.TypeNode) - 1]
  const start = before?.end ?? parent.getFullStart()
  const alias = parent.parent
  return `${alias.getSourceFile().text.slice(start, type.getStart())}\n${commentOf(alias)}`
}
