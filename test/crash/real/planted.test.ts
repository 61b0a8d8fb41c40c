import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { openLog, openReadOnly } from '../../../lib/index.ts'
import type { Outcome } from './hostile-child.ts'
import { holds, pictureOf, tryAll } from './hostile.ts'
import { FAST_PLACE, temporaryDirectory } from './machine.ts'

/** Two segments, of which the second is the active one. */
const RECORDS = 120
const PRECIOUS = 'precious content of somebody else'

/** Every kind of name that a log directory has; of some the log itself has made one before, or comes to it soon. */
const NAMES = [
  'segment-0000000001.log',
  'segment-0000000002.log',
  'segment-0000000003.log',
  'manifest-0000000001.json',
  'manifest-0000000099.json',
  'durable',
  'tmp-segment-0123456789abcdef',
  'tmp-mine',
  'cut',
  'archive',
  'lock-0000000001',
  'lock-000000000000123.sock',
]

/** What is put there, given a place outside of the log where something precious is, and where a file of the log went. */
type Plant = (at: string, outside: string, moved: string) => void
const PLANTS: Readonly<Record<string, Plant>> = {
  'a link to a file': (at, outside) => fs.symlinkSync(path.join(outside, 'file'), at),
  'a link to a directory': (at, outside) => fs.symlinkSync(outside, at),
  'a link to nowhere': (at, outside) => fs.symlinkSync(path.join(outside, 'nowhere'), at),
  // Followed, the log would open, and be written outside of its directory.
  'a link to what stood there': (at, _, moved) => fs.symlinkSync(moved, at),
  'a pipe': (at) => expect(spawnSync('mkfifo', [at]).status).toBe(0),
  'a directory': (at) => {
    fs.mkdirSync(at)
    fs.writeFileSync(path.join(at, 'file'), PRECIOUS)
  },
}

/** A log that was left in a crash, its tail torn: made once, copied for each case. */
let template = ''
const states = ['no log', 'a log with a torn tail'] as const
type State = (typeof states)[number]

beforeAll(async () => {
  const base = fs.mkdtempSync(path.join(FAST_PLACE, 'seglog-planted-'))
  template = path.join(base, 'log')
  await tryAll({ directories: [template], records: RECORDS, leave: true })
  for (const name of fs.readdirSync(template)) if (name.startsWith('lock-')) fs.rmSync(path.join(template, name))
  tear(path.join(template, 'segment-0000000002.log'))
  return () => fs.rmSync(base, { recursive: true })
})

/** As a write leaves it that a kill cut short. */
function tear(segment: string): void {
  const bytes = fs.readFileSync(segment)
  let end = bytes.length
  while (bytes[end - 1] === 0) end -= 1
  bytes.write('torn', Math.ceil(end / 8) * 8 + 8)
  fs.writeFileSync(segment, bytes)
}

interface Case {
  readonly directory: string
  readonly name: string
  /** Whether a file of the log had to go for it. */
  readonly displaced: boolean
}

/** Plants one thing under every name, each in a log of its own. */
function plantAll(state: State, plant: Plant, base: string): Case[] {
  const outside = path.join(base, 'outside')
  fs.mkdirSync(outside, { recursive: true })
  fs.writeFileSync(path.join(outside, 'file'), PRECIOUS)
  return NAMES.map((name) => {
    const directory = path.join(fs.mkdtempSync(path.join(base, 'case-')), name)
    if (state === 'no log') fs.mkdirSync(directory)
    else fs.cpSync(template, directory, { recursive: true })
    const at = path.join(directory, name)
    const displaced = fs.existsSync(at)
    const moved = path.join(outside, path.basename(path.dirname(directory)))
    if (displaced) fs.renameSync(at, moved)
    plant(at, outside, moved)
    return { directory, name, displaced }
  })
}

async function outcomesOf(cases: readonly Case[], records: number): Promise<readonly Outcome[]> {
  const outcomes = await tryAll({ directories: cases.map((each) => each.directory), records })
  for (const { directory, codes, message, isTyped, ms } of outcomes) {
    expect(isTyped, `${directory} ${codes.join(' ')} ${message}`).toBe(true)
    expect(ms, directory).toBeLessThan(5000)
  }
  return outcomes
}

/** With the planted thing gone, what was acknowledged is there, unless it had taken the place of a file of the log. */
async function checkWithout(cases: readonly Case[], state: State): Promise<void> {
  const sound = cases.filter((each) => !each.displaced)
  for (const { directory, name } of sound) {
    const status = fs.lstatSync(path.join(directory, name), { throwIfNoEntry: false })
    // A link or a pipe may have had to make way for a file of the log.
    if (status !== undefined && !status.isFile()) fs.rmSync(path.join(directory, name), { recursive: true })
  }
  for (const outcome of await outcomesOf(sound, 1)) {
    expect(outcome, outcome.directory).toMatchObject({ codes: [] })
    if (state !== 'no log') expect(outcome.lastSequence, outcome.directory).toBeGreaterThan(RECORDS)
  }
}

