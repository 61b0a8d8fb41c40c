import fs from 'node:fs'
import { Decoder as CborDecoder } from 'cbor-x/decode'
import { Encoder as CborEncoder } from 'cbor-x/encode'
import { cbor, memoryEnvironment, openLog } from '../../lib/index.ts'
import { WINDOW_BYTES } from '../../segments/window.ts'
import { check, rate, rateNow } from './contest.ts'
import { inDirectory, removeDirectory, temporaryDirectory } from './disk.ts'
import { noise } from './events.ts'

/** What the machine and the packages can do without us: no figure of ours can pass its limit. */

const MIB = 1024 * 1024

/** How many bytes each of these values adds to a log: its frame, and now and then a definition. */
export async function bytesOnDisk(values: readonly unknown[]): Promise<number[]> {
  const log = await openLog('/limits', { environment: memoryEnvironment() })
  let before = 0
  const lengths = values.map((value) => {
    log.commitSync(value)
    const { bytes } = log.stats()
    const length = bytes - before
    before = bytes
    return length
  })
  await log.close()
  return lengths
}

/** Encoding with our codec, guarded, nothing framed: values a second. */
export function encodeWithCodec(values: readonly unknown[]): number {
  const encoder = cbor().encoder([])
  let bytes = 0
  const figure = rateNow(values.length, () => {
    for (const value of values) {
      bytes += encoder.encode(value).length
      encoder.takeDefinitions()
    }
  })
  check(bytes > 0, 'something was encoded')
  return figure
}

/** Encoding with cbor-x and shapes as it makes them, nothing guarded: the yardstick that does not move with our codec. */
export function encodeBare(values: readonly unknown[]): number {
  const encoder = bareEncoder([])
  let bytes = 0
  const figure = rateNow(values.length, () => {
    for (const value of values) bytes += encoder.encode(value).length
  })
  check(bytes > 0, 'something was encoded')
  return figure
}

/** A decoder of our codec over payloads that lie one behind the other; gives values a second each time it is called. */
export function decodeWithCodec(values: readonly unknown[]): () => number {
  const encoder = cbor().encoder([])
  const decoder = cbor().decoder()
  const plain: boolean[] = []
  const { bytes, ends } = packed(values, (value) => {
    const payload = Buffer.from(encoder.encode(value))
    plain.push(encoder.plain)
    for (const definition of encoder.takeDefinitions() ?? []) decoder.define(definition)
    return payload
  })
  const records = pieces(bytes, ends)
  return () =>
    rateNow(records.length, () => {
      for (let n = 0; n < records.length; n++) {
        const { piece, start, end } = records[n]!
        check(decoder.decode(piece, start, end, plain[n]!) !== undefined, 'a value')
      }
    })
}

/** Records in buffers as long as those of a walk. */
function pieces(bytes: Buffer, ends: readonly number[]): { piece: Buffer; start: number; end: number }[] {
  let from = 0
  let piece = bytes
  return ends.map((end, n) => {
    const start = n === 0 ? 0 : ends[n - 1]!
    if (n === 0 || end > from + WINDOW_BYTES) piece = bytes.subarray((from = start), Math.max(end, from + WINDOW_BYTES))
    return { piece, start: start - from, end: end - from }
  })
}

/** cbor-x by itself, out of one scratch buffer, which is its fastest way. */
export function decodeBare(values: readonly unknown[]): () => number {
  const structures: object[] = []
  const encoder = bareEncoder(structures)
  const { bytes, ends } = packed(values, (value) => Buffer.from(encoder.encode(value)))
  const decoder = new CborDecoder({ structures, mapsAsObjects: true, copyBuffers: true }) as unknown as {
    decode(source: Uint8Array, end?: number): unknown
  }
  const scratch = new Uint8Array(MIB)
  return () =>
    rateNow(ends.length, () => {
      let start = 0
      for (const end of ends) {
        scratch.set(bytes.subarray(start, end))
        check(decoder.decode(scratch, end - start) !== undefined, 'a value')
        start = end
      }
    })
}

