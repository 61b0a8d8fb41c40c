import * as zlib from 'node:zlib'
import { COMPRESSION, ORIGINAL_LENGTH_BYTES, UNIT } from './layout.ts'

/**
 * How payloads are compressed, by the names that options and manifests have for it; those of `COMPRESSION`, written out for
 * who reads the signature. `zstd` needs Node 22.15 or 23.8 and later.
 */
export type CompressionName = 'none' | 'deflate' | 'brotli' | 'zstd'

interface Method {
  readonly compress: (payload: Uint8Array) => Uint8Array
  /** Throws where the bytes are no whole stream, or one of more than `originalBytes`. */
  readonly decompress: (stored: Uint8Array, originalBytes: number) => Uint8Array
}

/** Types of Node 20 do not know it. */
interface Zstd {
  readonly zstdCompressSync?: (payload: Uint8Array, options: object) => Uint8Array
  readonly zstdDecompressSync?: (stored: Uint8Array, options: object) => Uint8Array
}

/** Smallest output buffer that zlib takes. */
const CHUNK_BYTES_MIN = 64
/** Below this the tables of deflate are made as small as the payload lets them be: clearing them is most of the cost. */
const SHORT_BYTES = 2048
const WINDOW_BITS_MIN = 9
/** The hash table of deflate has 2^(memLevel + 7) entries: as many as the payload has bytes will do. */
const HASH_BITS_OF_LEVEL_0 = 7
/** Beyond deflate's ratio for less than twice its time; the default of brotli takes a hundred times as long. */
const BROTLI_QUALITY = 5
const BROTLI_WINDOW_BITS_MIN = 10
const BROTLI_WINDOW_BITS_MAX = 22

const deflate: Method = {
  compress: (payload) => zlib.deflateRawSync(payload, { ...deflateTables(payload.length), ...roomFor(payload.length) }),
  decompress: (stored, originalBytes) => zlib.inflateRawSync(stored, atMost(originalBytes)),
}

const brotli: Method = {
  compress: (payload) =>
    zlib.brotliCompressSync(payload, { params: brotliParams(payload.length), ...roomFor(payload.length) }),
  decompress: (stored, originalBytes) => zlib.brotliDecompressSync(stored, atMost(originalBytes)),
}

const METHODS: Readonly<Record<number, Method | undefined>> = {
  [COMPRESSION.deflate]: deflate,
  [COMPRESSION.brotli]: brotli,
  [COMPRESSION.zstd]: zstdOf(zlib as Zstd),
}

/** Whether this Node can compress and decompress so. */
export function canCompress(method: number): boolean {
  return METHODS[method] !== undefined
}

/** The payload in a shorter form; undefined where no frame would be shorter by it. The caller owns the bytes. */
export function compress(method: number, payload: Uint8Array): Uint8Array | undefined {
  const compressed = METHODS[method]!.compress(payload)
  return compressed.length + ORIGINAL_LENGTH_BYTES + UNIT <= payload.length ? compressed : undefined
}

/**
 * What `compress` was given; a text says what is wrong with the bytes. Takes no more memory than `originalBytes`, whatever
 * they say. The caller owns the result.
 */
export function decompress(method: number, stored: Uint8Array, originalBytes: number): Uint8Array | string {
  let payload: Uint8Array
  try {
    payload = METHODS[method]!.decompress(stored, originalBytes)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return payload.length === originalBytes ? payload : `it is ${payload.length} bytes long`
}

/** The number that stands in a segment header; undefined for a name that this version does not know. */
export function methodOf(name: string): number | undefined {
  return Object.hasOwn(COMPRESSION, name) ? COMPRESSION[name as CompressionName] : undefined
}

export function compressionName(method: number): string {
  const names = Object.keys(COMPRESSION) as CompressionName[]
  return names.find((name) => COMPRESSION[name] === method) ?? `unknown-${method}`
}

function deflateTables(bytes: number): zlib.ZlibOptions {
  if (bytes >= SHORT_BYTES) return {}
  const windowBits = Math.max(WINDOW_BITS_MIN, Math.ceil(Math.log2(bytes)))
  return { windowBits, memLevel: windowBits - HASH_BITS_OF_LEVEL_0 }
}

function brotliParams(bytes: number): Record<number, number> {
  const windowBits = Math.ceil(Math.log2(bytes)) + 1
  return {
    [zlib.constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
    [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes,
    [zlib.constants.BROTLI_PARAM_LGWIN]: Math.min(BROTLI_WINDOW_BITS_MAX, Math.max(BROTLI_WINDOW_BITS_MIN, windowBits)),
  }
}

/** What grows beyond the payload is not kept, so its length is room enough. */
function roomFor(bytes: number): { readonly chunkSize: number } {
  return { chunkSize: Math.max(CHUNK_BYTES_MIN, bytes) }
}

/** One byte more than is wanted: a buffer that comes out full would make zlib ask for another. */
function atMost(bytes: number): { readonly chunkSize: number; readonly maxOutputLength: number } {
  return { chunkSize: Math.max(CHUNK_BYTES_MIN, bytes + 1), maxOutputLength: Math.max(1, bytes) }
}

function zstdOf({ zstdCompressSync, zstdDecompressSync }: Zstd): Method | undefined {
  if (zstdCompressSync === undefined || zstdDecompressSync === undefined) return undefined
  return {
    compress: (payload) => zstdCompressSync(payload, roomFor(payload.length)),
    decompress: (stored, originalBytes) => zstdDecompressSync(stored, atMost(originalBytes)),
  }
}
