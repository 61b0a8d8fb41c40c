import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

import { openLog, openStore } from '../../../lib/index.ts'
import { order } from './orders.ts'
import { RECORDS, flip, makeLog, seglog, temporaryDirectory } from './seglog.ts'

function linesOf(text: string): Record<string, unknown>[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

describe('segments', () => {
  it('are archived and restored: what a dry run says is what is done, and all records are back', async () => {
    const directory = await makeLog()
    const away = join(temporaryDirectory(), 'cold')
    const words = ['archive', directory, '--before', '3000', '--to', away, '--json']
    const writer = await openLog(directory)
    const [planned] = linesOf((await seglog([...words, '--dry-run'])).stdout)
    expect((await seglog(words)).stderr).toContain('LOCKED')
    await writer.close()
    expect(existsSync(away)).toBe(false)
    const [done] = linesOf((await seglog(words)).stdout)
    expect({ ...done, dryRun: true }).toEqual(planned)
    expect(done).toMatchObject({ type: 'report', unreadable: { from: 1 } })
    const first = done!['firstSequence'] as number
    const archived = await seglog(['cat', directory, '--from', '1', '--to', '5'])
    expect(archived).toMatchObject({ code: 2 })
    expect(archived.stderr).toMatch(new RegExp(`ARCHIVED.*\nnext: seglog restore ${directory} --from 1\n`))
    expect(linesOf((await seglog(['cat', directory, '--json'])).stdout)).toHaveLength(RECORDS - first + 1)
    const cold = linesOf((await seglog(['cat', away, '--archived', '--json'])).stdout)
    expect(cold.map(({ sequence }) => sequence)).toEqual(Array.from({ length: first - 1 }, (_, at) => at + 1))
    expect(cold[6]).toEqual(expect.objectContaining({ sequence: 7, value: order(7) }))
    const sound = (await seglog(['verify', away, '--archived'])).stdout
    expect(sound).toMatch(/^sound: /)
    expect(sound).not.toContain('the next opening')
    expect(sound).toContain('only its log can tell')
    const asLog = await seglog(['verify', away])
    expect(asLog).toMatchObject({ code: 1 })
    expect(asLog.stdout).toContain(`seglog verify ${away} --archived`)
    expect((await seglog(['info', away])).stdout).toContain('--archived')
    expect((await seglog(['restore', directory])).code).toBe(0)
    expect(linesOf((await seglog(['cat', directory, '--json'])).stdout)).toHaveLength(RECORDS)
    expect((await seglog(['verify', directory])).code).toBe(0)
  })

  it('that lie somewhere without their log are read and verified where they are', async () => {
    const directory = await makeLog()
    const away = join(temporaryDirectory(), 'cold')
    await seglog(['archive', directory, '--before', '3000', '--to', away])
    flip(
      join(
        away,
        readdirSync(away).find((name) => name.endsWith('.log'))!,
      ),
      5000,
    )
    const verified = await seglog(['verify', away, '--archived'])
    expect(verified).toMatchObject({ code: 1 })
    expect(verified.stdout).not.toContain('next: seglog salvage')
    const stopped = await seglog(['cat', away, '--archived'])
    expect(stopped).toMatchObject({ code: 1 })
    const [, next] = /next: seglog cat \S+ (--archived --from \d+)/.exec(stopped.stderr)!
    expect((await seglog(['cat', away, ...next!.split(' '), '-n', '3'])).code).toBe(0)
    expect((await seglog(['cat', away, '--archived', '--key', 'id=1'])).code).toBe(2)
    expect((await seglog(['cat', directory, '--archived', '-n', '1'])).code).toBe(0)
  })

  it('of a log that is harmed are archived, and the shell is told what was lost', async () => {
    const directory = await makeLog()
    const names = readdirSync(directory)
    const active = names.find((name) => name.endsWith('.log') && !names.includes(name.replace('.log', '.idx')))!
    flip(join(directory, active), 5_000)
    const { code, stdout } = await seglog(['archive', directory, '--before', '1000'])
    expect({ code, stdout }).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^the log was harmed, and was recovered first: damaged\n/) as unknown,
    })
    expect(stdout).toMatch(/\n {2}lost: \d+\n/)
    expect(stdout).toContain('archived; the live log begins at')
  })

  it('that find no room where they go: the answer names both volumes', async () => {
    const directory = await makeLog()
    const { stderr } = await seglog(['archive', directory, '--before', '3000', '--to', '/proc/self/cold'])
    expect(stderr).toMatch(/\nnext: ls -la \S+ \/proc\/self\/cold\n$/)
  })

  it('that an anchor needs stay, unless that is said', async () => {
    const directory = await makeLog()
    const log = await openLog(directory)
    await log.anchor({ sequence: 10, ref: 'snapshot', hash: '00' })
    await log.close()
    const refused = await seglog(['archive', directory, '--before', '3000'])
    expect(refused).toMatchObject({ code: 2 })
    expect(refused.stderr).toContain('anchor 10')
    const done = await seglog(['archive', directory, '--before', '3000', '--beyond-anchor'])
    expect(done).toMatchObject({ code: 0 })
    expect(done.stdout).toContain('cut off: anchor 10')
  })
})

