import { crc32 } from './checksum.ts'
import { FORMAT_VERSION } from './layout.ts'

/**
 * A lock file is two lines of text: a JSON object that says who holds the lock, and the CRC-32 of that line in eight
 * hex digits. It gets its name only when it is complete and synced, so half of one is never seen.
 */

/** All that another process needs to find out whether the holder is still there. */
export interface LockOwner {
  readonly pid: number
  /** As in the identity of a process: '' where its platform has none. */
  readonly startTime: string
  readonly bootId: string
  readonly pidNamespace: string
  readonly host: string
  /** 32 random hex digits, drawn for each acquisition: equal if and only if it is the same one. */
  readonly token: string
  /** Milliseconds since 1970, for people; nothing is ever decided by it. */
  readonly acquiredAtMs: number
  /** Number in the name of its socket; null where the file system has no sockets. */
  readonly socket: number | null
}

export type LockContent =
  | { readonly found: 'lock'; readonly owner: LockOwner }
  | { readonly found: 'newer' }
  | { readonly found: 'damaged'; readonly reason: string }

const LOCK_MAGIC = 'seglog-lock'
/** No lock file is longer; ours are about 400 bytes. */
export const LOCK_BYTES_MAX = 4096
const TEXT_LENGTH_MAX = 255
const CRC_DIGITS = 8

export function encodeLock(owner: LockOwner): Buffer {
  const line = `${JSON.stringify({ magic: LOCK_MAGIC, version: FORMAT_VERSION, ...owner })}\n`
  const bytes = Buffer.from(`${line}${'0'.repeat(CRC_DIGITS)}\n`)
  const lineBytes = bytes.length - CRC_DIGITS - 1
  bytes.write(crcDigits(bytes.subarray(0, lineBytes)), lineBytes, 'latin1')
  return bytes
}

function crcDigits(line: Uint8Array): string {
  return (crc32(line) >>> 0).toString(16).padStart(CRC_DIGITS, '0')
}

/** Checks in this order: two lines, CRC, magic, version, members. */
export function decodeLock(bytes: Buffer): LockContent {
  const lineBytes = bytes.indexOf('\n') + 1
  if (lineBytes === 0) return damaged('it is cut short')
  const line = bytes.subarray(0, lineBytes)
  if (bytes.toString('latin1', lineBytes) !== `${crcDigits(line)}\n`) return damaged('its CRC does not match')
  let parsed: unknown
  try {
    parsed = JSON.parse(line.toString('utf8'))
  } catch (error) {
    return damaged(`its first line is not JSON: ${String(error)}`)
  }
  if (typeof parsed !== 'object' || parsed === null) return damaged('its first line is not an object')
  const members = parsed as Record<string, unknown>
  if (members['magic'] !== LOCK_MAGIC) return damaged('it has another magic')
  if (!isCount(members['version'])) return damaged('its version is not a number')
  if (members['version'] > FORMAT_VERSION) return { found: 'newer' }
  const wrong = Object.keys(MEMBERS).find((name) => !MEMBERS[name as keyof LockOwner](members[name]))
  if (wrong !== undefined) return damaged(`its member ${wrong} is missing or out of range`)
  const { magic: _magic, version: _version, ...owner } = members
  return { found: 'lock', owner: owner as unknown as LockOwner }
}

function damaged(reason: string): LockContent {
  return { found: 'damaged', reason }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isPositive = (value: unknown): boolean => isCount(value) && value > 0
const isText = (value: unknown): boolean => typeof value === 'string' && value.length <= TEXT_LENGTH_MAX

const MEMBERS: Readonly<Record<keyof LockOwner, (value: unknown) => boolean>> = {
  pid: isPositive,
  startTime: isText,
  bootId: isText,
  pidNamespace: isText,
  host: isText,
  token: (value) => typeof value === 'string' && /^[0-9a-f]{32}$/.test(value),
  acquiredAtMs: (value) => typeof value === 'number' && Number.isFinite(value),
  socket: (value) => value === null || isPositive(value),
}
