import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, closeSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'

import { openLog, openReadOnly } from '../../../lib/index.ts'
import { LOADER, MAIN, type Outcome, temporaryDirectory } from './seglog.ts'

/** `seglog import` as a process of its own, in the states of the world in which it is typed. */
interface Typed {
  readonly words?: readonly string[]
  readonly uid?: number
  /** The input is cut off behind what was given, as when its maker dies. */
  readonly isCut?: true
}

type Input = string | Iterable<string | Buffer>

async function type(directory: string, input: Input, { words = [], uid, isCut }: Typed = {}): Promise<Outcome> {
  const child = spawn(process.execPath, ['--import', LOADER, MAIN, 'import', directory, ...words], {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid }),
  })
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => (texts[name] += text))
  }
  const closed = once(child, 'close') as Promise<[number | null]>
  const given = typeof input === 'string' ? [input] : input
  // Who has found a line that it cannot take reads no further.
  await pipeline(given, child.stdin, { end: isCut === undefined }).catch(() => undefined)
  if (isCut) child.stdin.destroy()
  const [code] = await closed
  return { code, ...texts }
}

async function valuesIn(directory: string): Promise<unknown[]> {
  const log = await openReadOnly(directory)
  const values = [...log.read()].map(({ value }) => value)
  await log.close()
  return values
}

async function made(values: readonly unknown[]): Promise<string> {
  const directory = join(temporaryDirectory(), 'log')
  const log = await openLog(directory)
  if (values.length > 0) await log.commitBatch(values)
  await log.close()
  return directory
}

const filesOf = (directory: string): Record<string, string> =>
  Object.fromEntries(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), 'latin1')]))

/** As another user than root, who may write everywhere. */
const NOBODY = process.getuid?.() === 0 ? { uid: 65_534 } : {}

