import ts from 'typescript'

import { type Code, place, walk } from './code.ts'

export const FILE_LINES_MAX = 300
export const FUNCTION_LINES_MAX = 70

/** `Over 300 lines because …`, in a comment right above what is so long; of a file, at its very top. */
const REASON = /Over (\d+) lines because \S+/

/** Files and functions that are too long, without a reason written above them. */
export function tooLong(codes: readonly Code[]): string[] {
  const found: string[] = []
  for (const code of codes) {
    const lines = code.text.trimEnd().split('\n').length
    if (lines > FILE_LINES_MAX && !hasReason(code, 0, FILE_LINES_MAX)) {
      found.push(`${code.path}: ${lines} lines, over ${FILE_LINES_MAX}`)
    }
    walk(code, (node) => {
      if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return
      const first = code.tree.getLineAndCharacterOfPosition(node.getStart(code.tree)).line
      const last = code.tree.getLineAndCharacterOfPosition(node.end).line
      const length = last - first + 1
      if (length > FUNCTION_LINES_MAX && !hasReason(code, statementStart(node), FUNCTION_LINES_MAX)) {
        found.push(`${place(code, node)}: a function of ${length} lines, over ${FUNCTION_LINES_MAX}`)
      }
    })
  }
  return found
}

/** A function that is the value of a constant has its comment above the constant. */
function statementStart(node: ts.Node): number {
  let above = node
  while (!ts.isStatement(above) && !ts.isClassElement(above) && above.parent !== undefined) above = above.parent
  return above.getFullStart()
}

function hasReason(code: Code, position: number, limit: number): boolean {
  const comments = ts.getLeadingCommentRanges(code.text, position) ?? []
  return comments.some((comment) => {
    const reason = REASON.exec(code.text.slice(comment.pos, comment.end))
    return reason !== null && Number(reason[1]) === limit
  })
}
