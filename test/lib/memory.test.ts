import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

const directory = mkdtempSync(join(tmpdir(), 'seglog-memory-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const RECORDS = (1 << 30) / 4096
const ABOVE_MIB_MAX = 64

// `npm test` runs this after all others: beside them the threads of the collector wait for a core, and memory stays taken.
test('B3 1 GB is walked over in less than 64 MiB above the start, forward, in reverse and asynchronously', () => {
  const child = join(import.meta.dirname, 'memory-child.ts')
  const output = execFileSync(process.execPath, ['--import', 'tsx', child, join(directory, 'journal')], {
    encoding: 'utf8',
  })
  const walks = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { walk: string; count: number; aboveMib: number })
  expect(walks.map(({ walk }) => walk)).toEqual(['sequences only', 'forward', 'reverse', 'asynchronous'])
  for (const { walk, count, aboveMib } of walks) {
    expect(count, walk).toBe(RECORDS)
    expect(aboveMib, walk).toBeLessThan(ABOVE_MIB_MAX)
  }
}, 180_000)