describe('sidecars', () => {
  it('that are gone or damaged in any page are made anew, the same as before; sound ones are not touched', async () => {
    const directory = await makeLog()
    const names = readdirSync(directory).filter((name) => name.endsWith('.idx'))
    expect(names.length).toBeGreaterThan(1)
    expect(linesOf((await seglog(['rebuild', directory, '--json'])).stdout)).toMatchObject([{ sidecars: [] }])
    rmSync(join(directory, names[0]!))
    flip(join(directory, names[1]!), 100)
    const [report] = linesOf((await seglog(['rebuild', directory, '--json'])).stdout)
    expect(report).toMatchObject({
      segments: names.length,
      sidecars: [
        { problem: 'missing', outcome: 'rebuilt' },
        { problem: 'damaged', outcome: 'rebuilt' },
      ],
    })
    expect(linesOf((await seglog(['rebuild', directory, '--json'])).stdout)).toMatchObject([{ sidecars: [] }])
    expect((await seglog(['verify', directory])).code).toBe(0)
    const found = await seglog(['cat', directory, '--key', 'order=O-3', '--json'])
    expect(linesOf(found.stdout)).toHaveLength(Math.floor((RECORDS - 3) / 7) + 1)
  })

  it('of a damaged segment are not made: it says so, and ends with 1', async () => {
    const directory = await makeLog()
    rmSync(join(directory, 'segment-0000000001.idx'))
    flip(join(directory, 'segment-0000000001.log'), 20_000)
    const { code, stdout } = await seglog(['rebuild', directory])
    expect(code).toBe(1)
    expect(stdout).toMatch(/missing\s+damaged segment\n.*0 sidecars rebuilt\nnext: seglog verify/)
  })
})

describe('records with a key', () => {
  it.each([
    ['all', ['--key', 'order=O-3'], (sequence: number) => sequence % 7 === 3],
    [
      'within a range',
      ['--key', 'order=O-0', '--from', '100', '--to', '200'],
      (n: number) => n % 7 === 0 && n >= 100 && n <= 200,
    ],
    ['none', ['--key', 'order=O-9'], () => false],
    ['a number', ['--key', 'price=50'], (n: number) => n === 100],
  ])('%s', async (_name, words, isWanted) => {
    const directory = join(temporaryDirectory(), 'log')
    const log = await openLog(directory, { segmentBytes: 64 * 1024, keys: { order: 'order', price: 'price' } })
    for (let sequence = 1; sequence <= RECORDS; sequence++) log.append(order(sequence))
    await log.close()
    const wanted = Array.from({ length: RECORDS }, (_, index) => index + 1).filter(isWanted)
    const { stdout, code } = await seglog(['cat', directory, '--json', ...words])
    expect(code).toBe(0)
    expect(stdout === '' ? [] : linesOf(stdout).map((line) => line['sequence'])).toEqual(wanted)
    const back = await seglog(['cat', directory, '--json', '--reverse', '-n', '3', ...words])
    const last = wanted.reverse().slice(0, 3)
    expect(back.stdout === '' ? [] : linesOf(back.stdout).map((line) => line['sequence'])).toEqual(last)
  })

  it('of a kind that the log does not have: an answer that says so', async () => {
    const outcome = await seglog(['cat', await makeLog(), '--key', 'colour=red'])
    expect(outcome).toMatchObject({ code: 2, stdout: '' })
    expect(outcome.stderr).toContain('order')
  })
})

describe('runs', () => {
  it('are listed with their status; one that cannot be read does not hide the others', async () => {
    const directory = join(temporaryDirectory(), 'store')
    const store = openStore(directory)
    const run = await store.startRun('desk', 'monday')
    await run.commit('x')
    await run.seal('ended')
    await store.startRun('desk', 'tuesday')
    await store.openStream('audit')
    await store.close()
    const sound = await seglog(['runs', directory, '--json'])
    expect(sound).toMatchObject({ code: 0, stderr: '' })
    expect(linesOf(sound.stdout)).toMatchObject([
      { type: 'run', name: 'desk/monday', status: 'ended', highWatermark: 1 },
      { type: 'run', name: 'desk/tuesday', status: 'running', run: { parent: 'monday' } },
      { type: 'stream', name: 'audit' },
    ])
    for (const name of readdirSync(join(directory, 'audit'))) {
      if (name.startsWith('manifest')) writeFileSync(join(directory, 'audit', name), 'ruined')
    }
    const damaged = await seglog(['runs', directory])
    expect(damaged).toMatchObject({ code: 1 })
    expect(damaged.stdout).toMatch(/desk\/monday +ended/)
    expect(damaged.stdout).toMatch(/audit +cannot be read/)
    expect((await seglog(['runs', directory, '--instance', 'desk'])).code).toBe(0)
  })

  it('that are sealed are read and never written', async () => {
    const directory = join(temporaryDirectory(), 'store')
    const store = openStore(directory)
    const run = await store.startRun('desk', 'monday')
    await run.commit('x')
    await run.seal('ended')
    await store.close()
    const path = join(directory, 'desk', 'monday')
    const picture = (): string[] => readdirSync(path).map((name) => name + readFileSync(join(path, name), 'latin1'))
    const before = picture()
    expect((await seglog(['info', path])).stdout).toMatch(/run +desk\/monday, ended/)
    expect((await seglog(['archive', path, '--before', '2'])).code).toBe(2)
    expect(picture()).toEqual(before)
  })

  it('of a directory without any: an answer that says so', async () => {
    expect(await seglog(['runs', await makeLog()])).toMatchObject({ code: 2 })
  })
})
