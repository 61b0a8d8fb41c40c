import { crc32 as zlibCrc32 } from 'node:zlib'
import { Decoder as CborDecoder } from 'cbor-x/decode'
import { cbor, openLog } from '../lib/index.ts'
import type { Log } from '../lib/index.ts'
import { decodeDefinition } from '../segments/format/dictionary.ts'
import { type Events, type ValuesChecksum, binanceEvents, checksumOf, meanJsonBytes, orderEvents } from './events.ts'
import {
  type Contestant,
  check,
  compete,
  isQuick,
  isWanted,
  printMachine,
  rate,
  rateNow,
  removeDirectory,
  temporaryDirectory,
} from './harness.ts'

/** What reading costs: `npm run bench`. See bench/README.md for what the names mean. */

const rounds = isQuick ? 2 : 7

printMachine()
for (const events of [orderEvents(), binanceEvents()]) if (events !== undefined) await measureReads(events)

async function measureReads(events: Events): Promise<void> {
  if (!['P5', 'P6', 'P7'].some(isWanted)) return
  const { values } = events
  const directory = temporaryDirectory()
  const written = await openLog(directory)
  let n = 0
  for (const value of values) {
    written.append(value)
    if (++n % 1000 === 0 && written.stats().isBehind) await written.ready()
  }
  await written.close()
  // Opened anew, so that nothing is known but what the files say.
  const log = await openLog(directory)
  compare(checksumOf(valuesOf(log.read())), checksumOf(values))
  compare(checksumOf([...valuesOf(log.read({ reverse: true }))].reverse()), checksumOf(values))
  const what = `${values.length.toLocaleString('en')} ${events.name} (${meanJsonBytes(events).toFixed(0)} B as JSON)`
  await measureReplay(log, values, what)
  await measureScans(log, values.length, what)
  await measureGets(log, values.length, what)
  await log.close()
  removeDirectory(directory)
}

/** P5: every value, in order. */
async function measureReplay(log: Log<unknown>, values: readonly unknown[], what: string): Promise<void> {
  const count = values.length
  const payloads = encodeAll(values)
  const contestants = {
    sync: { name: 'replay, for … of', run: () => rateNow(count, () => use(log.read(), count)) },
    later: { name: 'replay, for await … of', run: () => rate(count, () => useLater(log, count)) },
    reverse: { name: 'reverse, for … of', run: () => rateNow(count, () => use(log.read({ reverse: true }), count)) },
    decoder: { name: 'the decoder alone (cbor(), guarded)', run: () => decodeAlone(payloads) },
    scratch: { name: 'cbor-x alone, out of one buffer', run: () => decodeBare(payloads, 'scratch') },
    views: { name: 'cbor-x alone, a view per record', run: () => decodeBare(payloads, 'views') },
    bytes: { name: 'zlib CRC-32 of the same payloads, at once', run: () => checkAtOnce(payloads) },
  } satisfies Record<string, Contestant>
  const { sync, later, reverse, decoder, scratch, views } = contestants
  await compete({
    title: `P5 replay, decoded, ${what}`,
    unit: 'records a second; files in the page cache, every CRC checked',
    rounds,
    contestants: Object.values(contestants),
    ratios: [
      { label: 'replay / the decoder alone', of: sync.name, to: decoder.name },
      { label: 'replay / cbor-x alone, out of one buffer', of: sync.name, to: scratch.name },
      { label: 'replay / cbor-x alone, a view per record', of: sync.name, to: views.name },
      { label: 'for await / for … of', of: later.name, to: sync.name },
      { label: 'reverse / forward', of: reverse.name, to: sync.name },
    ],
  })
}

