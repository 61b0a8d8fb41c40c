import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'

import { bytes, cbor, json, openLog } from '../../../lib/index.ts'
import { run } from '../../../lib/cli/run.ts'
import { ClosedPipe, Interrupted, type Sink, type World } from '../../../lib/cli/world.ts'
import type { Environment } from '../../../segments/env/environment.ts'
import { nodeEnvironment } from '../../../segments/env/node.ts'
import { RECORDS, Writer, flip, makeLog, seglog, temporaryDirectory } from './seglog.ts'

let sound: string
beforeAll(async () => {
  sound = await makeLog()
})

/** Runs in this process, so that a terminal can be had. */
async function runHere(
  words: readonly string[],
  terminal: Partial<Pick<World, 'colours' | 'env' | 'signal'>> & { readonly isTerminal: boolean },
) {
  const texts = { stdout: '', stderr: '' }
  const sink = (name: keyof typeof texts): Sink => ({
    isTerminal: terminal.isTerminal,
    columns: 100,
    write: (text) => {
      texts[name] += text
      return Promise.resolve()
    },
  })
  const world: World = {
    env: terminal.env ?? nodeEnvironment(),
    stdin: (async function* () {})(),
    stdout: sink('stdout'),
    stderr: sink('stderr'),
    colours: terminal.colours ?? 'off',
    signal: terminal.signal ?? new AbortController().signal,
  }
  const code = await run(words, world)
  return { code, ...texts }
}

/** This machine as one that knows nothing of who ran here. */
function onAnotherHost(): Environment {
  const here = nodeEnvironment()
  const identity = { ...here.identity, host: 'elsewhere', bootId: 'another' }
  return new Proxy(here, {
    get: (target, name: keyof Environment) => {
      if (name === 'identity') return identity
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? (member.bind(target) as unknown) : member
    },
  })
}

