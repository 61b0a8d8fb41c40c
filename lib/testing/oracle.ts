import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { SeglogError } from '../../segments/errors.ts'
import { ARCHIVE_DIRECTORY, segmentName } from '../../segments/format/names.ts'
import type { Log } from '../log.ts'
import { fail, type Ledger, OracleError, type Survivor } from './ledger.ts'
import type { Life } from './subject.ts'
import { type Values, keysToLookUp } from './values.ts'

/** The files of a log as a process saw them before it reopened. */
export type Before = ReadonlyMap<string, Uint8Array>

export function filesBefore(env: SimulatedEnvironment, directory: string): Before {
  const files = new Map<string, Uint8Array>()
  try {
    for (const path of env.files.paths(directory)) {
      if (path.includes('/segment-') && path.endsWith('.log')) files.set(path, env.files.read(path))
    }
  } catch (error) {
    // No directory yet: nothing was there before.
    if ((error as { code?: string }).code !== 'ENOENT') throw error
  }
  return files
}

/** What must hold of every opening, whatever happened before: promises 1 to 5 and 11. */
export function checkOpened(
  env: SimulatedEnvironment,
  log: Log<unknown>,
  ledger: Ledger,
  values: Values,
  life: Pick<Life, 'after'>,
  before: Before,
): void {
  try {
    check(env, log, ledger, values, life, before)
  } catch (error) {
    if (!(error instanceof OracleError)) throw error
    throw new OracleError(`${error.message}\nthe opening reported ${JSON.stringify(log.recovery)}`)
  }
}

function check(
  env: SimulatedEnvironment,
  log: Log<unknown>,
  ledger: Ledger,
  values: Values,
  life: Pick<Life, 'after'>,
  before: Before,
): void {
  const { recovery, firstSequence } = log
  const survivors = readAll(log)
  const count = firstSequence - 1 + survivors.length
  if (life.after === 'quiet' && count !== ledger.records.length) {
    fail(`${ledger.records.length} records were there after reopening, ${count} after a power cut`)
  }
  const wasArchived = ledger.archived.perhaps > 0
  ledger.survived(survivors, values, firstSequence)
  const said = [recovery.lastSequence, log.highWatermark, log.lastSequence]
  if (said.some((each) => each !== count)) fail(`${count} records, but lastSequence and so on are ${said.join(', ')}`)
  if (!SOUND_ENDS.includes(recovery.end)) fail(`the opening found damage: ${recovery.end} (${recovery.row})`)
  if (recovery.lost.length > 0) fail(`records are reported lost: ${JSON.stringify(recovery.lost)}`)
  if (recovery.findings.length > 0) fail(`nothing was damaged, found ${JSON.stringify(recovery.findings)}`)
  if (life.after === 'quiet') checkNothingToDo(log, ledger)
  checkKept(env, log, ledger, before)
  if (wasArchived) checkPlaces(env, log)
  // Pids are drawn from the seed of a case and count on with its processes.
  checkOneWay(log, survivors, values, env.identity.pid)
}

const SOUND_ENDS: readonly string[] = ['new', 'closed', 'clean', 'torn', 'ambiguous']

function checkNothingToDo({ recovery }: Log<unknown>, { mayComeBack }: Ledger): void {
  const { end, cut, notes } = recovery
  if (end !== 'clean' && end !== 'closed') fail(`a second opening reports ${end} (${recovery.row})`)
  // A sidecar whose sync failed is only named: it is nothing that an opening does.
  const passed = ['it is made anew when it is first needed', ...(mayComeBack ? ['that count elsewhere'] : [])]
  const done = notes.filter((note) => !passed.some((end) => note.endsWith(end)))
  if (cut !== undefined || done.length > 0) fail(`a second opening found something to do: ${done.join('; ')}`)
}

/** What was cut is kept aside, as it was, and stays there. */
function checkKept(env: SimulatedEnvironment, { recovery }: Log<unknown>, ledger: Ledger, before: Before): void {
  const { cut } = recovery
  for (const [path, bytes] of ledger.kept) {
    if (Buffer.compare(env.files.read(path), bytes) !== 0) fail(`${path} was changed after it was kept aside`)
  }
  if (cut === undefined) return
  const kept = env.files.read(cut.keptIn)
  const was = before.get(cut.file)?.subarray(cut.offset, cut.offset + cut.bytes)
  if (was === undefined || Buffer.compare(kept, was) !== 0) fail(`${cut.keptIn} does not hold what was cut`)
  ledger.kept.set(cut.keptIn, kept)
}

/** Each segment counts in one place: an archived one is where the log says, and not beside it; no other is in its archive. */
function checkPlaces(env: SimulatedEnvironment, log: Log<unknown>): void {
  const paths = new Set(env.files.paths(log.directory))
  const own = `${log.directory}/${ARCHIVE_DIRECTORY}`
  const archived = new Set<string>()
  for (const { ordinal, place } of log.archives()) {
    const name = segmentName(ordinal)
    archived.add(`${place}/${name}`)
    if (place === own && !paths.has(`${own}/${name}`)) fail(`archived segment ${ordinal} is not in ${own}`)
    if (place !== own && !env.files.paths(place).includes(`${place}/${name}`)) fail(`${ordinal} is not in ${place}`)
    if (paths.has(`${log.directory}/${name}`)) fail(`archived segment ${ordinal} is also in the log`)
  }
  for (const path of paths) {
    const isSegment = path.startsWith(`${own}/`) && path.endsWith('.log')
    if (isSegment && !archived.has(path)) fail(`${path} is not archived and is still there`)
  }
}

