import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { openLog } from '../../../lib/index.ts'
import { pictureOf, tryAll } from './hostile.ts'
import { mountSmall, skipped, temporaryDirectory, whyNoDisk } from './machine.ts'
import { ANY_SEED, SMALL_SEGMENT_BYTES, type Sample, sample } from './records.ts'

const NOBODY = 65_534
const isRoot = process.getuid?.() === 0
const other = isRoot ? { uid: NOBODY } : {}

async function closedLog(directory: string): Promise<void> {
  const log = await openLog<Sample>(directory, { segmentBytes: SMALL_SEGMENT_BYTES })
  for (let sequence = 1; sequence <= 30; sequence++) await log.commit(sample(ANY_SEED, 1, sequence))
  await log.close()
}

function giveAway(directory: string): void {
  if (!isRoot) return
  for (const name of ['.', ...fs.readdirSync(directory)]) fs.chownSync(path.join(directory, name), NOBODY, NOBODY)
}

/** Reachable for everyone, as the directories of mkdtemp are not. */
function open(): string {
  const base = temporaryDirectory()
  fs.chmodSync(base, 0o755)
  return base
}

describe('permissions', () => {
  test('a directory that may not be written: a typed error that says so, and nothing is changed', async () => {
    const base = open()
    const directory = path.join(base, 'log')
    await closedLog(directory)
    giveAway(directory)
    fs.chmodSync(directory, 0o555)
    const before = pictureOf(base)
    const [outcome] = await tryAll({ directories: [directory], records: 1, ...other })
    expect(outcome).toMatchObject({ codes: ['IO', 'EACCES'], isTyped: true })
    expect(outcome!.message).toContain(directory)
    expect(pictureOf(base)).toEqual(before)
    fs.chmodSync(directory, 0o755)
    const [again] = await tryAll({ directories: [directory], records: 1, ...other })
    expect(again).toMatchObject({ codes: [], end: 'closed', lastSequence: 31 })
  })

  test('a new log where no directory may be made: a typed error, and nothing is there', async () => {
    const base = open()
    fs.chmodSync(base, 0o555)
    const directories = [path.join(base, 'log'), path.join(base, 'a', 'b')]
    for (const outcome of await tryAll({ directories, records: 1, ...other })) {
      expect(outcome).toMatchObject({ codes: ['IO', 'EACCES'], isTyped: true })
    }
    fs.chmodSync(base, 0o755)
    expect(fs.readdirSync(base)).toEqual([])
  })

  const notRoot = isRoot ? undefined : 'only root can make files of another user'
  test.skipIf(skipped("another user's files", notRoot))('files of another user: a typed error, unchanged', async () => {
    const base = open()
    const directory = path.join(base, 'log')
    await closedLog(directory)
    // The directory may be written, the files in it may not even be read.
    fs.chownSync(directory, NOBODY, NOBODY)
    const before = pictureOf(base)
    const [outcome] = await tryAll({ directories: [directory], records: 1, ...other })
    expect(outcome).toMatchObject({ codes: ['IO', 'EACCES'], isTyped: true })
    expect(pictureOf(base)).toEqual(before)
  })

  test.skipIf(skipped('a read-only disk', whyNoDisk('tmpfs')))('a disk that is mounted to read: likewise', async () => {
    const mount = mountSmall('tmpfs', 1024 * 1024)
    const directory = path.join(mount, 'log')
    await closedLog(directory)
    const before = pictureOf(mount)
    expect(spawnSync('mount', ['-o', 'remount,ro', mount]).status).toBe(0)
    const [outcome, none] = await tryAll({ directories: [directory, path.join(mount, 'none')], records: 1 })
    expect(outcome).toMatchObject({ codes: ['IO', 'EROFS'], isTyped: true })
    expect(none).toMatchObject({ codes: ['IO', 'EROFS'], isTyped: true })
    expect(pictureOf(mount)).toEqual(before)
  })

  test('what a log makes is for its owner only, also what a recovery keeps aside', async () => {
    const base = temporaryDirectory()
    const directory = path.join(base, 'new', 'log')
    const settings = { directories: [directory], records: 300, umask: 0, leave: true }
    expect((await tryAll(settings))[0]).toMatchObject({ codes: [] })
    const active = fs
      .readdirSync(directory)
      .filter((name) => name.startsWith('segment-'))
      .sort()
    const tail = path.join(directory, active.at(-1)!)
    fs.writeFileSync(tail, 'a torn tail', { flag: 'r+' })
    fs.appendFileSync(tail, 'a torn tail')
    const [outcome] = await tryAll({ ...settings, leave: false, records: 1 })
    // Whether it opens does not matter here: only what it left.
    expect(outcome!.isTyped).toBe(true)
    const wrong = Object.entries({ ...pictureOf(base) }).filter(([, what]) => !/^(100600|40700|14\d{4}) /.test(what))
    expect(wrong).toEqual([])
  })
})

describe('paths', () => {
  test('what is no directory is NOT_A_LOG, and is left as it is', async () => {
    const base = temporaryDirectory()
    const at = (name: string): string => path.join(base, name)
    fs.writeFileSync(at('file'), 'precious')
    fs.symlinkSync(at('file'), at('link'))
    expect(spawnSync('mkfifo', [at('pipe')]).status).toBe(0)
    const before = pictureOf(base)
    const directories = ['file', 'link', 'pipe', 'file/log', 'pipe/log'].map(at)
    for (const outcome of await tryAll({ directories, records: 1 })) {
      expect([outcome.isTyped, outcome.codes[0]], outcome.directory).toEqual([true, 'NOT_A_LOG'])
    }
    expect(pictureOf(base)).toEqual(before)
  })

  test('a link to a directory is as good as the directory; one to nowhere is a typed error', async () => {
    const base = temporaryDirectory()
    const at = (name: string): string => path.join(base, name)
    fs.mkdirSync(at('real'))
    fs.symlinkSync(at('real'), at('link'))
    fs.symlinkSync(at('nowhere'), at('dangling'))
    const [good, bad] = await tryAll({ directories: [at('link'), at('dangling')], records: 1 })
    expect(good).toMatchObject({ codes: [], lastSequence: 1 })
    expect(bad!.isTyped).toBe(true)
    expect(bad!.codes).not.toEqual([])
    expect(fs.existsSync(at('nowhere'))).toBe(false)
  })
})
