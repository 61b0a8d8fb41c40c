import type { FaultOutcome } from '../../segments/env/simulated.ts'
import type { Durability } from '../../segments/placer.ts'

/** Which calls a command means: all of a kind, or all on files whose name begins so. */
export interface CallFilter {
  readonly of?: 'write' | 'read' | 'sync' | 'rename' | 'syncDirectory' | 'open' | 'unlink' | 'truncate' | 'close'
  readonly file?: 'segment' | 'durable' | 'manifest'
}

/**
 * What a workload does, step by step; plain data, so that it can be drawn, shrunk, printed and run again. `size`,
 * `short` and `room` are bytes, `ms` milliseconds, `skip` and `times` numbers of calls, `shape` the number of an object
 * shape. A new feature joins by a member here, its performer in `performers.ts`, and its arbitrary in
 * `test/crash/arbitraries.ts`.
 */
export type Command =
  /** Appends one record, told of nothing. */
  | { readonly do: 'append'; readonly size: number; readonly shape?: number; readonly level?: Durability }
  /** Commits one; `wait` false leaves the promise open. */
  | {
      readonly do: 'commit'
      readonly size: number
      readonly shape?: number
      readonly level?: Durability
      readonly wait: boolean
    }
  | { readonly do: 'commitSync'; readonly size: number; readonly shape?: number }
  /** A batch of records of these sizes. */
  | {
      readonly do: 'batch'
      readonly sizes: readonly number[]
      readonly level?: Durability
      readonly how: 'append' | 'commit' | 'wait' | 'sync'
    }
  /** A record whose frame ends so many bytes before the end of its segment: 0 fills it exactly. */
  | { readonly do: 'fill'; readonly short: number; readonly how: 'append' | 'wait' | 'sync' }
  /** Makes everything durable that was appended. */
  | { readonly do: 'sync'; readonly wait: boolean }
  | { readonly do: 'syncNow' }
  /** Waits until the queue is below its soft limit. */
  | { readonly do: 'ready' }
  | { readonly do: 'roll' }
  | { readonly do: 'close-and-open' }
  /** Archives what lies before so many quarters of the log; `wait` false goes on while it is moved. */
  | {
      readonly do: 'archive'
      readonly quarters: number
      readonly to: 'the log' | 'elsewhere'
      readonly wait: boolean
    }
  /** Brings back what is archived from so many quarters of the log on. */
  | { readonly do: 'restore'; readonly quarters: number; readonly wait: boolean }
  /** Copies the log into a new directory, also while it is written. */
  | { readonly do: 'copy'; readonly wait: boolean }
  /** Salvages the log into a new directory; with `rot` while it is closed and one byte of a sealed segment is damaged. */
  | { readonly do: 'salvage'; readonly rot?: number }
  | { readonly do: 'read'; readonly how: 'now' | 'later' }
  /** Somebody follows the log in the same process from here on, until it is closed. */
  | { readonly do: 'follow'; readonly from: 'the first' | 'the next' }
  /** Another writer tries to open the log. */
  | { readonly do: 'intrude' }
  /** Waits for everything that was asked for. */
  | { readonly do: 'settle' }
  /** Lets virtual time pass. */
  | { readonly do: 'pause'; readonly ms: number }
  /** Sets the clock, forward or back. */
  | { readonly do: 'clock'; readonly ms: number }
  /** Holds started calls in flight until `release`, or until something is waited for. */
  | ({ readonly do: 'hold' } & CallFilter)
  | { readonly do: 'release' }
  /** From the `skip`-th matching call on, `times` of them fail. */
  | ({
      readonly do: 'fail'
      readonly skip: number
      readonly times: number
      readonly outcome: FaultOutcome
    } & CallFilter)
  /** Leaves this much room on the disk. */
  | { readonly do: 'full'; readonly room: number }
