import { lineOf } from '../recovery/archive-review.ts'
import type { VerifyReport } from '../recovery/verify.ts'
import type { Environment } from '../segments/env/environment.ts'
import { type Steps, runNow, step } from '../segments/env/steps.ts'
import { SeglogError, invalid, newerFormat, wrapSystemError } from '../segments/errors.ts'
import { readUpTo, withFileIfThere } from '../segments/files.ts'
import { type HeaderFinding, type SegmentHeader, decodeHeader } from '../segments/format/header.ts'
import { SEGMENT_HEADER } from '../segments/format/layout.ts'
import type { SealedLine } from '../segments/format/manifest.ts'
import { parseName } from '../segments/format/names.ts'
import { mustBeDirectory } from './directories.ts'
import { type VerifyOptions, verifySegments } from './operations.ts'
import { type OpenOptions, resolveOptions } from './options.ts'
import type { Entry } from './read/entry.ts'
import { sealedRef } from './read/lines.ts'
import type { ReadOptions } from './read/range.ts'
import type { Records } from './read/reader.ts'
import { Reading } from './read/reading.ts'
import type { SegmentRef } from './read/segment-ref.ts'
import type { LogView } from './read/view.ts'
import type { Walk } from './read/walk.ts'
import { withWorld } from './world.ts'

/**
 * Archived segments of one log in a directory of their own, or one of them alone; read-only. Made by `openArchived`.
 *
 * @example
 * import { openArchived } from 'seglog'
 *
 * const cold = await openArchived('./cold')
 * console.log(cold.firstSequence, 'to', cold.lastSequence)
 * await cold.close()
 */
export class ArchivedSegments<T> {
  readonly directory: string
  /** First and last record; between them some may be in no segment that is here. */
  readonly firstSequence: number
  readonly lastSequence: number
  private readonly env: Environment
  private readonly reading: Reading<T>

  constructor(env: Environment, directory: string, view: ArchiveView, options: ReturnType<typeof resolveOptions<T>>) {
    this.env = env
    this.directory = directory
    this.firstSequence = view.firstSequence
    this.lastSequence = view.highWatermark
    this.reading = new Reading(env, view, options.codec, options)
  }

  /**
   * Undefined outside of what is here; throws GAP for a record between two segments, CORRUPT for one that is damaged,
   * IO for one that cannot be read.
   *
   * @example
   * cold.get(1)?.value.id // → 'a'
   */
  get(sequence: number): Entry<T> | undefined {
    return sequence < this.firstSequence ? undefined : this.reading.get(sequence)
  }

  /**
   * Records of a range, in order, as in a live log. Throws INVALID_ARGUMENT; a walk throws GAP, CORRUPT or IO behind
   * the last record that it can give.
   *
   * @example
   * Array.from(cold.read({ limit: 2 }), ({ value }) => value.id) // → [ 'a', 'b' ]
   */
  read(options: ReadOptions = {}): Records<T> {
    return this.reading.read({ from: this.firstSequence, ...options })
  }

  /**
   * Checks every frame; see `verifyLog`. A segment that was cut between two frames cannot be told from a whole one
   * here. Rejects with NOT_A_LOG, UNSUPPORTED_FORMAT or IO.
   *
   * @example
   * const { isSound } = await cold.verify() // → { isSound: true }
   */
  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    return await verifySegments(this.directory, withWorld(options, this.env))
  }

  /**
   * Closes the files that are open. Repeated calls share one result. Rejects with IO.
   *
   * @example
   * await cold.close()
   */
  close(): Promise<void> {
    return this.reading.close()
  }
}

/** Segments without a manifest: their headers and frames say what they hold. */
class ArchiveView implements LogView {
  readonly layout = undefined
  private readonly lines: readonly SealedLine[]
  private readonly directory: string
  private readonly logId: string
  private readonly headless: readonly string[]

  constructor(directory: string, { header, lines, headless }: FoundSegments) {
    this.directory = directory
    this.logId = header.logId
    this.lines = lines
    this.headless = headless
  }

