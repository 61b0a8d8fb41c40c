import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'

import { bytes, cbor, type Codec, json, openLog, openStore, type Log } from '../../lib/index.ts'
import { edit, forge, frameOf, placeOf, rehash, renumber } from '../chain/forger.ts'
import type { PlainSegment } from '../chain/frames.ts'
import { machine, openChained } from '../chain/world.ts'
import { DIR, fill } from '../recovery/world.ts'
import { ROOT } from '../tidy/files.ts'

/**
 * `docs/examples/read_seglog.py` was written from `docs/format.md` alone, with the standard library of Python. What it
 * prints is compared with what was appended: where they differ, the page is wrong.
 */
const READER = join(ROOT, 'docs/examples/read_seglog.py')
const hasPython = spawnSync('python3', ['--version']).status === 0
if (!hasPython) console.log('skipped: there is no python3 here, so the reader in Python cannot be tried')

const made: string[] = []
afterAll(() => made.forEach((directory) => rmSync(directory, { recursive: true })))

function newDirectory(): string {
  const base = mkdtempSync(join(tmpdir(), 'seglog-python-'))
  made.push(base)
  return join(base, 'log')
}

interface Line {
  readonly sequence: number
  readonly timestampNs: string
  readonly value?: unknown
  readonly hex?: string
}

interface Read {
  readonly lines: readonly Line[]
  readonly told: readonly string[]
  readonly code: number | null
}

