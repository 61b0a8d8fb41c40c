import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import ts from 'typescript'

import { parse } from '../tidy/code.ts'
import { examplesOf, moduleOf } from '../tidy/examples.ts'
import { ROOT, textFiles } from '../tidy/files.ts'
import { Project } from '../tidy/program.ts'

/** The examples in the doc comments of public names: what the reference shows is compiled, run, and compared. */
const examples = examplesOf(parse(textFiles(['lib', 'segments', 'recovery'], ['.ts'])))
const fileOf = (index: number): string => `example-${index}`
let project: Project

beforeAll(() => {
  project = new Project()
  mkdirSync(join(project.directory, 'examples'))
})

afterAll(() => project.remove())

describe('the examples of doc comments', () => {
  it('are many', () => {
    expect(examples.length).toBeGreaterThan(80)
  })

  it('are right for the compiler', () => {
    expect(compiled()).toEqual([])
  }, 60_000)

  it('do what they say', () => {
    for (const [index, example] of examples.entries()) {
      const { outputText } = ts.transpileModule(moduleOf(example), {
        compilerOptions: { target: ts.ScriptTarget.ES2023 },
      })
      writeFileSync(join(project.directory, 'examples', `${fileOf(index)}.mjs`), outputText)
    }
    project.write('run.mjs', RUNNER)
    const names = examples.map(({ name, place }, index) => [fileOf(index), `${place} ${name}`])
    project.write('names.json', JSON.stringify(names))
    expect(project.run('node run.mjs')).toBe(`${examples.length} examples\n`)
  }, 60_000)
})

/** What the compiler says, each with the example that it is about. */
function compiled(): string[] {
  const texts = new Map(
    examples.map((example, index) => [join(ROOT, 'test/package', `${fileOf(index)}.ts`), { example, index }] as const),
  )
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ['node'],
    strict: true,
    noUncheckedIndexedAccess: true,
    allowImportingTsExtensions: true,
    noEmit: true,
    skipLibCheck: true,
    paths: { seglog: [join(ROOT, 'lib/index.ts')], 'seglog/testing': [join(ROOT, 'lib/testing.ts')] },
  }
  const host = ts.createCompilerHost(options)
  const real = {
    read: host.readFile.bind(host),
    has: host.fileExists.bind(host),
    source: host.getSourceFile.bind(host),
  }
  host.fileExists = (path) => texts.has(path) || real.has(path)
  host.readFile = (path) => (texts.has(path) ? moduleOf(texts.get(path)!.example) : real.read(path))
  host.getSourceFile = (path, ...rest) =>
    texts.has(path)
      ? ts.createSourceFile(path, moduleOf(texts.get(path)!.example), ts.ScriptTarget.ES2023, true)
      : real.source(path, ...rest)
  const program = ts.createProgram([...texts.keys()], options, host)
  return [...texts].flatMap(([path, { example }]) =>
    ts.getPreEmitDiagnostics(program, program.getSourceFile(path)).map(({ messageText }) => {
      return `${example.place} ${example.name}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`
    }),
  )
}

/** Runs each example in an empty directory, with what stands at hand in it; tells those that are not as they say. */
const RUNNER = `
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { openArchived, openLog, openReadOnly, openStore, predecessorOf } from 'seglog'
import { Ledger, simulate } from 'seglog/testing'

const ORDERS = [{ id: 'a', buy: 10, price: 101 }, { id: 'b', sell: 4, price: 101 }, { id: 'c', buy: 1, price: 99 }]
const names = JSON.parse(readFileSync('names.json', 'utf8'))
const here = process.cwd()
const print = console.log
console.log = () => {}
process.on('unhandledRejection', () => {}) // of what was left behind on a machine that died

const opened = []
async function orders(directory) {
  const log = await openLog(directory, { keys: { id: 'id' } })
  await log.commitBatch(ORDERS)
  opened.push(log)
  return log
}
const kept = (log) => (opened.push(log), log)

/** What examples of methods have, by the name of their class. */
const GIVEN = {
  Log: async () => ({ log: await orders('./orders') }),
  ReadOnlyLog: async () => ({ log: await orders('./orders'), reader: kept(await openReadOnly('./orders')) }),
  ArchivedSegments: async () => {
    const log = await orders('./orders')
    log.roll()
    await log.commit({ id: 'd', buy: 1, price: 1 })
    await log.archiveBefore(4, { to: './cold' })
    return { cold: kept(await openArchived('./cold')) }
  },
  Store: () => ({ store: kept(openStore('./data')) }),
  CrashedPredecessor: async () => {
    const store = kept(openStore('./data'))
    await (await store.startRun('engine', 'monday')).close()
    return { crashed: predecessorOf(await store.startRun('engine', 'tuesday').catch((error) => error)) }
  },
  NamedCursor: async () => {
    const log = await orders('./orders')
    return { log, cursor: log.cursor('billing') }
  },
  Simulated: () => ({ machine: simulate(1) }),
  Ledger: () => ({ ledger: new Ledger() }),
}

function same(found, told) {
  const text = inspect(found, { breakLength: Infinity, depth: 4 })
  if (text !== told) throw new Error('gives ' + text + ' and not ' + told)
}

async function throws(act, code) {
  try {
    await act()
  } catch (error) {
    if ((error.code ?? error.name) === code) return
    throw error
  }
  throw new Error('does not throw ' + code)
}

let count = 0
for (const [file, name] of names) {
  const place = mkdtempSync(join(tmpdir(), 'seglog-example-'))
  process.chdir(place)
  try {
    if (name.endsWith(' ReadOnlyLog')) await GIVEN.Log()
    if (name.endsWith(' ArchivedSegments')) await GIVEN.ArchivedSegments()
    const { run } = await import(join(here, 'examples', file + '.mjs'))
    const [, owner] = / (Simulated(?=\\w+[.])|NamedCursor|\\w+(?=[.]))/.exec(name) ?? []
    await run({ same, throws }, await (GIVEN[owner] ?? (() => ({})))())
    count += 1
  } catch (error) {
    print(name + ': ' + (error.stack ?? error))
  }
  for (const log of opened.splice(0)) await log.close().catch(() => undefined)
  process.chdir(here)
  rmSync(place, { recursive: true })
}
print(count + ' examples')
process.exit()
`
