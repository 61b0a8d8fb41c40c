import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openLog } from '../lib/index.ts'
import { type Result, check, resultOf } from './measure/contest.ts'
import { inDirectory } from './measure/disk.ts'
import { orderEvents } from './measure/events.ts'
import { Times } from './measure/statistics.ts'
import { amount } from './options.ts'

const COMMITS = amount(5_000, 500)
const IDLE_SECONDS = amount(60, 2)
const ROUNDS = amount(3, 1)
/** Between two commits, so that the follower waits for each. */
const GAP_MS = 2

/** Follow: how soon another process sees what was committed, and what waiting costs it. */
export async function measure(): Promise<Result[]> {
  const all: { readonly times: Times; readonly idleMs: number }[] = []
  for (let round = 0; round < ROUNDS; round++) all.push(await followed())
  const times = (share: number): number[] => all.map((each) => each.times.percentile(share))
  const ours = (name: string) => ({ name, role: 'ours' as const, run: () => 0 })
  const result = resultOf(
    {
      target: 'follow',
      title: 'from a commit that is done to its entry in another process',
      unit: 'microseconds unless the row says otherwise',
      rounds: ROUNDS,
      contestants: [
        ours('p50'),
        ours('p99'),
        ours('the longest'),
        ours('processor time of a follower that waits, milliseconds a minute'),
      ],
      notes: [
        `${COMMITS.toLocaleString('en')} commits, one by one with ${GAP_MS} ms in between; by the monotonic clock that both processes share on Linux.`,
        'Less than 0: the entry was there before the promise of its commit was resolved.',
        `A follower that waits: over ${IDLE_SECONDS} seconds in which nothing is written.`,
      ],
    },
    [times(0.5), times(0.99), times(1), all.map(({ idleMs }) => (idleMs * 60) / IDLE_SECONDS)],
  )
  return [{ ...result, rows: result.rows.map((row) => ({ ...row, ratio: undefined })) }]
}

function followed(): Promise<{ times: Times; idleMs: number }> {
  const { values } = orderEvents(1_000)
  return inDirectory(async (directory) => {
    const log = await openLog(directory)
    const program = fileURLToPath(new URL('measure/follow-child.ts', import.meta.url))
    const child = fork(program, [directory, String(COMMITS)], { execArgv: ['--import', 'tsx'] })
    await once(child, 'message')
    await sleep(1000)
    child.send('idle begins')
    await sleep(IDLE_SECONDS * 1000)
    child.send('idle ends')
    const [idleMs] = (await once(child, 'message')) as [number]
    const told = once(child, 'message') as Promise<[number[]]>
    const doneMs: number[] = []
    while (log.lastSequence < COMMITS) {
      const sequence = await log.commit(values[log.lastSequence % values.length])
      doneMs[sequence] = Number(process.hrtime.bigint()) / 1e6
      await sleep(GAP_MS)
    }
    const [seenMs] = await told
    const times = new Times(COMMITS)
    for (let n = 1; n <= COMMITS; n++) times.add((seenMs[n]! - doneMs[n]!) * 1000)
    check(times.count === COMMITS, 'every record was seen')
    await log.close()
    return { times, idleMs }
  })
}
