import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The top of this repository. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** What nobody wrote by hand, and data of other tests. */
const SKIPPED: ReadonlySet<string> = new Set([
  'node_modules',
  'dist',
  '.git',
  'coverage',
  '.vitest',
  'golden',
  'reference',
])

export interface TextFile {
  /** From the top of the repository, with `/`. */
  readonly path: string
  readonly text: string
}

/** All files below these places that are text and end so. */
export function textFiles(places: readonly string[], endings: readonly string[]): TextFile[] {
  const found: TextFile[] = []
  for (const place of places) collect(join(ROOT, place), endings, found)
  return found
}

export function textFile(path: string): TextFile {
  return { path, text: readFileSync(join(ROOT, path), 'utf8') }
}

function collect(directory: string, endings: readonly string[], found: TextFile[]): void {
  const entries = readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const entry of entries) {
    if (SKIPPED.has(entry.name)) continue
    const path = join(directory, entry.name)
    if (entry.isDirectory()) collect(path, endings, found)
    else if (entry.isFile() && endings.some((ending) => entry.name.endsWith(ending))) {
      found.push(textFile(relative(ROOT, path).split(sep).join('/')))
    }
  }
}
