import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { openLog } from '../../../lib/index.ts'
import { say, settingsOf } from './children.ts'

/**
 * A writer of a feed that is to be killed: opens the log, says `opened n`, commits one message after another in several
 * ways, and says `ack n` once record n is durable.
 */
export interface FeedSettings {
  readonly directory: string
  /** Recorded messages, a line each, compressed; undefined for generated ones. */
  readonly feed: string | undefined
  readonly count: number
}

export interface FeedRecord {
  readonly n: number
  readonly message: string
}

const { directory, feed, count } = settingsOf<FeedSettings>()
const lines = feed === undefined ? [] : gunzipSync(readFileSync(feed)).toString('utf8').split('\n')
const log = await openLog<FeedRecord>(directory, { segmentBytes: 256 * 1024 })
say(`opened ${log.lastSequence}`)

function next(ahead: number): FeedRecord {
  const n = log.lastSequence + ahead
  return { n, message: lines.length > 0 ? lines[n % lines.length]! : `generated ${n} ${'-'.repeat(n % 300)}` }
}

while (log.lastSequence < count) {
  const way = log.lastSequence % 7
  if (way < 3) await log.commit(next(1))
  else if (way === 3) log.commitSync(next(1))
  else if (way === 4) await log.commitBatch([next(1), next(2), next(3)])
  else {
    for (let left = 20; left > 0; left--) log.append(next(1))
    await log.sync()
  }
  say(`ack ${log.highWatermark}`)
}
if (process.stdin.readable) await once(process.stdin.setEncoding('utf8'), 'data')
await log.close()
process.exit()
