import ts from 'typescript'

import { type Code, place, walk } from './code.ts'

/** The one home of numbers of the format, and where a number among positions is none of the format. */
const HOME = 'segments/format/layout.ts'
const FREE: Readonly<Record<string, string>> = {
  'segments/format/u64.ts': 'the two halves of a u64, wherever it stands',
  'segments/lock.ts': 'takes 48 random bits',
}
/** The environment knows no format, codecs have their own, and tests make up values of any size. */
const FREE_ROOMS = /^segments\/env\/|^lib\/(codecs|testing)\//

/** Methods of buffers that take a position or a number of bytes. */
const POSITIONAL = /^(read|write)(Big)?U?Int|^(read|write)(Float|Double)|^(subarray|copy|copyWithin|fill)$/

/** From here on a number that is added looks like a size; 1 is the next of anything. */
const SUSPICIOUS_FROM = 2

/**
 * Numbers that look like offsets and sizes on disk outside of their home: among the positions that a method of a buffer
 * takes, or in a sum.
 */
export function strayNumbers(codes: readonly Code[]): string[] {
  const found: string[] = []
  for (const code of codes) {
    if (code.path === HOME || code.path in FREE || FREE_ROOMS.test(code.path)) continue
    walk(code, (node) => {
      if (!ts.isNumericLiteral(node) && !ts.isBigIntLiteral(node)) return
      if (Number(node.text.replace('n', '')) < SUSPICIOUS_FROM) return
      if (isPosition(node) || isSummand(node)) found.push(`${place(code, node)}: ${node.text}`)
    })
  }
  return found
}

function isSummand(node: ts.Node): boolean {
  const { parent } = node
  if (!ts.isBinaryExpression(parent)) return false
  const { kind } = parent.operatorToken
  // Byte k of an integer that is stored byte by byte.
  if (ts.isElementAccessExpression(parent.parent) && parent.parent.argumentExpression === parent) return false
  const sums = [ts.SyntaxKind.PlusToken, ts.SyntaxKind.MinusToken, ts.SyntaxKind.PlusEqualsToken]
  return sums.includes(kind) && !ts.isStringLiteral(parent.left)
}

/** Whether a number is, or is part of, a position given to a method of a buffer. */
function isPosition(node: ts.Node): boolean {
  let child = node
  let { parent } = node
  while (ts.isBinaryExpression(parent) || ts.isParenthesizedExpression(parent)) {
    child = parent
    parent = parent.parent
  }
  if (!ts.isCallExpression(parent) || !ts.isPropertyAccessExpression(parent.expression)) return false
  const method = parent.expression.name.text
  // The value of a write is no position: it comes first.
  return POSITIONAL.test(method) && !(method.startsWith('write') && parent.arguments[0] === child)
}
