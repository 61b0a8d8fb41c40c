import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

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
  /** Runs `node …` in the directory; what it printed, whatever its end. */
  run(command: string): string
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
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.directory, name), text)
  }

  run(command: string): string {
    const [program, ...words] = command.split(' ')
    if (program !== 'node') throw new Error(`only node is run here, not ${command}`)
    const { stdout, stderr } = spawnSync(process.execPath, words, { cwd: this.directory, encoding: 'utf8' })
    return stdout + stderr
  }

  remove(): void {
    rmSync(this.directory, { recursive: true })
  }
}

/**
 * A page with all that its programs print put in place: blocks `js file=NAME` are saved, and in blocks `console run` each
 * line `$ node …` is run in the order of the page, with its real output below it.
 */
export function withRealOutput(page: string, project: Runner): string {
  return page.replace(
    /^```(\w+)(?: ([^\n]*))?\n(.*?)^```$/gms,
    (block, language: string, info: string, text: string) => {
      const name = /^file=(\S+)$/.exec(info ?? '')?.[1]
      if (name !== undefined) project.write(name, text)
      if (language !== 'console' || info !== 'run') return block
      const commands = text.split('\n').filter((line) => line.startsWith('$ '))
      const real = commands.map((line) => `${line}\n${project.run(line.slice(2))}`).join('')
      return `\`\`\`console run\n${real}\`\`\``
    },
  )
}
