import { survey } from '../../recovery/verify-survey.ts'
import { step } from '../../segments/env/steps.ts'
import { SeglogError } from '../../segments/errors.ts'
import { bytes } from '../codecs/bytes.ts'
import { cbor } from '../codecs/cbor.ts'
import type { Codec } from '../codecs/codec.ts'
import { json } from '../codecs/json.ts'
import type { Log } from '../log.ts'
import { openLog } from '../open.ts'
import { later } from '../read/later.ts'
import { Advised, type Command, type ExitCode, type Request, UsageError } from './command.ts'
import { type Line, LineError, linesOf, parsed, recordOf } from './ndjson.ts'
import { countText, quoted, rangeText } from './text.ts'
import { tellRecovery } from './writing.ts'

const CODECS: readonly Codec[] = [cbor(), cbor({ shapes: false }), json(), bytes()]
const DEFAULT_CODEC = 'cbor-shapes'
/** So often it is looked whether the disk keeps up and somebody wants to end, and progress is shown. */
const LINES_PER_TURN = 256

export const importLines: Command = {
  name: 'import',
  summary: 'append each line of the standard input, which is JSON, as a record',
  operands: ['directory'],
  directory: 'perhaps',
  options: {
    codec: { value: 'name', help: `of a new log: ${CODECS.map(({ name }) => name).join(', ')}; else ${DEFAULT_CODEC}` },
    records: { help: 'the lines are records as "seglog cat --json" prints them: value, time and sequence are kept' },
    resume: { help: 'line n is record n: lines that the log has as records already are passed over' },
    append: { help: 'all lines come behind what the log has' },
  },
  notes: [
    'Makes the log where there is none. One that has records is refused without --resume or --append.',
    'Records are durable when the command ends, however it ends. A line that cannot be taken ends it, and is named; mend it and type the same with --resume.',
    'With --records an object with one member such as $bigint, $date or $hex becomes what it stands for; without it a line is what JSON says. $text, of errors and regular expressions, cannot be turned back.',
  ],
  examples: [
    ['seglog import ./orders < orders.ndjson', 'a new log of these lines'],
    ['seglog import ./orders --resume < orders.ndjson', 'go on after an interruption'],
    ['seglog import ./again --records < printed.ndjson', 'what "seglog cat ./orders --json" printed'],
  ],
  async run(request) {
    const { operands, options, out } = request
    if (options.has('resume') && options.has('append')) throw new UsageError('--resume or --append, not both')
    const opened = await openToImport(request)
    const { log } = opened
    const before = log.lastSequence
    let passed = 0
    let exit: ExitCode
    try {
      exit = tellRecovery(log, out)
      mustBeWanted(request, before)
      passed = await appendAll(request, opened, options.has('resume') ? before : 0)
      await log.sync()
    } catch (error) {
      throw goingOn(request, log.lastSequence, error)
    } finally {
      await log.close()
    }
    const { lastSequence } = log
    const imported = lastSequence - before
    out.object({ type: 'report', imported, passed, lastSequence })
    const where = imported === 0 ? '' : `: ${rangeText(before + 1, lastSequence)}`
    out.line(`${countText(imported, 'record')} imported${where}`)
    if (passed > 0) out.line(`${countText(passed, 'line')} passed over, because the log has them`)
    out.line(`next: seglog verify ${quoted(operands[0]!)}`)
    return exit
  },
}

interface Opened {
  readonly log: Log<unknown>
  readonly codec: string
}

/** Opens the log with its own codec, or makes it. */
async function openToImport({ world, operands, options }: Request): Promise<Opened> {
  const { env } = world
  const directory = env.absolute(operands[0]!)
  const wanted = options.text('codec')
  const own = await codecOf(env, directory)
  const name = own ?? wanted ?? DEFAULT_CODEC
  const codec = CODECS.find((each) => each.name === name)
  if (codec === undefined && own === undefined) throw new UsageError(`--codec takes one of ${nameList()}, not ${name}`)
  if (codec === undefined) {
    throw new SeglogError('INVALID_ARGUMENT', `the codec of the log is ${name}, which this command does not know`)
  }
  if (wanted !== undefined && wanted !== name) throw new UsageError(`the codec of the log is ${name}, not ${wanted}`)
  return { log: await openLog(directory, { codec, environment: env }), codec: name }
}

