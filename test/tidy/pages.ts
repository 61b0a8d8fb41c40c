import { existsSync } from 'node:fs'
import { posix, resolve } from 'node:path'

import type { TextFile } from './files.ts'

/** Links of a page to files that are not there, or to headings that the other page does not have. */
export function deadLinks(pages: readonly TextFile[], root: string): string[] {
  const anchors = new Map(pages.map((page) => [page.path, anchorsOf(page.text)]))
  return pages.flatMap((page) =>
    linksOf(page.text).flatMap(({ to, line }) => {
      const [path, anchor] = to.split('#') as [string, string | undefined]
      const target = path === '' ? page.path : posix.join(posix.dirname(page.path), path)
      const where = `${page.path}:${line}: ${to}`
      if (!anchors.has(target) && !existsSync(resolve(root, target))) return [`${where} leads nowhere`]
      const known = anchors.get(target)
      return anchor === undefined || known?.has(anchor) ? [] : [`${where}: no such heading`]
    }),
  )
}

/** Names of code, in a page, that no code has: a word between backticks that could be one. */
export function lostNames(page: TextFile, codes: readonly TextFile[]): string[] {
  const words = new Set(codes.flatMap(({ text }) => text.match(/\w+/g) ?? []))
  const named = linesOutsideCode(page.text).flatMap(({ text, number }) =>
    [...text.matchAll(/`([A-Za-z]\w+)`/g)].map((match) => ({ name: match[1]!, number })),
  )
  return named
    .filter(({ name }) => !words.has(name))
    .map(({ name, number }) => `${page.path}:${number}: nothing is called ${name}`)
}

/** Files of this repository that a text names, and that are not there. */
export function deadMentions(files: readonly TextFile[], root: string): string[] {
  const mention = /(?<![\w./-])(?:docs|test|bench|lib|segments|recovery)\/[\w./-]+\.(?:md|ts)\b/g
  return files.flatMap((file) =>
    file.text
      .split('\n')
      .flatMap((line, index) =>
        [...line.matchAll(mention)]
          .filter(([path]) => !existsSync(resolve(root, path)))
          .map(([path]) => `${file.path}:${index + 1}: there is no ${path}`),
      ),
  )
}

function linksOf(text: string): { readonly to: string; readonly line: number }[] {
  return linesOutsideCode(text).flatMap(({ text: line, number }) =>
    [...line.matchAll(/\]\(([^)\s]+)\)/g)]
      .map((match) => ({ to: match[1]!, line: number }))
      .filter(({ to }) => !/^(https?|mailto):/.test(to)),
  )
}

/** Headings as GitHub links to them. */
function anchorsOf(text: string): Set<string> {
  const titles = linesOutsideCode(text).flatMap(({ text: line }) => /^#+ (.*)$/.exec(line)?.[1] ?? [])
  const slug = (title: string): string =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/ /g, '-')
  return new Set(titles.map(slug))
}

function linesOutsideCode(text: string): { readonly text: string; readonly number: number }[] {
  let inside = false
  return text.split('\n').flatMap((line, index) => {
    if (line.startsWith('```')) inside = !inside
    return inside || line.startsWith('```') ? [] : [{ text: line, number: index + 1 }]
  })
}

interface Private {
  readonly what: string
  readonly pattern: RegExp
  /** Files that are looked through. */
  readonly where: RegExp
}

/** Things that are true on one machine or in one week only. */
const PRIVATE: readonly Private[] = [
  { what: 'a path of one machine', pattern: /(?<![\w.])\/(work|home|root|Users)\/\w|[A-Z]:\\\\?Users/, where: /./ },
  { what: 'a place of a download', pattern: /"resolved"\s*:|https?:\/\/[^\s"']*\.tgz\b/, where: /./ },
  { what: 'a host of a registry', pattern: /https?:\/\/[^\s"'/]*(registry|artifact|nexus|mirror)/i, where: /./ },
  { what: 'how the work was planned', pattern: /\bissues? #?\d+/i, where: /./ },
  { what: 'how the work was planned', pattern: /\b(sessions?|sprint|founders?)\b|\.\.\/shared\//i, where: /\.md$/ },
]

/** Lines that are true on one machine or in one week only. */
export function privateLines(files: readonly TextFile[]): string[] {
  return files.flatMap((file) =>
    file.text
      .split('\n')
      .flatMap((line, index) =>
        PRIVATE.filter(({ pattern, where }) => where.test(file.path) && pattern.test(line)).map(
          ({ what }) => `${file.path}:${index + 1}: ${what}`,
        ),
      ),
  )
}
