import { recover } from '../../recovery/recover.ts'
import type { RecoverOptions } from '../../recovery/recover.ts'
import { NameSyncs } from '../../segments/name-syncs.ts'
import type { RecoveryReport } from '../../recovery/report.ts'
import { cbor } from '../../lib/codecs/cbor.ts'
import { Log } from '../../lib/log.ts'
import { openLogWith } from '../../lib/open.ts'
import { resolveOptions } from '../../lib/options.ts'
import { type SimulatedEnvironment, simulate } from '../../segments/env/simulated.ts'
import { SeglogError } from '../../segments/errors.ts'
import { SLOT } from '../../segments/format/layout.ts'
import { SLOTS_NAME, manifestName, parseName, segmentName } from '../../segments/format/names.ts'
import { type Position, SLOT_OFFSETS, decodeSlot } from '../../segments/format/slots.ts'
import { SlotsFile, latestSlot } from '../../segments/slots-file.ts'
import { Writer } from '../../segments/writer.ts'

/** Logs on a simulated machine, what crashes and damage do to them, and what becomes of them then. */

export const DIR = '/log'
export const SEGMENT_BYTES = 4096
const SEGMENT_BYTES_MIN = 512

/** What a test stores: a small object with the number of its record, so that a record in a wrong place shows. */
export interface Item {
  readonly n: number
  readonly text: string
}

export const item = (n: number, length = 20): Item => ({ n, text: 'abcdefghij'.repeat(10).slice(0, length) })

const codec = cbor<Item>()
const resolved = (segmentBytes: number, trailBytes?: number): ReturnType<typeof resolveOptions<Item>> =>
  resolveOptions<Item>(
    { codec, segmentBytes, checkpointRecords: 5, ...(trailBytes && { trailBytes }) },
    SEGMENT_BYTES_MIN,
  )

/** Opens as a user does, lock and all. */
export function open(
  env: SimulatedEnvironment,
  options: { readonly onDamage?: 'refuse' | 'accept-loss'; readonly segmentBytes?: number } = {},
): Promise<Log<Item>> {
  const { onDamage = 'refuse', segmentBytes = SEGMENT_BYTES } = options
  return env.drive(openLogWith<Item>(DIR, { environment: env, codec, segmentBytes, onDamage }, SEGMENT_BYTES_MIN))
}

/** Opens without a lock, on this thread: what `openLog` does behind the lock, for tests that open very often. */
export function openNow(
  env: SimulatedEnvironment,
  options: Partial<RecoverOptions> & { readonly segmentBytes?: number; readonly trailBytes?: number } = {},
): Log<Item> {
  const settings = resolved(options.segmentBytes ?? SEGMENT_BYTES, options.trailBytes)
  const recovered = recover(new NameSyncs(env, DIR), DIR, {
    codec: codec.name,
    segmentBytes: settings.segmentBytes,
    onDamage: options.onDamage ?? 'refuse',
    sameBoot: options.sameBoot ?? false,
    chain: options.chain,
  })
  const { start, report } = recovered
  const slots = new SlotsFile(env, recovered.slots, { ...start.identity, ...start.position }, recovered.slotTurn)
  const writer = new Writer(env, DIR, start, slots, settings, (known) => settings.codec.encoder(known))
  return new Log({
    env,
    directory: DIR,
    options: settings,
    recovery: report,
    writer,
    manifests: start.manifests,
    sidecars: start.sidecars,
    keys: [],
    release: () => undefined,
  })
}

/** A machine with an empty log directory. */
export function machine(seed = 1): SimulatedEnvironment {
  const env = simulate(seed, { landing: 'prompt' })
  env.files.makeDirectory(DIR)
  return env
}

/** Commits records one by one, each in a group of its own, up to this sequence. */
export function fill(log: Log<Item>, upTo: number, length?: number): void {
  while (log.lastSequence < upTo) log.commitSync(item(log.lastSequence + 1, length))
}

// ---- files of a log

export const segment = (ordinal: number): string => `${DIR}/${segmentName(ordinal)}`
export const SLOTS = `${DIR}/${SLOTS_NAME}`

/** Paths of manifests, the newest first. */
export function manifests(env: SimulatedEnvironment): string[] {
  const numbers = names(env).flatMap((name) => {
    const parsed = parseName(name)
    return parsed.kind === 'manifest' ? [parsed.number] : []
  })
  return numbers.sort((a, b) => b - a).map((number) => `${DIR}/${manifestName(number)}`)
}

export function names(env: SimulatedEnvironment): string[] {
  return env.files
    .paths(DIR)
    .map((path) => path.slice(DIR.length + 1))
    .filter((name) => !name.startsWith('lock-'))
}

