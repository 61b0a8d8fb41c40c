import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

import { bytes, cbor, type Codec, json, openLog, openReadOnly, SeglogError } from '../../../lib/index.ts'
import { Tag } from '../../../lib/codecs/cbor-x.ts'
import { run } from '../../../lib/cli/run.ts'
import { linesOf } from '../../../lib/cli/ndjson.ts'
import type { Sink, World } from '../../../lib/cli/world.ts'
import { memoryEnvironment } from '../../../segments/env/memory.ts'
import { LOADER, MAIN, makeLog, temporaryDirectory } from './seglog.ts'

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A machine in memory on which commands are typed, one after the other. */
class Machine {
  readonly env = memoryEnvironment()

  async type(line: string, input: string | readonly Uint8Array[] = ''): Promise<Outcome> {
    const texts = { stdout: '', stderr: '' }
    const sink = (name: keyof typeof texts): Sink => ({
      isTerminal: false,
      columns: 80,
      write: (text) => {
        texts[name] += text
        return Promise.resolve()
      },
    })
    const pieces = typeof input === 'string' ? [Buffer.from(input)] : input
    const world: World = {
      env: this.env,
      stdin: (async function* () {
        for (const piece of pieces) yield await Promise.resolve(piece)
      })(),
      stdout: sink('stdout'),
      stderr: sink('stderr'),
      colours: 'off',
      signal: new AbortController().signal,
    }
    return { code: await run(line.split(' ').slice(1), world), ...texts }
  }

  async values(codec: Codec = cbor()): Promise<unknown[]> {
    const log = await openLog('/log', { environment: this.env, codec })
    const values = [...log.read()].map(({ value }) => value)
    await log.close()
    return values
  }
}

const LINES = '{"a":1}\n\n  [2, "é"]\r\n"three"\nnull'
const VALUES = [{ a: 1 }, [2, 'é'], 'three', null]

describe('lines of JSON', () => {
  it('become the records of a new log, whatever stands around them', async () => {
    const machine = new Machine()
    const { code, stdout } = await machine.type('seglog import /log', LINES)
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: '4 records imported: records 1 to 4\nnext: seglog verify /log\n',
    })
    expect(await machine.values()).toEqual(VALUES)
  })

  it('are the same in pieces of any length', async () => {
    const whole = Buffer.from(LINES)
    for (let length = 1; length < whole.length; length++) {
      const pieces = Array.from({ length: Math.ceil(whole.length / length) }, (_, at) =>
        whole.subarray(at * length, (at + 1) * length),
      )
      const machine = new Machine()
      await machine.type('seglog import /log', pieces)
      expect(await machine.values()).toEqual(VALUES)
    }
  })

  it('go behind what the log has, or on where it ends, or nowhere', async () => {
    const machine = new Machine()
    await machine.type('seglog import /log', '1\n2\n')
    const refused = await machine.type('seglog import /log', '1\n2\n3\n')
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    expect(refused.stderr).toMatch(/the log has 2 records already.*\nnext: seglog import \/log --resume/s)
    const resumed = await machine.type('seglog import /log --resume', '1\n2\n3\n')
    expect(resumed.stdout).toContain('1 record imported: record 3\n2 lines passed over')
    await machine.type('seglog import /log --append', '1\n')
    expect(await machine.values()).toEqual([1, 2, 3, 1])
    expect(await machine.type('seglog import /log --append --resume')).toMatchObject({ code: 2 })
  })

  it('are written with the codec that is asked for, or that the log has', async () => {
    const machine = new Machine()
    await machine.type('seglog import /log --codec json', '1\n')
    await machine.type('seglog import /log --append', '2\n')
    expect(await machine.values(json())).toEqual([1, 2])
    const other = await machine.type('seglog import /log --append --codec bytes', '3\n')
    expect(other.stderr).toContain('the codec of the log is json, not bytes')
    expect((await machine.type('seglog import /new --codec rot13', '3\n')).stderr).toContain('--codec takes one of')
  })

  it('are told as an object where one is asked for', async () => {
    const { stdout } = await new Machine().type('seglog import /log --json', '1\n2\n')
    expect(JSON.parse(stdout)).toEqual({ type: 'report', imported: 2, passed: 0, lastSequence: 2 })
  })
})