function linesOf(text: string): Record<string, unknown>[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

describe('records', () => {
  it.each([
    ['a range', ['--from', '5', '--to', '7'], [5, 6, 7]],
    ['from the last on', ['--reverse', '-n', '3'], [RECORDS, RECORDS - 1, RECORDS - 2]],
    ['a range in reverse', ['--from', '5', '--to', '7', '--reverse'], [7, 6, 5]],
    ['since a time to come', ['--since', '2200-01-01'], []],
    ['since a while ago', ['--since', '2h', '--to', '2'], [1, 2]],
  ])('%s', async (_name, words, sequences) => {
    const { stdout, code } = await runHere(['cat', sound, '--json', ...words], { isTerminal: false })
    expect(code).toBe(0)
    expect(sequences.length === 0 ? stdout : linesOf(stdout).map((line) => line['sequence'])).toEqual(
      sequences.length === 0 ? '' : sequences,
    )
  })

  it.each([
    [
      'cbor with shapes',
      cbor(),
      { a: 1n, b: new Uint8Array([1, 255]) },
      { value: { a: { $bigint: '1' }, b: { $hex: '01ff' } } },
    ],
    [
      'plain cbor',
      cbor({ shapes: false }),
      new Map([[1, new Date(0)]]),
      { value: { $map: [[1, { $date: '1970-01-01T00:00:00.000Z' }]] } },
    ],
    ['json', json(), { text: '\u001b[31m' }, { value: { text: '\u001b[31m' } }],
    ['bytes', bytes(), new Uint8Array([0xca, 0xfe]), { hex: 'cafe' }],
    ['a codec of the user', { name: 'mine', encode: () => new Uint8Array([7]), decode: () => 1 }, 'x', { hex: '07' }],
  ])('of %s are shown', async (_name, codec, value, shown) => {
    const directory = join(temporaryDirectory(), 'log')
    const log = await openLog<unknown>(directory, { codec: codec as never })
    await log.commit(value)
    await log.close()
    const { stdout, code } = await runHere(['cat', directory, '--json'], { isTerminal: false })
    expect(code).toBe(0)
    expect(linesOf(stdout)).toMatchObject([{ sequence: 1, ...shown }])
    const text = await runHere(['cat', directory], { isTerminal: true })
    expect(text.stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/)
  })

  it('that the codec refuses are shown as hex, and the others as values', async () => {
    const directory = join(temporaryDirectory(), 'log')
    const wrong = { name: 'json', encode: (text: string) => Buffer.from(text), decode: String }
    const log = await openLog<string>(directory, { codec: wrong })
    for (const text of ['1', 'no json', '[2]']) await log.commit(text)
    await log.close()
    const { stdout, code } = await runHere(['cat', directory, '--json'], { isTerminal: false })
    expect(code).toBe(0)
    expect(linesOf(stdout)).toMatchObject([
      { value: 1 },
      { hex: Buffer.from('no json').toString('hex') },
      { value: [2] },
    ])
    const raw = await runHere(['cat', directory, '--json', '--raw', '--to', '1'], { isTerminal: false })
    expect(linesOf(raw.stdout)).toMatchObject([{ hex: '31' }])
  })

  it('before a damaged one are printed, and the answer says how to go on behind it', async () => {
    const damaged = join(temporaryDirectory(), 'log')
    cpSync(sound, damaged, { recursive: true })
    flip(join(damaged, 'segment-0000000002.log'), 20_000)
    const first = await seglog(['cat', damaged, '--json'])
    expect(first.code).toBe(1)
    const last = linesOf(first.stdout).at(-1)!['sequence'] as number
    const [, next] = /\nnext: seglog (.*)\n$/.exec(first.stderr)!
    expect(next).toBe(`cat ${damaged} --from ${last + 2}`)
    const second = await seglog([...next!.split(' '), '--json'])
    expect(second.code).toBe(0)
    expect(linesOf(second.stdout)).toHaveLength(RECORDS - last - 1)
  })

  it('before a segment that is missing are printed, and the answer goes on behind all of it', async () => {
    const harmed = join(temporaryDirectory(), 'log')
    cpSync(sound, harmed, { recursive: true })
    rmSync(join(harmed, 'segment-0000000002.log'))
    const first = await seglog(['cat', harmed, '--json'])
    expect(first.code).toBe(1)
    const [, from, to] = /segment of records (\d+) to (\d+) is missing/.exec(first.stderr)!
    expect(linesOf(first.stdout).at(-1)!['sequence']).toBe(Number(from) - 1)
    const [, next] = /\nnext: seglog (.*)\n$/.exec(first.stderr)!
    expect(next).toBe(`cat ${harmed} --from ${Number(to) + 1}`)
    expect(linesOf((await seglog([...next!.split(' '), '--json'])).stdout)).toHaveLength(RECORDS - Number(to))
  })
})

describe('work on a whole log', () => {
  it('E2 shows rate and time left on a terminal, and takes the line away at the end', async () => {
    const { stderr, stdout } = await runHere(['verify', sound], { isTerminal: true })
    expect(stderr).toMatch(/\r\u001b\[Kverify: 100 % of \d+\.\d KiB, [\d.]+ \w+\/s, 0 s left/)
    expect(stderr.endsWith('\r\u001b[K')).toBe(true)
    expect(stdout).toMatch(new RegExp(`^sound: ${RECORDS} records, `))
  })

  it('E2 is quiet where its errors do not go to a terminal', async () => {
    const { stderr } = await seglog(['verify', sound])
    expect(stderr).toBe('')
  })

  it('colours are for terminals', async () => {
    expect((await runHere(['verify', sound], { isTerminal: true, colours: 'on' })).stdout).toContain('\u001b[32msound')
    expect((await seglog(['verify', sound])).stdout).not.toContain('\u001b')
  })

  it('gives a program one object on each line', async () => {
    const damaged = join(temporaryDirectory(), 'log')
    cpSync(sound, damaged, { recursive: true })
    flip(join(damaged, 'segment-0000000001.log'), 20_000)
    const found = await runHere(['verify', damaged, '--json'], { isTerminal: false })
    expect(found.code).toBe(1)
    expect(linesOf(found.stdout)).toMatchObject([
      { type: 'finding', code: 'CORRUPT' },
      { type: 'report', isSound: false, records: RECORDS - 1, findingsCount: 1 },
    ])
    const info = await runHere(['info', sound, '--json'], { isTerminal: false })
    expect(linesOf(info.stdout)).toMatchObject([
      { type: 'log', end: 'closed', writer: 'free', firstSequence: 1, highWatermark: RECORDS, keys: { order: {} } },
    ])
  })
})

describe('a lock', () => {
  it('of one who lives is told and never broken; once its holder is dead it is', async () => {
    const directory = join(temporaryDirectory(), 'log')
    const writer = await Writer.start(directory)
    const alive = await seglog(['lock', directory])
    expect(alive).toMatchObject({ code: 0 })
    expect(alive.stdout).toContain(`alive: pid ${writer.pid} on host`)
    const refused = await seglog(['lock', directory, '--break', '--confirm', `pid ${writer.pid} is dead`])
    expect(refused).toMatchObject({ code: 2 })
    expect(refused.stderr).toContain('LOCKED')
    await writer.kill()
    const dead = await seglog(['lock', directory, '--break'])
    expect(dead).toMatchObject({ code: 0, stderr: '' })
    expect(dead.stdout).toMatch(/^dead: .*\n(.*\n)*the lock is removed\n$/)
    expect((await seglog(['lock', directory])).stdout).toBe('free: no lock file is there\n')
  })

  it('of which nothing can be proven is broken only by who says in words that its holder is dead', async () => {
    const directory = join(temporaryDirectory(), 'log')
    const writer = await Writer.start(directory)
    await writer.kill()
    const env = onAnotherHost()
    const words = ['lock', directory, '--break']
    const refused = await runHere(words, { isTerminal: false, env })
    expect(refused.code).toBe(2)
    const [, sentence] = / --break --confirm '(pid \d+ on host \S+ is dead)'\n$/.exec(refused.stderr)!
    expect(sentence).toContain(`pid ${writer.pid} `)
    const wrong = await runHere([...words, '--confirm', 'it is dead'], { isTerminal: false, env })
    expect(wrong.code).toBe(2)
    expect((await runHere(['lock', directory], { isTerminal: false, env })).stdout).toMatch(/^unknown: /)
    const broken = await runHere([...words, '--confirm', sentence!], { isTerminal: false, env })
    expect(broken).toMatchObject({ code: 0, stderr: '' })
    expect((await runHere(['lock', directory], { isTerminal: false })).stdout).toMatch(/^free: /)
  })
})

describe('an end from outside', () => {
  it.each([
    ['Ctrl-C', new Interrupted('ended by SIGINT'), 2, 'seglog verify: ended by SIGINT\n'],
    ['a closed pipe', new ClosedPipe('nobody reads on'), 0, ''],
  ])('by %s stops work on a whole log', async (_name, reason, code, stderr) => {
    const outcome = await runHere(['verify', sound], { isTerminal: false, signal: AbortSignal.abort(reason) })
    expect(outcome).toEqual({ code, stdout: '', stderr })
  })
})
