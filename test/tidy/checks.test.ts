import { describe, expect, it } from 'vitest'

import { strayBlocks, strayCommands } from './blocks.ts'
import { type Code, parse } from './code.ts'
import { uncommented } from './comments.ts'
import { deadExports } from './exports.ts'
import { ROOT } from './files.ts'
import { tooLong } from './lengths.ts'
import { strayNumbers } from './numbers.ts'
import { deadLinks, deadMentions, lostNames, privateLines } from './pages.ts'
import { falseRows, FEATURES, PROMISES } from './promises.ts'
import { lacking } from './reference.ts'
import { circles, climbs } from './slope.ts'
import { amountOf, rowsOf } from './tables.ts'
import { strayWords, wordsOf } from './words.ts'
import { strayPackages, worldlyImports, worldlyNames } from './world.ts'

function code(files: Readonly<Record<string, string>>): Code[] {
  return parse(Object.entries(files).map(([path, text]) => ({ path, text })))
}

const LONG_BODY = `  run()\n`.repeat(70)
const LONG_FILE = `run()\n`.repeat(301)
const WORDS = new Map([['seq', 'sequence']])

const DOOR = { 'lib/index.ts': `export { a } from './a.ts'` }

type Check = (codes: readonly Code[]) => string[]
/** Name of the case, the check, the files, and how many findings there must be. */
const CASES: readonly [string, Check, Readonly<Record<string, string>>, number][] = [
  ['an import that goes up', climbs, { 'segments/a.ts': `import { b } from '../recovery/b.ts'` }, 1],
  ['an import that goes sideways', climbs, { 'lib/read/a.ts': `import { b } from '../../recovery/b.ts'` }, 1],
  ['a type that goes up', climbs, { 'recovery/a.ts': `import type { B } from '../lib/b.ts'` }, 1],
  ['a type in the middle that goes up', climbs, { 'recovery/a.ts': `let b: import('../lib/b.ts').B` }, 1],
  ['a re-export that goes up', climbs, { 'segments/format/a.ts': `export { b } from '../b.ts'` }, 1],
  ['bytes that know the environment', climbs, { 'segments/format/a.ts': `import '../env/steps.ts'` }, 1],
  ['a world below the door', climbs, { 'recovery/a.ts': `import { n } from '../segments/env/node.ts'` }, 1],
  ['a room of no place', climbs, { 'lib/more/a.ts': '' }, 1],
  ['an import without its ending', climbs, { 'lib/a.ts': `import { b } from './b'` }, 1],
  ['imports that go down', climbs, { 'lib/world.ts': `import { n } from '../segments/env/node.ts'` }, 0],
  [
    'a circle',
    circles,
    { 'lib/a.ts': `import './b.ts'`, 'lib/b.ts': `import './c.ts'`, 'lib/c.ts': `import './b.ts'` },
    1,
  ],
  ['a file system above the environment', worldlyImports, { 'lib/a.ts': `import fs from 'node:fs'` }, 1],
  ['the same without its scheme', worldlyImports, { 'lib/a.ts': `import { open } from 'fs/promises'` }, 1],
  ['a file system in the simulator', worldlyImports, { 'segments/env/simulated.ts': `import 'node:os'` }, 1],
  ['a file system where it belongs', worldlyImports, { 'segments/env/node-files.ts': `import 'node:fs'` }, 0],
  ['a second home of a package', strayPackages, { 'lib/a.ts': `import { Encoder } from 'cbor-x/encode'` }, 1],
  ['a new package', strayPackages, { 'lib/a.ts': `import x from 'left-pad'` }, 1],
  ['the console', worldlyNames, { 'segments/env/node.ts': `console.log(1)` }, 1],
  ['a clock', worldlyNames, { 'lib/a.ts': `const now = Date.now()\nconst then = new Date()` }, 2],
  ['a timer', worldlyNames, { 'lib/a.ts': `setTimeout(run, 1)` }, 1],
  ['the process', worldlyNames, { 'lib/a.ts': `if (process.platform === 'linux') run()` }, 1],
  ['the process in another file of the command', worldlyNames, { 'lib/cli/run.ts': `process.exit()` }, 1],
  ['a clock in the program', worldlyNames, { 'lib/cli/main.ts': `Date.now()` }, 1],
  ['the process in the program', worldlyNames, { 'lib/cli/main.ts': `process.exitCode = 1` }, 0],
  ['chance', worldlyNames, { 'lib/a.ts': `const salt = Math.random()` }, 1],
  ['a member that is called like the process', worldlyNames, { 'lib/a.ts': `run(machine.process, new Date(0))` }, 0],
  ['a long file', tooLong, { 'lib/a.ts': LONG_FILE }, 1],
  ['a long file with a reason', tooLong, { 'lib/a.ts': `/** Over 300 lines because of b. */\n${LONG_FILE}` }, 0],
  ['a long function', tooLong, { 'lib/a.ts': `function a() {\n${LONG_BODY}}` }, 1],
  ['a long method', tooLong, { 'lib/a.ts': `class A {\n  a() {\n${LONG_BODY}}\n}` }, 1],
  ['a long arrow', tooLong, { 'lib/a.ts': `const a = () => {\n${LONG_BODY}}` }, 1],
  [
    'a long function with a reason',
    tooLong,
    { 'lib/a.ts': `/** Over 70 lines because of b. */\nfunction a() {\n${LONG_BODY}}` },
    0,
  ],
  ['an offset', strayNumbers, { 'recovery/a.ts': `bytes.readUInt32LE(12)` }, 1],
  ['an offset in a sum', strayNumbers, { 'segments/a.ts': `bytes.writeUInt32LE(7, start + 8)\nend += 24n` }, 2],
  ['a value that is written', strayNumbers, { 'segments/a.ts': `bytes.writeUInt32LE(7, FRAME.at.crc)` }, 0],
  ['a byte of an integer', strayNumbers, { 'segments/format/a.ts': `bytes[at + 2] = 0` }, 0],
  ['a function without example and codes', lacking, { ...DOOR, 'lib/a.ts': `/** A. */\nexport function a() {}` }, 2],
  [
    'a function with both',
    lacking,
    { ...DOOR, 'lib/a.ts': `/** Throws IO.\n * @example\n * a() */\nexport function a() {}` },
    0,
  ],
  [
    'a function whose number has no unit',
    lacking,
    { ...DOOR, 'lib/a.ts': `/** Throws IO.\n * @example\n * a() */\nexport function a(much: number): void {}` },
    1,
  ],
  [
    'a method without example and codes, and one that nobody else calls',
    lacking,
    {
      ...DOOR,
      'lib/a.ts': `/** @example\n * new a() */\nexport class a { b() {}\n/** @internal */\nc() {}\nprivate d() {} }`,
    },
    2,
  ],
  [
    'a number without unit, and bytes without owner',
    lacking,
    { ...DOOR, 'lib/a.ts': `export interface a { much: number; sizeBytes: number; payload: Uint8Array }` },
    2,
  ],
  [
    'the same in a union, behind another door',
    lacking,
    {
      ...DOOR,
      'lib/a.ts': `import { a } from './b.ts'\nexport type { a }`,
      'lib/b.ts': `export type a = { much: number } | { few: number }`,
    },
    2,
  ],
  ['a word that has a better one', (c) => strayWords(c, WORDS), { 'lib/a.ts': `const lastSeq = 1` }, 1],
  ['a parameter that has one', (c) => strayWords(c, WORDS), { 'lib/a.ts': `function f(seq: number) {}` }, 1],
  ['a word of other code', (c) => strayWords(c, WORDS), { 'lib/a.ts': `other.seq()` }, 0],
]

