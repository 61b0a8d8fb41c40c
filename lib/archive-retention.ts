import { invalid, mustBeObject } from '../segments/errors.ts'
import type { Manifest } from '../segments/format/manifest.ts'
import { linesBefore } from './archive.ts'

/** What is to stay live: whichever of these keeps more. */
export interface Keep {
  /** Sealed segments. */
  readonly segments?: number
  /** Bytes of sealed segments. */
  readonly bytes?: number
  /** Milliseconds: segments whose last record is younger. */
  readonly ageMs?: number
}

/** What `archiveBefore` is to be given; undefined where nothing is to be archived. */
export interface RetentionPlan {
  /** First record that stays. */
  readonly before: number | undefined
  /** What would go: how many segments, and bytes of them. */
  readonly segments: number
  readonly bytes: number
}

const LIMITS = ['segments', 'bytes', 'ageMs'] as const

const NANOSECONDS_PER_MS = 1_000_000n

/** Pure: which sealed segments need not stay live. It only plans; the caller runs `archiveBefore` with it, or does not. */
export function planRetention(manifest: Manifest, keep: Keep, nowMs: number): RetentionPlan {
  mustBeObject('keep', keep)
  const unknown = Object.keys(keep).find((name) => !LIMITS.some((limit) => limit === name))
  if (unknown !== undefined) throw invalid('keep', 'segments, bytes or ageMs', unknown)
  for (const name of LIMITS) {
    const found = keep[name]
    if (found !== undefined && !(Number.isFinite(found) && found >= 0)) throw invalid(name, 'a number from 0 on', found)
  }
  const lines = linesBefore(manifest, Infinity)
  const isAsked = Object.values(keep).some((each) => each !== undefined)
  if (!isAsked) throw invalid('keep', 'segments, bytes or ageMs', keep)
  const oldest = BigInt(Math.floor(nowMs - (keep.ageMs ?? 0))) * NANOSECONDS_PER_MS
  let count = 0
  let bytes = 0
  let keptBytes = lines.reduce((sum, { dataBytes }) => sum + dataBytes, 0)
  for (const line of lines) {
    const isKept =
      (keep.segments !== undefined && lines.length - count <= keep.segments) ||
      (keep.bytes !== undefined && keptBytes <= keep.bytes) ||
      (keep.ageMs !== undefined && BigInt(line.lastTimestamp) > oldest)
    if (isKept) break
    count += 1
    bytes += line.dataBytes
    keptBytes -= line.dataBytes
  }
  const last = lines[count - 1]
  return { before: last && last.lastSequence + 1, segments: count, bytes }
}
