import { openReadOnly } from '../../../lib/index.ts'
import { say, settingsOf } from './children.ts'

/**
 * A program that only follows, and ends when nothing keeps it. It says each record that it gets; once it has the last one
 * it leaves as it is told: out of the loop at once, or while it waits for the next record.
 */
export interface FollowSettings {
  readonly directory: string
  readonly last: number
  readonly leaves: 'breaks' | 'returns' | 'aborts' | 'closes' | 'stops asking'
}

const { directory, last, leaves } = settingsOf<FollowSettings>()
const reader = await openReadOnly(directory)
const controller = new AbortController()
const walk = reader.follow({ signal: controller.signal })[Symbol.asyncIterator]()

function leave(): void {
  if (leaves === 'returns') void walk.return!()
  else if (leaves === 'aborts') controller.abort()
  else void reader.close()
}

try {
  for await (const { sequence } of { [Symbol.asyncIterator]: () => walk }) {
    say(`got ${sequence}`)
    if (sequence < last) continue
    if (leaves === 'breaks') break
    if (leaves === 'stops asking') await new Promise(() => undefined)
    setTimeout(leave, 50)
  }
} catch (error) {
  if (!controller.signal.aborted) throw error
}
say('left')
