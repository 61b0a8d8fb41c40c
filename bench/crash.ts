import { cpSync, readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { openLog } from '../lib/index.ts'
import { runChild } from './measure/children.ts'
import { type Result, check, compete } from './measure/contest.ts'
import { inDirectory, removeDirectory, syncFiles, temporaryDirectory } from './measure/disk.ts'
import { writtenOnce } from './measure/limits.ts'
import { amount, rounds } from './options.ts'

const MIB = 1024 * 1024
const LENGTH = amount(64, 16)

/** P9: opening after a crash in a full active segment, with all that recovery copies and syncs. */
export async function measure(): Promise<Result[]> {
  const [crashed, idle] = [temporaryDirectory(), temporaryDirectory()]
  const records = crash(crashed, 'in a group')
  const all = crash(idle, 'between groups')
  const result = await compete({
    target: 'P9',
    title: `open after a crash in a full active segment of ${LENGTH} MiB`,
    unit: 'milliseconds, until the log can be written again',
    rounds: Math.min(5, rounds),
    contestants: [
      {
        name: 'after a power cut, recovered by copy',
        role: 'ours',
        run: () => recovered(crashed, records, 'power cut'),
      },
      {
        name: 'after kill -9 amid a group, recovered by copy',
        role: 'ours',
        run: () => recovered(crashed, records, 'kill'),
      },
      {
        name: 'after kill -9 between two groups, in place',
        role: 'ours',
        ownGoal: { atMost: 150 },
        run: () => recovered(idle, all, 'kill'),
      },
      {
        name: `write ${LENGTH} MiB, one sync`,
        role: 'limit',
        goal: { atMost: 3 },
        run: () => 1000 * writtenOnce(LENGTH * MIB),
      },
    ],
    notes: [
      'Each round opens a fresh copy of the log of a process that was killed.',
      'A power cut: the lock of the dead process is taken away, so nothing shows that the page cache can be trusted.',
    ],
  })
  removeDirectory(crashed)
  removeDirectory(idle)
  return [result]
}

/** Lets a process die; how many records it had been told are on disk. */
function crash(directory: string, where: 'in a group' | 'between groups'): number {
  const { signal, stdout, stderr } = runChild('crash-child.ts', directory, String(LENGTH * MIB), where)
  check(signal === 'SIGKILL', `the process is killed by itself, not ${String(stderr)}`)
  return Number(stdout)
}

function recovered(crashed: string, records: number, end: 'power cut' | 'kill'): Promise<number> {
  return inDirectory(async (place) => {
    const directory = path.join(place, 'log')
    cpSync(crashed, directory, { recursive: true, filter: (file) => !file.endsWith('.sock') })
    syncFiles(directory)
    if (end === 'power cut') {
      for (const name of readdirSync(directory)) if (name.startsWith('lock-')) rmSync(path.join(directory, name))
    }
    const start = performance.now()
    const log = await openLog(directory)
    const figure = performance.now() - start
    check(log.highWatermark >= records, 'what was acknowledged is there')
    await log.close()
    return figure
  })
}
