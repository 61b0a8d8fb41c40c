import { salvageLog } from '../operations.ts'
import { type Command, EXIT } from './command.ts'
import { printFindings, rangesText } from './findings.ts'
import { countText, quoted, sizeText } from './text.ts'

export const salvage: Command = {
  name: 'salvage',
  summary: 'copy every valid record of a damaged log into a new one',
  operands: ['directory', 'new directory'],
  options: {},
  notes: [
    'The old log is not touched. Sequences and times stay; what cannot be read is given up by name in the new log.',
    'Ends with 3 where records are missing in the new log, with 0 where none is.',
    'When it is interrupted, the new directory is no log: remove it.',
  ],
  examples: [['seglog salvage ./orders ./orders-salvaged', 'all that can be read, into a new log']],
  async run({ operands, world, out, watch }) {
    const { env } = world
    const [from, to] = operands as [string, string]
    const report = await salvageLog(from, to, { ...watch, environment: env })
    const { findings, findingsCount, ...figures } = report
    printFindings(out, env.absolute(from), findings, findingsCount)
    out.object({ type: 'report', findingsCount, ...figures })
    const { records, lastSequence, bytes, lost } = report
    out.line(`${countText(records, 'record')}, up to ${lastSequence}, ${sizeText(bytes)} in ${report.directory}`)
    if (lost.length > 0) out.line(`${out.styled('lost', 'red')}: ${rangesText(lost)}`)
    out.line(`next: seglog verify ${quoted(to)}`)
    return lost.length > 0 ? EXIT.loss : EXIT.sound
  },
}