describe('a check finds', () => {
  it.each(CASES)('%s', (_name, check, files, count) => {
    expect(check(code(files))).toHaveLength(count)
  })

  it('exports that nobody asks for, and tells those that are for tests', () => {
    const library = code({
      'lib/index.ts': `export { a } from './a.ts'`,
      'lib/a.ts': `export const a = 1\nexport const dead = 2\nexport function tested() {}\nexport interface Options { a: 1 }`,
    })
    const tests = code({ 'test/a.test.ts': `import { tested } from '../lib/a.ts'` })
    expect(deadExports(library, tests, { 'lib/a.ts tested': 'why', 'lib/a.ts a': 'stale' })).toEqual([
      'lib/a.ts:2: dead is exported and nobody uses it',
      'lib/a.ts:4: Options is exported and nobody uses it',
      'lib/a.ts a: needs no reason any more',
    ])
  })

  it('names that users import and that say nothing of what they are', () => {
    const library = code({
      'lib/index.ts': `export { A, b, type C, d } from './a.ts'`,
      'lib/a.ts': [
        '/** A. */ export class A {',
        'm() {}',
        'private n() {}',
        '/** O. */ o(): void',
        'o(x?: 1) {}',
        'get p() { return 1 }',
        '}',
        'export const b = 1',
        '/** C. */ export interface C { x: 1 }',
        '/** D. */ export function d(): void',
        'export function d(x?: 1) {}',
        'export const other = 1',
      ].join('\n'),
    })
    expect(uncommented(library)).toEqual([
      'lib/a.ts:2: A.m has no doc comment',
      'lib/a.ts:6: A.p has no doc comment',
      'lib/a.ts:8: b has no doc comment',
    ])
  })

  it('links that lead nowhere', () => {
    const text =
      '# A b!\n[a](package.json) [b](nowhere.md) [c](#a-b) [d](#other) [e](https://example.org)\n```\n[f](no.md)\n```\n'
    expect(deadLinks([{ path: 'x.md', text }], ROOT)).toEqual([
      'x.md:2: nowhere.md leads nowhere',
      'x.md:2: #other: no such heading',
    ])
  })

  it('blocks of code that nobody runs', () => {
    const text = '```js file=a.mjs\n```\n```console run\n```\n```\nwords\n```\n```ts\n```\n```js\n```\n'
    expect(strayBlocks([{ path: 'docs/guide.md', text }])).toEqual([
      "docs/guide.md:5: a block that does not say what it is; 'text' if it is no code",
      'docs/guide.md:8: no test runs this block: ts',
      'docs/guide.md:10: no test runs this block: js',
    ])
    expect(strayBlocks([{ path: 'docs/testing.md', text: '```ts\n```\n```sh\n```\n' }])).toHaveLength(1)
    expect(strayBlocks([{ path: 'docs/guide.md', text: '```text\nwords\n```\n' }])).toEqual([])
  })

  it('commands that are not there', () => {
    const text =
      '```sh\nnpm ci && npm start\nnpm run crash -- --seed 1 # all\nnpx vitest run x\nnpx other\n```\n```text\nnpm no\n```\n'
    expect(strayCommands([{ path: 'x.md', text }], ['start'], ['vitest'])).toEqual([
      'x.md: there is no npm run crash -- --seed 1',
      'x.md: there is no npx other',
    ])
  })

  it('names of code that are not there', () => {
    const page = { path: 'x.md', text: 'the `table` and `lost` of\n`a.ts`\n```sh\n`nothing`\n```\n' }
    expect(lostNames(page, [{ path: 'a.ts', text: 'const table = 1' }])).toEqual(['x.md:1: nothing is called lost'])
  })

  it('files that are named and not there', () => {
    const text = '/** See `docs/words.md` and docs/nowhere.md. */\nimport "../other/docs/x.md"\n'
    expect(deadMentions([{ path: 'lib/a.ts', text }], ROOT)).toEqual(['lib/a.ts:1: there is no docs/nowhere.md'])
  })

  it('lines that are true on one machine or in one week only', () => {
    const lines: readonly [string, number][] = [
      ['at /home/me/x', 1],
      ['"resolved": "https://x/y.tgz"', 1],
      ['https://registry.example.org/x', 1],
      ['issue 7 adds it', 1],
      ['see ../shared/design.md', 1],
      ['a session of work', 1],
      ['see https://github.com/x/y and ./lib/work/here', 0],
    ]
    for (const [text, count] of lines) expect(privateLines([{ path: 'x.md', text }]), text).toHaveLength(count)
  })

  it('rows of the map of promises that are missing, false or skipped', () => {
    const test = { path: 'test/a.test.ts', text: `it('x stays', run)\nit.skip('y goes', run)` }
    const proofs = [
      '`test/a.test.ts` "x stays"',
      '`test/a.test.ts` "z"',
      '`test/b.test.ts` "x"',
      'no test yet',
      'surely',
    ]
    const ids = [...PROMISES, ...FEATURES].slice(0, -1)
    const rows = ids.map(
      (id, at) => `| ${id} | … | ${at === 5 ? '`test/a.test.ts` "y goes"' : (proofs[at] ?? 'no test yet')} |`,
    )
    const text = ['| id | promise | proof |', '|---|---|---|', ...rows].join('\n')
    expect(falseRows({ path: 'm.md', text }, [test])).toEqual([
      `m.md: ${FEATURES.at(-1)} is missing`,
      'm.md:4: 2: test/a.test.ts has no test "z"',
      'm.md:5: 3: there is no test/b.test.ts',
      'm.md:7: 5: cannot be read: surely',
      'm.md:8: 6: the test "y goes" is skipped',
    ])
  })
})

describe('a page is read', () => {
  it('with the rows of one section', () => {
    const page = '# A\n| x | y |\n|---|---|\n| 1 | a \\| b |\n## B\n| x |\n|---|\n| 2 |\n# C\n| x |\n|---|\n| 3 |\n'
    expect(rowsOf(page).map((row) => row['x'])).toEqual(['1', '2', '3'])
    expect(rowsOf(page, 'A').map((row) => row['x'])).toEqual(['1', '2'])
    expect(rowsOf(page, 'B').map((row) => row['x'])).toEqual(['2'])
  })

  it('with amounts in units', () => {
    expect(['64 KiB', '1 GiB', '86,400,000 ms', '1', 'none'].map(amountOf)).toEqual([
      65536,
      2 ** 30,
      86_400_000,
      1,
      undefined,
    ])
    expect(() => amountOf('much')).toThrow('not an amount')
  })

  it('with the words of a name', () => {
    expect(wordsOf('syncLatencyMs')).toEqual(['sync', 'latency', 'ms'])
    expect(wordsOf('SEGMENT_HEADER')).toEqual(['segment', 'header'])
    expect(wordsOf('CRCTable2')).toEqual(['crc', 'table2'])
  })
})
