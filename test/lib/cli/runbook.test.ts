import { spawnSync } from 'node:child_process'
import { chmodSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

import { copyLog, openLog } from '../../../lib/index.ts'
import { COMMANDS } from '../../../lib/cli/commands.ts'
import { COMMON } from '../../../lib/cli/help.ts'
import { textFile } from '../../tidy/files.ts'
import { codeIn, rowsOf } from '../../tidy/tables.ts'
import { LOADER, MAIN, Writer, flip, makeLog, temporaryDirectory } from './seglog.ts'

const PAGE = textFile('docs/operating.md').text

/** What is so before the lines of a section are typed, in a directory that has the log as `orders`. */
const SITUATIONS: Readonly<Record<string, (directory: string) => unknown>> = {
  'The disk is full': () => undefined,
  'A lock was left behind': async (directory) => {
    const writer = await Writer.start(join(directory, 'orders'))
    await writer.kill()
  },
  'A segment is damaged': (directory) => flip(join(directory, 'orders', 'segment-0000000002.log'), 20_000),
  'Something was kept aside': async (directory) => {
    const orders = join(directory, 'orders')
    const writer = await Writer.start(orders)
    await writer.kill()
    const active = readdirSync(orders).findLast((name) => /^segment-.*\.log$/.test(name))!
    flip(join(orders, active), statSync(join(orders, active)).size - 1000)
    const log = await openLog(orders)
    expect(log.recovery.end).toBe('torn')
    await log.close()
  },
  'Somebody may have changed the log': async (directory) => {
    rmSync(join(directory, 'orders'), { recursive: true })
    const log = await openLog(join(directory, 'orders'), { chain: 'sha256' })
    await log.commitBatch([1, 2, 3])
    await log.close()
  },
  'A sidecar is lost': (directory) => {
    for (const name of readdirSync(join(directory, 'orders'))) {
      if (name.endsWith('.idx')) rmSync(join(directory, 'orders', name))
    }
  },
  'Moving a log': () => undefined,
  Backups: () => undefined,
  Restoring: async (directory) => {
    const orders = join(directory, 'orders')
    const log = await openLog(orders)
    await log.archiveBefore(2000)
    await log.close()
    await copyLog(orders, join(directory, 'backup', 'monday'))
  },
}

/** Sections of the runbook with their lines, each with the exit code that it says or 0. */
function sections(): { title: string; lines: { text: string; code: number }[] }[] {
  const runbook = PAGE.slice(PAGE.indexOf('# Runbook\n'))
  return runbook
    .split(/^## /m)
    .slice(1)
    .map((section) => ({
      title: section.slice(0, section.indexOf('\n')),
      lines: [...section.matchAll(/^```sh\n(.*?)^```$/gms)]
        .flatMap((block) => block[1]!.trimEnd().split('\n'))
        .map((text) => ({ text, code: Number(/# ends with (\d)$/.exec(text)?.[1] ?? 0) })),
    }))
}

describe('docs/operating.md', () => {
  it.each(sections())('$title: every line does what the page says', async ({ title, lines }) => {
    const directory = temporaryDirectory()
    renameSync(await makeLog(), join(directory, 'orders'))
    await SITUATIONS[title]!(directory)
    const programs = temporaryDirectory()
    writeFileSync(
      join(programs, 'seglog'),
      `#!/bin/sh\nexec "${process.execPath}" --import "${LOADER}" "${MAIN}" "$@"\n`,
    )
    chmodSync(join(programs, 'seglog'), 0o755)
    const PATH = `${programs}:${process.env['PATH']}`
    expect(lines.length).toBeGreaterThan(0)
    for (const { text, code } of lines) {
      const { status, stdout, stderr } = spawnSync('sh', ['-c', text], {
        cwd: directory,
        env: { ...process.env, PATH },
        encoding: 'utf8',
      })
      expect(status, `${text}\n${stdout}${stderr}`).toBe(code)
    }
  })

  it('has each command and its exit codes', () => {
    const rows = rowsOf(PAGE)
    const told = rows.flatMap((row) => codeIn(row['command'])?.split(' ')[1] ?? [])
    expect(told.sort()).toEqual(COMMANDS.map(({ name }) => name).sort())
    expect(rows.flatMap((row) => row['exit code'] ?? [])).toEqual(['0', '1', '2', '3'])
  })
})

describe('help', () => {
  it.each(COMMANDS.map((command) => [command.name, command] as const))(
    'of %s has examples that can be typed',
    (name, { examples, options }) => {
      expect(examples.length).toBeGreaterThan(0)
      for (const [line] of examples) {
        expect(line.startsWith(`seglog ${name} `)).toBe(true)
        for (const [, option] of line.matchAll(/ --([\w-]+)/g))
          expect({ ...options, ...COMMON }).toHaveProperty(option!)
      }
    },
  )
})
