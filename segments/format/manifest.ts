import { crc32 } from './checksum.ts'
import { FORMAT_VERSION, MANIFEST_MAGIC } from './layout.ts'
import { findWrongMember } from './manifest-members.ts'
import type { Position } from './slots.ts'

/**
 * What a log is and which files it consists of. Members that this version does not know are kept: a manifest is changed
 * by copying it with other members (`{ ...manifest, … }`), never by building it from a list of known ones.
 */
export interface Manifest {
  /** Also in the file's name; the newest valid one counts. */
  readonly generation: number
  /** 32 hex digits. */
  readonly logId: string
  /** How often the log was opened for writing; readers that see it change look files up again, by sequence. */
  readonly epoch: number
  /** Nanoseconds since 1970, decimal digits. */
  readonly createdAt: string
  readonly status: RunStatus
  readonly options: LogOptions
  /** Lower bound of what is durable: records up to here must exist. */
  readonly highWatermark: Position
  /** Where the log ended when it was closed; null from before the first write after that. */
  readonly clean: Position | null
  /** In order of ordinals, from the first that is not forgotten on. */
  readonly segments: readonly SegmentLine[]
  /** Sequences that were acknowledged and are given up by name: `from` to `to`, both included. */
  readonly lost: readonly SequenceRange[]
  /** How keys of each kind are found. */
  readonly keys: Readonly<Record<string, StoredDefinition>>
  /** By sequence. */
  readonly anchors: readonly Anchor[]
  /** By name of the consumer. */
  readonly cursors: Readonly<Record<string, CursorState>>
  /** Null in a stream. */
  readonly run: RunIdentity | null
  /** What makes this directory and has not come to its end: until then it is no log. */
  readonly unfinished?: 'copy' | 'salvage'
}

/** How keys of one kind are found: along a path of names, or by a function of the user's in this version. */
export type StoredDefinition = ({ readonly path: readonly string[] } | { readonly version: string }) & {
  /** Records up to here stood there when the kind was defined, and not all of them are in key tables yet. */
  readonly upTo?: number
}

/** Where a log is in its life; see `docs/runs.md`. There is no way back to `running`. */
export type RunStatus = 'running' | 'ended' | 'crashed-recovered' | 'quarantined'

/** "The state as of this record is stored there, with this hash." */
export interface Anchor {
  readonly sequence: number
  /** Where the state is stored, in words of the caller: a path, a key, an address. */
  readonly ref: string
  /** Of what is stored, in words of the caller: SHA-256 in hex, say. */
  readonly hash: string
  /** When it was set: nanoseconds since 1970, decimal digits. */
  readonly at: string
}

/** How far a named consumer has come. */
export interface CursorState {
  /** Last record that it has handled; 0 when none. */
  readonly sequence: number
  /** When that was saved: nanoseconds since 1970, decimal digits. */
  readonly at: string
}

/** Who a run is. */
export interface RunIdentity {
  readonly instance: string
  readonly run: string
  /** The run of the same instance that this one goes on from. */
  readonly parent: string | null
  /** Nanoseconds since 1970, decimal digits. */
  readonly startedAt: string
  /** Time of the last record, stamped when the run is sealed; null until then, without records, or where it is damaged. */
  readonly endedAt: string | null
  /** Which program wrote it, and with which configuration; in words of the caller. */
  readonly build: string | null
  readonly configurationHash: string | null
  /** The caller's own JSON object. */
  readonly fields: Readonly<Record<string, unknown>>
}

/** What a log was made with; options that are fixed for its life, or that readers need. */
export interface LogOptions {
  readonly segmentBytes: number
  readonly codec: string
  /** Names as in `COMPRESSION` and `CHAIN` of the layout. */
  readonly compression: string
  readonly chain: string
}

/** First and last record of a range, both included. */
export interface SequenceRange {
  /** Sequences of records. */
  readonly from: number
  readonly to: number
}

/** What the manifest says of one segment. */
export type SegmentLine = OpenLine | SealedLine

/** Prepared or active: which of the two, its file tells. */
export interface OpenLine {
  readonly state: 'open'
  readonly ordinal: number
  /** Signed 32-bit; counts where the file's own header cannot be read. */
  readonly salt: number
  /** Length of the file. */
  readonly segmentBytes: number
  /** As in its header; where it is not there, as in `options`. */
  readonly compression?: string
}

