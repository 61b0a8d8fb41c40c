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

/** One pattern for all, because an opening looks at every name several times. */
const NUMBERED = /^(segment-|manifest-|lock-)(\d{10,16})(\.log|\.idx|\.trail|\.json|\.sock|)$/
const KINDS: ReadonlyMap<string, 'segment' | 'sidecar' | 'trail' | 'manifest' | 'lock' | 'socket'> = new Map([
  ['segment-.log', 'segment'],
  ['segment-.idx', 'sidecar'],
  ['segment-.trail', 'trail'],
  ['manifest-.json', 'manifest'],
  ['lock-', 'lock'],
  ['lock-.sock', 'socket'],
])

/** Nothing shorter or otherwise named is ours to remove. */
const TEMPORARY = /^tmp-(?:segment|sidecar|manifest|durable|copy|lock)-[0-9a-f]{16,32}$/

export function parseName(name: string): LogFileName {
  if (name === SLOTS_NAME) return { kind: 'slots' }
  if (name === CUT_DIRECTORY) return { kind: 'cut' }
  if (name === ARCHIVE_DIRECTORY) return { kind: 'archive' }
  if (TEMPORARY.test(name)) return { kind: 'temporary' }
  const [, before, digits = '', behind] = NUMBERED.exec(name) ?? []
  const kind = KINDS.get(`${before}${behind}`)
  const number = Number(digits)
  // Another spelling of the same number would be a second name for the same file.
  if (kind !== undefined && number >= 1 && number <= COUNT_READ_MAX && numbered(number) === digits) {
    return { kind, number }
  }
  return { kind: 'foreign' }
}

/** A name that users give, to a stream, an instance, a run or a cursor: up to 128 characters that any file system takes. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9_-])?$/.test(value)
}
