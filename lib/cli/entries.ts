import { survey } from '../../recovery/verify-survey.ts'
import { type ArchivedSegments, openSegmentsBy } from '../archive-reader.ts'
import { openReadOnly } from '../open.ts'
import { later } from '../read/later.ts'
import type { Entry } from '../read/entry.ts'
import type { ReadOnlyLog } from '../read-only.ts'
import type { Option, Request } from './command.ts'
import { printable, timeText } from './text.ts'
import { Values } from './values.ts'

export const RAW: Option = { help: 'payloads as they are stored, in hex; nothing is decoded' }

/** What every command that prints records says of values. */
export const VALUE_NOTES: readonly string[] = [
  'Values are printed as JSON. What JSON does not have is an object with one member: $hex, $bigint, $date, $map, $set, $number, $undefined, $typed, $tag, $text.',
  'A value that the codec of the log refuses, or whose codec is none of seglog, is printed as hex.',
]

export const ARCHIVED: Option = { help: 'the directory holds archived segments, without their log' }

/** A log that is open for reading, whatever its codec, and how its values are shown. */
export interface OpenedLog {
  readonly log: ReadOnlyLog<unknown>
  readonly values: Values
}

/** The same of archived segments without their log. */
export interface OpenedSegments {
  readonly log: ArchivedSegments<unknown>
  readonly values: Values
}

export function openArchivedForReading({ operands, options, world }: Request): OpenedSegments {
  const form = options.has('raw') ? 'payloads' : 'values'
  let values: Values | undefined
  const log = openSegmentsBy(world.env, operands[0]!, (name) => {
    values = new Values(name, form)
    return { codec: values.codec }
  })
  return { log, values: values! }
}

export async function openForReading(request: Request): Promise<OpenedLog> {
  const { env } = request.world
  const directory = env.absolute(request.operands[0]!)
  const { manifest } = await later(env, survey(directory))
  const values = new Values(manifest.options.codec, request.options.has('raw') ? 'payloads' : 'values')
  const log = await openReadOnly(directory, { codec: values.codec, environment: env })
  return { log, values }
}

/** Prints a record: its sequence, its time, its value. */
export function printEntry(request: Request, values: Values, entry: Entry<unknown>): void {
  const { out } = request
  const { sequence, timestampNs } = entry
  const shown = values.show(entry)
  if (out.form === 'json') {
    const value = 'json' in shown ? `"value":${shown.json}` : `"hex":"${shown.hex}"`
    out.json(`{"sequence":${sequence},"timestampNs":"${timestampNs}",${value}}`)
    return
  }
  const value = 'json' in shown ? printable(shown.json) : out.styled(shown.hex, 'yellow')
  out.line(`${out.styled(String(sequence), 'cyan')}  ${out.styled(timeText(timestampNs), 'dim')}  ${value}`)
}
