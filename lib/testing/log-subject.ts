import type { ChainHead } from '../../segments/chain.ts'
import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { SeglogError, hasCode } from '../../segments/errors.ts'
import type { Log } from '../log.ts'
import { verifyLog } from '../operations.ts'
import type { Command } from './commands.ts'
import { fail, Ledger } from './ledger.ts'
import { checkBackup } from './backups.ts'
import { checkOpened, filesBefore } from './oracle.ts'
import { perform } from './performers.ts'
import { type LogSetup, type Opened, openSimulated, Session } from './session.ts'
import type { Life, Subject } from './subject.ts'
import { BYTE_VALUES } from './values.ts'

const DEFAULTS: LogSetup = { directory: '/log', segmentBytes: 1024, values: BYTE_VALUES }

/**
 * A log of ours as what is tested: commands against a plain array, and the promises as its oracle.
 *
 * @example
 * import { KEYED_VALUES, KEY_WORKLOAD, LogSubject, explore } from 'seglog/testing'
 *
 * const subject = new LogSubject({ values: KEYED_VALUES, segmentBytes: 2048 })
 * await explore(subject, { seed: 1, commands: KEY_WORKLOAD, every: 100, outcomes: 1, nested: 1 })
 */
export class LogSubject implements Subject<Command, Ledger> {
  readonly setup: LogSetup

  constructor(setup: Partial<LogSetup> = {}) {
    this.setup = { ...DEFAULTS, ...setup }
  }

  begin(): Ledger {
    return new Ledger()
  }

  copy(notes: Ledger): Ledger {
    return notes.copy()
  }

  async work(env: SimulatedEnvironment, commands: readonly Command[], notes: Ledger, life: Life): Promise<void> {
    // A name in the parent whose sync failed and was forgotten cannot be seen by anyone later; real systems journal names.
    if (life.faulty) env.files.makeDirectory(this.setup.directory)
    notes.mayComeBack ||= life.faulty
    const opened = await this.open(env, notes, life)
    if (opened === undefined) return
    const session = new Session(env, notes, this.setup, opened, life.faulty)
    for (const command of commands) await perform(session, command)
    await session.settle()
  }

  async reopen(env: SimulatedEnvironment, notes: Ledger, life: Life): Promise<void> {
    // The disk may still be full.
    const faulty = life.faulty || env.capacity !== Infinity
    notes.mayComeBack ||= faulty
    // What was only written is not promised any more; also not to those who come after.
    if (life.after !== 'kill') notes.written = 0
    restIn(env, notes)
    const isLookedAt = !faulty && env.identity.pid % (2 * VERIFIED_OF) === 1
    const seen = isLookedAt ? await lookedAt(env, this.setup.directory) : undefined
    const opened = await this.open(env, notes, { ...life, faulty })
    if (seen !== undefined && opened !== undefined) mustHaveSeen(seen, opened.log)
    if (opened !== undefined && !faulty && env.identity.pid % VERIFIED_OF === 0) await verified(opened.log, notes.head)
    if (opened === undefined || !life.goesOn) return
    const session = new Session(env, notes, this.setup, opened, faulty)
    if (!faulty) await this.checkBackups(env, notes)
    for (const command of this.setup.goingOn ?? GOING_ON) await perform(session, command)
    if (notes.archived.perhaps > 0)
      for (const command of MOVING[notes.nextId % MOVING.length]!) await perform(session, command)
    await session.settle()
  }

  /** What was copied or salvaged before a crash, or was about to be. */
  private async checkBackups(env: SimulatedEnvironment, notes: Ledger): Promise<void> {
    for (const backup of notes.backups) await checkBackup(env, this.setup, backup)
    notes.backups = []
  }

