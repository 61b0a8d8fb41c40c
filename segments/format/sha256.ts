/** SHA-256, the one thing of node:crypto that is pure: it is imported here and nowhere else. */
import { createHash, hash } from 'node:crypto'

/** 64 hex digits. In one shot, which for short inputs is faster than an object that is fed (Node 20.12 and later). */
export function sha256(bytes: string | Uint8Array): string {
  return hash('sha256', bytes, 'hex')
}

/**
 * The 32 bytes of a hash, written to the start of `into`. As a text of 8-bit characters, which is the cheapest way out of
 * node:crypto. Measured for 89 bytes: 480 ns, against 820 as a buffer, 1,220 with an object that is fed, and 700 for a
 * SHA-256 in JavaScript that makes nothing.
 */
export function sha256Into(bytes: Uint8Array, into: Buffer): void {
  into.write(hash('sha256', bytes, 'binary'), 'latin1')
}

/** The same of two parts, one behind the other, which are too long to be put together. */
export function sha256OfParts(first: Uint8Array, second: Uint8Array, into: Buffer): void {
  into.set(createHash('sha256').update(first).update(second).digest())
}
