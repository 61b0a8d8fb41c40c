import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'

import { type ErrorCode, SeglogError, hasCode, wrapSystemError } from '../../segments/errors.ts'
import { type Steps, step } from '../../segments/env/steps.ts'
import { later } from '../read/later.ts'
import { Advised, type Command, EXIT, type ExitCode, Options, UsageError } from './command.ts'
import { COMMANDS } from './commands.ts'
import { COMMON, helpOf, overview } from './help.ts'
import { Printer } from './printer.ts'
import { ProgressLine } from './progress.ts'
import { printable, quoted } from './text.ts'
import { ClosedPipe, Interrupted, type World } from './world.ts'

/** Does what was typed behind `seglog`, and gives what the shell is told. Never rejects. */
export async function run(words: readonly string[], world: World): Promise<ExitCode> {
  const [name = '--help', ...others] = words
  const isHelp = ['--help', '-h', 'help'].includes(name)
  if (isHelp) {
    await (words.length === 0 ? world.stderr : world.stdout).write(overview())
    return words.length === 0 ? EXIT.notRun : EXIT.sound
  }
  if (name === '--version') {
    await world.stdout.write(`${versionOfPackage()}\n`)
    return EXIT.sound
  }
  const command = COMMANDS.find((each) => each.name === name)
  if (command === undefined) {
    const message = `there is no command ${JSON.stringify(name)}`
    return complain(world, 'seglog', new UsageError(message), 'seglog --help')
  }
  try {
    return await perform(command, others, world)
  } catch (thrown) {
    const error: unknown = (thrown as Error).name === 'AbortError' ? world.signal.reason : thrown
    // Who does not read on has seen enough.
    if (error instanceof ClosedPipe) return EXIT.sound
    const directory = others.find((word) => !word.startsWith('-')) ?? '<directory>'
    return complain(world, `seglog ${name}`, error, nextOf(error, name, directory, targetOf(command, others)))
  }
}

/** By its own name, because the way up to that file is not the same in a checkout and in the package. */
function versionOfPackage(): string {
  const { version } = createRequire(import.meta.url)('seglog/package.json') as { version: string }
  return version
}

async function perform(command: Command, words: readonly string[], world: World): Promise<ExitCode> {
  const { values, positionals } = parse(command, words)
  const options = new Options(values)
  if (options.has('help')) {
    await world.stdout.write(helpOf(command))
    return EXIT.sound
  }
  if (positionals.length !== command.operands.length) {
    const wanted = command.operands.map((name) => `<${name}>`).join(' ')
    throw new UsageError(`it takes ${wanted}, not ${positionals.length === 0 ? 'nothing' : positionals.join(' ')}`)
  }
  const out = new Printer(world, options.has('json') ? 'json' : 'text')
  const progress = new ProgressLine(world, command.name)
  const watch = { onProgress: progress.show, signal: world.signal }
  try {
    await mustBeDirectory(world, positionals[0]!, command.directory ?? 'there')
    const code = await command.run({ operands: positionals, options, world, out, watch, tell: progress.tell })
    await progress.clear()
    return code
  } finally {
    await progress.clear()
    await out.flush()
  }
}

function parse(command: Command, words: readonly string[]) {
  const known = { ...command.options, ...COMMON }
  const options = Object.entries(known).map(([name, { value, short }]) => {
    const type = value === undefined ? ('boolean' as const) : ('string' as const)
    return [name, { type, ...(short === undefined ? {} : { short }) }] as const
  })
  try {
    return parseArgs({ args: [...words], options: Object.fromEntries(options), allowPositionals: true })
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
}

/** Every command begins with a directory, which is there unless the command makes it. */
async function mustBeDirectory({ env }: World, directory: string, is: 'there' | 'perhaps'): Promise<void> {
  const path = env.absolute(directory)
  try {
    await later(env, listing(path))
  } catch (error) {
    const { cause } = error as Error
    if (hasCode(cause, 'ENOENT') && is === 'perhaps') return
    if (hasCode(cause, 'ENOENT')) throw new SeglogError('NOT_A_LOG', `there is no ${path}`, { file: path, cause })
    if (hasCode(cause, 'ENOTDIR')) throw new SeglogError('NOT_A_LOG', `${path} is no directory`, { file: path, cause })
    throw error
  }
}

function* listing(path: string): Steps<void> {
  yield* step({ do: 'list', path })
}

/** Codes that say that the log is damaged. All others say that the command could not run. */
const DAMAGE: ReadonlySet<ErrorCode> = new Set(['CORRUPT', 'GAP', 'HASH_MISMATCH', 'DECODE'])

async function complain(world: World, who: string, error: unknown, next: string | undefined): Promise<ExitCode> {
  const original = error instanceof Advised ? error.cause : error
  const isOwn = original instanceof SeglogError || error instanceof UsageError || error instanceof Advised
  const known = isOwn || error instanceof Interrupted ? (error as Error) : wrapSystemError(error, 'running the command')
  const place = original instanceof SeglogError ? placeText(original) : ''
  const lines = [
    `${who}: ${printable(known.message)}${printable(place)}`,
    ...(next === undefined ? [] : [`next: ${next}`]),
  ]
  await world.stderr.write(`${lines.join('\n')}\n`)
  return original instanceof SeglogError && DAMAGE.has(original.code) ? EXIT.damaged : EXIT.notRun
}

/** File and offset, unless the message has them. */
function placeText({ message, file, offset }: SeglogError): string {
  if (file === undefined || message.includes(file)) return ''
  return offset === undefined ? ` (${file})` : ` (${file} at offset ${offset})`
}

/** Where a command writes to that takes a second directory, or one behind `--to`; as it was typed. */
function targetOf({ operands }: Command, words: readonly string[]): string | undefined {
  const to = words.findIndex((word) => word === '--to' || word.startsWith('--to='))
  if (to >= 0) return words[to]!.slice('--to='.length) || words[to + 1]
  return operands.length < 2 ? undefined : words.filter((word) => !word.startsWith('-'))[1]
}

/** The next command to type, by what went wrong. */
function nextOf(error: unknown, name: string, directory: string, target: string | undefined): string | undefined {
  if (error instanceof Advised) return error.next
  if (error instanceof UsageError) return `seglog ${name} --help`
  if (!(error instanceof SeglogError)) return undefined
  const log = quoted(directory)
  switch (error.code) {
    case 'LOCKED':
      return name === 'lock' ? undefined : `seglog lock ${log}`
    case 'CORRUPT':
    case 'GAP':
    case 'HASH_MISMATCH':
    case 'DECODE':
      return name === 'verify' ? `seglog salvage ${log} <new directory>` : `seglog verify ${log}`
    case 'ARCHIVED':
      return `seglog restore ${log}${error.sequence === undefined ? '' : ` --from ${error.sequence}`}`
    case 'INVALID_ARGUMENT':
      return `seglog ${name} --help`
    case 'NOT_A_LOG':
      return hasCode(error.cause ?? {}, 'ENOENT') ? `ls -la ${quoted(`${directory}/..`)}` : `ls -la ${log}`
    case 'IO':
    case 'DISK_FULL':
      // An error of a file that is open does not say which of two places it is in.
      return `${error.code === 'IO' ? 'ls -la' : 'df -h'} ${[error.file ?? directory, target].flatMap((path) => (path === undefined ? [] : quoted(path))).join(' ')}`
    default:
      return undefined
  }
}
