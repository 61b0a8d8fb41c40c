import type { ChainHead } from '../../segments/chain.ts'

/** The head of a chain as one word, which `verify --expect` takes. */
export function headText({ sequence, hash }: ChainHead): string {
  return `${sequence}:${hash}`
}

/** What `headText` gave; undefined for any other word. */
export function parseHead(word: string): ChainHead | undefined {
  const found = /^(\d+):([0-9a-f]{64})$/.exec(word)
  return found === null ? undefined : { sequence: Number(found[1]), hash: found[2]! }
}

/** Text without what could steer a terminal: control characters, and those that turn the direction of writing. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const
const UNIT_STEP = 1024

export function sizeText(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= UNIT_STEP && unit < UNITS.length - 1) {
    value /= UNIT_STEP
    unit += 1
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`
}

const SECONDS_PER_MINUTE = 60

export function durationText(seconds: number): string {
  if (seconds < SECONDS_PER_MINUTE) return `${Math.ceil(seconds)} s`
  const minutes = Math.floor(seconds / SECONDS_PER_MINUTE)
  if (minutes < SECONDS_PER_MINUTE) return `${minutes} min ${Math.ceil(seconds % SECONDS_PER_MINUTE)} s`
  return `${Math.floor(minutes / SECONDS_PER_MINUTE)} h ${minutes % SECONDS_PER_MINUTE} min`
}

const NANOSECONDS_PER_MS = 1_000_000n
const SECONDS_END = '2026-01-01T00:00:00'.length
const NANOSECOND_DIGITS = 9
const NANOSECONDS_PER_SECOND = 1_000_000_000n

/** `2026-01-01T00:00:00.000000000Z`, with all nine digits, so that texts sort as times do. */
export function timeText(timestampNs: bigint): string {
  const seconds = new Date(Number(timestampNs / NANOSECONDS_PER_MS)).toISOString().slice(0, SECONDS_END)
  return `${seconds}.${String(timestampNs % NANOSECONDS_PER_SECOND).padStart(NANOSECOND_DIGITS, '0')}Z`
}

/** `records 3 to 7`, `record 3`. */
export function rangeText(from: number, to: number): string {
  return from === to ? `record ${from}` : `records ${from} to ${to}`
}

/** `1 finding`, `5 findings`. */
export function countText(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** A word as a shell reads it back. */
export function quoted(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
