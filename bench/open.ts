import { type OpenLogOptions, openLog } from '../lib/index.ts'
import { answerOf, build } from './measure/children.ts'
import { type Contestant, type Result, check, compete } from './measure/contest.ts'
import { removeDirectory, temporaryDirectory } from './measure/disk.ts'
import { smallRecords } from './measure/events.ts'
import { amount, rounds } from './options.ts'
import { absence } from './peers/all.ts'
import { lmdbShapes } from './peers/lmdb.ts'
import { appendAll } from './peers/seglog.ts'
import { sqlite } from './peers/sqlite.ts'

/** Opens the log that it is told and says how long that took, as a program's first act. */
const PROGRAM = `
import { openLog } from 'seglog'
const start = performance.now()
const log = await openLog(process.argv[1])
const milliseconds = performance.now() - start
console.log(JSON.stringify({ milliseconds, records: log.highWatermark }))
await log.close()
`

/** P8: opening a log of many sealed segments does not cost more than one of few. */
export async function measure(): Promise<Result[]> {
  build()
  const [few, many] = [amount(1_000_000, 50_000), amount(10_000_000, 500_000)]
  const logs = {
    few: (await sealedLog(smallRecords(few))).directory,
    many: (await sealedLog(smallRecords(many))).directory,
  }
  const peers = [lmdbShapes, sqlite].filter((peer) => absence(peer) === undefined)
  const others = new Map<string, string>()
  for (const peer of peers) {
    const directory = temporaryDirectory()
    others.set(peer.name, directory)
    const store = await peer.open(directory, 'values')
    await store.append([...smallRecords(few)])
    await store.close()
  }
  const named = (count: number): string => `${count.toLocaleString('en')} records`
  const result = await compete({
    target: 'P8',
    title: `open, ${named(many)} in sealed segments`,
    unit: 'milliseconds; the page cache is warm',
    rounds,
    contestants: [
      {
        name: `a new process, ${named(many)}`,
        role: 'ours',
        ownGoal: { atMost: 10 },
        run: () => openedByChild(logs.many, many),
      },
      {
        name: `a new process, ${named(few)}`,
        role: 'ours',
        goal: { atMost: 1.2 },
        run: () => openedByChild(logs.few, few),
      },
      { name: `the same process again, ${named(many)}`, role: 'ours', run: () => opened(logs.many, many) },
      { name: `the same process again, ${named(few)}`, role: 'ours', run: () => opened(logs.few, few) },
      ...peers.map((peer): Contestant => ({
        name: `${peer.name}, the same process again, ${named(few)}`,
        role: 'peer',
        run: async () => {
          const start = performance.now()
          const store = await peer.open(others.get(peer.name)!, 'values')
          const figure = performance.now() - start
          await store.close()
          return figure
        },
      })),
    ],
    notes: [
      'A new process has the package as users get it, and runs code that is not compiled yet; loading the modules is not timed.',
      'All records are in sealed segments. Closing is not timed.',
    ],
  })
  for (const directory of [logs.few, logs.many, ...others.values()]) removeDirectory(directory)
  return [result]
}

/** A closed log whose records lie in sealed segments; `bytes` of frames. */
export async function sealedLog(
  records: Iterable<unknown>,
  options: OpenLogOptions<unknown> = {},
): Promise<{ directory: string; bytes: number }> {
  const directory = temporaryDirectory()
  const log = await openLog(directory, options)
  await appendAll(log, records)
  log.roll()
  const { bytes } = log.stats()
  await log.close()
  return { directory, bytes }
}

async function opened(directory: string, count: number): Promise<number> {
  const start = performance.now()
  const log = await openLog(directory)
  const figure = performance.now() - start
  check(log.highWatermark === count, 'all records are there')
  await log.close()
  return figure
}

function openedByChild(directory: string, count: number): number {
  const { milliseconds, records } = answerOf(PROGRAM, directory) as { milliseconds: number; records: number }
  check(records === count, 'all records are there')
  return milliseconds
}
