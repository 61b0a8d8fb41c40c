import { bytes } from '../../lib/codecs/bytes.ts'
import type { Log } from '../../lib/log.ts'
import { later } from '../../lib/read/later.ts'
import type { SealedStatus } from '../../lib/runs/identity.ts'
import { type Store, openStoreWith } from '../../lib/store.ts'
import type { Life, SimulatedEnvironment, Subject } from '../../lib/testing.ts'
import { SeglogError } from '../../segments/errors.ts'
import type { RunStatus } from '../../segments/format/manifest.ts'
import { newestManifest } from '../../segments/manifest-files.ts'

/** What the program around a store does. The run at hand is the one that was started last. */
export type Command =
  | { readonly do: 'start' }
  | { readonly do: 'append'; readonly count: number }
  | { readonly do: 'anchor' }
  | { readonly do: 'cursor' }
  | { readonly do: 'seal'; readonly status: SealedStatus }

interface RunNote {
  readonly name: string
  started: boolean
  /** Records asked for, and acknowledged. */
  asked: number
  acknowledged: number
  anchorAsked: number
  anchor: number
  cursorAsked: number
  cursor: number
  sealAsked: SealedStatus | undefined
  sealed: RunStatus | undefined
}

/** What the world outside knows. */
export interface Notes {
  runs: RunNote[]
}

const DIRECTORY = '/store'
const INSTANCE = 'desk'
const SEGMENT_BYTES = 4096

/** Runs of one instance, as what the explorer runs, crashes, sweeps and asks. */
export class RunsSubject implements Subject<Command, Notes> {
  begin(): Notes {
    return { runs: [] }
  }

  copy(notes: Notes): Notes {
    return structuredClone(notes)
  }

  async work(env: SimulatedEnvironment, commands: readonly Command[], notes: Notes, life: Life): Promise<void> {
    await perform(storeOf(env), commands, notes, life)
  }

  async reopen(env: SimulatedEnvironment, notes: Notes, life: Life): Promise<void> {
    const store = storeOf(env)
    try {
      await checkListing(store, notes, life)
      await checkSweep(store, notes, life)
      for (const note of notes.runs) await checkRun(env, store, note)
    } catch (error) {
      if (life.faulty && error instanceof SeglogError && error.code !== 'CORRUPT') return
      throw error
    }
    if (life.goesOn) await perform(store, GOING_ON, notes, life)
  }
}

const GOING_ON: readonly Command[] = [
  { do: 'start' },
  { do: 'append', count: 3 },
  { do: 'anchor' },
  { do: 'seal', status: 'ended' },
  { do: 'start' },
  { do: 'append', count: 2 },
  { do: 'cursor' },
]

function storeOf(env: SimulatedEnvironment): Store<Uint8Array> {
  const options = { codec: bytes(), segmentBytes: SEGMENT_BYTES, environment: env }
  return openStoreWith<Uint8Array>(DIRECTORY, options, SEGMENT_BYTES)
}

async function perform(
  store: Store<Uint8Array>,
  commands: readonly Command[],
  notes: Notes,
  life: Life,
): Promise<void> {
  let log: Log<Uint8Array> | undefined
  try {
    for (const command of commands) {
      if (command.do === 'start') log = await start(store, notes)
      else if (log !== undefined) await act(log, command, notes.runs.at(-1)!)
    }
  } catch (error) {
    // Where calls fail, a rejection is an honest answer: what was asked for is done or not.
    if (!life.faulty || !(error instanceof SeglogError)) throw error
  }
}

async function start(store: Store<Uint8Array>, notes: Notes): Promise<Log<Uint8Array>> {
  const parent = notes.runs.findLast(({ sealed }) => sealed === 'ended' || sealed === 'crashed-recovered')?.name ?? null
  const note: RunNote = {
    name: `r-${notes.runs.length + 1}`,
    started: false,
    asked: 0,
    acknowledged: 0,
    anchorAsked: 0,
    anchor: 0,
    cursorAsked: 0,
    cursor: 0,
    sealAsked: undefined,
    sealed: undefined,
  }
  notes.runs.push(note)
  const log = await store.startRun(INSTANCE, note.name, { fields: { note: note.name } })
  if (log.run?.parent !== parent) throw new Error(`${note.name} has the parent ${log.run?.parent}, not ${parent}`)
  note.started = true
  return log
}

