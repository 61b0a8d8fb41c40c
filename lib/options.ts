import { checkMembers, invalid } from '../segments/errors.ts'
import type { ChainName } from '../segments/format/chain.ts'
import type { CompressionName } from '../segments/format/compression.ts'
import { COMPRESSION, ORIGINAL_BYTES_MAX, SEGMENT_BYTES_MAX, UNIT } from '../segments/format/layout.ts'
import type { Durability } from '../segments/placer.ts'
import { payloadBytesIn } from '../segments/space.ts'
import type { Codec, SimpleCodec } from './codecs/codec.ts'
import { cbor } from './codecs/cbor.ts'
import { asCodec } from './codecs/simple.ts'
import { type KeyChanges, type KeyOptions, resolveKeys } from './keys/definitions.ts'

/** How a log is opened; each option has its default, its limits and its reason in `docs/options.md`. */
export interface OpenOptions<T> {
  /** Values to bytes and back; fixed for the life of a log. Default `cbor()`. */
  readonly codec?: Codec<T> | SimpleCodec<T>
  /** Length of a segment file in bytes. Default 64 MiB; 64 KiB to 1 GiB, a multiple of 8. */
  readonly segmentBytes?: number
  /** Whether each frame holds a hash over all before it; fixed when a log is made. Default: as it was made; `none` in a new one. */
  readonly chain?: ChainName
  /** In a log with a chain, a checkpoint behind so many records. Default 100,000. */
  readonly checkpointRecords?: number
  /** In a log with a chain, a checkpoint behind so many bytes. Default 16 MiB. */
  readonly checkpointBytes?: number
  /** A segment that is written notes its places each so many bytes. Default 8 MiB; 64 KiB to 1 GiB. */
  readonly trailBytes?: number
  /** Longest encoded record in bytes. Default 16 MiB or what a segment can hold; at most 64 MiB. */
  readonly recordBytesMax?: number
  /** From this many queued bytes on, `ready()` waits. Default 8 MiB. */
  readonly queueSoftBytes?: number
  /** From this many queued bytes on, `append` writes on its own thread before it returns. Default 64 MiB. */
  readonly queueHardBytes?: number
  /** What `commit` waits for unless told otherwise. Default `synced`. */
  readonly durability?: Durability
  /** At a weaker level, syncs what was written at least this often, in milliseconds. Default: never by itself. */
  readonly syncIntervalMs?: number
  /** Memory for blocks of files that `get` has read. Default 32 MiB; 0 to read the file each time. */
  readonly blockCacheBytes?: number
  /** Files of segments that `get` keeps open. Default 64; 0 to open the file each time. */
  readonly openFilesMax?: number
  /** What records are found by: a property, nested ones, or a function. Default: as the log was opened before. */
  readonly keys?: KeyOptions<T>
  /** Whether an opening goes on without acknowledged records that are lost. Default `refuse`. */
  readonly onDamage?: 'refuse' | 'accept-loss'
  /**
   * What becomes of a log that was never sealed and whose writer is gone. `resume`: writing goes on. `refuse`: the opening
   * fails with CRASHED_PREDECESSOR until it is sealed. Default `resume`; for a run of a store `refuse`.
   */
  readonly onCrash?: 'resume' | 'refuse'
  /**
   * How payloads are compressed, each by itself and only where that makes its record shorter: on the thread that appends.
   * Holds for segments that begin from now on; what is stored stays readable. Default: as the log was opened before, none
   * for a new one.
   */
  readonly compression?: CompressionName
  /** Shorter payloads, in bytes, are stored as they are. Default 256; 1 to 64 MiB. */
  readonly compressionBytesMin?: number
  /** Anchors that are kept; an older one is for the day that the newest snapshot cannot be used. Default 4; 1 to 64. */
  readonly anchorsKept?: number
}

/** Options with all defaults filled in, checked once. */
export interface ResolvedOptions<T> {
  readonly codec: Codec<T>
  readonly segmentBytes: number
  readonly chain: ChainName | undefined
  readonly checkpointRecords: number
  readonly checkpointBytes: number
  readonly trailBytes: number
  readonly recordBytesMax: number
  readonly queueSoftBytes: number
  readonly queueHardBytes: number
  readonly durability: Durability
  readonly syncIntervalMs: number | undefined
  readonly blockCacheBytes: number
  readonly openFilesMax: number
  readonly compression: CompressionName | undefined
  readonly compressionBytesMin: number
  readonly onDamage: 'refuse' | 'accept-loss'
  readonly keys: KeyChanges<T>
  readonly anchorsKept: number
  readonly onCrash: 'resume' | 'refuse' | undefined
}

const COMPRESSIONS = Object.keys(COMPRESSION) as CompressionName[]
const KIB = 1024
const MIB = 1024 * KIB

