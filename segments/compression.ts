import { SeglogError } from './errors.ts'
import { canCompress, compress, compressionName, decompress, methodOf } from './format/compression.ts'
import { COMPRESSION, ORIGINAL_BYTES_MAX } from './format/layout.ts'
import type { SegmentLine } from './format/manifest.ts'

/** How payloads are compressed from now on. */
export interface Compressing {
  /** Of `COMPRESSION`, and none of those that this Node lacks. */
  readonly method: number
  /** Shorter payloads are stored as they are. */
  readonly bytesMin: number
}

export function compressingOf(method: number, bytesMin: number): Compressing | undefined {
  return method === COMPRESSION.none ? undefined : { method, bytesMin }
}

/** The payload in a shorter form; undefined where there is none, or nobody wants it. */
export function compressed(compressing: Compressing | undefined, payload: Uint8Array): Uint8Array | undefined {
  if (compressing === undefined || payload.length < compressing.bytesMin) return undefined
  return compress(compressing.method, payload)
}

/** Where a compressed payload stands. */
export interface CompressedPlace {
  readonly path: string
  /** What the header of its segment names. */
  readonly compression: number
}

/**
 * What a compressed payload was before, which is also what the hash of a chain covers: always through this function, so
 * that nobody decompresses more than the frame says, or what is too long to be a record. Throws CORRUPT where the bytes
 * are not that, UNSUPPORTED_FORMAT where this Node or this version cannot tell.
 */
export function originalPayload(
  { path, compression }: CompressedPlace,
  sequence: number,
  stored: Uint8Array,
  originalBytes: number,
): Uint8Array {
  if (compression === COMPRESSION.none) {
    throw corrupt(path, sequence, 'it is compressed in a segment whose header says that none is')
  }
  mustBeAbleTo(compression, path)
  if (originalBytes > ORIGINAL_BYTES_MAX) {
    throw corrupt(path, sequence, `it says that it is ${originalBytes} bytes long, more than any record`)
  }
  const payload = decompress(compression, stored, originalBytes)
  if (typeof payload !== 'string') return payload
  throw corrupt(path, sequence, `it does not decompress to its ${originalBytes} bytes: ${payload}`)
}

/** Throws UNSUPPORTED_FORMAT where this Node or this version lacks a way to compress. */
export function mustBeAbleTo(method: number, path: string): void {
  if (method === COMPRESSION.none || canCompress(method)) return
  const message =
    method === COMPRESSION.zstd
      ? 'zstd needs Node 22.15, 23.8 or later, and this one is older. Use such a Node.'
      : `this version of seglog does not know the compression ${compressionName(method)}. Use a newer one.`
  throw new SeglogError('UNSUPPORTED_FORMAT', message, { file: path, expected: compressionName(method) })
}

/** What a line says of the compression in its segment, which a readable header says too: nothing where none is used. */
export function compressionMember(method: number): { readonly compression?: string } {
  return method === COMPRESSION.none ? {} : { compression: compressionName(method) }
}

/** How frames of a segment are compressed whose header is not at hand. */
export function compressionOf(
  line: SegmentLine | undefined,
  options: { readonly compression?: string | undefined },
): number {
  const name = line?.compression ?? (line === undefined || line.state === 'open' ? options.compression : 'none')
  return methodOf(name ?? 'none') ?? UNKNOWN
}

/** As a number that no version has. */
const UNKNOWN = 255

function corrupt(file: string, sequence: number, what: string): SeglogError {
  const message = `the payload of record ${sequence} cannot be decompressed: ${what}`
  return new SeglogError('CORRUPT', message, { file, sequence })
}
