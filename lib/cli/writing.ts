import { survey } from '../../recovery/verify-survey.ts'
import { SeglogError } from '../../segments/errors.ts'
import type { Log } from '../log.ts'
import { openLog } from '../open.ts'
import { later } from '../read/later.ts'
import type { Request } from './command.ts'
import type { Printer } from './printer.ts'
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
): Promise<R> {
  const { env } = world
  const directory = env.absolute(operands[0]!)
  const { manifest } = await later(env, survey(directory))
  const { codec, isKnown } = new Values(manifest.options.codec, 'payloads')
  if (!isKnown && Object.keys(manifest.keys).length > 0) throw keysError(codec.name)
  const { segmentBytes } = manifest.options
  const onCrash = manifest.run === null ? 'resume' : 'refuse'
  const log = await openLog(directory, { codec, segmentBytes, onCrash, environment: env })
  try {
    tellRecovery(log, out)
    return await act(log)
  } finally {
    await log.close()
  }
}

/** Says what became of a log that was not closed when a command opened it as its writer. */
export function tellRecovery({ recovery }: Log<unknown>, out: Printer): void {
  const { end, notes } = recovery
  if (end === 'new' || end === 'closed' || end === 'clean') return
  out.object({ type: 'recovery', ...recovery })
  out.line(`the log was not closed, and was recovered first: ${end}`)
  for (const note of notes) out.line(`  ${note}`)
}