/** Reads of archived records say so, and where they are. */
function checkArchived(log: Log<unknown>): void {
  const last = log.firstSequence - 1
  if (last === 0) return
  const archives = log.archives()
  for (const sequence of new Set([1, last])) {
    const of = archives.find(({ from, to }) => from <= sequence && sequence <= to)
    if (of === undefined) fail(`record ${sequence} is not live, and in no archived segment`)
    const said = refusalOf(() => log.get(sequence))
    const place = of.place.startsWith(`${log.directory}/`) ? of.place.slice(log.directory.length + 1) : of.place
    if (said?.code !== 'ARCHIVED' || !said.message.includes(place)) {
      fail(`record ${sequence} is archived in ${of.place}, and reading it says ${said?.code}: ${said?.message}`)
    }
  }
}

export function refusalOf(act: () => unknown): SeglogError | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    if (error instanceof SeglogError) return error
    throw error
  }
}

/** Records from the first to the last, each read once forward. */
export function readAll(log: Log<unknown>): Survivor[] {
  const found: Survivor[] = []
  for (const { sequence, timestampNs, value } of log.read()) found.push({ sequence, timestampNs, value })
  return found
}

export async function readAllLater(log: Log<unknown>): Promise<Survivor[]> {
  const found: Survivor[] = []
  for await (const { sequence, timestampNs, value } of log.read()) found.push({ sequence, timestampNs, value })
  return found
}

/** Whichever way a record is read, it is the same. */
export function checkReads(log: Log<unknown>, survivors: readonly Survivor[], values: Values): void {
  for (const check of CHECKS) check(log, survivors, values)
}

/**
 * One of the checks that cost more than reading all once; which one follows from the case, as `turn` does, so that it is
 * the same when the case runs again.
 */
function checkOneWay(log: Log<unknown>, survivors: readonly Survivor[], values: Values, turn: number): void {
  CHECKS[turn % CHECKS.length]!(log, survivors, values)
}

const CHECKS: readonly ((log: Log<unknown>, survivors: readonly Survivor[], values: Values) => void)[] = [
  checkBackwards,
  (log, survivors) => {
    checkArchived(log)
    checkSingle(log, survivors, [0, survivors.length - 1])
  },
  (log, survivors) => {
    checkSingle(log, survivors, [survivors.length >> 1])
    const behind = log.get((survivors.at(-1)?.sequence ?? log.firstSequence - 1) + 1)
    if (behind !== undefined) fail(`there is a record ${behind.sequence} behind the last one`)
  },
  (log, survivors, { keys }) => {
    if (keys !== undefined) checkLookups(log, survivors)
    else checkSingle(log, survivors, [survivors.length >> 2])
  },
]

function checkBackwards(log: Log<unknown>, survivors: readonly Survivor[]): void {
  let at = survivors.length
  for (const entry of log.read({ reverse: true })) same(entry, survivors[--at])
  if (at !== 0) fail(`read backwards, ${at} records are missing at the start`)
}

function checkSingle(log: Log<unknown>, survivors: readonly Survivor[], indexes: readonly number[]): void {
  for (const index of indexes) {
    const expected = survivors[index]
    if (expected !== undefined) same(log.get(expected.sequence), expected)
  }
}

/** What is found by key is what a look at all records finds, in both directions. */
function checkLookups(log: Log<unknown>, survivors: readonly Survivor[]): void {
  for (const index of new Set([0, survivors.length >> 1, survivors.length - 1])) {
    const at = survivors[index]
    if (at === undefined) continue
    for (const [kind, key] of keysToLookUp(at.value)) {
      const expected = survivors.filter(({ value }) => keysToLookUp(value).some(([, each]) => each === key))
      const found = Array.from(log.lookupAll(kind, key), ({ sequence }) => sequence)
      const back = Array.from(log.lookupAll(kind, key, { reverse: true }), ({ sequence }) => sequence)
      const wanted = key === -1 ? '' : expected.map(({ sequence }) => sequence).join()
      if (found.join() !== wanted || back.toReversed().join() !== wanted) {
        fail(`records with ${kind} ${key} are ${wanted}, found ${found.join()} and backwards ${back.join()}`)
      }
    }
  }
}

function same(found: Survivor | undefined, expected: Survivor | undefined): void {
  if (found === undefined || expected === undefined) fail('two ways of reading give different numbers of records')
  const { sequence, timestampNs } = expected
  const equal = found.sequence === sequence && found.timestampNs === timestampNs
  if (!equal || !sameValue(found.value, expected.value)) fail(`record ${sequence} reads differently another way`)
}

function sameValue(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0
  return JSON.stringify(a) === JSON.stringify(b)
}
