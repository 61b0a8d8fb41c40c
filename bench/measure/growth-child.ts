import { openLog } from '../../lib/index.ts'
import { appendAll } from '../peers/seglog.ts'
import { check, collectGarbage, rate } from './contest.ts'
import { type SmallRecord, smallRecords } from './events.ts'

/** One length of a log; what the two parts say together. */
export interface Grown {
  readonly appendRate: number
  readonly openMs: number
  readonly getUs: number
  readonly residentMiB: number
}

const GETS = 2_000

const [part, directory, count] = [process.argv[2], process.argv[3]!, Number(process.argv[4])]
if (part === 'append') await append()
if (part === 'read') await read()

async function append(): Promise<void> {
  const log = await openLog<SmallRecord>(directory)
  const appendRate = await rate(count, () => appendAll(log, smallRecords(count)))
  await log.close()
  console.log(JSON.stringify({ appendRate }))
}

/** Another process: nothing is known but what the files say. */
async function read(): Promise<void> {
  const start = performance.now()
  const log = await openLog<SmallRecord>(directory)
  const openMs = performance.now() - start
  const gets = (): void => {
    for (let n = 0; n < GETS; n++) {
      const sequence = 1 + ((n * 7_919_177) % count)
      check(log.get(sequence)?.value.n === sequence, 'it is the record that was asked for')
    }
  }
  gets()
  const getsStart = performance.now()
  gets()
  const getUs = ((performance.now() - getsStart) * 1000) / GETS
  collectGarbage()
  const residentMiB = process.memoryUsage.rss() / 1024 / 1024
  await log.close()
  console.log(JSON.stringify({ openMs, getUs, residentMiB }))
}