function python(directory: string, ...options: string[]): Read {
  const { status, stdout, stderr } = spawnSync('python3', [READER, directory, ...options], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  const lines = stdout.split('\n').slice(0, -1)
  return { lines: lines.map((line) => JSON.parse(line) as Line), told: stderr.split('\n').slice(0, -1), code: status }
}

const sound = (lines: readonly Line[], told: readonly string[] = []): Read => ({ lines, told, code: 0 })

interface Order {
  readonly id: number
  readonly side: string
  readonly price: number
  readonly note?: string
  readonly client?: { readonly name: string; readonly tags: readonly string[] }
}

function order(id: number): Order {
  const client = { name: `client ${id % 7} é`, tags: ['a', 'b'].slice(0, id % 3) }
  const some = id % 5 === 0 ? { note: 'x'.repeat(id % 300), client } : {}
  return { id, side: id % 2 ? 'buy' : 'sell', price: id * 0.25, ...some }
}

const SMALL = { segmentBytes: 64 * 1024 }

/** What must be printed: the values as they were appended, the times as they are read here. */
function linesOf<T>(log: Log<T>, shown: readonly object[], from = 1): Line[] {
  const entries = [...log.read({ from: 1 })]
  expect(entries.length).toBe(shown.length)
  return entries
    .map(({ sequence, timestampNs }, at) => ({ sequence, timestampNs: String(timestampNs), ...shown[at] }))
    .slice(from - 1)
}

/** Thousands of records over several segments, alone and in batches, with keys of both sorts. */
async function makeLarge(directory: string): Promise<{ lines: Line[]; log: Log<Order> }> {
  const log = await openLog<Order>(directory, {
    ...SMALL,
    keys: { id: 'id', side: { version: '1', of: ({ side }) => side } },
  })
  const values = Array.from({ length: 3000 }, (_, at) => order(at + 1))
  for (let at = 0; at < values.length; at += 10) {
    await log.commitBatch(values.slice(at, at + 4))
    for (const value of values.slice(at + 4, at + 10)) log.append(value)
  }
  await log.sync()
  return {
    lines: linesOf(
      log,
      values.map((value) => ({ value })),
    ),
    log,
  }
}

const CODECS: readonly [string, Codec<unknown>, unknown[], object[]][] = [
  ['cbor with shapes', cbor(), exotic(), shownExotic()],
  ['plain cbor', cbor({ shapes: false }), exotic(), shownExotic()],
  [
    'json',
    json(),
    [{ a: [1, null, 'é'] }, 'text', 1.5],
    [{ value: { a: [1, null, 'é'] } }, { value: 'text' }, { value: 1.5 }],
  ],
  ['bytes', bytes(), [Buffer.from('00ff', 'hex'), new Uint8Array()], [{ hex: '00ff' }, { hex: '' }]],
]

function exotic(): unknown[] {
  return [
    null,
    undefined,
    [1, -1, 2 ** 32 - 1, -(2 ** 32), 2 ** 32, 1.5, 1e300, NaN, -Infinity],
    [0n, -5n, 2n ** 64n - 1n, 2n ** 80n, -(2n ** 80n)],
    new Map<unknown, unknown>([
      ['k', { a: 1 }],
      [2, new Set([1, 'x'])],
    ]),
    [new Date(1_700_000_000_123), new Date(NaN)],
    [new Uint8Array([1, 2]), Buffer.from([3]), new Float64Array([1.5])],
    [/a+b/gi, new TypeError('no')],
    { deep: { deeper: [{ deepest: true }] }, 'a key': '', long: 'ü'.repeat(70_0) },
  ]
}

function shownExotic(): object[] {
  const numbers = [1, -1, 4294967295, -4294967296, 4294967296, 1.5, 1e300, { $number: 'NaN' }, { $number: '-Infinity' }]
  const bigints = ['0', '-5', '18446744073709551615', '1208925819614629174706176', '-1208925819614629174706176']
  const values: unknown[] = [
    null,
    { $undefined: true },
    numbers,
    bigints.map(($bigint) => ({ $bigint })),
    {
      $map: [
        ['k', { a: 1 }],
        [2, { $set: [1, 'x'] }],
      ],
    },
    [{ $date: '2023-11-14T22:13:20.123Z' }, { $date: 'invalid' }],
    [{ $hex: '0102' }, { $hex: '03' }, { $hex: '000000000000f83f' }],
    [{ $text: '/a+b/gi' }, { $text: 'TypeError: no' }],
    { deep: { deeper: [{ deepest: true }] }, 'a key': '', long: 'ü'.repeat(70_0) },
  ]
  return values.map((value) => ({ value }))
}

describe.skipIf(!hasPython)('a reader in Python, written from docs/format.md, reads', () => {
  it('rolls, batches, shapes and keys, record by record', async () => {
    const directory = newDirectory()
    const { lines, log } = await makeLarge(directory)
    expect(readdirSync(directory).filter((name) => name.endsWith('.log')).length).toBeGreaterThan(3)
    expect(python(directory), 'beside the writer').toEqual(sound(lines))
    await log.archiveBefore(800)
    await log.archiveBefore(1500, { to: `${directory}-elsewhere` })
    await log.close()
    expect(python(directory), 'closed, with archived segments in two places').toEqual(sound(lines))
  })

  it.each(CODECS)('values of the codec %s', async (_name, codec, values, shown) => {
    const directory = newDirectory()
    const log = await openLog(directory, { codec, ...SMALL })
    for (const value of values) log.append(value)
    await log.sync()
    const lines = linesOf(log, shown)
    await log.close()
    expect(python(directory)).toEqual(sound(lines))
  })

  it('values of a codec of the user, as bytes', async () => {
    const directory = newDirectory()
    const own = {
      name: 'upper',
      encode: (value: string) => Buffer.from(value),
      decode: (raw: Uint8Array) => Buffer.from(raw).toString(),
    }
    const log = await openLog<string>(directory, { codec: own as unknown as Codec<string> })
    await log.commit('hi')
    const lines = linesOf(log, [{ hex: '6869' }])
    await log.close()
    expect(python(directory)).toEqual(sound(lines))
  })

  it('compressed and chained records, and keys beside them', async () => {
    const directory = newDirectory()
    const log = await openLog<Order>(directory, {
      ...SMALL,
      compression: 'deflate',
      chain: 'sha256',
      keys: { side: { version: '1', of: ({ side }) => side } },
    })
    const values = Array.from({ length: 400 }, (_, at) => order((at + 1) * 5))
    for (const value of values) log.append(value)
    await log.sync()
    const lines = linesOf(
      log,
      values.map((value) => ({ value })),
    )
    await log.close()
    expect(python(directory)).toEqual(sound(lines))
  })

  it('compressed records whose header is lost, in a log that compresses no more', async () => {
    const directory = newDirectory()
    const log = await openLog<Order>(directory, { ...SMALL, compression: 'deflate', compressionBytesMin: 1 })
    const values = [250, 500, 750, 1000].map((id) => order(id))
    for (const value of values.slice(0, 2)) log.append(value)
    log.roll()
    for (const value of values.slice(2)) log.append(value)
    await log.close()
    const again = await openLog<Order>(directory, { compression: 'none' })
    const shown = values.map((value) => ({ value }))
    const lines = linesOf(again, shown)
    await again.close()
    for (const name of readdirSync(directory).filter((each) => each.endsWith('.log'))) {
      const path = join(directory, name)
      const file = readFileSync(path)
      if (file.some((byte) => byte !== 0)) writeFileSync(path, file.fill(0xee, 0, 256))
    }
    expect(python(directory).lines).toEqual(lines)
  })

  it('all but what is compressed with brotli, and says so', async () => {
    const directory = newDirectory()
    const log = await openLog<Order>(directory, { compression: 'brotli' })
    for (const value of [order(1), order(250), order(3)]) log.append(value)
    await log.sync()
    const lines = linesOf(log, [{ value: order(1) }, {}, { value: order(3) }])
    await log.close()
    expect(python(directory)).toEqual({
      lines: [lines[0], lines[2]],
      told: ["record 2: compressed with brotli, which Python's standard library does not have"],
      code: 1,
    })
  })

  it('an empty log, and a run that was sealed', async () => {
    const directory = newDirectory()
    const store = openStore<Order>(directory)
    const empty = await store.openStream('empty')
    await empty.close()
    expect(python(join(directory, 'empty'))).toEqual(sound([]))
    const run = await store.startRun('desk', 'one', SMALL)
    await run.commit(order(1))
    const lines = linesOf(run, [{ value: order(1) }])
    await run.seal('ended')
    await store.close()
    expect(python(join(directory, 'desk/one'))).toEqual(sound(lines))
  })
})

/** What somebody does who can write to the directory and mends every CRC, and the records of which the reader tells. */
const TAMPERINGS: readonly (readonly [string, (segments: PlainSegment[]) => void, number[]])[] = [
  ['nothing, in a sound log', () => undefined, []],
  ['a value that is changed', (all) => edit(frameOf(all, 17)), [17]],
  ['a time that is changed', (all) => void (frameOf(all, 17).timestamp += 1n), [17]],
  ['the last record of a segment that is changed', (all) => edit(all[0]!.frames.at(-1)!), [15]],
  [
    'a record that is taken out, where all others are numbered anew',
    (all) => {
      const { frames, at } = placeOf(all, 17)
      frames.splice(at, 1)
      renumber(all)
    },
    Array.from({ length: 43 }, (_, at) => 17 + at),
  ],
  ['nothing, where all hashes are made anew', (all) => (edit(frameOf(all, 17)), rehash(all, 17)), []],
]

describe.skipIf(!hasPython)('a reader in Python follows the hash chain', () => {
  /** A closed log of several segments with control frames in it, tampered with; in real files. */
  async function forged(change: (segments: PlainSegment[]) => void): Promise<{ directory: string; head: string }> {
    const env = machine(3)
    const log = await openChained(env, { checkpointRecords: 4 })
    fill(log, 60, 30)
    const { sequence, hash } = log.head()!
    await env.drive(log.close())
    forge(env, change)
    const directory = newDirectory()
    mkdirSync(directory)
    for (const path of env.files.paths(DIR)) {
      writeFileSync(join(directory, path.slice(DIR.length + 1)), env.files.read(path))
    }
    return { directory, head: `${sequence}:${hash}` }
  }

  it.each(TAMPERINGS)('and tells of %s', async (_name, change, expected) => {
    const { directory } = await forged(change)
    const { told, code, lines } = python(directory)
    const broken = told.flatMap((text) => /: record (\d+) does not follow by its hash/.exec(text)?.[1] ?? [])
    expect(broken.map(Number)).toEqual(expected)
    expect(told.filter((text) => !text.endsWith('does not follow by its hash from the frame before it'))).toEqual([])
    expect(code).toBe(expected.length > 0 ? 1 : 0)
    expect(lines.length, 'a broken chain keeps no record from being read').toBeGreaterThan(58)
  })

  it('and tells of a history that was written anew, against a head that was kept elsewhere', async () => {
    const sound = await forged(() => undefined)
    expect(python(sound.directory, '--expect', sound.head)).toMatchObject({ told: [], code: 0 })
    const { directory, head } = await forged((all) => (edit(frameOf(all, 17)), rehash(all, 17)))
    expect(python(directory, '--expect', head)).toMatchObject({
      told: ['behind record 60 no frame has the hash that is expected'],
      code: 1,
    })
    const longer = head.replace('60:', '61:')
    expect(python(directory, '--expect', longer).told).toEqual([
      'the log has no record 61, behind which a hash is expected',
    ])
  })
})

describe.skipIf(!hasPython)('a reader in Python tells', () => {
  /** The files of a log whose writer dies with five records, of which the slots knew three, amid the write of a batch. */
  async function torn(): Promise<{ directory: string; lines: Line[] }> {
    const directory = newDirectory()
    const log = await openLog<Order>(directory, SMALL)
    await log.commitBatch([order(1), order(2), order(3)])
    const slots = readFileSync(join(directory, 'durable'))
    log.append(order(4))
    log.append(order(5))
    await log.commitBatch([order(6), order(7), order(8)])
    const files = `${directory}-torn`
    cpSync(directory, files, { recursive: true, filter: (path) => !path.includes('lock-') })
    const lines = linesOf(
      log,
      [1, 2, 3, 4, 5, 6, 7, 8].map((id) => ({ value: order(id) })),
    )
    await log.close()
    const segment = join(files, 'segment-0000000001.log')
    const image = readFileSync(segment)
    const end = image.findLastIndex((byte) => byte !== 0)
    writeFileSync(segment, image.fill(0, end - 10))
    writeFileSync(join(files, 'durable'), slots)
    return { directory: files, lines }
  }

  it('a torn tail, and what is not proven before it', async () => {
    const { directory, lines } = await torn()
    const told: string[] = [
      'segment-0000000001.log: a torn tail',
      'segment-0000000001.log: an unfinished batch of 2 at the end does not exist',
      '2 records at the end are not proven durable',
    ]
    const untold = ({ told: texts, ...others }: Read): Read => ({
      ...others,
      told: texts.map((text) => text.replace(/ from offset \d+ on/, '')),
    })
    expect(untold(python(directory))).toEqual(sound(lines.slice(0, 3), told))
    expect(untold(python(directory, '--unproven'))).toEqual(sound(lines.slice(0, 5), told))
    const log = await openLog(directory)
    expect(log.lastSequence, 'what an opening makes of it').toBe(5)
    await log.close()
    expect(python(directory)).toEqual(sound(lines.slice(0, 5)))
  })

  it('an acknowledged record that is missing at the end', async () => {
    const { directory } = await torn()
    const segment = join(directory, 'segment-0000000001.log')
    const image = readFileSync(segment)
    writeFileSync(segment, image.fill(0, 256))
    const { lines, told, code } = python(directory)
    expect({ lines, code }).toEqual({ lines: [], code: 1 })
    expect(told.at(-1)).toMatch(/acknowledged bytes from 256 to \d+ are missing/)
  })

  it('a damaged record, and gives all others', async () => {
    const directory = newDirectory()
    const { lines, log } = await makeLarge(directory)
    await log.close()
    const segment = join(directory, 'segment-0000000002.log')
    const image = readFileSync(segment)
    image[20_000]! ^= 1
    writeFileSync(segment, image)
    const { lines: found, told, code } = python(directory)
    expect(code).toBe(1)
    const [, gap] = /records (\d+) to \1 are missing/.exec(told.join('\n'))!
    expect(found).toEqual(lines.filter(({ sequence }) => sequence !== Number(gap)))
  })

  it('that no manifest is left, and reads by the headers', async () => {
    const directory = newDirectory()
    const { lines, log } = await makeLarge(directory)
    await log.close()
    for (const name of readdirSync(directory)) if (name.startsWith('manifest')) rmSync(join(directory, name))
    const { lines: found, told } = python(directory)
    expect(found).toEqual(lines)
    expect(told).toEqual(['no manifest can be read; what is missing at the end cannot be seen'])
  })

  it('a newer version, and reads nothing', async () => {
    const directory = newDirectory()
    const { log } = await makeLarge(directory)
    await log.close()
    const [name] = readdirSync(directory)
      .filter((each) => each.startsWith('manifest'))
      .sort()
      .reverse()
    const text = readFileSync(join(directory, name!), 'latin1')
    const body = text.slice(68, -2)
    const crc = spawnSync('python3', ['-c', 'import sys,zlib;print(f"{zlib.crc32(sys.stdin.buffer.read()):08x}")'], {
      input: Buffer.from(`0001${body}`, 'latin1'),
      encoding: 'utf8',
    }).stdout.trim()
    const newer = `{"magic":"seglog-manifest","version":"0001","crc":"${crc}","body":${body}}\n`
    writeFileSync(join(directory, name!), Buffer.from(newer, 'latin1'))
    const { lines, told, code } = python(directory)
    expect({ lines, code }).toEqual({ lines: [], code: 1 })
    expect(told).toEqual([`refused: ${name}: a newer version of the format`])
  })
})
