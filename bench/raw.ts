import fs from 'node:fs'
import { Encoder as CborEncoder } from 'cbor-x/encode'
import { cbor } from '../lib/index.ts'
import { frameBytes } from '../segments/format/frame.ts'

/** What the machine can do without us: files, and encoders alone. */

const PIECE = Buffer.alloc(1024 * 1024)

/** A file of this length whose every block was written and synced; `byte` 0 is what a prepared segment holds. */
export function writtenFile(path: string, bytes: number, byte: number): void {
  const handle = fs.openSync(path, 'w')
  PIECE.fill(byte)
  for (let at = 0; at < bytes; at += PIECE.length) {
    fs.writeSync(handle, PIECE, 0, Math.min(PIECE.length, bytes - at), at)
  }
  fs.fsyncSync(handle)
  fs.closeSync(handle)
}

/** How long the frames of these values are in a log of `cbor()`, without those of definitions. */
export function frameLengths(values: readonly unknown[]): number[] {
  const encoder = cbor().encoder([])
  return values.map((value) => frameBytes(encoder.encode(value).length, 0))
}

/** Bytes that no file system compresses away. */
export function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0, state = 1; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    bytes[i] = state >>> 24
  }
  return bytes
}

export type Sync = 'each' | 'flag' | 'none'

/** Writes pieces of `from` one behind the other on this thread: each with a sync behind it, or through O_DSYNC. */
export function writeNow(path: string, from: Buffer, lengths: readonly number[], sync: Sync): void {
  const handle = fs.openSync(path, fs.constants.O_RDWR | (sync === 'flag' ? fs.constants.O_DSYNC : 0))
  let at = 0
  for (const length of lengths) {
    fs.writeSync(handle, from, 0, length, at)
    if (sync === 'each') fs.fdatasyncSync(handle)
    at += length
  }
  fs.closeSync(handle)
}

/** The same off the thread, one after the other: a write and an fdatasync, or one write with O_DSYNC. */
export async function writeLater(path: string, from: Buffer, lengths: readonly number[], sync: Sync): Promise<void> {
  const handle = fs.openSync(path, fs.constants.O_RDWR | (sync === 'flag' ? fs.constants.O_DSYNC : 0))
  let at = 0
  for (const length of lengths) {
    await write(handle, from, length, at)
    if (sync === 'each') await fdatasync(handle)
    at += length
  }
  fs.closeSync(handle)
}

export function write(handle: number, from: Buffer, length: number, at: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.write(handle, from, 0, length, at, (error) => (error ? reject(error) : resolve()))
  })
}

function fdatasync(handle: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fdatasync(handle, (error) => (error ? reject(error) : resolve()))
  })
}

/** `total` bytes in pieces of at most `piece`. */
export function pieces(total: number, piece: number): number[] {
  const lengths = new Array<number>(Math.floor(total / piece)).fill(piece)
  return total % piece === 0 ? lengths : [...lengths, total % piece]
}

/** cbor-x by itself, with shapes as it makes them, nothing guarded or stored. */
export function bareShapesEncoder(): CborEncoder {
  return new CborEncoder({ structures: [], maxSharedStructures: 128, useRecords: true, mapsAsObjects: true })
}
