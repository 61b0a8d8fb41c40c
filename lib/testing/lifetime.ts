import { hasCode } from '../../segments/errors.ts'
import { fail } from './ledger.ts'
import { checkOpened, filesBefore } from './oracle.ts'
import { openSimulated, type Session } from './session.ts'

/** Closing a log and opening it again, in the same process. */

/** Closes the log and waits for all that its closing settles; whether it said that it was closed. */
export async function closeNow(session: Session): Promise<boolean> {
  session.release()
  let closed = false
  try {
    await session.log.close()
    closed = true
  } catch (error) {
    session.expect(error)
  }
  await session.settle()
  await session.rest()
  if (closed) session.ledger.acknowledge(session.ledger.records.length)
  return closed
}

/** Opens the log again; afterwards nothing fails any more. */
export async function openAnew(session: Session, wasClosed: boolean): Promise<void> {
  const { env, ledger, setup } = session
  const wasFaulty = session.faulty
  env.calls.clearFaults()
  env.capacity = Infinity
  session.faulty = false
  const before = filesBefore(env, setup.directory)
  try {
    session.opened = await openSimulated(env, setup)
  } catch (error) {
    // Where the lock could not be removed, this process still holds it, and can do nothing more.
    if (!wasFaulty || !hasCode(error, 'LOCKED')) throw error
    session.ended = true
    return
  }
  checkOpened(env, session.log, ledger, setup.values, { after: 'kill' }, before)
  const { end } = session.log.recovery
  if (wasClosed && !wasFaulty && end !== 'closed') fail(`the log was closed, and its next opening says ${end}`)
}
