import { describe, expect, it } from 'vitest'

import { LIMITS } from '../lib/options.ts'
import { strayBlocks, strayCommands } from './tidy/blocks.ts'
import { parse } from './tidy/code.ts'
import { uncommented } from './tidy/comments.ts'
import { deadExports } from './tidy/exports.ts'
import { withFigures } from './tidy/figures.ts'
import { ROOT, textFile, textFiles } from './tidy/files.ts'
import { tooLong } from './tidy/lengths.ts'
import { strayNumbers } from './tidy/numbers.ts'
import { deadLinks, deadMentions, lostNames, privateLines } from './tidy/pages.ts'
import { Project, withRealOutput } from './tidy/program.ts'
import { falseRows } from './tidy/promises.ts'
import { lacking } from './tidy/reference.ts'
import { circles, climbs } from './tidy/slope.ts'
import { amountOf, codeIn, rowsOf } from './tidy/tables.ts'
import { strayWords } from './tidy/words.ts'
import { strayPackages, worldlyImports, worldlyNames } from './tidy/world.ts'

/** The repository tests itself. What each check catches stands in `tidy/checks.test.ts`. */
const library = parse(textFiles(['lib', 'segments', 'recovery'], ['.ts']))
const others = parse(textFiles(['test', 'bench', 'docs'], ['.ts']))
const pages = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md']
  .map(textFile)
  .concat(textFiles(['docs', 'bench'], ['.md']))
const lockFile = textFile('package-lock.json')

/** Exported for tests alone, as `path name`, each with the reason. */
const FOR_TESTS: Readonly<Record<string, string>> = {
  'segments/sidecar.ts openSidecar': 'for readers, who are still to use sidecars',
}

describe('code', () => {
  it('imports only go down', () => {
    expect(climbs(library)).toEqual([])
  })

  it('no files import each other in a circle', () => {
    expect(circles(library)).toEqual([])
  })

  it('only the environment of Node imports what reaches the world', () => {
    expect(worldlyImports(library)).toEqual([])
  })

  it('one file knows each package', () => {
    expect(strayPackages(library)).toEqual([])
  })

  it('no clock, timer, chance or process outside of the environment, and no console at all', () => {
    expect(worldlyNames(library)).toEqual([])
  })

  it('files and functions that are long say why', () => {
    expect(tooLong(library)).toEqual([])
  })

  it('numbers of the format have one home', () => {
    expect(strayNumbers(library)).toEqual([])
  })

  it('every exported name is used', () => {
    expect(deadExports(library, others, FOR_TESTS)).toEqual([])
  })

  it('every name that users import says what it is', () => {
    expect(uncommented(library)).toEqual([])
  })

  it('every name that users import says its units, errors and owners, and shows an example', () => {
    expect(lacking(library)).toEqual([])
  })

  it('names say the words of docs/words.md', () => {
    const rows = rowsOf(textFile('docs/words.md').text, 'Words that we do not use')
    const words = new Map(rows.flatMap((row) => row['not']!.split(', ').map((not) => [codeIn(not)!, row['but']!])))
    expect(words.size).toBeGreaterThan(10)
    expect(strayWords(library, words)).toEqual([])
  })

  it('depends at run time on crc-32 and cbor-x only', () => {
    const { dependencies } = JSON.parse(textFile('package.json').text) as { dependencies: object }
    expect(Object.keys(dependencies)).toEqual(['cbor-x', 'crc-32'])
  })
})

