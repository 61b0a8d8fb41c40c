/**
 * Values to bytes and back. A codec may keep state per segment (object shapes): the writer asks for one encoder for
 * each segment it fills, a reader for one decoder for each segment it reads, and what a reader must know before it can
 * decode travels in dictionary frames of that same segment.
 *
 * @example
 * import { type Codec, cbor, openLog } from 'seglog'
 *
 * const inner = cbor<{ buy: number }>()
 * let encoded = 0
 * const counting: Codec<{ buy: number }> = {
 *   name: 'counting',
 *   encoder: (known) => (encoded++, inner.encoder(known)),
 *   decoder: () => inner.decoder(),
 * }
 * const log = await openLog('./orders', { codec: counting })
 * await log.commit({ buy: 1 }) // → 1
 * encoded > 0 // → true
 * await log.close()
 */
export interface Codec<T = unknown> {
  /** 1 to 31 characters of a-z, 0-9 and '-'; stands in each segment header. */
  readonly name: string
  /**
   * `known`: the dictionary payloads that already stand in the segment, in order; what they define is not defined anew.
   * They belong to the caller: the encoder copies what it keeps.
   */
  encoder(known: readonly Uint8Array[]): Encoder<T>
  decoder(): Decoder<T>
}

/** Values to bytes, for one segment that is filled. */
export interface Encoder<T> {
  /**
   * The bytes of a value, valid until the next `encode` of any encoder (they may lie in a shared buffer). Whatever it
   * throws, the encoder is as before the call. It may look at a value twice, so getters may run twice.
   */
  encode(value: T): Uint8Array
  /**
   * Payloads of the dictionary frames that must stand before the record of the last `encode`, undefined when there are
   * none (nearly always). Each is handed out once and belongs to the caller from then on.
   */
  takeDefinitions(): readonly Uint8Array[] | undefined
  /** Whether the last `encode` was written without definitions (the frame's flag `plain`). */
  readonly plain: boolean
}

/** Bytes to values, for one segment that is read. */
export interface Decoder<T> {
  /**
   * Takes the payload of a dictionary frame; a later one for the same id replaces the earlier. The bytes belong to the
   * caller and may change after the call: what is kept is copied.
   */
  define(definition: Uint8Array): void
  /** Decodes `source[start…end)`; the value never aliases `source`. Throws whatever it likes: the caller wraps it. */
  decode(source: Uint8Array, start: number, end: number, plain: boolean): T
}

/**
 * What a user writes for a codec of his own: stateless, one call each way.
 *
 * @example
 * import { type SimpleCodec, openLog } from 'seglog'
 *
 * const price: SimpleCodec<number> = {
 *   name: 'price',
 *   encode: (value) => new Uint8Array(new Float64Array([value]).buffer),
 *   decode: (bytes) => new Float64Array(bytes.buffer)[0]!,
 * }
 * const log = await openLog('./prices', { codec: price })
 * await log.commit(101.5)
 * log.get(1)?.value // → 101.5
 * await log.close()
 */
export interface SimpleCodec<T> {
  /** 1 to 31 characters of a-z, 0-9 and '-'; stands in each segment header. */
  readonly name?: string
  /** The name, where there is no `name`. */
  readonly id?: string
  /**
   * The bytes are copied before `append` returns, so they may lie in a buffer of the codec's own that it uses again.
   */
  encode(value: T): Uint8Array
  /** `bytes` is a copy that the codec may keep. */
  decode(bytes: Uint8Array): T
}