function bareEncoder(structures: object[]): CborEncoder {
  return new CborEncoder({ structures, maxSharedStructures: 128, useRecords: true, mapsAsObjects: true })
}

function packed(values: readonly unknown[], encode: (value: unknown) => Buffer): { bytes: Buffer; ends: number[] } {
  let end = 0
  const parts = values.map(encode)
  return { bytes: Buffer.concat(parts), ends: parts.map(({ length }) => (end += length)) }
}

/** Copying so many bytes in memory, a MiB at a time: things a second. */
export function copyRate(things: number, bytes: number): number {
  const from = noise(MIB)
  const to = Buffer.allocUnsafeSlow(MIB)
  return rateNow(things, () => {
    for (let left = bytes; left > 0; left -= MIB) from.copy(to, 0, 0, Math.min(MIB, left))
  })
}

/** `flag`: through O_DSYNC, write and sync in one; `each`: a write, then an fdatasync. */
type Sync = 'each' | 'flag'

/** What the file holds before: zeros, as a prepared segment does, other bytes, or nothing yet. */
export type Before = 'zeros' | 'bytes' | 'nothing'

/** Writes `bytes` in pieces of a MiB off the thread, each synced before the next: things a second. */
export function writtenLater(things: number, bytes: number, sync: Sync, before: Before): Promise<number> {
  return inDirectory(async (directory) => {
    const from = noise(MIB)
    const file = `${directory}/raw`
    fillFile(file, bytes, before)
    return rate(things, async () => {
      const handle = openFile(file, sync)
      for (let at = 0; at < bytes; at += MIB) {
        await writeAt(handle, from, Math.min(MIB, bytes - at), at)
        if (sync === 'each') await dataSync(handle)
      }
      fs.closeSync(handle)
    })
  })
}

/** Writes records of these lengths one behind the other on this thread, each synced before the next: records a second. */
export function writtenNow(lengths: readonly number[], sync: Sync): Promise<number> {
  return inDirectory((directory) => {
    const from = noise(Math.max(...lengths))
    const file = `${directory}/raw`
    const total = lengths.reduce((sum, length) => sum + length, 0)
    fillFile(file, total, 'zeros')
    return rateNow(lengths.length, () => {
      const handle = openFile(file, sync)
      let at = 0
      for (const length of lengths) {
        fs.writeSync(handle, from, 0, length, at)
        if (sync === 'each') fs.fdatasyncSync(handle)
        at += length
      }
      fs.closeSync(handle)
    })
  })
}

/** Seconds to write so many bytes to a new file, synced once at the end. */
export function writtenOnce(bytes: number): number {
  const directory = temporaryDirectory()
  const from = noise(MIB)
  const start = performance.now()
  const handle = fs.openSync(`${directory}/raw`, 'w')
  for (let at = 0; at < bytes; at += MIB) fs.writeSync(handle, from, 0, Math.min(MIB, bytes - at), at)
  fs.fdatasyncSync(handle)
  fs.closeSync(handle)
  const figure = (performance.now() - start) / 1000
  removeDirectory(directory)
  return figure
}

export function openFile(file: string, sync: Sync): number {
  return fs.openSync(file, fs.constants.O_RDWR | (sync === 'flag' ? fs.constants.O_DSYNC : 0))
}

/** A file of this length whose every block was written and synced. */
export function fillFile(file: string, bytes: number, before: Before): void {
  const handle = fs.openSync(file, 'w')
  const piece = Buffer.alloc(MIB, before === 'bytes' ? 0x5a : 0)
  for (let at = 0; before !== 'nothing' && at < bytes; at += MIB) {
    fs.writeSync(handle, piece, 0, Math.min(MIB, bytes - at), at)
  }
  fs.fsyncSync(handle)
  fs.closeSync(handle)
}

export function writeAt(handle: number, from: Buffer, length: number, at: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.write(handle, from, 0, length, at, (error) => (error ? reject(error) : resolve()))
  })
}

function dataSync(handle: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fdatasync(handle, (error) => (error ? reject(error) : resolve()))
  })
}
