import type { Environment } from '../../segments/env/environment.ts'
import { SeglogError, checkMembers, invalid, mayBeFunction, mayBeSignal } from '../../segments/errors.ts'
import type { Anchor } from '../../segments/format/manifest.ts'
import type { Entry } from '../read/entry.ts'
import type { ReadOptions } from '../read/range.ts'

/** How a state is loaded and how a record is applied to it. */
export interface ReplayOptions<T> {
  /** Takes a record into the state; synchronous. What it throws ends the replay. */
  readonly apply: (entry: Entry<T>) => void
  /**
   * Loads the state that an anchor names, without touching the state at hand. What it throws or rejects with refuses this
   * anchor, and the one before it is tried. Without it, or when every anchor is refused, the replay starts at record 1.
   */
  readonly restore?: (anchor: Anchor) => Restored | Promise<Restored>
  /** The anchor that is tried first, one of `anchors()`. Default: the newest. */
  readonly anchor?: Anchor
  /** Only anchors up to this sequence are tried; 0 for none. Default: all. */
  readonly fromAnchor?: number
  /** Told some fifty times a second, and at the end. */
  readonly progress?: (progress: ReplayProgress) => void
  readonly signal?: AbortSignal
}

/** What `restore` loaded. */
export interface Restored {
  /** Of the bytes that were loaded, made as the anchor's hash was made. Another one refuses the anchor. */
  readonly hash: string
  /** Puts what was loaded in the place of the state, whole or not at all; called once the hash is found to agree. */
  readonly install: () => void
}

/** How far a replay is, in records and seconds. */
export interface ReplayProgress {
  /** Last record that was applied, and the last that will be. */
  readonly sequence: number
  readonly to: number
  /** Records applied so far. */
  readonly records: number
  readonly perSecond: number
  /** As long as it goes on at this rate; 0 at the end. */
  readonly secondsLeft: number
}

/** What a replay did: where the state came from, and how many records were applied to it. */
export interface Replayed {
  /** The anchor that the state comes from; undefined when every record was applied. */
  readonly anchor: Anchor | undefined
  /** Anchors that were tried before it, the newest first, and why they were not used. */
  readonly refused: readonly { readonly anchor: Anchor; readonly reason: unknown }[]
  /** Last record in the state. */
  readonly sequence: number
  /** Records that were applied, and how long that took. */
  readonly records: number
  readonly seconds: number
}

/** What a replay needs of a log. */
export interface ReplaySource<T> {
  readonly env: Environment
  readonly anchors: readonly Anchor[]
  /** Records up to here are replayed. */
  readonly to: number
  read(options: ReadOptions): Iterable<Entry<T>>
  mustBeOpen(): void
}

/** So long the event loop waits at a time: a fiftieth of a second. Records besides, for clocks that stand still. */
const SLICE_MS = 20
const SLICE_RECORDS = 8192
/** A clock is asked so often, in records: asking costs as much as a small record. */
const CLOCK_EVERY = 32

/** Rebuilds a state: the newest anchor that can be used, then every record behind it, in order, none missing. */
export async function replay<T>(source: ReplaySource<T>, options: ReplayOptions<T>): Promise<Replayed> {
  check(options)
  options.signal?.throwIfAborted()
  const { anchor, refused } = await restoreNewest(source, options)
  const { env, to } = source
  const from = (anchor?.sequence ?? 0) + 1
  const startedMs = env.monotonicMs()
  let next = from
  const progress = (): ReplayProgress => {
    const seconds = (env.monotonicMs() - startedMs) / 1000
    const perSecond = seconds > 0 ? (next - from) / seconds : 0
    const secondsLeft = next > to ? 0 : perSecond > 0 ? (to + 1 - next) / perSecond : Infinity
    return { sequence: next - 1, to, records: next - from, perSecond, secondsLeft }
  }

  const entries = source.read({ from, to })[Symbol.iterator]()
  try {
    while (next <= to) {
      next = applySlice(env, entries, next, to, options.apply)
      options.progress?.(progress())
      if (next > to) break
      await new Promise<void>((resolve) => env.defer(resolve))
      options.signal?.throwIfAborted()
      source.mustBeOpen()
    }
  } finally {
    entries.return?.()
  }
  if (from > to) options.progress?.(progress())
  return { anchor, refused, sequence: next - 1, records: next - from, seconds: (env.monotonicMs() - startedMs) / 1000 }
}

