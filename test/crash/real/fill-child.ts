import { type Log, SeglogError, openLog } from '../../../lib/index.ts'
import { say, settingsOf } from './children.ts'
import { type Expected, type Sample, problemsOf, sample } from './records.ts'

/**
 * A writer that writes until something goes wrong, or `records` are there. Then it asks everything that a caller may ask
 * of a log that failed, and says what it got, as `report`. Where it cannot open the log it says `refused`.
 */
export interface FillSettings {
  readonly directory: string
  readonly segmentBytes: number
  readonly expected: Expected
  readonly records: number
  /** `pile`: appends of a few groups at once, for which nobody waits before they fail. */
  readonly how: 'commit' | 'commitSync' | 'written' | 'pile'
  /** Ends without `close`. */
  readonly leave?: boolean
}

export interface FillReport {
  /** The first error: its code, and those of its causes. */
  readonly failure: readonly string[]
  readonly acknowledged: number
  readonly rejected: readonly string[]
  readonly highWatermark: number
  readonly lastSequence: number
  /** What is wrong with the records that can be read after the failure. */
  readonly problems: readonly string[]
  /** Answers to what is asked after the failure: a code, `ok`, or `hangs`. */
  readonly answers: Readonly<Record<string, string>>
}

const IN_FLIGHT_MAX = 8
const LONG_MS = 1500
const settings = settingsOf<FillSettings>()
const { directory, segmentBytes, expected, how } = settings
const life = expected.beganAfter.length + 1
let acknowledged = 0

function codesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [String(error)]
  const code = error instanceof SeglogError ? error.code : ((error as NodeJS.ErrnoException).code ?? error.name)
  return [code, ...(error.cause === undefined ? [] : codesOf(error.cause))]
}

/** A code, `ok`, or `hangs`. */
async function answer(ask: () => unknown): Promise<string> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string>((resolve) => (timer = setTimeout(() => resolve('hangs'), LONG_MS)))
  try {
    const asked = Promise.resolve(ask()).then(() => 'ok')
    return await Promise.race([asked, late])
  } catch (error) {
    return codesOf(error)[0]!
  } finally {
    clearTimeout(timer)
  }
}

function acknowledge(sequence: number): void {
  acknowledged = Math.max(acknowledged, sequence)
}

const next = (log: Log<Sample>): Sample => sample(expected.seed, life, log.lastSequence + 1)

/** Writes until an error; gives it, and what the others in flight were rejected with. */
async function write(log: Log<Sample>): Promise<{ failure: string[]; rejected: string[] }> {
  const inFlight: Promise<unknown>[] = []
  const rejected: string[] = []
  let failure: string[] = []
  const note = (error: unknown): void => {
    if (failure.length === 0) failure = codesOf(error)
    else rejected.push(codesOf(error)[0]!)
  }
  while (log.lastSequence < settings.records && failure.length === 0) {
    try {
      if (how === 'commitSync') acknowledge(log.commitSync(next(log)))
      else if (how === 'commit') inFlight.push(log.commit(next(log)).then(acknowledge, note))
      else if (how === 'written') await log.commit(next(log), { durability: 'written' })
      else log.append(next(log))
    } catch (error) {
      note(error)
    }
    if (how === 'commit' && inFlight.length >= IN_FLIGHT_MAX) await inFlight.shift()
  }
  await Promise.all(inFlight)
  if (how === 'written') await log.sync().then(() => acknowledge(log.lastSequence), note)
  return { failure, rejected }
}

/** What was written without anyone waiting shows its failure to whoever comes next. */
async function settle(log: Log<Sample>): Promise<void> {
  for (let left = 200; left > 0 && log.stats().queuedBytes > 0 && (await answer(() => log.ready())) === 'ok'; left--) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  acknowledge(log.highWatermark)
}

async function answersOf(log: Log<Sample>, highWatermark: number): Promise<Record<string, string>> {
  const first = highWatermark + 1
  const middle = Math.ceil((first + log.lastSequence) / 2)
  return {
    'durable first': await answer(() => log.durable(first)),
    'durable middle': await answer(() => log.durable(middle)),
    'durable last': await answer(() => log.durable(log.lastSequence)),
    'durable acknowledged': await answer(() => log.durable(highWatermark)),
    sync: await answer(() => log.sync()),
    ready: await answer(() => log.ready()),
    append: await answer(() => log.append(next(log))),
    commit: await answer(() => log.commit(next(log))),
    commitSync: await answer(() => log.commitSync(next(log))),
    commitBatch: await answer(() => log.commitBatch([next(log)])),
  }
}

async function run(): Promise<void> {
  let log: Log<Sample>
  try {
    log = await openLog<Sample>(directory, { segmentBytes })
  } catch (error) {
    say('refused', codesOf(error))
    return
  }
  acknowledged = log.highWatermark
  say('opened', { end: log.recovery.end, lastSequence: log.lastSequence })
  const { failure, rejected } = await write(log)
  if (how === 'pile') await settle(log)
  const { highWatermark, lastSequence } = log
  const beganAfter = [...expected.beganAfter, log.recovery.lastSequence]
  const problems = problemsOf(log, { ...expected, beganAfter, acknowledged })
  const answers = failure.length > 0 || how === 'pile' ? await answersOf(log, highWatermark) : {}
  if (log.highWatermark !== highWatermark) problems.push(`the high-watermark moved on to ${log.highWatermark}`)
  const report: FillReport = { failure, acknowledged, rejected, highWatermark, lastSequence, problems, answers }
  say('report', report)
  if (settings.leave === true) process.exit(0)
  say('close', await answer(() => log.close()))
}

await run()
