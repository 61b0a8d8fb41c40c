import { type Contest } from './measure/contest.ts'
import { type Events, byteRecords, described } from './measure/events.ts'
import { copyRate, fillFile, writtenLater } from './measure/limits.ts'
import { inDirectory } from './measure/disk.ts'
import { appendRate, contestants } from './measure/stores.ts'
import { amount, rounds } from './options.ts'
import { durabilityNotes, everyone } from './peers/all.ts'
import { seglog } from './peers/seglog.ts'

const KIB = 1024
const MIB = 1024 * KIB

/** P4: records that are bytes already. */
export const contests = [4 * KIB, 64 * KIB].map((bytes) => () => {
  return Promise.resolve(appends(byteRecords((amount(128, 16) * MIB) / bytes, bytes)))
})

function appends(events: Events): Contest {
  const total = events.values.reduce<number>((sum, value) => sum + (value as Uint8Array).length, 0)
  const mebibytes = total / MIB
  const inMiB = (rate: number): number => (rate * mebibytes) / events.values.length
  return {
    target: 'P4',
    title: `append of bytes, ${described(events)}`,
    unit: 'MiB a second, all durable at the end, into stores that have taken as many before; what seglog fills with zeros meanwhile is part of its time',
    rounds: Math.min(5, rounds),
    contestants: [
      {
        name: 'seglog append, bytes()',
        role: 'ours',
        run: async (round) => inMiB(await appendRate(seglog, events, round)),
      },
      ...contestants(everyone, events, new Map(), async (peer, round) => inMiB(await appendRate(peer, events, round))),
      {
        name: '1 MiB writes + fdatasync, over zeros',
        role: 'limit',
        goal: { atLeast: 0.7 },
        run: () => writtenLater(mebibytes, total, 'each', 'zeros'),
      },
      {
        name: '1 MiB O_DSYNC writes, over zeros',
        role: 'limit',
        run: () => writtenLater(mebibytes, total, 'flag', 'zeros'),
      },
      {
        name: '1 MiB writes + fdatasync, growing',
        role: 'limit',
        run: () => writtenLater(mebibytes, total, 'each', 'nothing'),
      },
      { name: 'the zero fill alone', role: 'limit', run: () => zeroFill(mebibytes, total) },
      { name: 'copied in memory', role: 'limit', run: () => copyRate(mebibytes, total) },
    ],
    notes: durabilityNotes([seglog, ...everyone]),
  }
}

/** What a log pays in the background for segments that it has not prepared yet. */
function zeroFill(things: number, bytes: number): Promise<number> {
  return inDirectory((directory) => {
    const start = performance.now()
    fillFile(`${directory}/zeros`, bytes, 'zeros')
    return (things * 1000) / (performance.now() - start)
  })
}
