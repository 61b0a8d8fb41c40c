import { type Log, SeglogError, openLog } from '../../../lib/index.ts'
import { say, settingsOf } from './children.ts'
import { ANY_SEED, SMALL_SEGMENT_BYTES, type Sample, sample } from './records.ts'

/**
 * Opens one directory after another, whatever stands in them, writes a few segments into each, closes it, and says how
 * that went. In a process of its own, because an opening that hangs can only be ended from outside.
 */
export interface HostileSettings {
  readonly directories: readonly string[]
  readonly records: number
  /** Who to be, from then on. */
  readonly uid?: number
  readonly umask?: number
  /** Ends in the middle of the last one, without closing it. */
  readonly leave?: boolean
}

export interface Outcome {
  readonly directory: string
  /** Code of the error and those of its causes; empty when all went well. */
  readonly codes: readonly string[]
  readonly message: string
  readonly isTyped: boolean
  /** What the opening said, and the last record when it was done. */
  readonly end: string | undefined
  readonly lastSequence: number
  readonly ignored: readonly string[]
  readonly ms: number
}

function codesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  return [String((error as { code?: unknown }).code), ...codesOf(error.cause)]
}

async function write(log: Log<Sample>, records: number): Promise<void> {
  const from = log.lastSequence + 1
  for (let sequence = from; sequence < from + records; sequence++) log.append(sample(ANY_SEED, 1, sequence))
  await log.sync()
}

async function attempt(directory: string, records: number, leave: boolean): Promise<Outcome> {
  const started = performance.now()
  let log: Log<Sample> | undefined
  let thrown: unknown
  try {
    log = await openLog<Sample>(directory, { segmentBytes: SMALL_SEGMENT_BYTES })
    await write(log, records)
    if (!leave) await log.close()
  } catch (error) {
    thrown = error
    await log?.close().catch((error: unknown) => (thrown = error))
  }
  const ignored = log?.recovery.findings.filter((finding) => finding.code === 'IGNORED').map((finding) => finding.file)
  return {
    directory,
    codes: codesOf(thrown),
    message: thrown instanceof Error ? thrown.message : '',
    isTyped: thrown === undefined || thrown instanceof SeglogError,
    end: log?.recovery.end,
    lastSequence: log?.highWatermark ?? 0,
    ignored: ignored ?? [],
    ms: performance.now() - started,
  }
}

async function run({ directories, records, uid, umask, leave = false }: HostileSettings): Promise<void> {
  if (umask !== undefined) process.umask(umask)
  if (uid !== undefined) {
    process.setgroups!([])
    process.setgid!(uid)
    process.setuid!(uid)
  }
  for (const directory of directories) say('outcome', await attempt(directory, records, leave))
  // What is left open here is as a crash leaves it.
  if (leave) process.exit(0)
}

await run(settingsOf<HostileSettings>())
