import { printSegments } from './archive.ts'
import type { Command } from './command.ts'
import { countText, quoted } from './text.ts'
import { withWriter } from './writing.ts'

export const restore: Command = {
  name: 'restore',
  summary: 'bring archived segments back into the live log',
  operands: ['directory'],
  options: { from: { value: 'sequence', help: 'first record to be read again; all that are archived unless told' } },
  notes: [
    'Each is compared with what was sealed before it counts again. Opens the log as its writer, so no other may have it.',
  ],
  examples: [['seglog restore ./orders --from 900000', 'what is archived, from this record on']],
  async run(request) {
    const { operands, options, out } = request
    const from = options.whole('from', 1)
    const { result: segments, exit } = await withWriter(request, (log) =>
      log.restore({ ...(from === undefined ? {} : { from }), ...request.watch }),
    )
    out.object({ type: 'report', segments })
    printSegments(out, segments)
    out.line(`${countText(segments.length, 'segment')} restored`)
    out.line(`next: seglog verify ${quoted(operands[0]!)}`)
    return exit
  },
}
