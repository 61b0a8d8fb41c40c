import { SeglogError } from './errors.ts'
import { type Filling, type Grouping } from './filling.ts'
import { frameBytes } from './format/frame.ts'
import { FIRST_FRAME_EXTRA, keysBytes, payloadBytesIn, segmentBytesFor } from './space.ts'
import { ORIGINAL_BYTES_MAX, TAG } from './format/layout.ts'

/**
 * How far a record is when its caller goes on. `synced`: on disk. `written`: with the operating system, so it survives
 * the process, not a power cut. `queued`: in memory.
 */
export type Durability = 'synced' | 'written' | 'queued'

export interface AppendOptions {
  readonly durability: Durability
  /** Nanoseconds since 1970; now when undefined. */
  readonly timestampNs: bigint | undefined
  /** Key blocks of the values, in their order; undefined in a log without keys that functions make. */
  readonly keyBlocks?: readonly Uint8Array[] | undefined
}

/** Puts values into fillings: encodes, checks the limit of a record, places. */
export class Placer {
  private readonly recordBytesMax: number
  private readonly segmentBytes: number
  private encoding = false

  constructor(recordBytesMax: number, segmentBytes: number) {
    this.recordBytesMax = recordBytesMax
    this.segmentBytes = segmentBytes
  }

  /** A codec that appends would number its own record before the one it encodes. */
  mustBeIdle(): void {
    if (this.encoding) throw new SeglogError('INVALID_ARGUMENT', 'a codec must not append while it encodes a value')
  }

  /** The bytes of a value, valid until the next call; throws ENCODE or TOO_LARGE, and nothing has changed. */
  encode(filling: Filling, value: unknown): Uint8Array {
    this.encoding = true
    let payload: Uint8Array
    try {
      payload = filling.encode(value)
    } finally {
      this.encoding = false
    }
    if (payload.length > this.recordBytesMax) {
      throw recordTooLarge(this.recordBytesMax, this.segmentBytes, payload.length)
    }
    return payload
  }

  /** Places all values of a batch; 0 when they fitted, else the bytes they need in a segment of their own. */
  placeAll(filling: Filling, values: readonly unknown[], options: AppendOptions, grouping: Grouping): number {
    let bytes = 0
    let originalBytes = FIRST_FRAME_EXTRA
    let fitted = true
    for (let index = 0; index < values.length; index++) {
      const payload = this.encode(filling, values[index])
      const keys = options.keyBlocks?.[index]
      bytes += segmentBytesFor(payload.length, keys, filling.hashBytes)
      originalBytes += frameBytes(payload.length, filling.hashBytes + keysBytes(keys))
      // Whether a batch is too large must not depend on how well it can be compressed today.
      if (filling.compressing !== undefined && originalBytes > this.segmentBytes) {
        throw batchTooLarge(this.segmentBytes, originalBytes)
      }
      const flags = index === values.length - 1 ? TAG.batchEnd : 0
      fitted &&= filling.place(payload, flags, options.timestampNs, grouping, keys)
    }
    return fitted ? 0 : bytes
  }
}

/** Names what helps: where segments are short, `recordBytesMax` was lowered to what they hold, and raising it is in vain. */
function recordTooLarge(recordBytesMax: number, segmentBytes: number, found: number): SeglogError {
  const holds = payloadBytesIn(segmentBytes)
  const raised: string[] = []
  if (recordBytesMax < holds) raised.push('recordBytesMax')
  if (found > holds) raised.push('segmentBytes')
  const help = found > ORIGINAL_BYTES_MAX ? '' : `, or raise ${raised.join(' and ')}`
  return new SeglogError('TOO_LARGE', `a record is larger than the log allows. Split it${help}.`, {
    expected: `at most ${recordBytesMax} bytes`,
    found,
  })
}

export function batchTooLarge(segmentBytes: number, found: number): SeglogError {
  return new SeglogError('TOO_LARGE', 'records do not fit into one segment. Split it, or raise segmentBytes.', {
    expected: `at most ${segmentBytes} bytes, with headers`,
    found,
  })
}
