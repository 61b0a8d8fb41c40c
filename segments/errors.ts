import type { SystemError } from './env/environment.ts'

/** What to do for each code stands in `docs/errors.md`. Users match on `code`, never on the message. */
export type ErrorCode =
  | 'INVALID_ARGUMENT'
  | 'TOO_LARGE'
  | 'OUT_OF_ORDER'
  | 'CLOSED'
  | 'READ_ONLY'
  | 'FAILED'
  | 'DISK_FULL'
  | 'IO'
  | 'LOCKED'
  | 'CRASHED_PREDECESSOR'
  | 'NOT_A_LOG'
  | 'UNSUPPORTED_FORMAT'
  | 'CORRUPT'
  | 'GAP'
  | 'ARCHIVED'
  | 'NOT_READY'
  | 'HASH_MISMATCH'
  | 'ENCODE'
  | 'DECODE'

/** Where it happened and what was wrong; each member is there only where it means something. */
export interface ErrorDetails {
  /** Path of the file concerned. */
  readonly file?: string
  /** Byte position in that file. */
  readonly offset?: number
  /** Sequence of the record concerned. */
  readonly sequence?: number
  readonly expected?: unknown
  readonly found?: unknown
  readonly cause?: unknown
}

/**
 * The one error of this library. Match on `code`, never on the message.
 *
 * @example
 * import { openReadOnly, SeglogError } from 'seglog'
 *
 * try {
 *   await openReadOnly('./nowhere')
 * } catch (error) {
 *   if (!(error instanceof SeglogError && error.code === 'NOT_A_LOG')) throw error
 * }
 */
export class SeglogError extends Error {
  readonly code: ErrorCode
  readonly file: string | undefined
  readonly offset: number | undefined
  readonly sequence: number | undefined
  readonly expected: unknown
  readonly found: unknown

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(`${code}: ${message}`, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'SeglogError'
    this.code = code
    this.file = details.file
    this.offset = details.offset
    this.sequence = details.sequence
    this.expected = details.expected
    this.found = details.found
  }
}

/** An argument that is not what the call takes. */
export function invalid(name: string, expected: string, found: unknown): SeglogError {
  return new SeglogError('INVALID_ARGUMENT', `${name} must be ${expected}, not ${show(found)}`, { expected, found })
}

/**
 * Options of a call: an object without members that the call does not know. One that is misspelt would be taken for one
 * that was not given, and what it was to prevent would happen.
 */
export function checkMembers(name: string, found: unknown, known: readonly string[]): void {
  mustBeObject(name, found)
  for (const member of Object.keys(found)) {
    if (!known.includes(member)) throw invalid(`a member of ${name}`, `one of ${known.join(', ')}`, member)
  }
}

export function mustBeObject(name: string, found: unknown): asserts found is object {
  if (typeof found !== 'object' || found === null || Array.isArray(found)) throw invalid(name, 'an object', found)
}

/** Of what is on or off, where it is given. */
export function mayBeBoolean(name: string, found: unknown): void {
  if (found !== undefined && typeof found !== 'boolean') throw invalid(name, 'true or false', found)
}

/** Of what is called, where it is given. */
export function mayBeFunction(name: string, found: unknown): void {
  if (found !== undefined && typeof found !== 'function') throw invalid(name, 'a function', found)
}

export function mayBeSignal(found: unknown): void {
  if (found !== undefined && !(found instanceof AbortSignal)) throw invalid('signal', 'an AbortSignal', found)
}

function show(found: unknown): string {
  if (typeof found === 'string') return JSON.stringify(found)
  if (typeof found === 'object' && found !== null) return Array.isArray(found) ? 'an array' : 'an object'
  return String(found)
}

/** Sound, and of a version that this code does not know. */
export function newerFormat(file: string): SeglogError {
  return new SeglogError('UNSUPPORTED_FORMAT', 'a newer version of seglog wrote this. Open it with that version.', {
    file,
  })
}

/** ENOSPC, EDQUOT, EFBIG: by number, because EDQUOT arrives in Node with the code 'UNKNOWN'. */
const FULL_ERRNOS: ReadonlySet<number> = new Set([-28, -122, -27])

export function isDiskFull(error: unknown): boolean {
  return FULL_ERRNOS.has((error as Partial<SystemError>).errno ?? 0)
}

/** Whether an error is one of the system, or of what was read: not one of our own making. */
export function isOfDisk(error: unknown): boolean {
  return error instanceof SeglogError || (error as Partial<SystemError>).errno !== undefined
}

export function hasCode(error: unknown, code: string): boolean {
  return (error as Partial<SystemError>).code === code
}

/** An error of the system as one of ours: DISK_FULL or IO, with its cause. Ours pass as they are. */
export function wrapSystemError(error: unknown, doing: string, details: ErrorDetails = {}): SeglogError {
  if (error instanceof SeglogError) return error
  const reason = error instanceof Error ? error.message : String(error)
  if (isDiskFull(error)) {
    return new SeglogError('DISK_FULL', `${doing}: no room (${reason}). Free space, then open the log again.`, {
      ...details,
      cause: error,
    })
  }
  return new SeglogError('IO', `${doing}: ${reason}`, { ...details, cause: error })
}

export { assert } from './format/assert.ts'

/** What a caller gets who comes after a failure. */
export function failedError(cause: SeglogError): SeglogError {
  const message = `an earlier write or sync failed, so nothing more is written (${cause.message}). Open the log again to go on.`
  return new SeglogError('FAILED', message, { cause })
}
