import { closeSync, openSync, readSync, readdirSync, statSync, writeSync } from 'node:fs'
import { openLog } from '../../lib/index.ts'
import { smallRecords } from './events.ts'

/**
 * Fills a log until its active segment is as long as segments get and nearly full, says how many records it was told are
 * on disk, and dies: in the middle of a group, or between two.
 */
const [directory, length, where] = [process.argv[2]!, Number(process.argv[3]), process.argv[4]!]
const log = await openLog(directory, { segmentBytes: length })
const records = smallRecords(Infinity)[Symbol.iterator]()
let active = ''
let bytesBefore = 0
for (;;) {
  for (let n = 0; n < 5_000; n++) log.append(records.next().value)
  await log.sync()
  const found = newestUsed()
  if (found !== active) bytesBefore = log.stats().bytes
  active = found
  const filled = log.stats().bytes - bytesBefore
  if (statSync(`${directory}/${active}`).size === length && filled > length * 0.94) break
}
const known = log.highWatermark
if (where === 'in a group') for (let n = 0; n < 1_000; n++) log.append(records.next().value)
writeSync(1, String(known))
// The group begins to be written in this turn of the event loop; it is in flight when the process ends.
setImmediate(() => process.kill(process.pid, 'SIGKILL'))

/** The last segment that is not all zeros: what is used begins with a magic. */
function newestUsed(): string {
  const segments = readdirSync(directory).filter((name) => /^segment-\d+\.log$/.test(name))
  return segments.sort().findLast((name) => firstByte(`${directory}/${name}`) !== 0)!
}

function firstByte(file: string): number {
  const handle = openSync(file, 'r')
  const byte = new Uint8Array(1)
  readSync(handle, byte)
  closeSync(handle)
  return byte[0]!
}
