import { assert } from './assert.ts'

/** A u64 as two 32-bit halves: exact up to 2^53−1, and no BigInt where a call runs once per group or per frame. */
const HALF = 2 ** 32

export function writeU64(bytes: Buffer, value: number, at: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, 'a number on disk is whole and from 0 to 2^53−1')
  bytes.writeUInt32LE(value % HALF, at)
  bytes.writeUInt32LE(Math.floor(value / HALF), at + 4)
}

/** Inexact above 2^53−1, but never at or below it: every caller refuses what is above `SEQUENCE_MAX`. */
export function readU64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * HALF
}
