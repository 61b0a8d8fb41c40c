import type { ArchivePlanOptions, ArchiveReport, ArchivedSegment } from '../archive.ts'
import { type Command, EXIT, type Request, UsageError } from './command.ts'
import { openForReading } from './entries.ts'
import type { Printer } from './printer.ts'
import { countText, quoted, rangeText, sizeText } from './text.ts'
import { withWriter } from './writing.ts'

export const archive: Command = {
  name: 'archive',
  summary: 'move sealed segments out of the live log, reversibly',
  operands: ['directory'],
  options: {
    before: { value: 'sequence', help: 'only segments whose records are all before this one; must be given' },
    to: { value: 'directory', help: 'where they go, also on another volume; archive/ in the log unless told' },
    'dry-run': { help: 'only tell what would be moved' },
    'beyond-anchor': { help: 'also what the newest anchor or a named cursor still needs' },
  },
  notes: [
    'Opens the log as its writer, so no other may have it: a program that writes archives by itself, with log.archiveBefore. A dry run works beside it.',
    'Archived records cannot be read in the log until they are restored; openArchived reads them where they are.',
  ],
  examples: [
    ['seglog archive ./orders --before 1000000 --dry-run', 'what would be moved'],
    ['seglog archive ./orders --before 1000000 --to /cold/orders', 'move it to another volume'],
  ],
  async run(request) {
    const { operands, options, out } = request
    const before = options.whole('before', 1)
    if (before === undefined) throw new UsageError('--before <sequence> must be given')
    const to = options.text('to')
    const dryRun = options.has('dry-run')
    const plan = { ...(to === undefined ? {} : { to }), beyondAnchor: options.has('beyond-anchor') }
    const { result: report, exit } = dryRun
      ? { result: await planned(request, before, plan), exit: EXIT.sound }
      : await withWriter(request, (log) => log.archiveBefore(before, { ...plan, ...request.watch }))
    out.object({ type: 'report', dryRun, ...report })
    printSegments(out, report.segments)
    const { segments, bytes, unreadable, cutOff, firstSequence } = report
    const done = dryRun ? 'would be archived' : 'archived'
    out.line(
      `${countText(segments.length, 'segment')}, ${sizeText(bytes)} ${done}; the live log begins at ${firstSequence}`,
    )
    if (unreadable !== undefined)
      out.line(`not to be read until restored: ${rangeText(unreadable.from, unreadable.to)}`)
    for (const name of cutOff) out.line(`${out.styled('cut off', 'yellow')}: ${name}`)
    if (segments.length > 0 && !dryRun) out.line(`to undo: seglog restore ${quoted(operands[0]!)}`)
    return exit
  },
}

/** Nothing is moved, so this works beside the process that writes. */
async function planned(request: Request, before: number, plan: ArchivePlanOptions): Promise<ArchiveReport> {
  const { log } = await openForReading(request)
  try {
    return log.planArchive(before, plan)
  } finally {
    await log.close()
  }
}

/** A table of segments that are or were archived; nothing where there are none. */
export function printSegments(out: Printer, segments: readonly ArchivedSegment[]): void {
  if (segments.length === 0) return
  const rows = segments.map(({ ordinal, from, to, bytes, place }) => [ordinal, from, to, sizeText(bytes), place])
  out.table(['segment', 'first', 'last', 'size', 'place'], rows)
}
