import { hasCode } from '../../segments/errors.ts'
import { FRAMES_START } from '../../segments/format/layout.ts'
import { segmentName } from '../../segments/format/names.ts'
import { salvageLog } from '../operations.ts'
import { checkBackup } from './backups.ts'
import type { Command } from './commands.ts'
import { type BackupNote, fail } from './ledger.ts'
import { closeNow, openAnew } from './lifetime.ts'
import { readAll } from './oracle.ts'
import type { Performer, Session } from './session.ts'

/** What an operator does with a log: archive and restore, copy and salvage. */

type PerformerOf<D extends Command['do']> = Performer<Extract<Command, { do: D }>>

/** Beside the directory of the log. */
const ELSEWHERE = '/volume/archive'

export const archive: PerformerOf<'archive'> = async (session, { quarters, to, wait }) => {
  const { log, ledger } = session
  if (session.isMoving) await session.settle()
  const before = quarterOf(session, quarters)
  ledger.moves(Infinity, before - 1)
  session.move(
    log.archiveBefore(before, to === 'elsewhere' ? { to: ELSEWHERE } : {}).then(({ firstSequence, unreadable }) => {
      const last = log.firstSequence - 1
      if (firstSequence !== last + 1)
        fail(`archiving says that the log begins at ${firstSequence}, it does at ${last + 1}`)
      if (unreadable !== undefined && unreadable.to !== last)
        fail(`${unreadable.to} is unreadable, archived are ${last}`)
      ledger.moved(firstSequence)
    }),
  )
  if (wait) await session.settle()
}

export const restore: PerformerOf<'restore'> = async (session, { quarters, wait }) => {
  const { log, ledger, setup } = session
  if (session.isMoving) await session.settle()
  const from = quarterOf(session, quarters)
  ledger.moves(0, 0)
  session.move(
    log.restore({ from }).then((restored) => {
      const first = log.firstSequence
      if (first > from && restored.length > 0) fail(`restored from ${from} on, and the log begins at ${first}`)
      if (log.archives().some((each) => each.to >= from)) fail(`restored from ${from} on, and some of it is archived`)
      ledger.moved(first)
    }),
  )
  // One that nobody waits for may come to its end while the log is closed, and then there is nothing to read.
  if (!wait) return
  await session.settle()
  try {
    const first = log.firstSequence
    ledger.compare(readAll(log), setup.values, first)
  } catch (error) {
    session.expect(error)
  }
}

/** A sequence that lies so many quarters into the log. */
function quarterOf({ log }: Session, quarters: number): number {
  return 1 + Math.floor((log.highWatermark * quarters) / 4)
}

export const copy: PerformerOf<'copy'> = async (session, { wait }) => {
  const note = begin(session, 'copy')
  session.await(
    session.log.copyTo(note.directory).then(({ lastSequence }) => {
      if (lastSequence < note.atLeast) fail(`${note.atLeast} was acknowledged, the copy ends at ${lastSequence}`)
      done(session, note, lastSequence)
    }),
  )
  if (!wait) return
  await session.settle()
  await check(session, note)
}

export const salvage: PerformerOf<'salvage'> = async (session, { rot }) => {
  if (rot === undefined) return salvageNow(session)
  const place = placeToRot(session, rot)
  const wasClosed = await closeNow(session)
  if (wasClosed && !session.faulty && place !== undefined) {
    session.ledger.rot = place
    session.env.files.flip(place.path, place.bit)
    await salvageNow(session).finally(() => heal(session))
  }
  await openAnew(session, wasClosed)
}

async function salvageNow(session: Session): Promise<void> {
  const { setup, ledger } = session
  const note = begin(session, 'salvage')
  const isRotten = ledger.rot !== undefined
  const options = { environment: session.opened.guard }
  session.await(
    salvageLog(setup.directory, note.directory, options).then(({ lastSequence, lost, findingsCount }) => {
      const sequences = lost.flatMap(({ from, to }) =>
        Array.from({ length: to - from + 1 }, (_, index) => from + index),
      )
      if (sequences.length > (isRotten ? 1 : 0)) fail(`salvage lost ${sequences.join()} of a sound log`)
      if (!isRotten && findingsCount > 0) fail(`salvage found ${findingsCount} damages in a sound log`)
      if (isRotten && findingsCount === 0) fail('a byte of the log is damaged, and salvage found nothing')
      if (lastSequence < note.atLeast) fail(`${note.atLeast} was acknowledged, the salvage ends at ${lastSequence}`)
      note.lost = sequences
      done(session, note, lastSequence)
    }),
  )
  await session.settle()
  await check(session, note)
}

/** Somewhere in the frames of a sealed segment; undefined where there is none that is live. */
function placeToRot({ log, setup }: Session, rot: number): { path: string; bit: number } | undefined {
  const lines = log['manifests'].latest.segments.flatMap((line) => (line.state === 'sealed' ? [line] : []))
  const line = lines[rot % Math.max(1, lines.length)]
  if (line === undefined || line.dataBytes <= FRAMES_START) return undefined
  const at = FRAMES_START + (rot % (line.dataBytes - FRAMES_START))
  return { path: `${setup.directory}/${segmentName(line.ordinal)}`, bit: at * 8 + (rot % 8) }
}

function heal({ env, ledger }: Session): void {
  if (ledger.rot !== undefined) env.files.flip(ledger.rot.path, ledger.rot.bit)
  ledger.rot = undefined
}

function begin({ ledger }: Session, what: string): BackupNote {
  ledger.backupsMade += 1
  const mayLose = ledger.rot === undefined ? 0 : 1
  const note = { directory: `/volume/${what}-${ledger.backupsMade}`, atLeast: ledger.acknowledged, mayLose }
  ledger.backups.push(note)
  return note
}

function done({ ledger }: Session, note: BackupNote, lastSequence: number): void {
  note.done = lastSequence
  note.records = ledger.records.slice()
}

/** What was just made, as its user finds it. */
async function check(session: Session, note: BackupNote): Promise<void> {
  if (note.done === undefined) return
  try {
    await checkBackup(session.env, session.setup, note)
  } catch (error) {
    if (!session.faulty || hasCode(error, 'CORRUPT')) throw error
    session.expect(error)
  }
}
