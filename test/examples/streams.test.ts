import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { fromNodeStream, fromWebStream, toNodeStream, toWebStream } from '../../docs/examples/streams.ts'
import { memoryEnvironment, openLog, type Entry, type Log } from '../../lib/index.ts'

const COUNT = 5000
let from: Log<{ id: number; text: string }>
let to: Log<{ id: number; text: string }>

beforeEach(async () => {
  const environment = memoryEnvironment()
  const options = { environment, queueSoftBytes: 64 * 1024 }
  from = await openLog('/from', options)
  to = await openLog('/to', options)
  for (let id = 1; id <= COUNT; id++) from.append({ id, text: 'some words' })
  await from.sync()
})

afterEach(async () => {
  await from.close()
  await to.close()
})

const valueOf = <T>() =>
  new Transform({ objectMode: true, transform: (entry: Entry<T>, _encoding, done) => done(null, entry.value) })

function expectSame(): void {
  expect(to.highWatermark, 'all is durable at the end').toBe(COUNT)
  expect([...to.read()].map(({ value }) => value)).toEqual([...from.read()].map(({ value }) => value))
}

test('a log is pumped through streams of Node into another', async () => {
  await pipeline(toNodeStream(from), valueOf(), fromNodeStream(to))
  expectSame()
})

test('a log is pumped through web streams into another', async () => {
  const values = new TransformStream<Entry<{ id: number; text: string }>, { id: number; text: string }>({
    transform: ({ value }, controller) => controller.enqueue(value),
  })
  await toWebStream(from).pipeThrough(values).pipeTo(fromWebStream(to))
  expectSame()
})

test('a range is a stream, and one that is left early lets go of the log', async () => {
  const seen: number[] = []
  for await (const { sequence } of toNodeStream(from, { from: 10, to: 12 }) as AsyncIterable<Entry<unknown>>) {
    seen.push(sequence)
  }
  expect(seen).toEqual([10, 11, 12])
  const reader = toWebStream(from, { from: 4999 }).getReader()
  expect((await reader.read()).value?.sequence).toBe(4999)
  await reader.cancel()
})

test('a stream that follows gives what comes later, until it is destroyed', async () => {
  const stream = toNodeStream(from, { from: COUNT }, 'follow')
  const seen: number[] = []
  const ended = new Promise((resolve) => stream.once('close', resolve))
  stream.on('data', ({ sequence }: Entry<unknown>) => {
    seen.push(sequence)
    if (sequence === COUNT) from.append({ id: COUNT + 1, text: 'later' })
    else stream.destroy()
  })
  await ended
  expect(seen).toEqual([COUNT, COUNT + 1])
})

test('what a log refuses fails the stream, and what came before it is there', async () => {
  const stream = fromNodeStream(to)
  const failed = new Promise<Error>((resolve) => stream.once('error', resolve))
  stream.write({ id: 1, text: 'sound' })
  stream.write({ id: 2, text: () => 'a function' })
  expect(await failed).toMatchObject({ code: 'ENCODE' })
  expect(to.lastSequence).toBe(1)
})
