/**
 * Buckets of a table that was just made; doubled whenever there are as many pairs. So few that V8 has them in its heap,
 * for there are several tables in each opening of a log.
 */
const BUCKETS_START = 16
const NONE = -1
/** Of the digits that are sorted by: of many pairs long ones in few passes, of few pairs short ones, whose counters are few. */
const DIGIT_BITS = { many: 16, few: 8 } as const
const MANY = 4096
const HASH_BITS = 32
/** Numbers in a pair: hash and index. */
export const PAIR = 2

/**
 * Which records of a segment have a key of some hash, while the segment is written: pairs of hash and record, in the order of the records,
 * chained by hash. Twenty bytes a pair or so; dropped once the segment's sidecar is on disk.
 */
export class KeyPairs {
  count = 0
  private hashes = new Uint32Array(BUCKETS_START)
  private indexes = new Uint32Array(BUCKETS_START)
  /** The pair after this one in its bucket. */
  private next = new Int32Array(BUCKETS_START)
  private first = new Int32Array(BUCKETS_START).fill(NONE)
  private last = new Int32Array(BUCKETS_START).fill(NONE)

  /** Records come in order; one may have several keys. */
  add(hash: number, index: number): void {
    if (this.count === this.hashes.length) this.grow()
    const pair = this.count++
    this.hashes[pair] = hash
    this.indexes[pair] = index
    this.chain(pair)
  }

  /** Records with a key of this hash, each once, in order. */
  indexesOf(hash: number): number[] {
    const found: number[] = []
    const wanted = hash >>> 0
    for (let pair = this.first[hash & (this.first.length - 1)]!; pair !== NONE; pair = this.next[pair]!) {
      // Two keys of one record may share their hash; they stand side by side.
      if (this.hashes[pair] === wanted && found.at(-1) !== this.indexes[pair]) found.push(this.indexes[pair]!)
    }
    return found
  }

  /** Pairs of hash and index, sorted by hash, then by index: a few stable passes, some 15 ms for a million pairs. */
  sorted(): Uint32Array {
    let pairs = new Uint32Array(this.count * PAIR)
    for (let pair = 0; pair < this.count; pair++) {
      pairs[pair * PAIR] = this.hashes[pair]!
      pairs[pair * PAIR + 1] = this.indexes[pair]!
    }
    const bits = this.count < MANY ? DIGIT_BITS.few : DIGIT_BITS.many
    for (let shift = 0; shift < HASH_BITS; shift += bits) pairs = byDigit(pairs, shift, bits)
    return pairs
  }

  /** These pairs and then the others, in a new list. */
  with(others: KeyPairs): KeyPairs {
    const all = new KeyPairs()
    for (const part of [this, others]) {
      for (let pair = 0; pair < part.count; pair++) all.add(part.hashes[pair]!, part.indexes[pair]!)
    }
    return all
  }

  private grow(): void {
    const size = this.hashes.length * 2
    this.hashes = longer(this.hashes, size)
    this.indexes = longer(this.indexes, size)
    this.next = new Int32Array(size)
    this.first = new Int32Array(size).fill(NONE)
    this.last = new Int32Array(size).fill(NONE)
    for (let pair = 0; pair < this.count; pair++) this.chain(pair)
  }

  private chain(pair: number): void {
    const bucket = this.hashes[pair]! & (this.first.length - 1)
    const before = this.last[bucket]!
    this.next[pair] = NONE
    if (before === NONE) this.first[bucket] = pair
    else this.next[before] = pair
    this.last[bucket] = pair
  }
}

function byDigit(pairs: Uint32Array, shift: number, bits: number): Uint32Array<ArrayBuffer> {
  const radix = 1 << bits
  const places = new Uint32Array(radix + 1)
  for (let at = 0; at < pairs.length; at += PAIR) places[((pairs[at]! >>> shift) & (radix - 1)) + 1]! += 1
  for (let digit = 0; digit < radix; digit++) places[digit + 1]! += places[digit]!
  const sorted = new Uint32Array(pairs.length)
  for (let at = 0; at < pairs.length; at += PAIR) {
    const place = places[(pairs[at]! >>> shift) & (radix - 1)]!++ * PAIR
    sorted[place] = pairs[at]!
    sorted[place + 1] = pairs[at + 1]!
  }
  return sorted
}

function longer(from: Uint32Array, size: number): Uint32Array<ArrayBuffer> {
  const to = new Uint32Array(size)
  to.set(from)
  return to
}

/** What a key table is for: the name of its kind, and what the definition says as 32 hex digits. */
export interface KeyKind {
  readonly kind: string
  readonly fingerprint: string
}

/** The keys of the records of a segment that this process writes. */
export class SegmentKeys {
  /** Records from here on (as an index in the segment) were added as they were appended. */
  readonly from: number
  readonly kinds: readonly KeyKind[]
  private readonly added: readonly KeyPairs[]
  /** Records before `from`, which stood there when the log was opened: read again when first asked for. */
  private earlier: readonly KeyPairs[] | undefined

  constructor(kinds: readonly KeyKind[], from: number) {
    this.kinds = kinds
    this.from = from
    this.added = kinds.map(() => new KeyPairs())
    this.earlier = from === 0 ? this.added.map(() => new KeyPairs()) : undefined
  }

  /** Whether every record is covered. */
  get isWhole(): boolean {
    return this.earlier !== undefined
  }

  /** `kind` is the place in `kinds`. Records come in order; one may have several keys. */
  add(kind: number, hash: number, index: number): void {
    this.added[kind]!.add(hash, index)
  }

  /** Puts in what the records before `from` hold, by kind. */
  complete(earlier: readonly KeyPairs[]): void {
    this.earlier ??= earlier
  }

  /** Records with a key of this hash, in order; only of a whole one. */
  indexesOf(kind: number, hash: number): number[] {
    return [...this.earlier![kind]!.indexesOf(hash), ...this.added[kind]!.indexesOf(hash)]
  }

  /** The last record with a key of this hash among those that were appended here. */
  lastAdded(kind: number, hash: number): number | undefined {
    return this.added[kind]!.indexesOf(hash).at(-1)
  }

  /** Pairs of hash and index, sorted; only of a whole one. */
  sorted(kind: number): Uint32Array {
    const earlier = this.earlier![kind]!
    return earlier.count === 0 ? this.added[kind]!.sorted() : earlier.with(this.added[kind]!).sorted()
  }
}
