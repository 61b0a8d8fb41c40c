import { invalid } from '../../segments/errors.ts'
import type { CursorRange } from './cursor.ts'
import type { LogView } from './view.ts'

export interface ReadOptions {
  /** First record; default the first of the log. Earlier ones that are archived are an error of the walk. */
  readonly from?: number
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
  const from = sequence('from', options.from)
  const to = sequence('to', options.to)
  return {
    from: Math.max(1, from ?? view.firstSequence),
    to: Math.min(to ?? Infinity, view.highWatermark),
    direction: options.reverse === true ? 'reverse' : 'forward',
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
