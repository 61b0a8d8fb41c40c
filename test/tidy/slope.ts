import { type Code, importsOf, place, roomOf } from './code.ts'

/**
 * For each room the rooms that it may import from, besides itself. Imports go down: `lib/cli` to `lib`, `lib` to `lib/runs`, `lib/keys`,
 * `lib/read` and `lib/codecs`, to `recovery`, to `segments`, to `segments/format` and `segments/env`. Reading and recovery
 * do not know each other, and bytes know nobody.
 */
export const SLOPE: Readonly<Record<string, readonly string[]>> = {
  'lib/testing': ['lib', 'lib/keys', 'lib/read', 'lib/codecs', 'segments', 'segments/format', 'segments/env'],
  'lib/cli': [
    'lib',
    'lib/runs',
    'lib/keys',
    'lib/read',
    'lib/codecs',
    'recovery',
    'segments',
    'segments/format',
    'segments/env',
  ],
  lib: ['lib/runs', 'lib/keys', 'lib/read', 'lib/codecs', 'recovery', 'segments', 'segments/format', 'segments/env'],
  'lib/runs': ['lib/read', 'lib/codecs', 'recovery', 'segments', 'segments/format', 'segments/env'],
  'lib/keys': ['lib/read', 'segments', 'segments/format', 'segments/env'],
  'lib/read': ['lib/codecs', 'segments', 'segments/format', 'segments/env'],
  'lib/codecs': ['segments', 'segments/format'],
  recovery: ['segments', 'segments/format', 'segments/env'],
  segments: ['segments/format', 'segments/env'],
  'segments/env': [],
  'segments/format': [],
}

/** What of the environment is known above it: the interface, and how steps over it are run. */
const INTERFACE = ['segments/env/environment.ts', 'segments/env/steps.ts']
/** Where a world is chosen, and the room that is there for the simulated one. */
const CHOOSERS = /^lib\/(index|world|cli\/main)\.ts$|^lib\/testing\b/
/** Files that stand above the room in which they lie. */
const DOOR_OF: Readonly<Record<string, string>> = { 'lib/testing.ts': 'lib/testing' }

/** Imports that go up or sideways, that name a world where only its interface may be known, or lack the ending. */
export function climbs(codes: readonly Code[]): string[] {
  const found: string[] = []
  for (const code of codes) {
    const room = DOOR_OF[code.path] ?? roomOf(code.path)
    const below = SLOPE[room]
    if (below === undefined) {
      found.push(`${code.path}: the room ${room} has no place on the slope`)
      continue
    }
    for (const each of importsOf(code)) {
      if (each.path === undefined) continue
      const to = roomOf(each.path)
      const where = place(code, each.node)
      if (!each.path.endsWith('.ts')) found.push(`${where}: ${each.from} is written without .ts`)
      if (to === room) continue
      if (!below.includes(to)) found.push(`${where}: ${room} imports ${each.path}, which is not below it`)
      else if (to === 'segments/env' && !INTERFACE.includes(each.path) && !CHOOSERS.test(code.path)) {
        found.push(`${where}: imports ${each.path}; above the environment only its interface is known`)
      }
    }
  }
  return found
}

/** Files that import each other in a circle, each circle once. */
export function circles(codes: readonly Code[]): string[] {
  const next = new Map(codes.map((code) => [code.path, importsOf(code).flatMap(({ path }) => path ?? [])]))
  const found: string[] = []
  const done = new Set<string>()
  const go = (path: string, way: readonly string[]): void => {
    const at = way.indexOf(path)
    if (at >= 0) {
      found.push([...way.slice(at), path].join(' → '))
      return
    }
    if (done.has(path)) return
    for (const to of next.get(path) ?? []) go(to, [...way, path])
    done.add(path)
  }
  for (const code of codes) go(code.path, [])
  return found
}