describe('a line that cannot be taken is named, what was before it is in the log', () => {
  it.each<[string, string | Uint8Array, string, RegExp, number]>([
    [
      'is no JSON',
      '1\n\n{"a":\n4\n',
      '',
      /line 3 is not JSON: .*; the log has record 1\nnext: seglog import \/log --resume < lines/,
      1,
    ],
    ['is the first', 'x', '', /line 1 is not JSON: .*; the log has no record\nnext: seglog import \/log < lines/, 0],
    [
      'is to be appended',
      '1\nx',
      ' --append',
      /line 2 .*\nnext: tail -n \+2 lines.ndjson \| seglog import \/log --append/,
      1,
    ],
    ['is no text', new Uint8Array([0x31, 0x0a, 0xff, 0x0a]), '', /line 2 is no text in UTF-8/, 1],
    ['is no record', '{"value":1}', ' --records', /line 1 is no record as seglog cat --json prints it/, 0],
    ['is null', 'null', ' --records', /line 1 is no record/, 0],
    [
      'is another record',
      '{"sequence":7,"timestampNs":"1","value":1}',
      ' --records',
      /line 1 is record 7, and record 1 must come/,
      0,
    ],
    [
      'is earlier',
      '{"sequence":1,"timestampNs":"5","value":1}\n{"sequence":2,"timestampNs":"4","value":1}',
      ' --records',
      /line 2 cannot be taken: .*\nnext: seglog import \/log --records --resume/s,
      1,
    ],
    [
      'has what is lost',
      '{"sequence":1,"timestampNs":"1","value":[{"$text":"/a/"}]}',
      ' --records',
      /line 1 has what cannot be turned back/,
      0,
    ],
    [
      'has hex that is none',
      '{"sequence":1,"timestampNs":"1","value":{"$hex":"0g"}}',
      ' --records',
      /line 1 cannot be taken/,
      0,
    ],
    ['could not be decoded', '{"sequence":1,"timestampNs":"1","hex":"00"}', ' --records', /line 1 is no record/, 0],
    ['is no bytes', '1', ' --codec bytes', /line 1 cannot be taken/, 0],
  ])('%s', async (_name, input, options, told, records) => {
    const machine = new Machine()
    const outcome = await machine.type(`seglog import /log${options}`, typeof input === 'string' ? input : [input])
    expect(outcome.code).toBe(2)
    expect(outcome.stderr).toMatch(told)
    expect((await machine.values(options.includes('bytes') ? bytes() : cbor())).length).toBe(records)
  })

  it('is longer than a line may be', async () => {
    const read = async (): Promise<void> => {
      for await (const { number } of linesOf(
        (async function* () {
          yield await Promise.resolve(Buffer.alloc(20, '1'))
        })(),
        10,
      ))
        expect(number).toBe(0)
    }
    await expect(read()).rejects.toThrow('line 1 is longer than 10 bytes')
  })
})

describe('cat --json and import --records are there and back', () => {
  const values: unknown[] = [
    { id: 1, name: 'Ann', list: [1, 2.5, null, true] },
    undefined,
    [5n, -(2n ** 80n), NaN, Infinity, -0],
    new Map<unknown, unknown>([['a', new Set([1, new Date(5)])]]),
    { raw: new Uint8Array([0, 255]), none: new Date(NaN) },
    [new Float64Array([1.5, -0]), new Int16Array([-2]), new BigUint64Array([2n ** 63n]), new Uint32Array()],
    [new Tag({ a: 1n }, 4711)],
    { $: 'a member that only looks like one', $hex: 1, $two: 2 },
  ]
  it.each<[string, Codec<unknown>, readonly unknown[], string]>([
    ['cbor with shapes', cbor(), values, ''],
    ['plain cbor', cbor({ shapes: false }), values, ' --codec cbor'],
    ['json', json(), [1, 'x', { a: [null] }], ' --codec json'],
    ['bytes', bytes(), [new Uint8Array([1, 2]), new Uint8Array()], ' --codec bytes'],
  ])('%s', async (_name, codec, given, option) => {
    const machine = new Machine()
    const log = await openLog('/log', { environment: machine.env, codec })
    for (const value of given) log.append(value)
    await log.close()
    const { stdout } = await machine.type('seglog cat /log --json')
    expect(await machine.type(`seglog import /again --records${option}`, stdout)).toMatchObject({ code: 0 })
    expect((await machine.type('seglog cat /again --json')).stdout).toBe(stdout)
    const again = await openLog('/again', { environment: machine.env, codec })
    expect([...again.read()].map(({ value }) => value)).toEqual(given)
    await again.close()
  })
})

describe('the program', () => {
  it('reads its standard input, and what it is told to end while it waits is durable', async () => {
    const directory = join(temporaryDirectory(), 'log')
    const child = spawn(process.execPath, ['--import', LOADER, MAIN, 'import', directory], {
      stdio: ['pipe', 'ignore', 'pipe'],
    })
    child.stdin.write(`${'{"a":1}\n'.repeat(1000)}`)
    while ((await durableIn(directory)) < 256) await new Promise((resolve) => setTimeout(resolve, 20))
    child.kill('SIGINT')
    const [code] = (await once(child, 'close')) as [number]
    expect(code).toBe(2)
    const log = await openLog(directory)
    expect(log.recovery.end).toBe('closed')
    expect(log.lastSequence).toBeGreaterThanOrEqual(256)
    await log.close()
  })

  it('imports a log of thousands of records', async () => {
    const from = await makeLog()
    const to = join(temporaryDirectory(), 'log')
    const line = `"$0" --import "$1" "$2" cat "$3" --json | "$0" --import "$1" "$2" import "$4" --records`
    const child = spawn('sh', ['-c', line, process.execPath, LOADER, MAIN, from, to], { stdio: 'ignore' })
    expect(await once(child, 'close')).toEqual([0, null])
    const [one, other] = [await openLog(from), await openLog(to)]
    const all = (log: typeof one) => [...log.read()].map(({ timestampNs, value }) => ({ timestampNs, value }))
    expect(all(other)).toEqual(all(one))
    await one.close()
    await other.close()
  })
})

/** How many records of a log are durable; none where it is not made yet. */
async function durableIn(directory: string): Promise<number> {
  try {
    const log = await openReadOnly(directory)
    const { highWatermark } = log
    await log.close()
    return highWatermark
  } catch (error) {
    if (error instanceof SeglogError && error.code === 'NOT_A_LOG') return 0
    throw error
  }
}