describe('docs', () => {
  it('docs/errors.md has each code of an error', () => {
    const codes = unionIn('segments/errors.ts', 'ErrorCode')
    expect(rowsOf(textFile('docs/errors.md').text, 'Codes').map((row) => codeIn(row['code']))).toEqual(codes)
  })

  it('docs/errors.md says of each code whether it happens today', () => {
    const thrown = new Set(library.flatMap(({ text }) => text.match(/(?<=SeglogError\(\s*')[A-Z_]+/g) ?? []))
    const rows = rowsOf(textFile('docs/errors.md').text, 'Codes')
    const today = rows.filter((row) => !row['when it happens']!.startsWith('Not yet')).map((row) => codeIn(row['code']))
    expect(new Set(today)).toEqual(thrown)
  })

  it('docs/options.md has the limits of each option', () => {
    const rows = rowsOf(textFile('docs/options.md').text, 'Numbers')
    const told = rows.map(({ option, default: value, minimum, maximum }) => [
      codeIn(option),
      { default: amountOf(value!), min: amountOf(minimum!), max: amountOf(maximum!) },
    ])
    expect(Object.fromEntries(told)).toEqual(LIMITS)
  })

  it('docs/options.md has every option, and no other', () => {
    const rows = [
      ...rowsOf(textFile('docs/options.md').text, 'Numbers'),
      ...rowsOf(textFile('docs/options.md').text, 'Choices'),
    ]
    const members = ['OpenOptions', 'OpenLogOptions'].flatMap((name) => membersOf(name))
    expect(rows.map((row) => codeIn(row['option'])).sort()).toEqual(members.sort())
  })

  it('docs/promises.md names tests that are there', () => {
    expect(falseRows(textFile('docs/promises.md'), textFiles(['test', 'bench'], ['.ts']))).toEqual([])
  })

  it('links lead somewhere', () => {
    expect(deadLinks(pages, ROOT)).toEqual([])
  })

  it('every block is run or compared by a test, or says that it is no code', () => {
    expect(strayBlocks(pages)).toEqual([])
  })

  it('commands that a page shows are there', () => {
    const { scripts, devDependencies } = JSON.parse(textFile('package.json').text) as Record<string, object>
    expect(strayCommands(pages, Object.keys(scripts!), Object.keys(devDependencies!))).toEqual([])
  })

  it('files that are named are there', () => {
    const own = /^test\/tidy\//
    expect(
      deadMentions(
        [...pages, ...library, ...others].filter(({ path }) => !own.test(path)),
        ROOT,
      ),
    ).toEqual([])
  })

  it('names of code in CONTRIBUTING.md are there', () => {
    expect(lostNames(textFile('CONTRIBUTING.md'), [...library, ...others])).toEqual([])
  })

  it('README.md leads to every page', () => {
    const { text } = textFile('README.md')
    const led = pages.filter(({ path }) => path !== 'README.md' && !text.includes(`](${path})`))
    expect(led.map(({ path }) => path)).toEqual([])
  })

  it('nothing is true on one machine or in one week only', () => {
    const all = textFiles(['.'], ['.ts', '.md', '.json', '.js', '.npmrc', '.yml']).concat(lockFile, textFile('.npmrc'))
    const own = 'test/tidy/'
    expect(privateLines(all.filter((file) => !file.path.startsWith(own)))).toEqual([])
  })

  it('the programs of README.md print what it says', () => {
    const { text } = textFile('README.md')
    const project = new Project()
    try {
      expect(withRealOutput(text, project)).toBe(text)
    } finally {
      project.remove()
    }
  })

  it('README.md claims nothing of seglog that no test proves', () => {
    const { text } = textFile('README.md')
    const proofs = new Map(rowsOf(textFile('docs/promises.md').text).map((row) => [row['id'], row['proof']!]))
    const claims = rowsOf(text, 'Beside others').flatMap((row) => row['seglog']!.match(/\b[A-E]\d+\b/g) ?? [])
    expect(claims.length).toBeGreaterThan(8)
    expect(claims.filter((id) => !/^`/.test(proofs.get(id) ?? ''))).toEqual([])
  })

  it('README.md quotes the figures of bench/README.md: npx tsx test/tidy/figures.ts', () => {
    const { text } = textFile('README.md')
    expect(text).toBe(withFigures(text, textFile('bench/README.md').text))
    expect(rowsOf(text, 'Beside others').filter((row) => 'order events' in row).length).toBeGreaterThan(1)
  })

  it('SECURITY.md leads to private advisories where there is a repository', () => {
    const { repository } = JSON.parse(textFile('package.json').text) as { repository?: { url: string } }
    const { text } = textFile('SECURITY.md')
    const place = repository && repository.url.replace(/^git\+|\.git$/g, '')
    expect(text).toContain(place === undefined ? 'has no public repository' : `${place}/security/advisories/new`)
  })

  it('README.md has the two commands', () => {
    const { text } = textFile('README.md')
    for (const command of ['npm ci && npm start', 'npm ci && npm test']) {
      expect(text).toMatch(new RegExp(`^\`\`\`\\w*\\n${command}\\n\`\`\`$`, 'm'))
    }
  })
})

/** Members of a union of strings, in order. */
function unionIn(path: string, name: string): string[] {
  const { text } = textFile(path)
  const body = new RegExp(`type ${name} =\\n((?:  \\| '\\w+'\\n)+)`).exec(text)![1]!
  return [...body.matchAll(/'(\w+)'/g)].map((match) => match[1]!)
}

/** Names of the members of an interface of `lib`, without those that it inherits. */
function membersOf(name: string): string[] {
  for (const code of library) {
    const body = new RegExp(`^export interface ${name}\\b[^{]*\\{\\n(.*?)^\\}`, 'ms').exec(code.text)?.[1]
    if (body !== undefined) return [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map((match) => match[1]!)
  }
  throw new Error(`no interface ${name}`)
}
