import type { Environment } from '../../segments/env/environment.ts'
import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { SeglogError } from '../../segments/errors.ts'
import { CHAIN_HEAD_BYTES } from '../../segments/format/layout.ts'
import type { CompressionName } from '../../segments/format/compression.ts'
import type { Durability } from '../../segments/placer.ts'
import type { LockCalls } from '../../segments/lock-survey.ts'
import type { Log } from '../log.ts'
import { openLogWith } from '../open.ts'
import type { OpenOptions } from '../options.ts'
import type { Command } from './commands.ts'
import { GuardedEnvironment } from './guarded.ts'
import { fail, type Ledger } from './ledger.ts'
import type { RecordNote, Values } from './values.ts'

/** How the log under test is opened. */
export interface LogSetup {
  readonly directory: string
  readonly segmentBytes: number
  readonly values: Values
  readonly durability?: Durability
  /** At most so long after it was written a record is durable, when calls neither fail nor hang. */
  readonly syncIntervalMs?: number
  /** Limits of the queue, which may be as short as a few records. */
  readonly queueSoftBytes?: number
  readonly queueHardBytes?: number
  /** Each so many bytes the segment that is written gets a leg of its trail; so few records never reach the default. */
  readonly trailBytes?: number
  /** With a hash chain, and a checkpoint behind every third record. */
  readonly chain?: 'sha256'
  /** One of these, by chance, at each opening; of all payloads but the shortest. Default: none ever. */
  readonly compressions?: readonly CompressionName[]
  /** `later`: other processes may act between any two calls with which the lock is acquired. Default `now`. */
  readonly lockCalls?: LockCalls
  /** What a process does after reopening, for a little; the default writes over what stood behind the end. */
  readonly goingOn?: readonly Command[]
  /** Puts something between the log and its world: tests of tests plant their bugs here. */
  readonly wrap?: (env: Environment) => Environment
}

/** An open log, and the environment between it and the simulated one. */
export interface Opened {
  readonly log: Log<unknown>
  readonly guard: GuardedEnvironment
}

/** Does what a command says. */
export type Performer<C> = (session: Session, command: C) => void | Promise<void>

/** About what the names of members take in an object. */
const NAMES_BYTES = 32

const CACHE_BYTES = 64 * 1024

/**
 * Opens a log on a simulated machine, with segments as small as tests want them. Rejects as `openLog` does, and with an
 * `Error` where something was thrown into the event loop.
 *
 * @example
 * import { BYTE_VALUES, openSimulated, simulate } from 'seglog/testing'
 *
 * const machine = simulate(1)
 * const setup = { directory: '/log', segmentBytes: 1024, values: BYTE_VALUES }
 * const { log } = await machine.drive(openSimulated(machine, setup))
 * log.lastSequence // → 0
 */
export async function openSimulated(env: SimulatedEnvironment, setup: LogSetup): Promise<Opened> {
  const { directory, segmentBytes, values, durability = 'synced', wrap, lockCalls } = setup
  const guard = new GuardedEnvironment(wrap ? wrap(env) : env)
  const { keys = {} } = values
  // Without a cache most cases are faster; those with keys, which read at random, have one.
  const blockCacheBytes = values.keys === undefined ? 0 : CACHE_BYTES
  const { syncIntervalMs, queueSoftBytes, queueHardBytes, trailBytes } = setup
  const limits = {
    ...(syncIntervalMs && { syncIntervalMs }),
    ...(queueSoftBytes && { queueSoftBytes }),
    ...(queueHardBytes && { queueHardBytes }),
    ...(trailBytes && { trailBytes }),
    ...(setup.chain && { chain: setup.chain, checkpointRecords: 3 }),
    ...compressionOf(env, setup),
  }
  const options = {
    environment: guard,
    segmentBytes,
    durability,
    codec: values.codec(),
    keys,
    blockCacheBytes,
    ...limits,
  }
  const bytesMin = Math.min(segmentBytes, queueSoftBytes ?? 1024, queueHardBytes ?? 1024, trailBytes ?? 1024)
  try {
    return { log: await openLogWith<unknown>(directory, options, bytesMin, lockCalls), guard }
  } finally {
    checkEscaped(env, guard)
  }
}

function compressionOf(
  env: Environment,
  { compressions }: LogSetup,
): Pick<OpenOptions<unknown>, 'compression' | 'compressionBytesMin'> {
  if (compressions === undefined) return {}
  const compression = compressions[env.randomBytes(1)[0]! % compressions.length]!
  return { compression, compressionBytesMin: 1 }
}

function checkEscaped(env: SimulatedEnvironment, { escaped }: GuardedEnvironment): void {
  if (escaped.length > 0 && !env.dead) throw new Error('thrown into the event loop', { cause: escaped[0] })
}

