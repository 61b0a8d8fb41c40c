import { randomUUID } from 'node:crypto'

import {
  assertExpectedVersionMatchesCurrent,
  downcastRecordedMessages,
  upcastRecordedMessages,
  type AggregateStreamOptions,
  type AggregateStreamResult,
  type AppendToStreamOptions,
  type AppendToStreamResult,
  type Event,
  type EventStore,
  type ReadEvent,
  type ReadEventMetadataWithGlobalPosition,
  type ReadStreamOptions,
  type ReadStreamResult,
} from '@event-driven-io/emmett'

import { openLog, type Entry, type Log } from '../../../lib/index.ts'

/** A record: one event, with the stream that it belongs to and its place there. */
interface Stored {
  readonly stream: string
  readonly position: number
  readonly messageId: string
  readonly event: Event
}

type Metadata = ReadEventMetadataWithGlobalPosition

/**
 * The event store of emmett on one log: all streams in one order, so that the position of an event among all is its
 * sequence, and events that are appended together are there together or not at all. Streams are found by a key.
 */
export class SeglogEventStore implements EventStore<Metadata> {
  readonly #log: Log<Stored>
  /** Events in each stream, also those on their way to the disk: the next append is checked against them. */
  readonly #counts = new Map<string, number>()

  private constructor(log: Log<Stored>) {
    this.#log = log
  }

  static async open(directory: string): Promise<SeglogEventStore> {
    const log = await openLog<Stored>(directory, { keys: { stream: 'stream' } })
    const store = new SeglogEventStore(log)
    await log.replay({ apply: ({ value: { stream, position } }) => store.#counts.set(stream, position) })
    return store
  }

  close(): Promise<void> {
    return this.#log.close()
  }

  /** Resolves when the events are on the disk. */
  async appendToStream<E extends Event, P extends Event = E>(
    stream: string,
    events: E[],
    options?: AppendToStreamOptions<bigint, E, P>,
  ): Promise<AppendToStreamResult> {
    const count = this.#counts.get(stream) ?? 0
    assertExpectedVersionMatchesCurrent(BigInt(count), options?.expectedStreamVersion, 0n)
    const stored = downcastRecordedMessages(events as Event[], options?.schema?.versioning as object)
    const records = stored.map((event, index) => ({
      stream,
      position: count + index + 1,
      messageId: randomUUID(),
      event,
    }))
    // Nothing is awaited since the check, so nobody came in between.
    const last = this.#log.appendBatch(records)
    this.#counts.set(stream, count + records.length)
    await this.#log.durable(last)
    return { nextExpectedStreamVersion: BigInt(count + records.length), createdNewStream: count === 0 }
  }

  readStream<E extends Event, P extends Event = E>(
    stream: string,
    options?: ReadStreamOptions<bigint, E, P>,
  ): Promise<ReadStreamResult<E, Metadata>> {
    return new Promise((resolve) => {
      const all = [...this.#log.lookupAll('stream', stream)].map(recorded)
      const currentStreamVersion = BigInt(all.length)
      assertExpectedVersionMatchesCurrent(currentStreamVersion, options?.expectedStreamVersion, 0n)
      const from = Number(options?.from ?? 0n)
      const to = Number(options?.to ?? (options?.maxCount ? BigInt(from) + options.maxCount : currentStreamVersion))
      const events = upcastRecordedMessages(all.slice(from, to), options?.schema?.versioning as object)
      resolve({
        currentStreamVersion,
        events: events as unknown as ReadEvent<E, Metadata>[],
        streamExists: all.length > 0,
      })
    })
  }

  async aggregateStream<State, E extends Event, P extends Event = E>(
    stream: string,
    { evolve, initialState, read }: AggregateStreamOptions<State, E, Metadata, P>,
  ): Promise<AggregateStreamResult<State>> {
    const { events, currentStreamVersion, streamExists } = await this.readStream<E, P>(stream, read)
    const step = evolve as (state: State, event: ReadEvent<E, Metadata>) => State
    return { currentStreamVersion, state: events.reduce(step, initialState()), streamExists }
  }

  streamExists(stream: string): Promise<boolean> {
    return Promise.resolve(this.#counts.has(stream))
  }

  /** All events of all streams, then each one once it is durable: for projections. */
  async *follow(from: bigint, signal: AbortSignal): AsyncGenerator<ReadEvent<Event, Metadata>> {
    for await (const entry of this.#log.follow({ from: Number(from), signal })) yield recorded(entry)
  }
}

function recorded({ sequence, value }: Entry<Stored>): ReadEvent<Event, Metadata> {
  const { stream: streamName, position, messageId, event } = value
  const metadata = { streamName, messageId, streamPosition: BigInt(position), globalPosition: BigInt(sequence) }
  const own = 'metadata' in event ? (event.metadata as object | undefined) : undefined
  return { ...event, kind: 'Event', metadata: { ...own, ...metadata } }
}
