import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

import { GatewayState } from '../../docs/examples/book.ts'
import { orderFlow } from '../../docs/examples/order-flow.ts'
import { realFeeds } from './real-feeds.ts'

const repository = fileURLToPath(new URL('../../', import.meta.url))

interface Ended {
  code: number | null
  output: string
  errors: string
}

/** Runs the example as `npm start -- …` does. */
function gateway(...args: string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'docs/examples/gateway.ts', ...args], { cwd: repository })
    const ended: Ended = { code: null, output: '', errors: '' }
    child.stdout.on('data', (piece: Buffer) => (ended.output += piece.toString()))
    child.stderr.on('data', (piece: Buffer) => (ended.errors += piece.toString()))
    child.once('error', reject)
    child.once('close', (code) => resolve({ ...ended, code }))
  })
}

function expectYes({ code, output, errors }: Ended, kills: number): void {
  expect({ code, errors }, output).toEqual({ code: 0, errors: '' })
  for (let kill = 1; kill <= kills; kill += 1) expect(output).toContain(`kill ${kill}/${kills}`)
  expect(output).toMatch(/^verdict {3}yes: nothing acknowledged was lost/m)
}

test('E8 killed again and again, the gateway goes on from its newest good snapshot, loses nothing, and ends as without kills', async () => {
  const ended = await gateway('--messages', '6000', '--kills', '4', '--seed', '9')
  expectYes(ended, 4)
  expect(ended.output).toMatch(/^ {2}damage {2}a byte of the snapshot at [\d,]+, on purpose$/m)
  expect(ended.output).toMatch(/^resumed {3}at [\d,]+ from the snapshot at [\d,]+$/m)
  expect(ended.output).toMatch(/^resumed {3}at [\d,]+ from .+, after 1 that was damaged$/m)
  expect(ended.output).toMatch(/^events {4}[\d,]+, each as in a run without kills/m)
  const state = new GatewayState()
  for (const message of orderFlow(9, 6000)) state.apply(message)
  expect(ended.output).toContain(`digest ${state.digest()}`)
  const directory = /^log +(.+)$/m.exec(ended.output)![1]!
  expect(() => readdirSync(directory)).toThrow(/ENOENT/)
})

for (const { name, path, absent } of realFeeds) {
  test.skipIf(absent)(`killed on the recorded ${name}, the gateway loses nothing`, async () => {
    expectYes(await gateway('--input', path, '--messages', '1500', '--kills', '2'), 2)
  })
}

test('a directory of the user is kept, and not used twice', async () => {
  const directory = join(mkdtempSync(join(tmpdir(), 'seglog-example-')), 'journal')
  expectYes(await gateway('--messages', '300', '--kills', '1', '--directory', directory), 1)
  expect(readdirSync(directory)).not.toEqual([])
  const again = await gateway('--messages', '300', '--directory', directory)
  expect(again.code).toBe(2)
  expect(again.errors).toContain('--directory must be new or empty')
  rmSync(join(directory, '..'), { recursive: true })
})

test('bad arguments and inputs end with 2 and a clear message; help ends with 0', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'seglog-example-'))
  const noFeed = join(directory, 'no-feed')
  writeFileSync(noFeed, 'time,price\n')
  const [badKills, badInput, help] = await Promise.all([
    gateway('--kills', 'many'),
    gateway('--input', noFeed),
    gateway('--help'),
  ])
  rmSync(directory, { recursive: true })
  expect(badKills).toMatchObject({ code: 2, output: '' })
  expect(badKills.errors).toContain('--kills must be an integer')
  expect(badInput).toMatchObject({ code: 2, output: '' })
  expect(badInput.errors).toContain('not a feed that this example knows')
  expect(help).toMatchObject({ code: 0, errors: '' })
  expect(help.output).toContain('--messages N')
})
