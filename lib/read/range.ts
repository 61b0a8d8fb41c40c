import { checkMembers, invalid, mayBeBoolean } from '../../segments/errors.ts'
import type { CursorRange } from './cursor.ts'
import type { LogView } from './view.ts'

/** Which records a walk gives, in which direction, and how many; without any, all that are live. */
export interface ReadOptions {
  /** First record; default the first of the log. Earlier ones that are archived are an error of the walk. */
  readonly from?: number
  /** Nothing before this time, in nanoseconds since 1970: begins with the first live record at or after it. */
  readonly fromTime?: bigint
  /** Last record; default and at most the high-watermark when the walk begins. */
  readonly to?: number
  /** From the last record to the first. */
  readonly reverse?: boolean
  /** Most records to give. */
  readonly limit?: number
  /** Most bytes of frames to read; one record is given even where it is longer. */
  readonly maxBytes?: number
}

/** Options as a range within the log, checked; an empty one where they ask for nothing that is there. */
export function resolveRange(options: ReadOptions, view: LogView): CursorRange {
  checkMembers('options', options, ['from', 'fromTime', 'to', 'reverse', 'limit', 'maxBytes'])
  const from = sequence('from', options.from)
  const to = sequence('to', options.to)
  const { fromTime, reverse } = options
  mayBeBoolean('reverse', reverse)
  if (fromTime !== undefined && (typeof fromTime !== 'bigint' || fromTime < 0n)) {
    throw invalid('fromTime', 'a bigint of nanoseconds since 1970', fromTime)
  }
  // By time only what is not archived is looked at.
  const first = from === undefined || fromTime !== undefined ? view.firstSequence : 1
  return {
    from: Math.max(first, from ?? 1),
    fromTime,
    to: Math.min(to ?? Infinity, view.highWatermark),
    direction: reverse === true ? 'reverse' : 'forward',
    countMax: budget('limit', options.limit),
    bytesMax: budget('maxBytes', options.maxBytes),
  }
}

function sequence(name: string, found: number | undefined): number | undefined {
  if (found === undefined || (Number.isSafeInteger(found) && found >= 0)) return found
  throw invalid(name, 'a whole number from 0 on', found)
}

function budget(name: string, found: number | undefined): number {
  if (found === undefined) return Infinity
  if (Number.isSafeInteger(found) && found >= 1) return found
  throw invalid(name, 'a whole number from 1 on', found)
}