/** Applies records until the slice is over or the last is reached; gives the sequence of the next one. */
function applySlice<T>(
  env: Environment,
  entries: Iterator<Entry<T>>,
  first: number,
  to: number,
  apply: (entry: Entry<T>) => unknown,
): number {
  const untilMs = env.monotonicMs() + SLICE_MS
  let next = first
  while (next <= to && next - first < SLICE_RECORDS) {
    const turn = entries.next()
    const found = turn.done === true ? 'the end' : turn.value.sequence
    if (turn.done === true || found !== next) {
      throw new SeglogError('GAP', `record ${next} should come next`, { sequence: next, expected: next, found })
    }
    if (apply(turn.value) instanceof Promise) {
      throw invalid('apply', 'synchronous: the next record would not wait for its promise', 'a promise')
    }
    next += 1
    if (next % CLOCK_EVERY === 0 && env.monotonicMs() >= untilMs) break
  }
  return next
}

async function restoreNewest<T>(
  source: ReplaySource<T>,
  { restore, anchor: first, fromAnchor = Infinity }: ReplayOptions<T>,
): Promise<Pick<Replayed, 'anchor' | 'refused'>> {
  const refused: { anchor: Anchor; reason: unknown }[] = []
  if (restore === undefined) return { anchor: undefined, refused }
  const last = Math.min(first?.sequence ?? Infinity, fromAnchor, source.to)
  const candidates = source.anchors.filter(({ sequence }) => sequence <= last)
  for (const anchor of candidates.reverse()) {
    let restored: Restored
    try {
      restored = await restore(anchor)
    } catch (reason) {
      refused.push({ anchor, reason })
      source.mustBeOpen()
      continue
    }
    // A caller who has loaded it into the state at hand already would get a state that is wrong.
    if (typeof (restored as Restored | undefined)?.install !== 'function') {
      throw invalid('what restore gives', '{ hash, install }, install a function', restored)
    }
    try {
      const { hash, install } = restored
      if (hash !== anchor.hash) throw mismatch(anchor, hash)
      install()
      return { anchor, refused }
    } catch (reason) {
      refused.push({ anchor, reason })
    }
    source.mustBeOpen()
  }
  return { anchor: undefined, refused }
}

function mismatch(anchor: Anchor, found: unknown): SeglogError {
  const message = `what is stored at ${JSON.stringify(anchor.ref)} is not what the anchor at ${anchor.sequence} names`
  return new SeglogError('HASH_MISMATCH', message, { sequence: anchor.sequence, expected: anchor.hash, found })
}

function check<T>(options: ReplayOptions<T>): void {
  checkMembers('options', options, ['apply', 'restore', 'anchor', 'fromAnchor', 'progress', 'signal'])
  const { apply, restore, anchor, fromAnchor, progress, signal } = options
  if (anchor !== undefined) {
    checkMembers('anchor', anchor, ['sequence', 'ref', 'hash', 'at'])
    if (!Number.isSafeInteger(anchor.sequence)) throw invalid('anchor', 'one of anchors()', anchor)
  }
  if (typeof apply !== 'function') throw invalid('apply', 'a function', apply)
  mayBeFunction('restore', restore)
  mayBeFunction('progress', progress)
  mayBeSignal(signal)
  if (fromAnchor !== undefined && !(Number.isSafeInteger(fromAnchor) && fromAnchor >= 0)) {
    throw invalid('fromAnchor', 'a whole number from 0 on', fromAnchor)
  }
}
