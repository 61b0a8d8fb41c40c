import { SeglogError } from '../../segments/errors.ts'
import type { LogListing } from '../runs/listing.ts'
import { openStore } from '../store.ts'
import { type Command, EXIT } from './command.ts'
import type { Printer } from './printer.ts'
import { printable, timeText } from './text.ts'

export const runs: Command = {
  name: 'runs',
  summary: 'list the runs and streams of a store, the earliest first',
  operands: ['directory'],
  options: { instance: { value: 'name', help: 'only runs of this instance' } },
  notes: [
    'Reads manifests alone. Of a log that is being written there may be more records than the list says.',
    'Ends with 1 where a log of the store cannot be read; the others are listed.',
  ],
  examples: [
    ['seglog runs ./data', 'every run and stream, with its status'],
    ['seglog runs ./data --instance desk-1 --json', 'the runs of one instance, for a program'],
  ],
  async run({ operands, options, world, out }) {
    const store = openStore(operands[0]!, { environment: world.env })
    const listed = await store.list(options.text('instance'))
    if (listed.length === 0) {
      throw new SeglogError('NOT_A_LOG', `there is no log of a store in ${store.directory}`, { file: store.directory })
    }
    print(out, listed)
    return listed.some(({ error }) => error !== undefined) ? EXIT.damaged : EXIT.sound
  },
}

function print(out: Printer, listed: readonly LogListing[]): void {
  for (const { name, status, run, startedNs, highWatermark, error } of listed) {
    const problem = error === undefined ? {} : { error: error.message }
    out.object({
      type: run === null ? 'stream' : 'run',
      name,
      status,
      startedNs: String(startedNs),
      highWatermark,
      run,
      ...problem,
    })
  }
  const rows = listed.map(({ name, status, run, startedNs, highWatermark }) => {
    if (status === undefined) return [name, 'cannot be read', '', '', '']
    return [name, run === null ? 'stream' : status, timeText(startedNs), highWatermark, run?.parent ?? '']
  })
  out.table(['log', 'status', 'started', 'records', 'parent'], rows)
  for (const { name, error } of listed) if (error !== undefined) out.line(printable(`${name}: ${error.message}`))
}
