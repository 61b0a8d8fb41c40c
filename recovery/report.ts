import type { SequenceRange } from '../segments/format/manifest.ts'
import type { Row } from './decide.ts'
import type { Finding } from './evidence.ts'

/** Bytes that an opening cut off the end of the log; they were never acknowledged, as far as anything on disk proves. */
export interface CutReport {
  /** Where they stood. */
  readonly file: string
  readonly offset: number
  readonly bytes: number
  /** Where they are kept. */
  readonly keptIn: string
  /** First record that is not there any more, and the last of which a trace was seen. */
  readonly from: number
  readonly to: number
  /** Whether sectors of zeros lie in between, as a torn write leaves them and damage hardly does. */
  readonly zeroSectors: boolean
}

/** What an opening found and did. */
export interface RecoveryReport {
  /**
   * `new`: the log was made. `closed`: it had been closed. `clean`: it had not, and nothing was wrong. `torn`: an
   * unacknowledged end was cut. `ambiguous`: likewise, but it may have been the damaged last group of a power cut.
   * `damaged`: records are lost inside, what follows them is not. `accepted-loss`: records are lost, and the caller
   * said by name that the log goes on without them.
   */
  readonly end: 'new' | 'closed' | 'clean' | 'torn' | 'ambiguous' | 'damaged' | 'accepted-loss'
  /** Row of the table in `docs/recovery.md`. */
  readonly row: Row | 'new'
  /** Last record of the log, durable as of now; 0 when there is none. */
  readonly lastSequence: number
  readonly cut: CutReport | undefined
  /** Records that were acknowledged and cannot be read. */
  readonly lost: readonly SequenceRange[]
  readonly findings: readonly Finding[]
  /** What was done, a sentence each. */
  readonly notes: readonly string[]
  readonly durationMs: number
}