describe.each(states)('planted in %s', (state) => {
  test('links, pipes and directories under our names are never followed, hang nothing, lose nothing', async () => {
    const base = temporaryDirectory(FAST_PLACE)
    const cases = Object.entries(PLANTS).map(([kind, plant]) => ({ kind, planted: plantAll(state, plant, base) }))
    const outside = pictureOf(path.join(base, 'outside'))
    const all = cases.flatMap(({ planted }) => planted)
    const outcomes = await outcomesOf(all, RECORDS)
    expect(pictureOf(path.join(base, 'outside'))).toEqual(outside)
    // The active segment behind a link is not there, however sound it is where the link leads.
    const linked = cases.find(({ kind }) => kind === 'a link to what stood there')!.planted
    const active = linked.find(({ name, displaced }) => displaced && name === 'segment-0000000002.log')
    const outcome = outcomes.find(({ directory }) => directory === active?.directory)
    expect(outcome?.codes).toEqual(state === 'no log' ? undefined : ['CORRUPT'])
    for (const { kind, planted } of cases) {
      if (kind !== 'a directory') continue
      for (const { directory } of planted) expect(holds(directory, PRECIOUS), directory).toBe(true)
    }
    await checkWithout(all, state)
  })

  test('a file with content of somebody else is not lost', async () => {
    const base = temporaryDirectory(FAST_PLACE)
    const cases = plantAll(state, (at) => fs.writeFileSync(at, PRECIOUS), base)
    await outcomesOf(cases, RECORDS)
    // Ours by their whole name, and of no use: a temporary file, a socket on which nobody answers, old manifests.
    const ours = ['tmp-segment-0123456789abcdef', 'lock-000000000000123.sock']
    if (state !== 'no log') ours.push(...NAMES.filter((name) => name.startsWith('manifest-')))
    for (const { directory, name, displaced } of cases) {
      if (ours.includes(name) || displaced) continue
      expect(holds(directory, PRECIOUS), directory).toBe(true)
    }
  })

  test('a sparse file of 2 TiB is a typed error or of no interest, at once', async () => {
    const base = temporaryDirectory(FAST_PLACE)
    const sparse: Plant = (at) => {
      fs.writeFileSync(at, '')
      fs.truncateSync(at, 2 * 2 ** 40)
    }
    await outcomesOf(plantAll(state, sparse, base), 1)
  })
})

describe('foreign files', () => {
  test('are left alone and named in the report', async () => {
    const directory = temporaryDirectory(FAST_PLACE)
    const names = ['notes.txt', 'segment-1.log', 'segment-00000000001.log', 'manifest-0000000001.json.bak', 'Durable']
    for (const name of names) fs.writeFileSync(path.join(directory, name), PRECIOUS)
    fs.mkdirSync(path.join(directory, 'folder'))
    fs.writeFileSync(path.join(directory, 'folder', 'file'), PRECIOUS)
    fs.symlinkSync('/etc', path.join(directory, 'link'))
    const mine = (): unknown =>
      Object.entries(pictureOf(directory)).filter(
        ([name]) => !/^(segment-\d{10}\.(log|idx)|manifest-\d{10}\.json|durable)$/.test(name),
      )
    const before = mine()
    const expected = [...names, 'folder', 'link'].map((name) => path.join(directory, name)).sort()
    for (const records of [RECORDS, 1]) {
      const [outcome] = await tryAll({ directories: [directory], records })
      expect(outcome).toMatchObject({ codes: [] })
      expect([...outcome!.ignored].sort()).toEqual(expected)
      expect(mine()).toEqual(before)
    }
  })
})

test.each<[string, Plant]>([
  ['a pipe', (at) => void spawnSync('mkfifo', [at])],
  ['a link to nowhere', (at) => fs.symlinkSync('/nowhere', at)],
  ['a link to zeros', (at) => fs.symlinkSync('/dev/zero', at)],
])('%s in the place of the slots is no evidence to a reader, and no error', async (_, plant) => {
  const directory = temporaryDirectory(FAST_PLACE)
  const log = await openLog<number>(directory)
  await log.commitBatch([1, 2, 3])
  await log.close()
  fs.rmSync(path.join(directory, 'durable'))
  plant(path.join(directory, 'durable'), '', '')
  const reader = await openReadOnly<number>(directory)
  expect([...reader.read()].map(({ value }) => value)).toEqual([1, 2, 3])
  await reader.close()
})