  get firstSequence(): number {
    return this.lines[0]!.firstSequence
  }

  get highWatermark(): number {
    return this.lines.at(-1)!.lastSequence
  }

  *segmentOf(sequence: number): Steps<SegmentRef> {
    const line = this.lines.find((each) => each.firstSequence <= sequence && sequence <= each.lastSequence)
    if (line === undefined) {
      const unread =
        this.headless.length === 0 ? '' : `, unless in ${this.headless.join(', ')}, without a header to go by`
      const message = `record ${sequence} is in no segment that is here${unread}`
      throw new SeglogError('GAP', message, { file: this.directory, sequence })
    }
    return sealedRef(this.directory, this.logId, line)
  }

  *refresh(): Steps<void> {
    // Nothing changes here.
  }

  guard<T>(walk: Walk<T>): Walk<T> {
    return walk
  }
}

/**
 * Opens what is in a directory of archived segments, without their log. Each is read through once, and must be of one log.
 * Throws NOT_A_LOG where there is no segment, CORRUPT where they are of several logs, INVALID_ARGUMENT for another codec,
 * UNSUPPORTED_FORMAT where one was made by a newer version.
 */
export function openSegments<T>(env: Environment, directory: string, options: OpenOptions<T>): ArchivedSegments<T> {
  resolveOptions(options, 1)
  return openSegmentsBy(env, directory, () => options)
}

/** The same with options that depend on the name of the codec that the records were written with. */
export function openSegmentsBy<T>(
  env: Environment,
  directory: string,
  optionsFor: (codecName: string) => OpenOptions<T>,
): ArchivedSegments<T> {
  const path = env.absolute(directory)
  try {
    mustBeDirectory(env, path)
    const found = runNow(env, readSegments(path))
    const { header } = found
    const resolved = resolveOptions(optionsFor(header.codec), 1)
    if (header.codec !== resolved.codec.name) throw invalid('codec', header.codec, resolved.codec.name)
    return new ArchivedSegments(env, path, new ArchiveView(path, found), resolved)
  } catch (error) {
    throw wrapSystemError(error, `opening ${path}`, { file: path })
  }
}

interface FoundSegments {
  readonly header: SegmentHeader
  readonly lines: readonly SealedLine[]
  /** Names of segments whose header cannot be read; the others are readable all the same. */
  readonly headless: readonly string[]
}

function* readSegments(directory: string): Steps<FoundSegments> {
  const lines: SealedLine[] = []
  const headless: string[] = []
  let header: SegmentHeader | undefined
  for (const { name, kind } of yield* step({ do: 'list', path: directory })) {
    const parsed = parseName(name)
    if (kind !== 'file' || parsed.kind !== 'segment') continue
    const file = `${directory}/${name}`
    const finding = yield* withFileIfThere(file, readHeader)
    if (finding?.found === 'newer') throw newerFormat(file)
    if (finding?.found !== 'header') {
      if (finding !== undefined) headless.push(name)
      continue
    }
    const own = finding.header
    header ??= own
    if (own.logId !== header.logId) {
      throw new SeglogError('CORRUPT', 'the segments here are of different logs. Move away those of one.', { file })
    }
    const line = yield* lineOf(file, header.logId, parsed.number)
    if (line !== undefined) lines.push(line)
  }
  if (header === undefined || lines.length === 0) {
    throw new SeglogError('NOT_A_LOG', 'there is no segment here whose header can be read', { file: directory })
  }
  return { header, lines: lines.sort((a, b) => a.ordinal - b.ordinal), headless }
}

function* readHeader(handle: Parameters<typeof readUpTo>[0]): Steps<HeaderFinding> {
  const bytes = Buffer.alloc(SEGMENT_HEADER.size)
  const length = yield* readUpTo(handle, bytes, 0, bytes.length, 0)
  return decodeHeader(bytes.subarray(0, length))
}
