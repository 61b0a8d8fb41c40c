import type { Call } from '../../segments/env/environment.ts'
import { hasCode } from '../../segments/errors.ts'
import { FIRST_FRAME_EXTRA } from '../../segments/space.ts'
import { CHAIN_HEAD_BYTES, FRAME, FRAMES_START, WIDE_BYTES } from '../../segments/format/layout.ts'
import type { CallFilter, Command } from './commands.ts'
import { follow } from './follower.ts'
import { fail } from './ledger.ts'
import { closeNow, openAnew } from './lifetime.ts'
import { archive, copy, restore, salvage } from './operator.ts'
import { checkReads, readAll, readAllLater } from './oracle.ts'
import { openSimulated, type Performer, type Session } from './session.ts'

type Performers = { readonly [D in Command['do']]: Performer<Extract<Command, { do: D }>> }

export async function perform(session: Session, command: Command): Promise<void> {
  session.check()
  if (session.ended) return
  const performer = PERFORMERS[command.do] as Performer<Command>
  await performer(session, command)
}

const PERFORMERS: Performers = {
  append(session, { size, shape = 0, level }) {
    const options = level && { durability: level }
    session.ask([session.ledger.draft(size, shape)], 'none', ([value]) => session.log.append(value, options))
  },
  async commit(session, { size, shape = 0, level, wait }) {
    const options = level && { durability: level }
    const note = session.ledger.draft(size, shape)
    const effective = level ?? session.setup.durability ?? 'synced'
    session.ask([note], effective, ([value]) => session.log.commit(value, options))
    if (wait) await session.settle()
  },
  commitSync(session, { size, shape = 0 }) {
    session.ask([session.ledger.draft(size, shape)], 'synced', ([value]) => session.log.commitSync(value))
  },
  async batch(session, { sizes, level, how }) {
    const { log, ledger } = session
    const notes = sizes.map((size, index) => ledger.draft(size, 0, index === sizes.length - 1))
    const options = level && { durability: level }
    const effective = level ?? session.setup.durability ?? 'synced'
    if (notes.length === 0) return
    if (how === 'append') session.ask(notes, 'none', (values) => log.appendBatch(values, options))
    else if (how === 'sync') session.ask(notes, 'synced', (values) => log.commitBatchSync(values))
    else session.ask(notes, effective, (values) => log.commitBatch(values, options))
    if (how === 'wait') await session.settle()
  },
  async fill(session, { short, how }) {
    for (let room = roomLeft(session); room > 2 * FILLER && room - short > largest(session); room = roomLeft(session)) {
      await PERFORMERS.append(session, { do: 'append', size: FILLER })
      if (roomLeft(session) >= room) break
    }
    const size = Math.max(0, roomLeft(session) - short)
    if (how === 'append') await PERFORMERS.append(session, { do: 'append', size })
    else if (how === 'sync') await PERFORMERS.commitSync(session, { do: 'commitSync', size })
    else await PERFORMERS.commit(session, { do: 'commit', size, wait: true })
  },
  async sync(session, { wait }) {
    const { log, ledger } = session
    const sequence = log.lastSequence
    session.await(log.sync().then(() => ledger.acknowledge(sequence)))
    if (wait) await session.settle()
  },
  syncNow(session) {
    const { log, ledger } = session
    try {
      log.syncNow()
      ledger.acknowledge(log.lastSequence)
    } catch (error) {
      session.expect(error)
    }
  },
  async ready(session) {
    session.release()
    try {
      await session.log.ready()
    } catch (error) {
      session.expect(error)
    }
  },
  roll(session) {
    try {
      session.log.roll()
    } catch (error) {
      session.expect(error)
    }
  },
  async 'close-and-open'(session) {
    await openAnew(session, await closeNow(session))
  },
  archive,
  restore,
  copy,
  salvage,
  async read(session, { how }) {
    const { log, ledger, setup } = session
    // More may be acknowledged while it is read.
    const { acknowledged, archived } = ledger
    if (how === 'later') session.release()
    try {
      const found = how === 'now' ? readAll(log) : await readAllLater(log)
      const first = found[0]?.sequence ?? log.firstSequence
      const last = first - 1 + found.length
      if (first - 1 < archived.surely || first - 1 > archived.perhaps) fail(`a walk begins at ${first}`)
      if (last < acknowledged) fail(`acknowledged ${acknowledged}, read up to ${last}`)
      ledger.compare(found, setup.values, first)
      ledger.acknowledge(last)
      if (how === 'now') checkReads(log, found, setup.values)
    } catch (error) {
      // Segments that are moved meanwhile are gone for a walk that comes to them too late.
      if (how === 'now' || archived.surely === archived.perhaps || !hasCode(error, 'ARCHIVED')) session.expect(error)
    }
  },
  follow(session, { from }) {
    session.leave(follow(session, from === 'the first' ? session.log.firstSequence : session.log.highWatermark + 1))
  },
  async intrude(session) {
    const { env, setup } = session
    session.release()
    try {
      await openSimulated(env, setup)
    } catch (error) {
      if (!hasCode(error, 'LOCKED')) session.expect(error)
      return
    }
    fail('a second writer was let in')
  },
  settle: (session) => session.settle(),
  pause,
  clock: ({ env }, { ms }) => env.clock.jump(ms),
  hold(session, filter) {
    session.hold(session.env.hold((call) => filter.of === undefined || call.do === filter.of))
  },
  release: (session) => session.release(),
  fail(session, { skip, times, outcome, of, file }) {
    let left = skip
    session.faulty = true
    const when = (call: { readonly do: Call['do']; readonly path: string }): boolean =>
      isMeant({ of, file }, call) && left-- <= 0
    session.env.calls.fault({ when, outcome, times })
  },
  full(session, { room }) {
    const { env } = session
    session.faulty = true
    // A machine of its own, so that looking is no call of this process.
    const looker = env.clone(1)
    const sizes = env.files.paths().map((path) => looker.call({ do: 'stat', path })?.allocated ?? 0)
    const used = sizes.reduce((sum, size) => sum + size, 0)
    env.capacity = used + room
  },
}

/** With `syncIntervalMs`, what was written before a long pause is durable behind it. */
async function pause({ env, log, setup, ledger, faulty, isHolding }: Session, { ms }: { readonly ms: number }) {
  const { syncIntervalMs = Infinity } = setup
  const appended = log.lastSequence
  await new Promise<void>((resolve) => void env.after(ms, resolve))
  if (ms < 2 * syncIntervalMs || faulty || isHolding) return
  if (log.highWatermark < appended) fail(`after ${ms} ms the log is durable up to ${log.highWatermark} of ${appended}`)
  ledger.acknowledge(appended)
}

const FILLER = 100

/** Longest payload that the log takes. */
function largest({ setup }: Session): number {
  return setup.segmentBytes - 512
}

/** Longest payload that still fits into the active segment. */
function roomLeft({ log, setup }: Session): number {
  const active = log['writer'].openSegments.at(-1)!
  const { end, plan } = active
  const hash = setup.chain === undefined ? 0 : CHAIN_HEAD_BYTES
  if (end < FRAMES_START) return plan.segmentBytes - FIRST_FRAME_EXTRA - FRAME.size - hash
  const wide = end === FRAMES_START ? WIDE_BYTES : 0
  return plan.segmentBytes - end - FRAME.size - wide - hash
}

function isMeant({ of, file }: CallFilter, call: { readonly do: Call['do']; readonly path: string }): boolean {
  if (of !== undefined && call.do !== of) return false
  return file === undefined || call.path.slice(call.path.lastIndexOf('/') + 1).startsWith(file)
}
