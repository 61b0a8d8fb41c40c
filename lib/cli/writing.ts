import { survey } from '../../recovery/verify-survey.ts'
import { SeglogError } from '../../segments/errors.ts'
import type { Log } from '../log.ts'
import { openLog } from '../open.ts'
import { later } from '../read/later.ts'
import { EXIT, type ExitCode, type Request } from './command.ts'
import { rangesText } from './findings.ts'
import type { Printer } from './printer.ts'
import { printable } from './text.ts'
import { Values } from './values.ts'

/** Whoever opens a log for writing builds tables of its keys, and to find them must decode its values. */
export function keysError(codec: string): SeglogError {
  const message = `the log has keys in values of the codec ${codec}, which this command does not know. Use a program that does.`
  return new SeglogError('INVALID_ARGUMENT', message, { found: codec })
}

/**
 * Opens a log for writing, as its next writer would, and lets go of it at the end. Only a log that is there: a command
 * never makes one. Nothing is appended, so that the codec matters by its name alone.
 */
export async function withWriter<R>(
  { world, operands, out }: Request,
  act: (log: Log<unknown>) => Promise<R>,
): Promise<{ readonly result: R; readonly exit: ExitCode }> {
  const { env } = world
  const directory = env.absolute(operands[0]!)
  const { manifest } = await later(env, survey(directory))
  const { codec, isKnown } = new Values(manifest.options.codec, 'payloads')
  if (!isKnown && Object.keys(manifest.keys).length > 0) throw keysError(codec.name)
  const { segmentBytes } = manifest.options
  const onCrash = manifest.run === null ? 'resume' : 'refuse'
  const log = await openLog(directory, { codec, segmentBytes, onCrash, environment: env })
  try {
    const exit = tellRecovery(log, out)
    return { result: await act(log), exit }
  } finally {
    await log.close()
  }
}

/**
 * Says what became of a log that was not closed, or was harmed, when a command opened it as its writer. Damage is what the
 * shell is told, too, whatever the command does after that.
 */
export function tellRecovery({ recovery }: Log<unknown>, out: Printer): ExitCode {
  const { end, notes, lost, findings } = recovery
  if (end === 'new' || end === 'closed' || end === 'clean') return EXIT.sound
  out.object({ type: 'recovery', ...recovery })
  const isDamaged = end === 'damaged' || end === 'accepted-loss'
  out.line(`the log ${isDamaged ? 'was harmed' : 'was not closed'}, and was recovered first: ${end}`)
  for (const note of notes) out.line(`  ${note}`)
  if (!isDamaged) return EXIT.sound
  for (const { message, file } of findings) out.line(`  ${printable(file)}: ${printable(message)}`)
  if (lost.length > 0) out.line(`  lost: ${rangesText(lost)}`)
  return EXIT.damaged
}
