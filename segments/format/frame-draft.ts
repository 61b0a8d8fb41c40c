import { assert } from './assert.ts'
import { CHAIN_HEAD_BYTES, KEYS_LENGTH_BYTES, ORIGINAL_LENGTH_BYTES, TAG, WIDE_BYTES } from './layout.ts'

/** What a frame says beside its payload; one object is filled again and again. */
export interface FrameDraft {
  kind: number
  /** Flags of `TAG`, except those of the extensions, which follow from the members below. */
  flags: number
  /** Units back to the first byte that this frame does not prove durable, or `NO_CLAIM`. */
  claim: number
  sequence: number
  /** Nanoseconds since the segment's base timestamp; whole and not negative. */
  timeDelta: number
  /** The whole timestamp, written instead of the delta where it is given. */
  timestamp: bigint | undefined
  /** The chain hash, `CHAIN_HEAD_BYTES` long. */
  hash?: Uint8Array | undefined
  /** How long the payload is when it is no longer compressed; given if and only if it is. */
  originalBytes?: number | undefined
  /** The key block. */
  keys?: Uint8Array | undefined
}

/** To be filled. It has all members, so that the code that reads it stays that of one shape. */
export function emptyDraft(): FrameDraft {
  return {
    kind: 0,
    flags: 0,
    claim: 0,
    sequence: 0,
    timeDelta: 0,
    timestamp: undefined,
    hash: undefined,
    originalBytes: undefined,
    keys: undefined,
  }
}

/** Bytes that stand between header and payload. */
export function extensionBytes(draft: FrameDraft): number {
  let bytes = draft.timestamp === undefined ? 0 : WIDE_BYTES
  if (draft.hash !== undefined) bytes += CHAIN_HEAD_BYTES
  if (draft.originalBytes !== undefined) bytes += ORIGINAL_LENGTH_BYTES
  if (draft.keys !== undefined) bytes += KEYS_LENGTH_BYTES + draft.keys.length
  return bytes
}

export function extensionFlags(draft: FrameDraft): number {
  return (
    (draft.timestamp === undefined ? 0 : TAG.wide) |
    (draft.hash === undefined ? 0 : TAG.chained) |
    (draft.originalBytes === undefined ? 0 : TAG.compressed) |
    (draft.keys === undefined ? 0 : TAG.keys)
  )
}

/** In the order that every reader follows: time, hash, original length, keys. */
export function writeExtensions(bytes: Buffer, start: number, draft: FrameDraft): void {
  const { timestamp, hash, originalBytes, keys } = draft
  let at = start
  if (timestamp !== undefined) at = bytes.writeBigUInt64LE(timestamp, at)
  if (hash !== undefined) {
    assert(hash.length === CHAIN_HEAD_BYTES, 'a chain hash is a SHA-256')
    bytes.set(hash, at)
    at += CHAIN_HEAD_BYTES
  }
  if (originalBytes !== undefined) at = bytes.writeUInt32LE(originalBytes, at)
  if (keys === undefined) return
  bytes.set(keys, bytes.writeUInt32LE(keys.length, at))
}
