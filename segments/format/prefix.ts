import { crc32 } from './checksum.ts'
import { FORMAT_VERSION, MAGIC_BYTES, PREFIX } from './layout.ts'

/**
 * What a structure's first bytes say. `zeros`: nothing was ever written here. `foreign`: not this magic. `damaged`: this
 * magic (or nearly), but the check does not match. `newer`: sound, of a version that this code does not know.
 */
export type PrefixFinding = 'ok' | 'zeros' | 'foreign' | 'damaged' | 'newer'

export function encodePrefix(target: Buffer, at: number, magic: string, size: number): void {
  target.write(magic, at + PREFIX.at.magic, 'latin1')
  target.writeUInt16LE(FORMAT_VERSION, at + PREFIX.at.version)
  target.writeUInt16LE(size, at + PREFIX.at.size)
  target.writeInt32LE(prefixCrc(target, at), at + PREFIX.at.prefixCrc)
}

/** Checks in this order: length, zeros, check, magic, version; so one flipped bit is never taken for a new version. */
export function inspectPrefix(bytes: Buffer, at: number, magic: string): PrefixFinding {
  if (bytes.length < at + PREFIX.size) return 'damaged'
  if (isZero(bytes, at, at + PREFIX.size)) return 'zeros'
  const sameMagic = bytes.toString('latin1', at, at + MAGIC_BYTES) === magic
  if (bytes.readInt32LE(at + PREFIX.at.prefixCrc) !== prefixCrc(bytes, at)) return sameMagic ? 'damaged' : 'foreign'
  if (!sameMagic) return 'foreign'
  return bytes.readUInt16LE(at + PREFIX.at.version) > FORMAT_VERSION ? 'newer' : 'ok'
}

function prefixCrc(bytes: Buffer, at: number): number {
  return crc32(bytes.subarray(at, at + PREFIX.at.prefixCrc))
}

const ZEROS = Buffer.alloc(64 * 1024)

/** Whether `bytes[start…end)` holds nothing but zeros. */
export function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += ZEROS.length) {
    const length = Math.min(ZEROS.length, end - at)
    if (ZEROS.compare(bytes, at, at + length, 0, length) !== 0) return false
  }
  return true
}