async function act(log: Log<Uint8Array>, command: Exclude<Command, { do: 'start' }>, note: RunNote): Promise<void> {
  switch (command.do) {
    case 'append':
      for (let count = 0; count < command.count; count++) {
        note.asked += 1
        log.append(new Uint8Array(300).fill(note.asked))
      }
      await log.sync()
      note.acknowledged = note.asked
      return
    case 'anchor':
      note.anchorAsked = log.highWatermark
      await log.anchor({ sequence: note.anchorAsked, ref: `at ${note.anchorAsked}`, hash: 'h' })
      note.anchor = note.anchorAsked
      return
    case 'cursor':
      note.cursorAsked = log.highWatermark
      await log.cursor('c').save(note.cursorAsked)
      note.cursor = note.cursorAsked
      return
    case 'seal':
      note.sealAsked = command.status
      await log.seal(command.status)
      note.sealed = command.status
      await log.close()
  }
}

/** Before anything is recovered: what was acknowledged stands in the manifests. */
async function checkListing(store: Store<Uint8Array>, notes: Notes, life: Life): Promise<void> {
  const listings = new Map((await store.list()).map((listing) => [listing.name, listing]))
  for (const { error } of listings.values()) if (life.faulty && error !== undefined) throw error
  for (const note of notes.runs) {
    const listing = listings.get(`${INSTANCE}/${note.name}`)
    if (note.started && listing?.status === undefined) throw new Error(`${note.name} was started and is not listed`)
    if (listing?.status === undefined) continue
    // An earlier process may have swept it, and died before it could say so.
    const possible = note.sealed === undefined ? ['running', 'crashed-recovered', note.sealAsked] : [note.sealed]
    if (!possible.includes(listing.status)) throw new Error(`${note.name} is ${listing.status}, not ${possible.join()}`)
    if (listing.run?.fields.note !== note.name) throw new Error(`${note.name} has lost its fields`)
  }
}

/** Nothing was damaged, so every run that was left is sound, and from now on it is sealed. */
async function checkSweep(store: Store<Uint8Array>, notes: Notes, life: Life): Promise<void> {
  for (const { name, outcome, status, error } of await store.recover()) {
    const note = notes.runs.find((each) => name === `${INSTANCE}/${each.name}`)!
    if (outcome === 'failed' && life.faulty && error !== undefined) throw error
    if (!['recovered', 'sealed', 'empty'].includes(outcome)) {
      throw new Error(`the sweep says of ${name}: ${outcome} ${error?.message}`, { cause: error })
    }
    if (life.after === 'quiet' && outcome === 'recovered') throw new Error(`${name} was swept, and running again`)
    if (status !== undefined) note.sealed = status
  }
}

async function checkRun(env: SimulatedEnvironment, store: Store<Uint8Array>, note: RunNote): Promise<void> {
  if (note.sealed === undefined) {
    if (note.started) throw new Error(`${note.name} was started and is gone`)
    return
  }
  const log = await store.openSealed(INSTANCE, note.name)
  let count = 0
  for (const { value } of log.read()) {
    count += 1
    if (value[0] !== count) throw new Error(`record ${count} of ${note.name} is ${value[0]}`)
  }
  if (log.report.status !== note.sealed || log.report.findings.length > 0) {
    throw new Error(`${note.name} reads as ${JSON.stringify(log.report)}`)
  }
  await log.close()
  if (count < note.acknowledged) throw new Error(`${note.name}: acknowledged ${note.acknowledged}, found ${count}`)
  if (count > note.asked) throw new Error(`${note.name}: asked for ${note.asked}, found ${count}`)
  const manifest = (await later(env, newestManifest(`${DIRECTORY}/${INSTANCE}/${note.name}`, undefined)))!
  const found = { anchor: manifest.anchors.at(-1)?.sequence ?? 0, cursor: manifest.cursors['c']?.sequence ?? 0 }
  between(note.name, 'anchor', found.anchor, note.anchor, Math.min(note.anchorAsked, count))
  between(note.name, 'cursor', found.cursor, note.cursor, Math.min(note.cursorAsked, count))
  if ((manifest.run?.endedAt === null) !== (count === 0)) throw new Error(`${note.name} ended ${manifest.run?.endedAt}`)
  // What an opening showed is a fact from now on.
  note.acknowledged = note.asked = count
  note.anchor = note.anchorAsked = found.anchor
  note.cursor = note.cursorAsked = found.cursor
}

function between(run: string, what: string, found: number, from: number, to: number): void {
  if (found < from || found > to) throw new Error(`${what} of ${run} is at ${found}, promised ${from} to ${to}`)
}
