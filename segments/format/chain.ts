/**
 * The hash chain: each frame of a chained log holds a SHA-256 over the hash of the frame before it, its own sequence,
 * timestamp and kind (with the flag `plain`), and its payload as it is before it is compressed.
 */
import { CHAIN_HEAD_BYTES, CHAIN_LINK, CHAIN_PLAIN, TAG } from './layout.ts'
import { sha256Into, sha256OfParts } from './sha256.ts'

const AT = CHAIN_LINK.at
const LINK_BYTES = CHAIN_LINK.size
const HALF = 2 ** 32
const LOW_BITS = 0xffffffffn
/** Longer payloads are not copied behind what stands before them. */
const COPIED_BYTES_MAX = 16 * 1024

const VIEWS_KEPT = 512

/** Names of `CHAIN`, as in options and manifests. */
export type ChainName = 'none' | 'sha256'

/** Head of a log without a chain, as headers and lines have it: 64 hex digits. */
export const NO_HEAD = '0'.repeat(CHAIN_HEAD_BYTES * 2)

/** What stands for the hash before the first frame of a log: its id and zeros, so that no two logs begin alike. */
export function chainStart(logId: string): Buffer {
  const head = Buffer.alloc(CHAIN_HEAD_BYTES)
  head.write(logId, 'hex')
  return head
}

/** What a link of the chain covers, but for the hash before it and the payload. */
export interface Link {
  readonly kind: number
  /** Of `TAG`; all but `plain`, which decides how a payload is read, are passed over. */
  readonly flags: number
  readonly sequence: number
  /** Nanoseconds since the base timestamp of the segment; without meaning where `timestamp` is given. */
  readonly timeDelta: number
  readonly timestamp: bigint | undefined
}

/** Makes the hashes of the frames of one segment. Times are added up as halves: a BigInt for each would cost a third more. */
export class ChainHasher {
  private readonly scratch = Buffer.alloc(LINK_BYTES + COPIED_BYTES_MAX)
  private readonly views: Uint8Array[] = []
  private baseLow = 0
  private baseHigh = 0

  /** Base of the time deltas. */
  set baseTimestamp(base: bigint) {
    this.baseLow = Number(base & LOW_BITS)
    this.baseHigh = Number(base >> 32n)
  }

  /** Writes to `head` the hash of the frame that follows the one with the hash `head`, with the payload `bytes[start…end)`. */
  next(head: Buffer, link: Link, bytes: Uint8Array, start: number, end: number): void {
    const { scratch } = this
    scratch.set(head, AT.previous)
    this.putHalves(AT.sequence, link.sequence, Math.floor(link.sequence / HALF))
    this.putTime(link)
    scratch[AT.kind] = (link.flags & TAG.plain) === 0 ? link.kind : link.kind | CHAIN_PLAIN
    const length = end - start
    if (length > COPIED_BYTES_MAX) {
      sha256OfParts(scratch.subarray(0, LINK_BYTES), bytes.subarray(start, end), head)
      return
    }
    // A whole array needs no view of a part.
    scratch.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), LINK_BYTES)
    sha256Into(this.viewOf(LINK_BYTES + length), head)
  }

  /** The first bytes of the scratch; views of short ones are kept, which saves 75 of 550 ns. */
  private viewOf(length: number): Uint8Array {
    if (length >= VIEWS_KEPT) return this.scratch.subarray(0, length)
    return (this.views[length] ??= this.scratch.subarray(0, length))
  }

  private putTime({ timestamp, timeDelta }: Link): void {
    if (timestamp !== undefined) {
      this.scratch.writeBigUInt64LE(timestamp, AT.timestamp)
      return
    }
    const low = this.baseLow + (timeDelta % HALF)
    const carry = low >= HALF ? 1 : 0
    this.putHalves(AT.timestamp, low, this.baseHigh + Math.floor(timeDelta / HALF) + carry)
  }

  /** Of `low` its low 32 bits. */
  private putHalves(at: number, low: number, high: number): void {
    const { scratch } = this
    scratch.writeUInt32LE(high, scratch.writeUInt32LE(low >>> 0, at))
  }
}