describe('seglog import', () => {
  it('of a directory says so', () => {
    const directory = join(temporaryDirectory(), 'log')
    const input = openSync(dirname(directory), 'r')
    const words = ['--import', LOADER, MAIN, 'import', directory]
    const { status, stdout, stderr } = spawnSync(process.execPath, words, { stdio: [input, 'pipe', 'pipe'] })
    closeSync(input)
    expect([status, stdout.toString()]).toEqual([2, ''])
    expect(stderr.toString()).toContain('the standard input is a directory')
  })

  it('beside a writer is refused, names it, and says what to do', async () => {
    const directory = join(temporaryDirectory(), 'log')
    const log = await openLog(directory)
    await log.commit(1)
    const { code, stderr, stdout } = await type(directory, '2\n', { words: ['--append'] })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(`LOCKED: the log ${directory} is held by pid ${process.pid} `)
    expect(stderr).toContain(`\nnext: seglog lock ${directory}\n`)
    await log.close()
    expect(await valuesIn(directory)).toEqual([1])
  })

  it('into a log that has lost acknowledged records changes no byte, and leads to verify and salvage', async () => {
    const directory = await made(Array.from({ length: 500 }, (_, at) => `value ${at}`))
    const segment = join(directory, 'segment-0000000001.log')
    const bytes = readFileSync(segment)
    const end = bytes.findLastIndex((byte) => byte !== 0)
    writeFileSync(segment, bytes.fill(0, end - 4000))
    const before = filesOf(directory)
    const { code, stderr } = await type(directory, '2\n', { words: ['--append'] })
    expect(code).toBe(1)
    expect(stderr).toMatch(/CORRUPT: acknowledged data is missing .* records \d+ to 500\. Nothing was changed\./)
    expect(stderr).toContain(`seglog salvage ${directory} NEW`)
    expect(stderr).toContain(`\nnext: seglog verify ${directory}\n`)
    expect(filesOf(directory)).toEqual(before)
  })

  it('into a directory that may not be written is the error of the system, and changes nothing', async () => {
    const directory = await made([1])
    for (const name of readdirSync(directory)) chmodSync(join(directory, name), 0o444)
    chmodSync(dirname(directory), 0o755)
    chmodSync(directory, 0o555)
    const before = filesOf(directory)
    const { code, stderr } = await type(directory, '2\n', { words: ['--append'], ...NOBODY })
    expect(code).toBe(2)
    expect(stderr).toMatch(/IO: .*EACCES/)
    expect(stderr).toContain('\nnext: ls -la ')
    expect(filesOf(directory)).toEqual(before)
  })

  it('into what is a file says so', async () => {
    const path = join(temporaryDirectory(), 'file')
    writeFileSync(path, 'words')
    const { code, stderr } = await type(path, '1\n')
    expect(code).toBe(2)
    expect(stderr).toContain(`NOT_A_LOG: ${path} is no directory`)
    expect(readFileSync(path, 'utf8')).toBe('words')
  })

  it('into a directory of other things is refused where they are traces of a log', async () => {
    const directory = join(temporaryDirectory(), 'log')
    mkdirSync(join(directory, 'archive'), { recursive: true })
    writeFileSync(join(directory, 'archive/segment-0000000001.log'), Buffer.alloc(256, 1))
    const before = readdirSync(directory)
    const { code, stderr } = await type(directory, '1\n')
    expect(code).toBe(1)
    expect(stderr).toContain('CORRUPT: ')
    expect(readdirSync(directory)).toEqual(before)
  })

  it('of lines of which one is broken keeps those before it, names it, and goes on behind them', async () => {
    const directory = join(temporaryDirectory(), 'log')
    const broken = await type(directory, '{"n":1}\n{"n":2}\n{"n":\n{"n":4}\n')
    expect(broken.code).toBe(2)
    expect(broken.stderr).toContain('line 3 is not JSON: ')
    expect(broken.stderr).toContain('; the log has records 1 to 2\n')
    expect(broken.stderr).toContain(`next: seglog import ${directory} --resume < `)
    expect(await valuesIn(directory)).toEqual([{ n: 1 }, { n: 2 }])
    const mended = await type(directory, '{"n":1}\n{"n":2}\n{"n":3}\n{"n":4}\n', { words: ['--resume'] })
    expect(mended).toMatchObject({ code: 0, stderr: '' })
    expect(mended.stdout).toContain('2 records imported: records 3 to 4\n2 lines passed over')
    expect(await valuesIn(directory)).toEqual([1, 2, 3, 4].map((n) => ({ n })))
  })

  it('of nothing makes a log without records', async () => {
    const directory = join(temporaryDirectory(), 'log')
    const { code, stdout, stderr } = await type(directory, '')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('0 records imported\n')
    expect(await valuesIn(directory)).toEqual([])
  })

  it('of an input whose maker dies within a line keeps the whole lines, and names the other', async () => {
    const directory = join(temporaryDirectory(), 'log')
    const { code, stderr } = await type(directory, '{"n":1}\n{"n":2}\n{"n', { isCut: true })
    expect(code).toBe(2)
    expect(stderr).toContain('line 3 is not JSON: ')
    expect(await valuesIn(directory)).toEqual([{ n: 1 }, { n: 2 }])
  })

  it('whose report nobody reads imports all the same', async () => {
    const directory = join(temporaryDirectory(), 'log')
    const line = 'seq 1 3000 | { "$0" --import "$1" "$2" import "$3"; echo $? >&2; } | true'
    const child = spawn('sh', ['-c', line, process.execPath, LOADER, MAIN, directory], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    await once(child, 'close')
    expect(stderr).toBe('0\n')
    expect((await valuesIn(directory)).length).toBe(3000)
  })

  it.each<[string, number, RegExp]>([
    ['than a record may be', 20, /line 2 cannot be taken: TOO_LARGE: /],
    ['than a line may be', 260, /line 2 is longer than 268435456 bytes/],
  ])('of a line that is longer %s keeps what is before it', async (_name, mebibytes, told) => {
    const directory = join(temporaryDirectory(), 'log')
    const long = function* (): Generator<string | Buffer> {
      yield '1\n"'
      for (let count = 0; count < mebibytes; count++) yield Buffer.alloc(1024 * 1024, 'x')
      yield '"\n3\n'
    }
    const { code, stderr } = await type(directory, long())
    expect(code).toBe(2)
    expect(stderr).toMatch(told)
    expect(stderr).toContain('; the log has record 1\n')
    expect(await valuesIn(directory)).toEqual([1])
  })
})
