import type { Environment } from '../../segments/env/environment.ts'
import { runNow } from '../../segments/env/steps.ts'
import { invalid, wrapSystemError } from '../../segments/errors.ts'
import { windowBytes } from '../../segments/window.ts'
import type { Codec } from '../codecs/codec.ts'
import { Cursor, type CursorRange, SINGLE_READ_BYTES } from './cursor.ts'
import type { Entry } from './entry.ts'
import { type ReadOptions, resolveRange } from './range.ts'
import { CursorRecords, type Records } from './reader.ts'
import { SegmentMaps } from './segment-maps.ts'
import type { LogView } from './view.ts'

/** The reading half of a log, the same for the process that writes and for one that only reads: it differs in its view. */
export class Reading<T> {
  readonly view: LogView
  private readonly env: Environment
  private readonly codec: Codec<T>
  private readonly segmentBytes: number
  private readonly maps: SegmentMaps<T>

  constructor(env: Environment, view: LogView, codec: Codec<T>, segmentBytes: number) {
    this.env = env
    this.view = view
    this.codec = codec
    this.segmentBytes = segmentBytes
    this.maps = new SegmentMaps(codec)
  }

  get(sequence: number): Entry<T> | undefined {
    if (!Number.isSafeInteger(sequence)) throw invalid('sequence', 'a whole number', sequence)
    if (sequence < 1 || sequence > this.view.highWatermark) return undefined
    const range = resolveRange({ from: sequence, to: sequence }, this.view)
    const cursor = this.cursor(range, SINGLE_READ_BYTES)
    try {
      for (;;) {
        const found = cursor.next()
        if (found === 'end') return undefined
        if (found !== 'fill') return found
        runNow(this.env, cursor.fill())
      }
    } catch (error) {
      throw wrapSystemError(error, 'reading the log')
    } finally {
      runNow(this.env, cursor.close())
    }
  }

  read(options: ReadOptions): Records<T> {
    resolveRange(options, this.view)
    const readBytes = windowBytes(this.segmentBytes)
    return new CursorRecords(this.env, () => this.cursor(resolveRange(options, this.view), readBytes))
  }

  private cursor(range: CursorRange, readBytes: number): Cursor<T> {
    return new Cursor(this.view, this.maps, this.codec, range, readBytes)
  }
}
