import { SeglogError } from '../../segments/errors.ts'
import type { Block } from '../../segments/format/frame.ts'
import type { Decoder } from '../codecs/codec.ts'

/** A record as it is read. It never changes, and owns what it shows. */
export interface Entry<T> {
  readonly sequence: number
  /** Nanoseconds since 1970. Made when it is asked for. */
  readonly timestampNs: bigint
  /** Decoded when it is first asked for; throws DECODE when its codec refuses the bytes. */
  readonly value: T
}

/**
 * A block of file bytes that entries point into. It may be read into again only when every one of them has taken its
 * value out: who never asks for values leaves blocks to the collector instead of paying for copies.
 */
export interface Page {
  block: Block
  undecoded: number
}

/** Where an entry's segment lies, and how its values are decoded. */
export interface EntrySource<T> {
  readonly path: string
  readonly baseTimestamp: bigint
  readonly decoder: Decoder<T>
}

export class StoredEntry<T> implements Entry<T> {
  readonly sequence: number
  private readonly source: EntrySource<T>
  private readonly delta: number
  private readonly whole: bigint | undefined
  private page: Page | undefined
  private readonly bytes: Buffer
  private readonly start: number
  private readonly end: number
  private readonly plain: boolean
  private decoded: T | undefined

  constructor(
    sequence: number,
    source: EntrySource<T>,
    page: Page,
    start: number,
    end: number,
    delta: number,
    whole: bigint | undefined,
    plain: boolean,
  ) {
    this.sequence = sequence
    this.source = source
    this.page = page
    this.bytes = page.block.bytes
    this.start = start
    this.end = end
    this.delta = delta
    this.whole = whole
    this.plain = plain
    page.undecoded += 1
  }

  get timestampNs(): bigint {
    return this.whole ?? this.source.baseTimestamp + BigInt(this.delta)
  }

  get value(): T {
    const { page } = this
    if (page === undefined) return this.decoded as T
    try {
      this.decoded = this.source.decoder.decode(this.bytes, this.start, this.end, this.plain)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new SeglogError('DECODE', `the codec cannot read record ${this.sequence}: ${reason}`, {
        file: this.source.path,
        sequence: this.sequence,
        cause: error,
      })
    }
    this.page = undefined
    page.undecoded -= 1
    return this.decoded
  }
}
