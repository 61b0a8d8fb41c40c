import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { ROOT, textFile } from '../tidy/files.ts'
import { blocksOf, runLine, type Runner } from '../tidy/program.ts'

/** What `npm pack` made, and what it says of it. */
export interface Tarball {
  readonly path: string
  readonly bytes: number
  readonly files: readonly string[]
}

interface PackReport {
  readonly filename: string
  readonly size: number
  readonly files: readonly { readonly path: string }[]
}

/** Builds the package and packs it, as for the registry. */
export function pack(into: string): Tarball {
  // Apart, because some versions of npm print what a build says amid their JSON.
  npm(['run', 'build'], ROOT)
  const told = npm(['pack', '--json', '--ignore-scripts', '--pack-destination', into], ROOT)
  const [report] = JSON.parse(told) as [PackReport]
  const { filename, size, files } = report
  return { path: join(into, filename), bytes: size, files: files.map(({ path }) => path).sort() }
}

/** A new project of a user that has this package installed from its tarball, and nothing else. */
export class Installed implements Runner {
  readonly directory = mkdtempSync(join(tmpdir(), 'seglog-package-'))
  private readonly node: string

  /** `node`: the program that runs what is written here. */
  constructor(tarball: Tarball, node = process.execPath) {
    this.node = node
    this.write('package.json', '{ "name": "stranger", "private": true, "type": "module" }\n')
    // What it depends on is in the cache of whoever installed this repository; the registry is asked for what is not.
    npm(['install', '--prefer-offline', '--no-audit', '--no-fund', tarball.path], this.directory)
  }

  /** The types of Node, of which TypeScript needs some. */
  withTypesOfNode(): void {
    mkdirSync(join(this.directory, 'node_modules/@types'))
    symlinkSync(join(ROOT, 'node_modules/@types/node'), join(this.directory, 'node_modules/@types/node'))
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.directory, name), text)
  }

  run(command: string): string {
    return runLine(command, this.directory, this.node)
  }

  has(module: string): boolean {
    return this.run(`node -p "require('node:module').isBuiltin('${module}')"`).trim() === 'true'
  }

  /** Runs a tool of this repository here; all that it printed, where it failed. */
  check(tool: string, words: readonly string[]): string {
    const program = join(ROOT, 'node_modules/.bin', tool)
    const { status, stdout, stderr } = spawnSync(program, words, { cwd: this.directory, encoding: 'utf8' })
    return status === 0 ? '' : `${tool} ended with ${status}: ${stdout}${stderr}`
  }

  remove(): void {
    rmSync(this.directory, { recursive: true })
  }
}

/** The program of README.md, and the page with nothing but it and what it prints; `name` is that of its file. */
export function readmeProgram(name: string): { readonly text: string; readonly page: string } {
  const blocks = blocksOf(textFile('README.md').text)
  const { text } = blocks.find(({ info }) => info === 'file=orders.mjs')!
  const told = blocks.find(({ language, info }) => language === 'console' && info === 'run')!.text
  const fence = '```'
  const page = `${fence}js file=orders.mjs\n${text}${fence}\n\n${fence}console run\n${told}${fence}\n`
  return { text, page: page.replaceAll('orders.mjs', name) }
}

export function npm(words: readonly string[], cwd: string): string {
  // What npm told the script that started this is about this repository, not about that directory.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')))
  return execFileSync('npm', words, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
