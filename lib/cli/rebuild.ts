import { rebuildSidecars } from '../../recovery/sidecars.ts'
import { Watch } from '../../recovery/verify-progress.ts'
import { survey } from '../../recovery/verify-survey.ts'
import { acquireLock } from '../../segments/lock.ts'
import { later } from '../read/later.ts'
import { type Command, EXIT } from './command.ts'
import { countText, quoted } from './text.ts'

export const rebuild: Command = {
  name: 'rebuild',
  summary: 'check the sidecars of sealed segments, and make those anew that are of no use',
  operands: ['directory'],
  options: {},
  notes: [
    'A log is sound without its sidecars, and makes lost ones anew as it needs them. This does it at once, for all.',
    'No other may have the log. Tables of keys are built by the next opening for writing.',
  ],
  examples: [['seglog rebuild ./orders', 'every sealed segment has a sidecar after that']],
  async run({ operands, world, out, watch }) {
    const { env } = world
    const directory = env.absolute(operands[0]!)
    await later(env, survey(directory))
    const held = await acquireLock(env, directory)
    try {
      const work = new Watch(() => env.monotonicMs(), watch.onProgress, watch.signal)
      const { segments, sidecars } = await later(env, rebuildSidecars(env, directory, work))
      out.object({ type: 'report', segments, sidecars })
      if (sidecars.length > 0) {
        const rows = sidecars.map(({ ordinal, problem, outcome }) => [ordinal, problem, outcome])
        out.table(['segment', 'sidecar', 'now'], rows)
      }
      const rebuilt = sidecars.filter(({ outcome }) => outcome === 'rebuilt').length
      out.line(`${countText(segments, 'sealed segment')}, ${countText(rebuilt, 'sidecar')} rebuilt`)
      if (rebuilt === sidecars.length) return EXIT.sound
      out.line(`next: seglog verify ${quoted(operands[0]!)}`)
      return EXIT.damaged
    } finally {
      held.release()
    }
  },
}