/** A segment that is written no more. */
export interface SealedLine {
  readonly state: 'sealed' | 'archived'
  readonly ordinal: number
  /** Signed 32-bit number. */
  readonly salt: number
  readonly firstSequence: number
  /** One below `firstSequence` when the segment holds no record. */
  readonly lastSequence: number
  /** Length of the file: where its last frame ends. */
  readonly dataBytes: number
  readonly digest: number
  /** Last hash of the chain, 64 hex digits. */
  readonly head: string
  /** Nanoseconds since 1970, decimal digits: base of time deltas, and time of the last record. */
  readonly baseTimestamp: string
  readonly lastTimestamp: string
  /** Sealed with damage inside: its digest is that of the frames that were valid then. */
  readonly damaged?: true
  /** Directory of an archived segment. */
  readonly place?: string
  /** As in its header; none where it is not there. */
  readonly compression?: string
}

export type ManifestFinding =
  | { readonly found: 'manifest'; readonly manifest: Manifest }
  | { readonly found: 'newer' | 'foreign' }
  | { readonly found: 'damaged'; readonly reason: string }

const VERSION_DIGITS = 4
const CRC_DIGITS = 8
const BODY_END = '}\n'

function prefixText(version: string, crc: string): string {
  return `{"magic":"${MANIFEST_MAGIC}","version":"${version}","crc":"${crc}","body":`
}

const PREFIX_BYTES = prefixText('0'.repeat(VERSION_DIGITS), '0'.repeat(CRC_DIGITS)).length
const VERSION_AT = prefixText('', '').indexOf('","crc"')
const CRC_AT = PREFIX_BYTES - CRC_DIGITS - '","body":'.length

export function encodeManifest(manifest: Manifest): Buffer {
  const version = String(FORMAT_VERSION).padStart(VERSION_DIGITS, '0')
  const bytes = Buffer.from(`${prefixText(version, '0'.repeat(CRC_DIGITS))}${JSON.stringify(manifest)}${BODY_END}`)
  const body = bytes.subarray(PREFIX_BYTES, bytes.length - BODY_END.length)
  bytes.write(bodyCrc(version, body), CRC_AT, 'latin1')
  return bytes
}

/** The CRC goes over the digits of the version, then the body: no flipped bit makes a newer version of it. */
function bodyCrc(version: string, body: Uint8Array): string {
  const crc = crc32(body, crc32(Buffer.from(version, 'latin1')))
  return (crc >>> 0).toString(16).padStart(CRC_DIGITS, '0')
}

/** Checks in this order: frame of the file, CRC, version, members. */
export function decodeManifest(bytes: Buffer): ManifestFinding {
  const head = bytes.toString('latin1', 0, PREFIX_BYTES)
  const version = head.slice(VERSION_AT, VERSION_AT + VERSION_DIGITS)
  const crc = head.slice(CRC_AT, CRC_AT + CRC_DIGITS)
  if (head !== prefixText(version, crc)) {
    return head.includes(MANIFEST_MAGIC) ? damaged('its first bytes are not those of a manifest') : { found: 'foreign' }
  }
  const body = bytes.subarray(PREFIX_BYTES, Math.max(PREFIX_BYTES, bytes.length - BODY_END.length))
  if (bytes.toString('latin1', PREFIX_BYTES + body.length) !== BODY_END) return damaged('it is cut short')
  if (bodyCrc(version, body) !== crc) return damaged('its CRC does not match')
  if (!/^\d+$/.test(version)) return damaged('its version is not a number')
  if (Number(version) > FORMAT_VERSION) return { found: 'newer' }
  let parsed: unknown
  try {
    parsed = JSON.parse(body.toString('utf8'))
  } catch (error) {
    return damaged(`its body is not JSON: ${String(error)}`)
  }
  const wrong = findWrongMember(parsed)
  return wrong === undefined
    ? { found: 'manifest', manifest: parsed as Manifest }
    : damaged(`its member ${wrong} is missing or out of range`)
}

function damaged(reason: string): ManifestFinding {
  return { found: 'damaged', reason }
}
