import { fail } from './ledger.ts'
import type { Session } from './session.ts'

/**
 * Follows the log of a session, and compares each record that it gets: the next one, as it was appended, and durable. What
 * it saw is promised from then on. Resolves when the log is closed.
 */
export async function follow(session: Session, from: number): Promise<void> {
  const { log, ledger, setup } = session
  let next = from
  for await (const { sequence, value } of log.follow({ from })) {
    const note = ledger.records[sequence - 1]
    if (sequence !== next) fail(`who follows waits for record ${next}, and gets ${sequence}`)
    if (note === undefined) fail(`who follows gets record ${sequence}, which was never appended`)
    const instead = setup.values.mismatch(note, value)
    if (instead !== undefined) fail(`who follows gets for record ${sequence} ${instead}, not ${JSON.stringify(note)}`)
    ledger.acknowledge(sequence)
    next += 1
  }
  const { highWatermark } = log
  if (next <= highWatermark) fail(`the log was closed at ${highWatermark}, and who follows got no record ${next}`)
}
