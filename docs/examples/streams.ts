import { Readable, Writable } from 'node:stream'

import type { Entry, Log, ReadOptions } from '../../lib/index.ts'

/** What has records to read: a log that is open to write, or only to read. */
export type Source<T> = Pick<Log<T>, 'read' | 'follow'>

/** Records as a stream of `node:stream`, in object mode; with `follow` also those to come, until the stream is destroyed. */
export function toNodeStream<T>(log: Source<T>, range: ReadOptions = {}, end: 'end' | 'follow' = 'end'): Readable {
  if (end === 'end') return Readable.from(log.read(range))
  const stop = new AbortController()
  const { from } = range
  const stream = Readable.from(log.follow({ ...(from === undefined ? {} : { from }), signal: stop.signal }))
  return stream.once('close', () => stop.abort())
}

/** Appends each value that is written. It takes as much as the log's queue does, and finishes when all is durable. */
export function fromNodeStream<T>(log: Log<T>): Writable {
  return new Writable({
    objectMode: true,
    write(value: T, _encoding, done) {
      try {
        log.append(value)
      } catch (error) {
        return done(error as Error)
      }
      log.ready().then(() => done(), done)
    },
    final(done) {
      log.sync().then(() => done(), done)
    },
  })
}

/** The same for web streams. */
export function toWebStream<T>(log: Source<T>, range: ReadOptions = {}): ReadableStream<Entry<T>> {
  const entries = log.read(range)[Symbol.asyncIterator]()
  return new ReadableStream({
    async pull(controller) {
      const turn = await entries.next()
      if (turn.done === true) controller.close()
      else controller.enqueue(turn.value)
    },
    async cancel() {
      await entries.return?.()
    },
  })
}

export function fromWebStream<T>(log: Log<T>): WritableStream<T> {
  return new WritableStream({
    async write(value) {
      log.append(value)
      await log.ready()
    },
    close: () => log.sync(),
  })
}
