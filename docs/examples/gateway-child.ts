/**
 * The gateway: it takes messages from a feed, gives each its sequence by appending it to the log, and tells its parent
 * only what is durable. After any end, also a kill, it goes on where its log ends. Started by `gateway-life.ts`.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'

import { cbor, openLog } from '../../lib/index.ts'
import { GatewayState } from './book.ts'
import { loadFeed, type FeedSource } from './feed.ts'
import type { Message } from './messages.ts'
import { createRandom } from './random.ts'

export interface GatewaySettings extends FeedSource {
  directory: string
  segmentBytes: number
}

/** What the gateway tells its parent. */
export type Told =
  | { kind: 'ready'; sequence: number; digest: string }
  /** Everything up to `sequence` is durable; `appended` is how far the gateway had come by then. */
  | { kind: 'acknowledged'; sequence: number; appended: number; groups: number; syncs: number }
  /** The whole feed is acknowledged. The gateway closes its log when the parent answers, with anything. */
  | { kind: 'finished'; digest: string }

/** A busy socket: messages come in bursts, and many are on their way to the disk at once. */
const burstsInFlightMax = 32
const burstMessagesMax = 64
/** A short feed comes in small bursts, so that there is a middle in which to be killed. */
const burstsPerFeedMin = 500

const parent = process
const settings = JSON.parse(process.argv[2] ?? '{}') as GatewaySettings
// Nobody would hear the acknowledgements of a gateway whose parent is gone.
parent.once('disconnect', () => process.exit(0))
await runGateway(settings)
parent.disconnect()

async function runGateway({ directory, segmentBytes, ...source }: GatewaySettings): Promise<void> {
  const { messages } = loadFeed(source)
  const log = await openLog<Message>(directory, { codec: cbor(), segmentBytes })

  // 1. The state as of the last record.
  const state = new GatewayState()
  for (const { value } of log.read({ from: 1 })) state.apply(value)
  tell({ kind: 'ready', sequence: log.lastSequence, digest: state.digest() })

  // 2. The rest of the feed: message i gets sequence i.
  const random = createRandom(source.seed ^ log.lastSequence)
  const burstMax = Math.max(1, Math.min(burstMessagesMax, Math.floor(messages.length / burstsPerFeedMin)))
  const inFlight: Promise<void>[] = []
  while (log.lastSequence < messages.length) {
    const end = Math.min(messages.length, log.lastSequence + random.integer(1, burstMax))
    for (const message of messages.slice(log.lastSequence, end)) {
      const sequence = log.append(message)
      state.apply(message)
      if (sequence !== state.applied) throw new Error(`message ${state.applied} was given sequence ${sequence}`)
    }
    inFlight.push(acknowledge(end))
    if (inFlight.length >= burstsInFlightMax) await inFlight.shift()
    await log.ready()
    await nextTurn()
  }
  await Promise.all(inFlight)

  // 3. The end: nothing is in flight any more.
  const answer = new Promise((resolve) => parent.once('message', resolve))
  tell({ kind: 'finished', digest: state.digest() })
  await answer
  await log.close()

  async function acknowledge(sequence: number): Promise<void> {
    await log.durable(sequence)
    const { groups, syncs } = log.stats()
    tell({ kind: 'acknowledged', sequence, appended: log.lastSequence, groups, syncs })
  }
}

function tell(told: Told): void {
  // A send that fails is no error here: a parent that is gone shows as 'disconnect'.
  parent.send?.(told, undefined, undefined, () => undefined)
}
