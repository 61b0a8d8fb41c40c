import { openLog } from '../lib/index.ts'
import { childAnswer } from './measure/children.ts'
import { type Contestant, type Result, compete } from './measure/contest.ts'
import { inDirectory } from './measure/disk.ts'
import { noise } from './measure/events.ts'
import { amount } from './options.ts'
import { appendAll } from './peers/seglog.ts'

const MIB = 1024 * 1024
const TEXT = 1000
const MEBIBYTES = amount(1024, 64)
const COUNT = Math.floor((MEBIBYTES * MIB) / TEXT)

/** P12: what a replay of a long log takes, at its highest, above what there was before. */
export async function measure(): Promise<Result[]> {
  return inDirectory(async (directory) => {
    const log = await openLog<unknown>(directory)
    await appendAll(log, records())
    await log.close()
    const ours = (name: string, way: string): Contestant => ({
      name,
      role: 'ours',
      ownGoal: { atMost: 64 },
      run: () => (childAnswer('memory-child.ts', directory, way) as number) / MIB,
    })
    const result = await compete({
      target: 'P12',
      title: `memory of a replay, ${COUNT.toLocaleString('en')} records, ${MEBIBYTES} MiB`,
      unit: 'MiB of resident memory above the start, the highest of many looks',
      rounds: amount(5, 1),
      contestants: [ours('for … of', 'forward'), ours('for await … of', 'later'), ours('in reverse', 'reverse')],
      notes: [
        'Each in a new process that did nothing before. The start is before the opening, so its buffers, compiled code and garbage all count.',
      ],
    })
    return [result]
  })
}

function* records(): Iterable<unknown> {
  const text = noise(TEXT).toString('hex').slice(0, TEXT)
  for (let n = 1; n <= COUNT; n++) yield { n, text }
}