/** P6: no value is asked for, so none is decoded. */
async function measureScans(log: Log<unknown>, count: number, what: string): Promise<void> {
  const scan: Contestant = {
    name: 'sequences only',
    run: () =>
      rateNow(count, () => {
        let sum = 0
        for (const { sequence } of log.read()) sum += sequence
        check(sum === (count * (count + 1)) / 2, 'every sequence was met once')
      }),
  }
  const replay: Contestant = { name: 'replay', run: () => rateNow(count, () => use(log.read(), count)) }
  await compete({
    title: `P6 scan of sequences, ${what}`,
    unit: 'records a second, every CRC checked (target 5,000,000)',
    rounds,
    contestants: [scan, replay],
    ratios: [{ label: 'scan / replay (target 2.2)', of: scan.name, to: replay.name }],
  })
}

/** P7: as it is before the sidecar index. */
async function measureGets(log: Log<unknown>, count: number, what: string): Promise<void> {
  const asked = isQuick ? 1_000 : 20_000
  const places = Array.from({ length: asked }, (_, n) => 1 + ((n * 7_919_177) % count))
  const get: Contestant = {
    name: 'get, value used',
    run: () =>
      rateNow(asked, () => {
        for (const n of places) check(log.get(n)?.value !== undefined, 'the record is there')
      }),
  }
  await compete({
    title: `P7 random get, ${what}`,
    unit: 'records a second; simple as yet: opens the file and reads a page for each, no index, no cache',
    rounds,
    contestants: [get],
  })
}

function use(entries: Iterable<{ readonly value: unknown }>, count: number): void {
  let found = 0
  for (const { value } of entries) if (value !== undefined) found += 1
  check(found === count, 'every record was read')
}

async function useLater(log: Log<unknown>, count: number): Promise<void> {
  let found = 0
  for await (const { value } of log.read()) if (value !== undefined) found += 1
  check(found === count, 'every record was read')
}

function* valuesOf(entries: Iterable<{ readonly value: unknown }>): Iterable<unknown> {
  for (const { value } of entries) yield value
}

function compare(found: ValuesChecksum, expected: ValuesChecksum): void {
  check(found.count === expected.count && found.crc === expected.crc, 'what is read back is what was appended')
}

/** All payloads in one buffer, and the definitions that they need. */
interface Payloads {
  readonly bytes: Buffer
  readonly ends: readonly number[]
  readonly definitions: readonly Uint8Array[]
}

function encodeAll(values: readonly unknown[]): Payloads {
  const encoder = cbor().encoder([])
  const definitions: Uint8Array[] = []
  const ends: number[] = []
  const parts: Buffer[] = []
  let end = 0
  for (const value of values) {
    const payload = encoder.encode(value)
    check(!encoder.plain, 'the values have few shapes')
    parts.push(Buffer.from(payload))
    definitions.push(...(encoder.takeDefinitions() ?? []))
    ends.push((end += payload.length))
  }
  return { bytes: Buffer.concat(parts), ends, definitions }
}

function decodeAlone({ bytes, ends, definitions }: Payloads): number {
  const decoder = cbor().decoder()
  for (const definition of definitions) decoder.define(definition)
  return rateNow(ends.length, () => {
    let start = 0
    for (const end of ends) {
      check(decoder.decode(bytes, start, end, false) !== undefined, 'a value')
      start = end
    }
  })
}

function decodeBare({ bytes, ends, definitions }: Payloads, from: 'scratch' | 'views'): number {
  const structures: object[] = []
  for (const payload of definitions) {
    const { id, keys } = decodeDefinition(payload)!
    structures[id] = [...keys]
  }
  const decoder = new CborDecoder({ structures, mapsAsObjects: true, copyBuffers: true }) as unknown as {
    decode(source: Uint8Array, end?: number): unknown
  }
  const scratch = new Uint8Array(64 * 1024)
  return rateNow(ends.length, () => {
    let start = 0
    for (const end of ends) {
      const view = bytes.subarray(start, end)
      if (from === 'scratch') scratch.set(view)
      const value = from === 'scratch' ? decoder.decode(scratch, end - start) : decoder.decode(view)
      check(value !== undefined, 'a value')
      start = end
    }
  })
}

function checkAtOnce({ bytes, ends }: Payloads): number {
  return rateNow(ends.length, () => check(zlibCrc32(bytes) >= 0, 'a checksum'))
}
