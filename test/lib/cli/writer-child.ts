import { openLog } from '../../../lib/index.ts'
import { order } from './orders.ts'

/** Commits a record every few milliseconds until it is killed; says so once it has begun. */
const [directory] = process.argv.slice(2)
const log = await openLog(directory!, { segmentBytes: 64 * 1024, keys: { order: 'order' } })
const PAUSE_MS = 5

for (let first = true; ; first = false) {
  await log.commit(order(log.lastSequence + 1))
  if (first) console.log('writing')
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
}
