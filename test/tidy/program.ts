import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'

import ts from 'typescript'

import { ROOT, textFile, textFiles } from './files.ts'

/** A block of code in a page: its language, what else stands behind the fence, and its text. */
export interface Block {
  readonly language: string
  readonly info: string
  readonly text: string
}

export function blocksOf(page: string): Block[] {
  return [...page.matchAll(/^```(\w+)(?: ([^\n]*))?\n(.*?)^```$/gms)].map((match) => ({
    language: match[1]!,
    info: match[2] ?? '',
    text: match[3]!,
  }))
}

/** A directory in which the programs of a page are saved and run. */
export interface Runner {
  write(name: string, text: string): void
  /** Runs a line in the directory, with the command `seglog` at hand; what it printed, whatever its end. */
  run(command: string): string
  /** Whether its Node has a module. */
  has(module: string): boolean
}

/** What a user has: a directory with this package in `node_modules`, compiled, and nothing else. */
export class Project implements Runner {
  readonly directory = mkdtempSync(join(tmpdir(), 'seglog-readme-'))

  constructor() {
    const home = join(this.directory, 'node_modules', 'seglog')
    mkdirSync(home, { recursive: true })
    writeFileSync(join(home, 'package.json'), textFile('package.json').text)
    for (const name of ['cbor-x', 'crc-32']) {
      symlinkSync(join(ROOT, 'node_modules', name), join(this.directory, 'node_modules', name))
    }
    const compilerOptions: ts.CompilerOptions = {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
    }
    for (const { path, text } of textFiles(['lib', 'segments', 'recovery'], ['.ts'])) {
      const file = join(home, 'dist', path.replace(/\.ts$/, '.js'))
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, ts.transpileModule(text, { compilerOptions, fileName: path }).outputText)
    }
    const programs = join(this.directory, 'node_modules', '.bin')
    mkdirSync(programs)
    symlinkSync('../seglog/dist/lib/cli/main.js', join(programs, 'seglog'))
    chmodSync(join(programs, 'seglog'), 0o755)
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.directory, name), text)
  }

  run(command: string): string {
    return runLine(command, this.directory, process.execPath)
  }

  has(module: string): boolean {
    return isBuiltin(module)
  }

  remove(): void {
    rmSync(this.directory, { recursive: true })
  }
}

/** Runs a line of the shell, with this Node and what the project has installed. */
export function runLine(line: string, directory: string, node: string): string {
  const PATH = [dirname(node), join(directory, 'node_modules', '.bin'), process.env['PATH']].join(delimiter)
  const env = { ...process.env, PATH, NO_COLOR: '1' }
  // One channel for both, so that lines stand in the order in which they were printed.
  const { stdout } = spawnSync('sh', ['-c', `exec 2>&1; ${line}`], { cwd: directory, env, encoding: 'utf8' })
  // Some shells say so of a program that was killed, and some do not.
  return stdout.replace(/^Killed\n/m, '')
}

/**
 * A page with all that its programs print put in place: blocks `js file=NAME` are saved, and in blocks `console run` each
 * line `$ …` is run in the order of the page, with its real output below it. A block that `needs` a module which this Node
 * does not have stays as it is, and `skipped` is told.
 */
export function withRealOutput(page: string, project: Runner, skipped: (why: string) => void = () => {}): string {
  return page.replace(
    /^```(\w+)(?: ([^\n]*))?\n(.*?)^```$/gms,
    (block, language: string, info: string | undefined, text: string) => {
      const name = /^file=(\S+)/.exec(info ?? '')?.[1]
      if (name !== undefined) project.write(name, text)
      if (language !== 'console' || !info?.startsWith('run')) return block
      const needed = /needs=(\S+)/.exec(info)?.[1]
      if (needed !== undefined && !project.has(needed)) {
        skipped(`${text.split('\n')[0]}: this Node has no ${needed}`)
        return block
      }
      const commands = text.split('\n').filter((line) => line.startsWith('$ '))
      const real = commands.map((line) => `${line}\n${project.run(line.slice(2))}`).join('')
      return `\`\`\`console ${info}\n${real}\`\`\``
    },
  )
}
