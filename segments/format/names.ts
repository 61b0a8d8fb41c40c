/** The names of files in a log directory: made and recognised here only. */
import { COUNT_READ_MAX } from './layout.ts'

const DIGITS = 10

export const SLOTS_NAME = 'durable'
export const CUT_DIRECTORY = 'cut'
export const ARCHIVE_DIRECTORY = 'archive'

export type LogFileName =
  | {
      readonly kind: 'segment' | 'sidecar' | 'trail' | 'manifest' | 'lock' | 'socket'
      readonly number: number
    }
  | { readonly kind: 'slots' | 'cut' | 'archive' | 'temporary' | 'foreign' }

const numbered = (number: number): string => String(number).padStart(DIGITS, '0')

export const segmentName = (ordinal: number): string => `segment-${numbered(ordinal)}.log`
export const sidecarName = (ordinal: number): string => `segment-${numbered(ordinal)}.idx`
export const trailName = (ordinal: number): string => `segment-${numbered(ordinal)}.trail`
export const manifestName = (generation: number): string => `manifest-${numbered(generation)}.json`
export const lockName = (number: number): string => `lock-${numbered(number)}`
export const socketName = (number: number): string => `lock-${numbered(number)}.sock`
export type Purpose = 'segment' | 'sidecar' | 'manifest' | 'durable' | 'copy' | 'lock'

/** A file under construction: its purpose, and 16 to 32 hex digits; of no meaning until it is renamed, so any opening for writing may remove it. */
export const temporaryName = (purpose: Purpose, nonce: string): string => `tmp-${purpose}-${nonce}`
/** Bytes kept aside: where they stood, and in which epoch they were cut. */
export const cutName = (ordinal: number, offset: number, epoch: number): string =>
  `segment-${numbered(ordinal)}-at-${offset}-epoch-${epoch}.cut`

type NumberedKind = Extract<LogFileName, { readonly number: number }>['kind']

/** What stands before and behind the number. */
const KINDS: readonly { readonly before: string; readonly behind: ReadonlyMap<string, NumberedKind> }[] = [
  {
    before: 'segment-',
    behind: new Map([
      ['.log', 'segment'],
      ['.idx', 'sidecar'],
      ['.trail', 'trail'],
    ]),
  },
  { before: 'manifest-', behind: new Map([['.json', 'manifest']]) },
  {
    before: 'lock-',
    behind: new Map([
      ['', 'lock'],
      ['.sock', 'socket'],
    ]),
  },
]
const DIGITS_MAX = 16

/** Nothing shorter or otherwise named is ours to remove. */
const TEMPORARY = /^tmp-(?:segment|sidecar|manifest|durable|copy|lock)-[0-9a-f]{16,32}$/

export function parseName(name: string): LogFileName {
  if (name === SLOTS_NAME) return { kind: 'slots' }
  if (name === CUT_DIRECTORY) return { kind: 'cut' }
  if (name === ARCHIVE_DIRECTORY) return { kind: 'archive' }
  for (const { before, behind } of KINDS) if (name.startsWith(before)) return parseNumbered(name, before.length, behind)
  return { kind: TEMPORARY.test(name) ? 'temporary' : 'foreign' }
}

/**
 * A number from `start` on, in at least ten digits, and what it is the number of. By hand, because an opening looks at every
 * name three times: 80 ns, against 200 of a pattern that finds both parts.
 */
function parseNumbered(name: string, start: number, kinds: ReadonlyMap<string, NumberedKind>): LogFileName {
  let number = 0
  let at = start
  for (; at < name.length; at++) {
    const digit = name.charCodeAt(at) - ZERO
    if (digit < 0 || digit > 9) break
    number = number * 10 + digit
  }
  const digits = at - start
  // Another spelling of the same number would be a second name for the same file.
  const isSpelledAnew = digits < DIGITS || digits > DIGITS_MAX || (digits > DIGITS && name.charCodeAt(start) === ZERO)
  if (isSpelledAnew || number < 1 || number > COUNT_READ_MAX) return { kind: 'foreign' }
  const kind = kinds.get(name.slice(at))
  return kind === undefined ? { kind: 'foreign' } : { kind, number }
}

const ZERO = 0x30

/** A name that users give, to a stream, an instance, a run or a cursor: up to 128 characters that any file system takes. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9_-])?$/.test(value)
}
