import { hasCode } from '../../segments/errors.ts'
import { fail } from './ledger.ts'
import type { Session } from './session.ts'

/**
 * Follows the log of a session, and compares each record that it gets: the next one, as it was appended, and durable. What
 * it saw is promised from then on. Resolves when the log is closed.
 */
export async function follow(session: Session, from: number): Promise<void> {
  const { log, ledger } = session
  let next = from
  try {
    await each(session, from, (sequence) => (next = sequence + 1))
  } catch (error) {
    // Who comes too late finds segments moved away.
    if (!hasCode(error, 'ARCHIVED') || next > ledger.archived.perhaps) throw error
    return
  }
  const { highWatermark } = log
  if (next <= highWatermark) fail(`the log was closed at ${highWatermark}, and who follows got no record ${next}`)
}

async function each({ log, ledger, setup }: Session, from: number, seen: (sequence: number) => void): Promise<void> {
  let next = from
  for await (const { sequence, value } of log.follow({ from })) {
    const note = ledger.records[sequence - 1]
    if (sequence !== next) fail(`who follows waits for record ${next}, and gets ${sequence}`)
    if (note === undefined) fail(`who follows gets record ${sequence}, which was never appended`)
    const instead = setup.values.mismatch(note, value)
    if (instead !== undefined) fail(`who follows gets for record ${sequence} ${instead}, not ${JSON.stringify(note)}`)
    ledger.acknowledge(sequence)
    seen(sequence)
    next += 1
  }
}