function nameList(): string {
  return CODECS.map(({ name }) => name).join(', ')
}

/** Codec of the log that is there; undefined where there is none. */
async function codecOf(env: Request['world']['env'], directory: string): Promise<string | undefined> {
  if ((await later(env, step({ do: 'stat', path: directory }))) === undefined) return undefined
  try {
    return (await later(env, survey(directory))).manifest.options.codec
  } catch (error) {
    if (error instanceof SeglogError && error.code === 'NOT_A_LOG') return undefined
    throw error
  }
}

function mustBeWanted({ operands, options }: Request, lastSequence: number): void {
  if (lastSequence === 0 || options.has('resume') || options.has('append')) return
  const message = `the log has ${countText(lastSequence, 'record')} already. --resume passes over so many lines, --append does not`
  throw new Advised(new UsageError(message), `seglog import ${quoted(operands[0]!)} --resume`)
}

/** Appends all lines but those that the log has; gives how many it passed over. */
async function appendAll(request: Request, { log, codec }: Opened, resumeAfter: number): Promise<number> {
  const { world, options, tell } = request
  const isRecords = options.has('records')
  let passed = 0
  let count = 0
  for await (const line of linesOf(interruptible(world.stdin, world.signal))) {
    count += 1
    if (passed < resumeAfter) passed += 1
    else if (isRecords) appendRecord(log, line, codec, options.has('append') ? 'anew' : 'kept')
    else appendLine(log, line, parsed(line))
    if (count % LINES_PER_TURN > 0) continue
    await log.ready()
    world.signal.throwIfAborted()
    tell(`${countText(count, 'line')}, ${countText(log.highWatermark, 'record')} durable`)
  }
  return passed
}

function appendRecord(log: Log<unknown>, line: Line, codec: string, numbers: 'kept' | 'anew'): void {
  const { sequence, timestampNs, value } = taken(line, () => recordOf(line, codec))
  const next = log.lastSequence + 1
  if (numbers === 'kept' && sequence !== next) {
    throw new LineError(line.number, `is record ${sequence}, and record ${next} must come. --append numbers them anew`)
  }
  appendLine(log, line, value, timestampNs)
}

function appendLine(log: Log<unknown>, line: Line, value: unknown, timestampNs?: bigint): void {
  taken(line, () => log.append(value, timestampNs === undefined ? {} : { timestampNs }))
}

/** What a line is wrong about names it; what the disk or the log is wrong about stays as it is. */
function taken<R>(line: Line, take: () => R): R {
  try {
    return take()
  } catch (error) {
    if (error instanceof LineError) throw error
    const isOfLine =
      !(error instanceof SeglogError) ||
      ['ENCODE', 'TOO_LARGE', 'OUT_OF_ORDER', 'INVALID_ARGUMENT'].includes(error.code)
    throw isOfLine ? new LineError(line.number, `cannot be taken: ${(error as Error).message}`, error) : error
  }
}

/** Ends the walk over the input where the command is ended, also while it waits for more. */
async function* interruptible(input: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const iterator = input[Symbol.asyncIterator]()
  let stop = (): void => undefined
  const ended = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error)
    signal.addEventListener('abort', stop)
  })
  ended.catch(() => undefined)
  try {
    for (;;) {
      signal.throwIfAborted()
      const next = await Promise.race([iterator.next(), ended])
      if (next.done) return
      yield next.value
    }
  } finally {
    signal.removeEventListener('abort', stop)
    // Not waited for: it waits for the read that is under way.
    iterator.return?.().catch(() => undefined)
  }
}

/** A line that cannot be taken: what is in the log, and how to go on behind it. */
function goingOn({ operands, options }: Request, lastSequence: number, error: unknown): unknown {
  if (!(error instanceof LineError)) return error
  const have = lastSequence === 0 ? 'the log has no record' : `the log has ${rangeText(1, lastSequence)}`
  const told = new Error(`${error.message}; ${have}`, { cause: error })
  const isAppended = options.has('append')
  const rest = isAppended ? `tail -n +${error.line} lines.ndjson | ` : ''
  const words = [options.has('records') ? ' --records' : '', isAppended ? ' --append' : lastSequence ? ' --resume' : '']
  const from = isAppended ? '' : ' < lines.ndjson'
  return new Advised(told, `${rest}seglog import ${quoted(operands[0]!)}${words.join('')}${from}`)
}
