import { openReadOnly } from '../../lib/index.ts'

/** Follows the log that it is told, notes when it sees each record, and tells its parent all of that at the last one. */
const [directory, last] = [process.argv[2]!, Number(process.argv[3])]
const reader = await openReadOnly(directory)
const seenMs: number[] = []
let before = process.cpuUsage()
// The parent asks what the processor was used for while nothing came.
process.on('message', (word) => {
  const { user, system } = process.cpuUsage(before)
  if (word === 'idle ends') process.send!((user + system) / 1000)
  else before = process.cpuUsage()
})
const following = (async () => {
  for await (const { sequence } of reader.follow()) {
    seenMs[sequence] = Number(process.hrtime.bigint()) / 1e6
    if (sequence === last) break
  }
})()
process.send!('follows')
await following
process.send!(seenMs)
await reader.close()
process.disconnect()
