import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { expect } from 'vitest'
import { Child } from './children.ts'
import type { HostileSettings, Outcome } from './hostile-child.ts'

/** An opening on any small directory takes milliseconds; this is for a machine that is busy with other things. */
const HANGS_AFTER_MS = 10_000

/** Opens and writes all of them in a child; in the order of the directories. Fails where one of them hangs. */
export async function tryAll(settings: HostileSettings): Promise<readonly Outcome[]> {
  const child = new Child('hostile-child.ts', settings)
  const outcomes = (): Outcome[] =>
    child.lines.filter((line) => line.startsWith('outcome ')).map((line) => JSON.parse(line.slice(8)) as Outcome)
  let ended = false
  const end = child.ended.finally(() => (ended = true))
  for (let done = -1; !ended && done < child.lines.length;) {
    done = child.lines.length
    await Promise.race([end, grown(child, done)])
  }
  if (!ended) await child.kill()
  expect(
    outcomes().map((outcome) => outcome.directory),
    'none hangs',
  ).toEqual(settings.directories)
  return outcomes()
}

function grown(child: Child, lines: number): Promise<void> {
  const until = performance.now() + HANGS_AFTER_MS
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (child.lines.length === lines && performance.now() < until) return
      clearInterval(timer)
      resolve()
    }, 20)
  })
}

/** Every name under a directory, with its kind, mode, size and content. Nothing is followed. */
export function pictureOf(directory: string): Readonly<Record<string, string>> {
  const picture: Record<string, string> = {}
  for (const entry of fs.readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name)
    const { mode, size } = fs.lstatSync(file)
    const content = entry.isSymbolicLink() ? fs.readlinkSync(file) : entry.isFile() ? digestOf(file) : ''
    picture[path.relative(directory, file)] = `${mode.toString(8)} ${entry.isFile() ? size : ''} ${content}`
  }
  return picture
}

function digestOf(file: string): string {
  return createHash('sha1').update(fs.readFileSync(file)).digest('hex')
}

/** Whether a regular file anywhere under this directory holds these words. */
export function holds(directory: string, words: string): boolean {
  return fs
    .readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .some((entry) => fs.readFileSync(path.join(entry.parentPath, entry.name)).includes(words))
}
