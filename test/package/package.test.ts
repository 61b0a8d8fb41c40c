import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { textFile, textFiles } from '../tidy/files.ts'
import { deadLinks } from '../tidy/pages.ts'
import { withRealOutput } from '../tidy/program.ts'
import { Installed, pack, readmeProgram, type Tarball } from './installed.ts'

/** The package as a stranger gets it: packed, installed from its tarball into an empty project, and used there. */
const place = mkdtempSync(join(tmpdir(), 'seglog-pack-'))
let tarball: Tarball
let project: Installed

beforeAll(() => {
  tarball = pack(place)
  project = new Installed(tarball)
  project.withTypesOfNode()
}, 120_000)

afterAll(() => {
  project.remove()
  rmSync(place, { recursive: true })
})

describe('the tarball', () => {
  it('holds the library compiled, its pages, and nothing else', () => {
    const sources = textFiles(['lib', 'segments', 'recovery'], ['.ts']).map(({ path }) => path.replace(/\.ts$/, ''))
    const isCommand = (path: string): boolean => path.startsWith('lib/cli/')
    const wanted = [
      ...['CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json', 'bench/README.md'],
      ...textFiles(['docs'], ['.md', '.svg', '.ts', '.py']).map(({ path }) => path),
      ...['lib/index', 'lib/testing', 'lib/cli/main'].map((path) => `dist/${path}.js`),
      // Nobody imports the command.
      ...sources.flatMap((path) => (isCommand(path) ? [] : [`dist/${path}.d.ts`])),
    ]
    const isShared = (path: string): boolean => /^dist\/chunk-\w+\.js$/.test(path)
    expect(tarball.files.filter((path) => !isShared(path))).toEqual(wanted.sort())
    // What the doors share is there once: an error of one is an error of the other.
    expect(tarball.files.filter(isShared).length).toBeGreaterThan(0)
  })

  it('holds every file that a page in it links to', () => {
    const home = join(project.directory, 'node_modules/seglog')
    const pages = tarball.files.filter((path) => path.endsWith('.md'))
    const texts = pages.map((path) => ({ path, text: readFileSync(join(home, path), 'utf8') }))
    expect(texts.length).toBeGreaterThan(15)
    expect(deadLinks(texts, home)).toEqual([])
  })

  it('is as small as README.md says', () => {
    const [, told] = /tarball of less than (\d+) kB/.exec(textFile('README.md').text)!
    expect(tarball.bytes / 1000).toBeLessThan(Number(told))
    expect(tarball.bytes / 1000).toBeGreaterThan(Number(told) / 2)
  })

  it('brings cbor-x and crc-32 along, and nothing else', () => {
    const there = readdirSync(join(project.directory, 'node_modules')).filter((name) => !/^[.@]/.test(name))
    // An addon of cbor-x, where its makers have one for this machine, with what finds it.
    const addon = ['cbor-extract', 'node-gyp-build-optional-packages', 'detect-libc']
    expect(there.filter((name) => !addon.includes(name)).sort()).toEqual(['cbor-x', 'crc-32', 'seglog'])
  })
})

describe('installed', () => {
  it('runs the program of README.md, in JavaScript', () => {
    const { page } = readmeProgram('orders.mjs')
    expect(withRealOutput(page, project)).toBe(page)
  })

  it('compiles and runs the program of README.md, in TypeScript, and has types for module nodenext', () => {
    const { text, page } = readmeProgram('typed.js')
    project.write('typed.ts', text.replaceAll('./orders', './typed-orders'))
    project.write('use.ts', USE)
    // Here our declarations are checked, too, and not only what is done with them.
    project.write('typed.json', config('nodenext', 'nodenext', ['typed.ts', 'use.ts'], { skipLibCheck: false }))
    expect(project.check('tsc', ['-p', 'typed.json'])).toBe('')
    const console = page.slice(page.lastIndexOf('```console'))
    expect(withRealOutput(console, project)).toBe(console)
  })

  it.each([
    ['node16', 'node16'],
    ['esnext', 'bundler'],
  ])('has types for module %s with resolution %s', (module, resolution) => {
    project.write(`use-${module}.ts`, USE)
    project.write(`use-${module}.json`, config(module, resolution, [`use-${module}.ts`], { skipLibCheck: true }))
    expect(project.check('tsc', ['-p', `use-${module}.json`, '--noEmit'])).toBe('')
  })

  it('is what publint wants of a package', () => {
    expect(project.check('publint', ['run', 'node_modules/seglog', '--strict'])).toBe('')
  })

  it('has types that attw finds nothing wrong with', () => {
    expect(project.check('attw', [tarball.path, '--profile', 'esm-only'])).toBe('')
  })

  it('has the command', () => {
    expect(existsSync(join(project.directory, 'node_modules/.bin/seglog'))).toBe(true)
    const said = project.run('node node_modules/seglog/dist/lib/cli/main.js --help')
    expect(said).toContain('usage: seglog <command>')
  })

  it('has the door for tests of others', () => {
    project.write('test.mjs', `import { simulate } from 'seglog/testing'\nconsole.log(typeof simulate(1).crash)\n`)
    expect(project.run('node test.mjs')).toBe('function\n')
  })

  it.each([
    ['where it is not there', () => undefined],
    ['where it is there and ends the process that loads it', plantAddon],
  ])('never needs nor loads the native addon of cbor-x, %s', (_name, plant) => {
    for (const name of ['cbor-extract', '@cbor-extract']) {
      rmSync(join(project.directory, 'node_modules', name), { recursive: true, force: true })
    }
    plant(join(project.directory, 'node_modules/cbor-extract'))
    rmSync(join(project.directory, 'orders'), { recursive: true, force: true })
    const { page } = readmeProgram('orders.mjs')
    expect(withRealOutput(page, project)).toBe(page)
  })
})

/** Uses both doors of the package, strictly. */
const USE = `import { openLog, SeglogError, type ErrorCode, type Log } from 'seglog'
import { simulate, type SimulatedEnvironment } from 'seglog/testing'

interface Order { readonly id: string; readonly price?: number }
const machine: SimulatedEnvironment = simulate(1)
const log: Log<Order> = await machine.drive(openLog<Order>('/log', { environment: machine }))
const sequence: number = await log.commit({ id: 'a' })
const price: number | undefined = log.get(sequence)?.value.price
// @ts-expect-error a value of another type
log.append({ price })
export const codeOf = (error: unknown): ErrorCode | undefined => (error instanceof SeglogError ? error.code : undefined)
`

function config(module: string, moduleResolution: string, files: readonly string[], more: object): string {
  const compilerOptions = { module, moduleResolution, target: 'es2023', strict: true, exactOptionalPropertyTypes: true }
  return JSON.stringify({ compilerOptions: { ...compilerOptions, types: ['node'], ...more }, files })
}

function plantAddon(directory: string): void {
  mkdirSync(directory)
  writeFileSync(join(directory, 'package.json'), '{ "name": "cbor-extract", "version": "2.2.2", "main": "index.js" }')
  writeFileSync(join(directory, 'index.js'), `console.log('the addon was loaded')\nprocess.exit(9)\n`)
}
