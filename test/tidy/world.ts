import ts from 'typescript'

import { type Code, importsOf, place, roomOf, walk } from './code.ts'

/** Modules of Node that reach the world; only the environment's `node*.ts` have them. */
const WORLDLY = [
  'fs',
  'net',
  'os',
  'path',
  'child_process',
  'worker_threads',
  'timers',
  'process',
  'crypto',
  'perf_hooks',
]

/** Packages, and the one file that knows each. */
const HOMES: Readonly<Record<string, string>> = {
  'crc-32': 'segments/format/checksum.ts',
  'cbor-x': 'lib/codecs/cbor-x.ts',
}

/** Where one pure function of such a module is taken from. */
const PURE: Readonly<Record<string, string>> = {
  'segments/format/sha256.ts': 'node:crypto',
  'lib/observability.ts': 'node:perf_hooks',
}

/** Names of the world that are at hand without an import. */
const GLOBALS: ReadonlySet<string> = new Set([
  'process',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'crypto',
  'fetch',
])

/**
 * The one file above the environment that knows the process: what was typed, where to print, signals and the exit code are
 * of a program, which the library is not. The interval keeps a program alive that waits for a record.
 */
const PROGRAM: Readonly<Record<string, readonly string[]>> = { 'lib/cli/main.ts': ['process', 'setInterval'] }

/** Imports of modules that reach the world, outside of the files that are there for it. */
export function worldlyImports(codes: readonly Code[]): string[] {
  return codes.flatMap((code) => {
    if (/^segments\/env\/node[^/]*\.ts$/.test(code.path)) return []
    return importsOf(code)
      .filter(
        ({ from }) =>
          PURE[code.path] !== from && WORLDLY.some((name) => new RegExp(`^(node:)?${name}(/.*)?$`).test(from)),
      )
      .map(({ node, from }) => `${place(code, node)}: imports ${from}`)
  })
}

/** Packages that are imported by another file than the one that is their home, or that have none. */
export function strayPackages(codes: readonly Code[]): string[] {
  return codes.flatMap((code) =>
    importsOf(code)
      .filter(
        ({ from, path }) => path === undefined && !from.startsWith('node:') && HOMES[packageOf(from)] !== code.path,
      )
      .map(({ node, from }) => `${place(code, node)}: imports ${from}`),
  )
}

/** `cbor-x/encode` is of `cbor-x`. */
function packageOf(from: string): string {
  return from
    .split('/')
    .slice(0, from.startsWith('@') ? 2 : 1)
    .join('/')
}

/** Clocks, timers, chance and the process outside of the environment; the console anywhere. */
export function worldlyNames(codes: readonly Code[]): string[] {
  const found: string[] = []
  for (const code of codes) {
    const isEnvironment = roomOf(code.path) === 'segments/env'
    walk(code, (node) => {
      const name = worldlyName(node)
      if (name !== undefined && PROGRAM[code.path]?.includes(name)) return
      if (name === 'console' || (name !== undefined && !isEnvironment)) found.push(`${place(code, node)}: ${name}`)
    })
  }
  return found
}

function worldlyName(node: ts.Node): string | undefined {
  if (ts.isNewExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'Date') {
    return node.arguments === undefined || node.arguments.length === 0 ? 'new Date()' : undefined
  }
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    const path = `${node.expression.text}.${node.name.text}`
    if (path === 'Date.now' || path === 'Math.random') return path
  }
  if (!ts.isIdentifier(node) || !(node.text === 'console' || GLOBALS.has(node.text))) return undefined
  return isOwnName(node) ? undefined : node.text
}

/** A member, parameter or variable that only happens to have that name. */
function isOwnName(node: ts.Identifier): boolean {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node
  if (ts.isPropertyAssignment(parent)) return parent.name === node
  return ts.isPropertySignature(parent) || ts.isMethodDeclaration(parent) || ts.isParameter(parent)
}