/** All files of the log with their bytes, for "nothing was changed". */
export function content(env: SimulatedEnvironment): Map<string, string> {
  return new Map(names(env).map((name) => [name, Buffer.from(env.files.read(`${DIR}/${name}`)).toString('base64')]))
}

// ---- damage

/** Turns bytes of a file round, so that each differs. */
export function spoil(env: SimulatedEnvironment, path: string, from: number, to = from + 1): void {
  const bytes = env.files.read(path)
  for (let at = from; at < to; at++) bytes[at]! ^= 0x5a
  env.files.write(path, bytes)
}

export function zero(env: SimulatedEnvironment, path: string, from: number, to?: number): void {
  const bytes = env.files.read(path)
  bytes.fill(0, from, to)
  env.files.write(path, bytes)
}

export function shorten(env: SimulatedEnvironment, path: string, length: number): void {
  env.files.write(path, env.files.read(path).slice(0, length))
}

export function exchange(env: SimulatedEnvironment, a: string, b: string): void {
  const [ofA, ofB] = [env.files.read(a), env.files.read(b)]
  env.files.write(a, ofB)
  env.files.write(b, ofA)
}

/** What a machine lost that went down long after the slots were last synced: both slots. */
export function forgetSlots(env: SimulatedEnvironment): void {
  env.files.write(SLOTS, new Uint8Array(8192))
}

// ---- after it

export interface Outcome {
  readonly env: SimulatedEnvironment
  /** Undefined where the opening was refused. */
  readonly log: Log<Item> | undefined
  readonly report: RecoveryReport | undefined
  readonly refused: SeglogError | undefined
}

/** Opens a log; a refusal is an outcome, anything but a SeglogError is a defect. */
export function tryOpen(env: SimulatedEnvironment, options?: Parameters<typeof openNow>[1]): Outcome {
  try {
    const log = openNow(env, options)
    return { env, log, report: log.recovery, refused: undefined }
  } catch (error) {
    if (!(error instanceof SeglogError)) throw error
    return { env, log: undefined, report: undefined, refused: error }
  }
}

/** What reads say of one record: it is there, there is none, or the code of the error. */
export function look(log: Log<Item>, n: number): 'there' | 'none' | SeglogError['code'] {
  try {
    const entry = log.get(n)
    if (entry === undefined) return 'none'
    const { value } = entry
    if (entry.sequence !== n || value.n !== n) throw new Error(`record ${n} reads as ${JSON.stringify(value)}`)
    return 'there'
  } catch (error) {
    if (!(error instanceof SeglogError)) throw error
    if (error.sequence !== undefined && error.sequence !== n) throw new Error(`record ${n}: ${error.message}`)
    return error.code
  }
}

/** Numbers of the records from 1 to `to` that can be read; everything else must be a typed error or beyond the end. */
export function readable(log: Log<Item>, to = log.highWatermark): number[] {
  const found: number[] = []
  for (let n = 1; n <= to; n++) if (look(log, n) === 'there') found.push(n)
  return found
}

/** Where the log ends, as the latest slot has it. */
export function position(env: SimulatedEnvironment): Position {
  const bytes = Buffer.from(env.files.read(SLOTS))
  const slots = SLOT_OFFSETS.map((offset) => decodeSlot(bytes.subarray(offset, offset + SLOT.size)))
  const logId = slots.find((slot) => typeof slot === 'object')?.logId
  const slot = logId === undefined ? undefined : latestSlot(slots, logId)
  if (slot === undefined) throw new Error('no slot can be read')
  return slot
}

export interface Group {
  readonly start: number
  readonly end: number
}

/** Writes one more group that nobody is told about: the process ends after its sync, before the slot. */
export function unacknowledged(env: SimulatedEnvironment, write: () => void): Group {
  const slots = env.files.read(SLOTS)
  const start = position(env).offset
  write()
  const end = position(env).offset
  env.files.write(SLOTS, slots)
  return { start, end }
}

/** A log of this many records in one segment, still open. */
export function records(count: number, seed?: number): { readonly env: SimulatedEnvironment; readonly log: Log<Item> } {
  const env = machine(seed)
  const log = openNow(env)
  fill(log, count)
  return { env, log }
}

/** Segments of this many records each, all but the last sealed, still open. */
export async function segments(...counts: readonly number[]): Promise<ReturnType<typeof records>> {
  const env = machine()
  const log = openNow(env)
  for (const [index, count] of counts.entries()) {
    if (index > 0) log.roll()
    fill(log, log.lastSequence + count)
    await env.settle()
  }
  return { env, log }
}

/** A copy of the machine on which nothing runs yet. */
export function copyOf(env: SimulatedEnvironment): SimulatedEnvironment {
  return env.clone(1)
}

export const upTo = (n: number): number[] => Array.from({ length: n }, (_, index) => index + 1)
