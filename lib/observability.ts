import { type Channel, channel } from 'node:diagnostics_channel'
import { type RecordableHistogram, createHistogram } from 'node:perf_hooks'
import type { RecoveryReport } from '../recovery/report.ts'
import type { WriterObserver } from '../segments/committer-hooks.ts'
import type { Environment } from '../segments/env/environment.ts'
import type { SeglogError } from '../segments/errors.ts'
import type { Group } from '../segments/group.ts'
import type { ArchiveReport } from './archive.ts'

export type Histogram = RecordableHistogram

/** A group of records became durable. */
export interface CommitMessage {
  readonly directory: string
  readonly lastSequence: number
  /** Records and bytes of frames that became durable with it. */
  readonly records: number
  readonly bytes: number
  /** From handing it to the system until it was durable; undefined where nobody listened when it was handed over. */
  readonly latencyMs: number | undefined
}

/** The first group of a new segment became durable. */
export interface RollMessage {
  readonly directory: string
  readonly ordinal: number
  readonly firstSequence: number
}

/** A log was opened for writing. */
export interface RecoveryMessage {
  readonly directory: string
  readonly report: RecoveryReport
}

/** Segments were moved out of a log. */
export interface ArchiveMessage {
  readonly directory: string
  readonly report: ArchiveReport
}

/** The writer of a log failed for good. */
export interface FailureMessage {
  readonly directory: string
  readonly error: SeglogError
}

const commits = channel('seglog:commit')
const rolls = channel('seglog:roll')
const recoveries = channel('seglog:recovery')
const archives = channel('seglog:archive')
const failures = channel('seglog:failure')

/** Tells those who listen what a log does. Looks whether anybody does once for each group, never for a record. */
export class Observer implements WriterObserver {
  /** Segments that came into use since the log was opened. */
  rolls = 0
  isTelling = false
  private readonly env: Environment
  private readonly directory: string
  private readonly sent = new Map<Group, number>()
  private histogram: RecordableHistogram | undefined
  private lastSequence: number
  private bytes = 0
  private ordinal: number

  /** `ordinal` and `lastSequence`: of the active segment and of the last record that is durable. */
  constructor(env: Environment, directory: string, ordinal: number, lastSequence: number) {
    this.env = env
    this.directory = directory
    this.ordinal = ordinal
    this.lastSequence = lastSequence
  }

  /** Microseconds of each group from now on; recording begins with the first call. */
  get latency(): RecordableHistogram {
    return (this.histogram ??= createHistogram())
  }

  opened(report: RecoveryReport): void {
    if (recoveries.hasSubscribers) recoveries.publish({ directory: this.directory, report } satisfies RecoveryMessage)
  }

  sending(group: Group): void {
    if (!commits.hasSubscribers && this.histogram === undefined) return
    // A synchronous commit writes a group again that is in flight: it began with the first time.
    if (!this.sent.has(group)) this.sent.set(group, this.env.monotonicMs())
  }

  advanced(group: Group, bytes: number): void {
    const latencyMs = this.takeLatency(group)
    if (latencyMs !== undefined) this.histogram?.record(Math.max(1, Math.round(latencyMs * 1000)))
    if (group.segment.plan.ordinal !== this.ordinal) this.rolled(group)
    if (commits.hasSubscribers) {
      const { directory } = this
      const { lastSequence } = group
      const message = { directory, lastSequence, latencyMs }
      const records = lastSequence - this.lastSequence
      this.tell(commits, { ...message, records, bytes: bytes - this.bytes } satisfies CommitMessage)
    }
    this.lastSequence = group.lastSequence
    this.bytes = bytes
  }

  failed(error: SeglogError): void {
    this.sent.clear()
    if (failures.hasSubscribers) failures.publish({ directory: this.directory, error } satisfies FailureMessage)
  }

  async archived(work: Promise<ArchiveReport>): Promise<ArchiveReport> {
    const report = await work
    if (archives.hasSubscribers) archives.publish({ directory: this.directory, report } satisfies ArchiveMessage)
    return report
  }

  private tell(to: Channel, message: object): void {
    this.isTelling = true
    try {
      to.publish(message)
    } finally {
      this.isTelling = false
    }
  }

  private rolled({ segment }: Group): void {
    this.rolls += 1
    this.ordinal = segment.plan.ordinal
    if (!rolls.hasSubscribers) return
    const { directory, ordinal } = this
    this.tell(rolls, { directory, ordinal, firstSequence: segment.firstSequence } satisfies RollMessage)
  }

  /** Groups that were written without a sync are covered by a later one, and have no latency of their own. */
  private takeLatency(group: Group): number | undefined {
    const sentMs = this.sent.get(group)
    if (this.sent.size > 0) {
      for (const earlier of this.sent.keys()) if (earlier.lastSequence <= group.lastSequence) this.sent.delete(earlier)
    }
    return sentMs === undefined ? undefined : this.env.monotonicMs() - sentMs
  }
}
