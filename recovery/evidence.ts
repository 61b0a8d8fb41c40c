import type { HeaderFinding } from '../segments/format/header.ts'
import type { Manifest, SegmentLine } from '../segments/format/manifest.ts'
import type { Position, Slot } from '../segments/format/slots.ts'
import type { SegmentKey } from '../segments/scan.ts'
import type { Scan } from '../segments/stretches.ts'

/** Something that is not as it should be, wherever it was found. */
export interface Finding {
  readonly code: 'CORRUPT' | 'GAP' | 'HASH_MISMATCH' | 'SIDECAR' | 'ARCHIVED' | 'IGNORED'
  /** One sentence. */
  readonly message: string
  readonly file: string
  readonly offset?: number
  /** Records concerned, as far as is known. */
  readonly from?: number
  readonly to?: number
}

/**
 * `sealed`: listed as such. `used`: has a sound header, or frames that validate under its salt. `unused`: zeros. `dirty`:
 * neither. `missing`: listed, and no file of that name is there.
 */
export type SegmentRole = 'sealed' | 'used' | 'unused' | 'dirty' | 'missing'

export interface SegmentEvidence {
  readonly ordinal: number
  readonly path: string
  readonly role: SegmentRole
  readonly line: SegmentLine | undefined
  /** Length of the file; 0 where there is none. */
  readonly size: number
  readonly header: HeaderFinding | undefined
  /** Of a segment that is used and not sealed. */
  readonly key: SegmentKey | undefined
  readonly scan: Scan | undefined
}

/** What a directory holds, as read by `inspect`; nothing of it is a decision yet. */
export interface Inspection {
  readonly directory: string
  /** `nothing`: no log was ever begun here (or only begun). `traces`: no log, but things that only a log leaves. */
  readonly state: 'nothing' | 'traces' | 'log'
  /** What made it `traces`. */
  readonly traces: readonly string[]
  readonly manifest: Manifest | undefined
  /** `rebuilt`: no manifest could be read, this one says what the segments say. */
  readonly manifestFrom: 'newest' | 'previous' | 'rebuilt' | 'nowhere'
  readonly generations: readonly number[]
  readonly slot: Slot | undefined
  readonly slotsThere: boolean
  /** In which slot of the file that slot stands; the next one to write is the other. */
  readonly slotTurn: number
  /** The furthest position that slot, manifest and mark of a clean close prove. */
  readonly proven: Position | undefined
  /** Where the newest manifest says that the log was closed. */
  readonly closed: Position | undefined
  /** In order of ordinals. */
  readonly segments: readonly SegmentEvidence[]
  /** Ordinals of the sidecars; only their names were looked at. */
  readonly sidecars: readonly number[]
  /** Ordinals of the trails. */
  readonly trails: readonly number[]
  readonly findings: readonly Finding[]
  /** Names that are none of ours. */
  readonly foreign: readonly string[]
  readonly temporary: readonly string[]
  /** Copies of segments that count in another place: an archiving or restoring was interrupted. */
  readonly stale: readonly string[]
  /** There is a directory `archive/`. */
  readonly hasArchive: boolean
}