  /** Opens and checks; undefined where calls fail and the log says so. */
  private async open(env: SimulatedEnvironment, notes: Ledger, life: Life): Promise<Opened | undefined> {
    const { directory, values } = this.setup
    const before = filesBefore(env, directory)
    let opened: Opened
    try {
      opened = await openSimulated(env, this.setup)
    } catch (error) {
      if (env.dead || !life.faulty) throw error
      return this.openAgain(env, notes, error)
    }
    try {
      checkOpened(env, opened.log, notes, values, life, before)
    } catch (error) {
      // A read that fails says so; what it gave before that was compared.
      if (env.dead || !life.faulty || !(error instanceof SeglogError)) throw error
      if (!REFUSALS.includes(error.code)) throw error
      env.calls.clearFaults()
      checkOpened(env, opened.log, notes, values, life, before)
    }
    return opened
  }

  /** A refused opening changed nothing that matters: once calls do not fail any more, the same process opens the log. */
  private async openAgain(env: SimulatedEnvironment, notes: Ledger, refused: unknown): Promise<undefined> {
    if (!(refused instanceof SeglogError) || !REFUSALS.includes(refused.code)) throw refused
    env.calls.clearFaults()
    env.capacity = Infinity
    const before = filesBefore(env, this.setup.directory)
    let log: Log<unknown>
    try {
      log = (await openSimulated(env, this.setup)).log
    } catch (error) {
      // Where the lock could not be removed, this process still holds it.
      if (hasCode(error, 'LOCKED')) return undefined
      throw error
    }
    checkOpened(env, log, notes, this.setup.values, { after: 'kill' }, before)
    return undefined
  }
}

/** What a failing system may be called: never CORRUPT, for nothing is. */
const REFUSALS: readonly string[] = ['IO', 'DISK_FULL', 'FAILED']

/** One opening of so many is also verified as an operator would, half as many before it; the pid comes from a case's seed. */
const VERIFIED_OF = 8

async function verified(log: Log<unknown>, expect: ChainHead | undefined): Promise<void> {
  const { isSound, findings, records } = await log.verify({ expect })
  const live = log.highWatermark
  if (!isSound) fail(`the log opened, and verify finds ${JSON.stringify(findings)}`)
  if (records !== live) fail(`the log has ${live} records, and verify reads ${records}`)
}

type Verified = Awaited<ReturnType<typeof verifyLog>>

/** What an operator sees who looks before anybody opens the log again; undefined where there is none yet. */
async function lookedAt(environment: SimulatedEnvironment, directory: string): Promise<Verified | undefined> {
  try {
    return await verifyLog(directory, { environment })
  } catch (error) {
    if (hasCode(error, 'NOT_A_LOG')) return undefined
    throw error
  }
}

/** What is not proven is kept by the opening, so nothing was less or more. */
function mustHaveSeen({ isSound, findings, records }: Verified, log: Log<unknown>): void {
  if (!isSound) fail(`nothing was damaged, and verify finds ${JSON.stringify(findings)}`)
  if (records !== log.highWatermark) fail(`verify reads ${records} records, and the opening ${log.highWatermark}`)
}

/** What a crash interrupted: the damaged byte is sound again, and a copy holds what was appended by then. */
function restIn(env: SimulatedEnvironment, notes: Ledger): void {
  const { rot } = notes
  notes.rot = undefined
  if (rot !== undefined) env.files.flip(rot.path, rot.bit)
  for (const backup of notes.backups) backup.records ??= notes.records.slice()
}

/** With segments in the archive: they stay there, come back, or others follow. */
const MOVING: readonly (readonly Command[])[] = [
  [],
  [{ do: 'restore', quarters: 0, wait: true }],
  [{ do: 'restore', quarters: 2, wait: true }],
  [{ do: 'archive', quarters: 4, to: 'the log', wait: true }],
]

/** Enough to write over what stood behind the end, to be acknowledged, and to leave something unsynced. */
const GOING_ON: readonly Command[] = [
  { do: 'commitSync', size: 9 },
  { do: 'commit', size: 40, wait: true },
  { do: 'batch', sizes: [8, 120, 8], how: 'append' },
  { do: 'commit', size: 16, wait: false },
]