/** One row for each number: `docs/options.md` shows the same table and a test compares them. */
export const LIMITS = Object.freeze({
  segmentBytes: { default: 64 * MIB, min: 64 * KIB, max: SEGMENT_BYTES_MAX },
  trailBytes: { default: 8 * MIB, min: 64 * KIB, max: SEGMENT_BYTES_MAX },
  recordBytesMax: { default: 16 * MIB, min: 1, max: ORIGINAL_BYTES_MAX },
  queueSoftBytes: { default: 8 * MIB, min: 64 * KIB, max: 1024 * MIB },
  queueHardBytes: { default: 64 * MIB, min: 64 * KIB, max: 4096 * MIB },
  syncIntervalMs: { default: undefined, min: 1, max: 86_400_000 },
  blockCacheBytes: { default: 32 * MIB, min: 0, max: 1024 * MIB },
  openFilesMax: { default: 64, min: 0, max: 65_536 },
  compressionBytesMin: { default: 256, min: 1, max: ORIGINAL_BYTES_MAX },
  anchorsKept: { default: 4, min: 1, max: 64 },
  checkpointRecords: { default: 100_000, min: 1, max: 4_294_967_295 },
  checkpointBytes: { default: 16 * MIB, min: 4 * KIB, max: SEGMENT_BYTES_MAX },
})

const CHOICES = ['codec', 'chain', 'compression', 'durability', 'onDamage', 'onCrash', 'keys']
const OPTIONS = [...CHOICES, ...Object.keys(LIMITS)]

/** `bytesMin`, for segments and queues, is lower in tests, which want logs of many small segments and short queues. */
export function resolveOptions<T>(options: OpenOptions<T>, bytesMin: number): ResolvedOptions<T> {
  checkMembers('options', options, OPTIONS)
  const segmentBytes = whole('segmentBytes', options.segmentBytes, bytesMin) ?? LIMITS.segmentBytes.default
  if (segmentBytes % UNIT !== 0) throw invalid('segmentBytes', `a multiple of ${UNIT}`, segmentBytes)
  const holds = payloadBytesIn(segmentBytes)
  const queueHardBytes = whole('queueHardBytes', options.queueHardBytes, bytesMin) ?? LIMITS.queueHardBytes.default
  return Object.freeze({
    codec: asCodec<T>(options.codec ?? cbor<T>()),
    segmentBytes,
    trailBytes: whole('trailBytes', options.trailBytes, bytesMin) ?? LIMITS.trailBytes.default,
    recordBytesMax: Math.min(whole('recordBytesMax', options.recordBytesMax) ?? LIMITS.recordBytesMax.default, holds),
    queueSoftBytes: Math.min(
      whole('queueSoftBytes', options.queueSoftBytes, bytesMin) ?? LIMITS.queueSoftBytes.default,
      queueHardBytes,
    ),
    queueHardBytes,
    chain: oneOf('chain', options.chain, ['none', 'sha256']),
    checkpointRecords: whole('checkpointRecords', options.checkpointRecords) ?? LIMITS.checkpointRecords.default,
    checkpointBytes: whole('checkpointBytes', options.checkpointBytes) ?? LIMITS.checkpointBytes.default,
    durability: durabilityOf(options.durability) ?? 'synced',
    syncIntervalMs: whole('syncIntervalMs', options.syncIntervalMs),
    blockCacheBytes: whole('blockCacheBytes', options.blockCacheBytes) ?? LIMITS.blockCacheBytes.default,
    openFilesMax: whole('openFilesMax', options.openFilesMax) ?? LIMITS.openFilesMax.default,
    compression: oneOf('compression', options.compression, COMPRESSIONS),
    compressionBytesMin:
      whole('compressionBytesMin', options.compressionBytesMin) ?? LIMITS.compressionBytesMin.default,
    onDamage: oneOf('onDamage', options.onDamage, ['refuse', 'accept-loss']) ?? 'refuse',
    keys: resolveKeys<T>(options.keys),
    anchorsKept: whole('anchorsKept', options.anchorsKept) ?? LIMITS.anchorsKept.default,
    onCrash: oneOf('onCrash', options.onCrash, ['resume', 'refuse']),
  })
}

/** What a reader may choose; the rest is the writer's. */
export type ReadOnlyOptions<T> = Pick<OpenOptions<T>, 'codec' | 'blockCacheBytes' | 'openFilesMax' | 'keys'>
export type ResolvedReadOnlyOptions<T> = Pick<ResolvedOptions<T>, 'codec' | 'blockCacheBytes' | 'openFilesMax' | 'keys'>

export function resolveReadOnlyOptions<T>(options: ReadOnlyOptions<T>): ResolvedReadOnlyOptions<T> {
  checkMembers('options', options, ['codec', 'blockCacheBytes', 'openFilesMax', 'keys'])
  return Object.freeze({
    codec: asCodec<T>(options.codec ?? cbor<T>()),
    blockCacheBytes: whole('blockCacheBytes', options.blockCacheBytes) ?? LIMITS.blockCacheBytes.default,
    openFilesMax: whole('openFilesMax', options.openFilesMax) ?? LIMITS.openFilesMax.default,
    keys: resolveKeys<T>(options.keys),
  })
}

export function durabilityOf(found: Durability | undefined): Durability | undefined {
  return oneOf('durability', found, ['synced', 'written', 'queued'])
}

function whole(name: keyof typeof LIMITS, found: unknown, lowest?: number): number | undefined {
  if (found === undefined) return undefined
  const { min, max } = LIMITS[name]
  const from = lowest ?? min
  if (typeof found === 'number' && Number.isInteger(found) && found >= from && found <= max) return found
  throw invalid(name, `a whole number from ${from} to ${max}`, found)
}

function oneOf<V extends string>(name: string, found: V | undefined, values: readonly V[]): V | undefined {
  if (found === undefined || values.includes(found)) return found
  throw invalid(name, `one of ${values.join(', ')}`, found)
}
