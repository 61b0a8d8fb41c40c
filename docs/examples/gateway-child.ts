/**
 * The gateway, a sequencer: it takes commands from a feed, gives each its sequence by appending it to the log, applies it
 * to its books, and tells its parent events and acknowledgements, both only of what is durable. After any end, also a
 * kill, it goes on from its newest snapshot and the records behind it. Started by `gateway-life.ts`.
 */
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'

import { cbor, openStore, type Log } from '../../lib/index.ts'
import { GatewayState } from './book.ts'
import { loadFeed, type FeedSource } from './feed.ts'
import type { MatchEvent } from './matching.ts'
import type { Message } from './messages.ts'
import { createRandom } from './random.ts'
import { Snapshots } from './snapshots.ts'

export interface GatewaySettings extends FeedSource {
  /** Of its own: the log is its stream `journal`, the snapshots are beside it. */
  directory: string
  segmentBytes: number
  /** A snapshot is due behind so many records. */
  snapshotEvery: number
}

/** What the gateway tells its parent. */
export type Told =
  /** Its state is that after `sequence`; it came from the snapshot at `snapshot` (0: none), after `refused` others. */
  | { kind: 'ready'; sequence: number; digest: string; snapshot: number; refused: number }
  /** Events of the durable records from `first` on, a list for each. After a kill some come once more. */
  | { kind: 'events'; first: number; events: (readonly MatchEvent[])[] }
  /** Everything up to `sequence` is durable; `appended` is how far the gateway had come by then. */
  | { kind: 'acknowledged'; sequence: number; appended: number; groups: number; syncs: number }
  /** The whole feed is acknowledged. The gateway closes its log when the parent says so. */
  | { kind: 'finished'; digest: string }

/** What the parent tells the gateway: that it has the events up to `sequence`, or that it has seen the end. */
export type Answer = { kind: 'received'; sequence: number } | { kind: 'close' }

/** A busy socket: messages come in bursts, and many are on their way to the disk at once. */
const burstsInFlightMax = 32
const burstMessagesMax = 64
/** A short feed comes in small bursts, so that there is a middle in which to be killed. */
const burstsPerFeedMin = 500

/** Events on their way to the parent, and how far it has them. */
class Outbox {
  #events: (readonly MatchEvent[])[] = []
  #first: number
  #received: number
  #onReceived: () => void = () => undefined

  constructor(received: number) {
    this.#first = received + 1
    this.#received = received
  }

  add(events: readonly MatchEvent[]): void {
    this.#events.push(events)
  }

  /** Sends the events up to this record, which is durable. */
  send(sequence: number): void {
    const events = this.#events.splice(0, sequence + 1 - this.#first)
    if (events.length > 0) tell({ kind: 'events', first: this.#first, events })
    this.#first = sequence + 1
  }

  received(sequence: number): void {
    this.#received = sequence
    this.#onReceived()
  }

  async untilReceived(sequence: number): Promise<void> {
    while (this.#received < sequence) await new Promise<void>((resolve) => (this.#onReceived = resolve))
  }
}

const parent = process
const settings = JSON.parse(process.argv[2] ?? '{}') as GatewaySettings
// Nobody would hear the acknowledgements of a gateway whose parent is gone.
parent.once('disconnect', () => process.exit(0))
await runGateway(settings)
parent.disconnect()

async function runGateway({ directory, segmentBytes, snapshotEvery, ...source }: GatewaySettings): Promise<void> {
  const { messages } = loadFeed(source)
  const store = openStore<Message>(directory, { codec: cbor(), segmentBytes })
  const log = await store.openStream('journal')
  const snapshots = new Snapshots(log as Log<never>, join(directory, 'snapshots'))

  // 1. The state as of the last record. Events that the parent may not have are made again, so the snapshot must not be
  //    of a later record than it has events of.
  let state = new GatewayState()
  const published = log.cursor('published')
  const outbox = new Outbox(published.sequence)
  const { anchor, refused } = await log.replay({
    fromAnchor: published.sequence,
    restore: (named) => snapshots.restore(named, (text) => (state = GatewayState.load(text))),
    apply: ({ sequence, value }) => {
      const events = state.apply(value)
      if (sequence > published.sequence) outbox.add(events)
    },
  })
  const closing = new Promise<void>((resolve) => {
    parent.on('message', (answer: Answer) => {
      if (answer.kind === 'received') outbox.received(answer.sequence)
      else resolve()
    })
  })
  const sequence = log.lastSequence
  tell({
    kind: 'ready',
    sequence,
    digest: state.digest(),
    snapshot: anchor?.sequence ?? 0,
    refused: refused.length,
  })
  outbox.send(sequence)

  // 2. The rest of the feed: message i gets sequence i. It is applied at once and told when it is durable.
  const random = createRandom(source.seed ^ log.lastSequence)
  const burstMax = Math.max(1, Math.min(burstMessagesMax, Math.floor(messages.length / burstsPerFeedMin)))
  const inFlight: Promise<void>[] = []
  let storing: Promise<void> | undefined
  while (log.lastSequence < messages.length) {
    const end = Math.min(messages.length, log.lastSequence + random.integer(1, burstMax))
    for (const message of messages.slice(log.lastSequence, end)) {
      const sequence = log.append(message)
      outbox.add(state.apply(message))
      if (sequence !== state.applied) throw new Error(`message ${state.applied} was given sequence ${sequence}`)
      if (sequence % snapshotEvery > 0) continue
      // One at a time: where the disk is slower than the feed, the feed waits.
      await storing
      storing = storeSnapshot(sequence, state.save())
    }
    inFlight.push(acknowledge(end))
    if (inFlight.length >= burstsInFlightMax) await inFlight.shift()
    await log.ready()
    await nextTurn()
  }
  await Promise.all([...inFlight, storing])

  // 3. The end: nothing is in flight any more.
  tell({ kind: 'finished', digest: state.digest() })
  await closing
  await store.close()

  async function acknowledge(sequence: number): Promise<void> {
    await log.durable(sequence)
    outbox.send(sequence)
    const { groups, syncs } = log.stats()
    tell({ kind: 'acknowledged', sequence, appended: log.lastSequence, groups, syncs })
  }

  /** `text` is the state as of this record. The parent must have its events, because nobody makes them again after that. */
  async function storeSnapshot(sequence: number, text: string): Promise<void> {
    await log.durable(sequence)
    await outbox.untilReceived(sequence)
    await published.save(sequence)
    await snapshots.store(sequence, text)
  }
}

function tell(told: Told): void {
  // A send that fails is no error here: a parent that is gone shows as 'disconnect'.
  parent.send?.(told, undefined, undefined, () => undefined)
}
