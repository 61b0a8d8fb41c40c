import { BARE_MASK, BARE_MEMORY, BARE_RESULT, BARE_UNITS_MAX, makeBareCode } from './bare-code.ts'
import { type Block, timeDeltaOf } from './frame.ts'
import { FRAME, FRAME_UNITS_MAX, KIND, UNIT } from './layout.ts'

/** Whether a bare record may begin at `block[at…]`, where there is room for a header. */
export function looksBare({ words }: Block, at: number): boolean {
  const tag = words[(at + FRAME.at.check) / 4]! >>> 16
  const units = words[(at + FRAME.at.units) / 4]! & FRAME_UNITS_MAX
  return (tag & BARE_MASK) === KIND.record && units <= BARE_UNITS_MAX
}

/** Bytes of frames that are looked at together, at first, and at most. */
export const PIECE_BYTES = Object.freeze({ first: 4096, most: BARE_MEMORY.bytes - BARE_MEMORY.frames })

/**
 * Takes many bare records (short ones without extensions) that stand one after the other, in one call; its members describe
 * the last call and change with each. One serves all scans of a thread, because nothing of it outlasts a call.
 */
export class BareRecords {
  /** Where those that were taken end in the segment, and the digest up to there. */
  end = 0
  digest = 0
  /** Whether the next may be one that is not there as a whole; else what stands there is no bare record. */
  isAtLimit = false
  /** The furthest point that any of them claims durable, 0 where none does. */
  claimedEnd = 0
  /** Of the last that ends a batch: how many up to it, where it ends, digest and time delta. The count is 0 where none does. */
  wholeCount = 0
  wholeEnd = 0
  wholeDigest = 0
  wholeTimeDelta = 0
  private readonly run: (...parameters: number[]) => number
  private readonly frames: Uint8Array
  private readonly results: Int32Array
  private readonly allPlaces: Uint32Array

  constructor(run: (...parameters: number[]) => number, memory: ArrayBuffer) {
    this.run = run
    this.frames = new Uint8Array(memory, BARE_MEMORY.frames)
    this.results = new Int32Array(memory, BARE_MEMORY.results)
    this.allPlaces = new Uint32Array(memory, BARE_MEMORY.places)
  }

  /**
   * Takes those at `block[at…limit)`, at most a piece; returns how many. `block[at]` stands at `offset` of the segment, the
   * first shall have this sequence, and what stands before has this digest.
   */
  take(
    block: Block,
    at: number,
    limit: number,
    offset: number,
    salt: number,
    sequence: number,
    digest: number,
  ): number {
    const { results } = this
    this.frames.set(block.bytes.subarray(at, limit))
    const count = this.run(BARE_MEMORY.frames + limit - at, offset / UNIT, salt, sequence | 0, digest)
    const start = offset - BARE_MEMORY.frames
    this.end = start + results[BARE_RESULT.end]!
    this.isAtLimit = offset + limit - at - this.end < BARE_UNITS_MAX * UNIT
    this.digest = results[BARE_RESULT.digest]!
    this.claimedEnd = results[BARE_RESULT.claimed]! * UNIT
    this.wholeCount = results[BARE_RESULT.wholeCount]!
    if (this.wholeCount === 0) return count
    this.wholeEnd = start + results[BARE_RESULT.wholeEnd]!
    this.wholeDigest = results[BARE_RESULT.wholeDigest]!
    this.wholeTimeDelta = timeDeltaOf(block.words, (at + results[BARE_RESULT.wholeAt]! - BARE_MEMORY.frames) / 4)
    return count
  }

  /** Places of the records that the last call took, in units; they change with the next. */
  places(count: number): Uint32Array {
    return this.allPlaces.subarray(0, count)
  }
}

/**
 * Bytes of frames from which on the code is worth the 3 ms that it takes to be made, in a process where nothing is compiled
 * yet (measured there: a scan of 64 KiB takes 5 ms with and without it, one of 1 MiB 6 ms against 32).
 */
export const BARE_FROM_BYTES = 128 * 1024

let shared: { readonly records: BareRecords | undefined } | undefined

/**
 * What takes bare records, for a scan that has so many bytes ahead. Undefined where it was not made yet and these are too
 * few for it, and where there is no WebAssembly: then each is looked at by itself.
 */
export function bareRecords(bytesAhead: number): BareRecords | undefined {
  if (shared === undefined && bytesAhead >= BARE_FROM_BYTES) {
    const code = makeBareCode()
    shared = { records: code && new BareRecords(code.run, code.memory) }
  }
  return shared?.records
}
