import { copyLog } from '../operations.ts'
import { type Command, EXIT } from './command.ts'
import { countText, quoted, sizeText } from './text.ts'

export const copy: Command = {
  name: 'copy',
  summary: 'copy a log up to its last durable record, also while it is written',
  operands: ['directory', 'new directory'],
  options: {},
  notes: [
    'The copy is checked and durable when the command ends, and opens as a log that was closed.',
    'A plain cp of a log that is being written may catch it between two writes.',
    'When it is interrupted, the new directory is no log: remove it.',
  ],
  examples: [['seglog copy ./orders /backup/orders-monday', 'a backup, checked']],
  async run({ operands, world, out, watch }) {
    const [from, to] = operands as [string, string]
    const report = await copyLog(from, to, { ...watch, environment: world.env })
    out.object({ type: 'report', ...report })
    const { lastSequence, segments, bytes } = report
    out.line(
      `up to record ${lastSequence}: ${countText(segments, 'segment')}, ${sizeText(bytes)} in ${report.directory}`,
    )
    out.line(`next: seglog info ${quoted(to)}`)
    return EXIT.sound
  },
}
