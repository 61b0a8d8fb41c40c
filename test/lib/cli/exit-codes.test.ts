import { chmodSync, chownSync, cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { verifyLog } from '../../../lib/index.ts'
import { RECORDS, Writer, flip, makeLog, seglog, temporaryDirectory } from './seglog.ts'

const NOBODY = 65_534
const isRoot = process.getuid?.() === 0

/** What the commands are tried on. */
type Situation = 'sound' | 'live' | 'damaged' | 'read-only' | 'garbage' | 'nowhere'
const SITUATIONS: readonly Situation[] = ['sound', 'live', 'damaged', 'read-only', 'garbage', 'nowhere']

/** Words behind the directory, and the exit code in each situation, in the order above. */
const CODES: readonly (readonly [command: string, words: readonly string[], codes: readonly number[]])[] = [
  ['info', [], [0, 0, 0, 0, 2, 2]],
  ['cat', [], [0, 0, 1, 0, 2, 2]],
  ['cat', ['--reverse', '--json'], [0, 0, 1, 0, 2, 2]],
  ['tail', [], [0, 0, 0, 0, 2, 2]],
  ['verify', [], [0, 0, 1, 0, 2, 2]],
  ['salvage', ['NEW'], [0, 0, 3, 0, 2, 2]],
  ['copy', ['NEW'], [0, 0, 1, 0, 2, 2]],
  ['archive', ['--before', '2000', '--dry-run'], [0, 0, 0, 0, 2, 2]],
  ['lock', [], [0, 0, 0, 0, 2, 2]],
  ['lock', ['--break'], [0, 2, 0, 0, 2, 2]],
]

/** The same for commands that open the log as its writer. */
const WRITING: typeof CODES = [
  ['archive', ['--before', '2000'], [0, 2, 0, 2, 2, 2]],
  ['restore', [], [0, 2, 0, 2, 2, 2]],
  ['rebuild', [], [0, 2, 0, 2, 2, 2]],
]

const places = {} as Record<Situation, string>
let writer: Writer | undefined

beforeAll(async () => {
  const sound = await makeLog()
  places.sound = sound
  places.damaged = copyOf(sound)
  flip(join(places.damaged, 'segment-0000000002.log'), 20_000)
  places['read-only'] = copyOf(sound)
  lockUp(places['read-only'])
  places.garbage = join(temporaryDirectory(), 'garbage')
  mkdirSync(places.garbage)
  writeFileSync(join(places.garbage, 'notes.txt'), 'not a log')
  places.nowhere = join(temporaryDirectory(), 'nowhere')
  places.live = copyOf(sound)
  writer = await Writer.start(places.live)
})

afterAll(async () => {
  await writer?.kill()
  chmodSync(places['read-only'], 0o755)
})

function copyOf(from: string): string {
  const directory = join(temporaryDirectory(), 'log')
  cpSync(from, directory, { recursive: true })
  return directory
}

/** Readable for everyone and writable for nobody but root; so the commands are run by another where root runs the tests. */
function lockUp(directory: string): void {
  chmodSync(dirname(directory), 0o755)
  for (const name of readdirSync(directory)) {
    if (isRoot) chownSync(join(directory, name), NOBODY, NOBODY)
    chmodSync(join(directory, name), 0o444)
  }
  chmodSync(directory, 0o555)
}

function picture(directory: string): string[] {
  return readdirSync(directory).map((name) => `${name} ${readFileSync(join(directory, name)).toString('base64')}`)
}

function newDirectory(): string {
  const base = temporaryDirectory()
  if (isRoot) chownSync(base, NOBODY, NOBODY)
  return join(base, 'new')
}

describe.each(SITUATIONS)('on a log that is %s', (situation) => {
  const at = SITUATIONS.indexOf(situation)
  it.each(WRITING.map(([command, words, codes]) => [command, words, codes[at]!] as const))(
    'seglog %s %j ends with %i, and leaves a log that opens',
    async (command, words, code) => {
      const isOwn = situation === 'sound' || situation === 'damaged'
      const directory = isOwn ? copyOf(places[situation]) : places[situation]
      const who = situation === 'read-only' && isRoot ? { uid: NOBODY } : {}
      const outcome = await seglog([command, directory, ...words], who)
      expect(outcome, outcome.stderr + outcome.stdout).toMatchObject({ code })
      if (code === 2) expect(outcome.stderr).toMatch(/^seglog \w+: [A-Z_]+: .*\nnext: \S+/)
      if (situation === 'sound') expect((await verifyLog(directory)).isSound).toBe(true)
    },
  )
  it.each(CODES.map(([command, words, codes]) => [command, words, codes[at]!] as const))(
    'seglog %s %j ends with %i',
    async (command, words, code) => {
      const directory = places[situation]
      const isReading = situation === 'damaged' || situation === 'read-only'
      const before = isReading ? picture(directory) : []
      const typed = [command, directory, ...words.map((word) => (word === 'NEW' ? newDirectory() : word))]
      const who = situation === 'read-only' && isRoot ? { uid: NOBODY } : {}
      const outcome = await seglog(typed, who)
      expect(outcome, outcome.stderr + outcome.stdout).toMatchObject({ code })
      if (code === 2) expect(outcome.stderr).toMatch(/^seglog \w+: [A-Z_]+: /)
      if (code === 2 && command !== 'lock') expect(outcome.stderr).toMatch(/\nnext: \S+/)
      if (isReading) expect(picture(directory)).toEqual(before)
    },
  )
})

describe('what was typed', () => {
  it.each([
    ['nothing', [], 2, /^usage: seglog/],
    ['no such command', ['sing'], 2, /no command "sing"\nnext: seglog --help/],
    ['a command alone', ['cat'], 2, /it takes <directory>, not nothing\nnext: seglog cat --help/],
    ['an option that is none', ['cat', '.', '--loud'], 2, /--loud.*\nnext: seglog cat --help/s],
    [
      'a number that is none',
      ['cat', 'LOG', '--from', 'x'],
      2,
      /--from takes a whole number.*\nnext: seglog cat --help/,
    ],
    ['a time that is none', ['cat', 'LOG', '--since', 'x'], 2, /--since takes a time/],
  ] as const)('%s is answered on the other channel, with what to type', async (_name, words, code, answer) => {
    const outcome = await seglog(words.map((word) => (word === 'LOG' ? places.sound : word)))
    expect(outcome).toMatchObject({ code, stdout: '' })
    expect(outcome.stderr).toMatch(answer)
  })

  it('the version is that of the package', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
    expect(await seglog(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' })
  })

  it('help is no error, and every command has examples of its own', async () => {
    const outcome = await seglog(['--help'])
    expect(outcome).toMatchObject({ code: 0, stderr: '' })
    for (const [command] of CODES) {
      expect(outcome.stdout).toContain(`  ${command} <directory>`)
    }
    const help = await seglog(['tail', '--help'])
    expect(help).toMatchObject({ code: 0, stderr: '' })
    expect(help.stdout).toContain('seglog tail -f')
  })
})

describe('an end from outside', () => {
  it('a pipe that is closed early is no error', async () => {
    const outcome = await seglog(['cat', places.sound, '--json'], { onOutput: (_, child) => child.stdout!.destroy() })
    expect(outcome).toMatchObject({ code: 0, stderr: '' })
  })

  it('a pipe that is closed ends tail -f of a live log', async () => {
    const outcome = await seglog(['tail', '-f', places.live], { onOutput: (_, child) => child.stdout!.destroy() })
    expect(outcome).toMatchObject({ code: 0, stderr: '' })
  })

  it('Ctrl-C ends tail -f in order, after records that came while it ran', async () => {
    let asked = false
    const outcome = await seglog(['tail', '-f', '-n', '1', '--json', places.live], {
      onOutput: (stdout, child) => {
        if (asked || stdout.split('\n').length < 12) return
        asked = true
        child.kill('SIGINT')
      },
    })
    expect(outcome).toMatchObject({ code: 0, stderr: '' })
    const sequences = outcome.stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { sequence: number }).sequence)
    expect(sequences.length).toBeGreaterThan(10)
    expect(sequences[0]).toBeGreaterThan(RECORDS)
    expect(sequences).toEqual(sequences.map((_, index) => sequences[0]! + index))
  })

  it('Ctrl-C ends other work with 2, and says so', async () => {
    let asked = false
    const outcome = await seglog(['cat', places.sound], {
      onOutput: (_, child) => {
        if (!asked) child.kill('SIGINT')
        asked = true
      },
    })
    // It may have come to its end before.
    if (outcome.code !== 0) expect(outcome).toMatchObject({ code: 2, stderr: 'seglog cat: ended by SIGINT\n' })
  })
})
