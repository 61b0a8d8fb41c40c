import { openLog } from '../../lib/index.ts'
import { check, collectGarbage } from './contest.ts'

/** Opens and replays the log that it is told in a process that did nothing else, and says how far its memory rose meanwhile. */
const [directory, way] = [process.argv[2]!, process.argv[3]!]
collectGarbage()
const start = process.memoryUsage.rss()
const log = await openLog(directory)
let top = process.memoryUsage.rss()
let found = 0
const look = (value: unknown): void => {
  if (value !== undefined && ++found % 1_000 === 0) top = Math.max(top, process.memoryUsage.rss())
}
if (way === 'later') for await (const { value } of log.read()) look(value)
else for (const { value } of log.read({ reverse: way === 'reverse' })) look(value)
check(found === log.highWatermark, 'every record was read')
await log.close()
console.log(JSON.stringify(top - start))