/** An open log and what is asked of it; notes in the ledger what was asked for, and what was acknowledged. */
export class Session {
  readonly env: SimulatedEnvironment
  readonly ledger: Ledger
  readonly setup: LogSetup
  opened: Opened
  /** Calls fail: typed errors are to be expected. */
  faulty: boolean
  /** Nothing more can be asked of this process. */
  ended = false
  private waiting: Promise<void>[] = []
  /** What goes on until the log is closed. */
  private left: Promise<void>[] = []
  private moving = 0
  private holds: (() => void)[] = []
  private problem: Error | undefined

  constructor(env: SimulatedEnvironment, ledger: Ledger, setup: LogSetup, opened: Opened, faulty: boolean) {
    this.env = env
    this.ledger = ledger
    this.setup = setup
    this.opened = opened
    this.faulty = faulty
  }

  get log(): Log<unknown> {
    return this.opened.log
  }

  /** Asks for these records; `act` gives the last sequence, now or later, or refuses. */
  ask(notes: readonly RecordNote[], level: Durability | 'none', act: (values: unknown[]) => number | Promise<number>) {
    const { ledger, setup } = this
    const before = ledger.records.length
    // Noted before it is asked for: the process may die in it.
    ledger.appended(notes)
    let result: number | Promise<number> | undefined
    try {
      result = act(notes.map((note) => setup.values.make(note)))
    } catch (error) {
      this.expect(error, notes)
    }
    const now = this.log.lastSequence
    if (now === before) ledger.refused(notes.length)
    else if (now !== before + notes.length) fail(`${notes.length} records were asked for, ${now - before} appended`)
    if (now === before && typeof result === 'number') fail('an append said that it appended, and did not')
    if (result === undefined) return
    const done = (sequence: number): void => this.done(sequence, now, level)
    if (typeof result === 'number') done(result)
    else this.await(result.then(done), notes)
  }

  /** Watches a promise; what it rejects with is looked at. */
  await(work: Promise<void>, notes: readonly RecordNote[] = []): void {
    this.waiting.push(this.watched(work, notes))
  }

  /** Watches segments on their way into the archive or back. */
  move(work: Promise<void>): void {
    this.moving += 1
    this.await(work.finally(() => (this.moving -= 1)))
  }

  get isMoving(): boolean {
    return this.moving > 0
  }

  /** Watches a promise that only the closing of the log settles. */
  leave(work: Promise<void>): void {
    this.left.push(this.watched(work, []))
  }

  /** Waits for what the closing of the log settles. */
  async rest(): Promise<void> {
    const { left } = this
    this.left = []
    await Promise.all(left)
    this.check()
  }

  /** Waits for everything that was asked for. */
  async settle(): Promise<void> {
    this.release()
    const { waiting } = this
    this.waiting = []
    await Promise.all(waiting)
    this.check()
  }

  /** Throws what went wrong behind the back of the commands. */
  check(): void {
    if (this.problem !== undefined) throw this.problem
    checkEscaped(this.env, this.opened.guard)
  }

  hold(release: () => void): void {
    this.holds.push(release)
  }

  get isHolding(): boolean {
    return this.holds.length > 0
  }

  release(): void {
    for (const release of this.holds) release()
    this.holds = []
  }

  /** Errors are of our class, and come only where calls fail or a record is too large. */
  expect(error: unknown, notes: readonly RecordNote[] = []): void {
    if (this.env.dead || !(error instanceof SeglogError)) throw error
    // In a chain a definition, of which a record may bring some, has a hash of its own.
    const overhead = this.setup.chain === undefined ? 32 : 32 + 2 * CHAIN_HEAD_BYTES + NAMES_BYTES
    if (error.code === 'TOO_LARGE' && notes.reduce((sum, note) => sum + note.size + overhead, 0) > this.largest) return
    // What fails is the system: it never makes records damaged or missing.
    if (!this.faulty || DAMAGE.includes(error.code)) throw error
  }

  private watched(work: Promise<void>, notes: readonly RecordNote[]): Promise<void> {
    return work.catch((error: unknown) => {
      try {
        this.expect(error, notes)
      } catch (unexpected) {
        this.problem ??= unexpected instanceof Error ? unexpected : new Error(String(unexpected))
      }
    })
  }

  private done(sequence: number, expected: number, level: Durability | 'none'): void {
    if (sequence !== expected) fail(`the last of these records is ${expected}, not ${sequence}`)
    if (level === 'synced') {
      if (this.log.highWatermark < sequence) fail(`${sequence} was acknowledged above the high-watermark`)
      this.ledger.acknowledge(sequence)
      this.ledger.head = this.log.head()
    } else if (level === 'written') this.ledger.wrote(sequence)
  }

  /** From here on a record or batch may be too large for a segment. */
  private get largest(): number {
    return this.setup.segmentBytes - 512
  }
}

const DAMAGE: readonly string[] = ['CORRUPT', 'GAP', 'NOT_A_LOG', 'UNSUPPORTED_FORMAT']
