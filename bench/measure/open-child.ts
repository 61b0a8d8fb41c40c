import { openLog } from '../../lib/index.ts'

/** Opens the log that it is told and says how long that took, as a program's first act. */
const start = performance.now()
const log = await openLog(process.argv[2]!)
const milliseconds = performance.now() - start
console.log(JSON.stringify({ milliseconds, records: log.highWatermark }))
await log.close()
