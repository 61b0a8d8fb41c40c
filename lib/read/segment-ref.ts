import type { SegmentIdentity } from '../../segments/format/sidecar.ts'
import type { SegmentKeys } from '../../segments/key-pairs.ts'
import type { OffsetList } from '../../segments/segment.ts'

/**
 * A segment as a reader sees it. Two of them are of the same file if and only if `ordinal` and `salt` are equal: a
 * recovery by another process may put a copy under the same name, with a salt of its own. What is known of one file
 * (handles, blocks, places) is never used for the other.
 */
export interface SegmentRef {
  readonly ordinal: number
  readonly path: string
  readonly salt: number
  readonly firstSequence: number
  /** Last record that may be read. */
  readonly lastSequence: number
  readonly baseTimestamp: bigint
  /** How its compressed frames are: of `COMPRESSION`. */
  readonly compression: number
  /** Bytes that may be read. */
  readonly end: number
  /** What its sidecar must say to be of use; undefined where it has none, because it is not sealed. */
  readonly identity: SegmentIdentity | undefined
  /** What the writer knows of it; undefined for a sealed one. */
  readonly live:
    | {
        readonly offsets: OffsetList
        readonly definitions: readonly Uint8Array[]
        /** Known only to the process that writes. */
        readonly keys?: SegmentKeys | undefined
      }
    | undefined
}
