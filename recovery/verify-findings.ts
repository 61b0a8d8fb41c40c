import type { Handle } from '../segments/env/environment.ts'
import { type CompressedPlace, originalPayload } from '../segments/compression.ts'
import type { Steps } from '../segments/env/steps.ts'
import { SeglogError } from '../segments/errors.ts'
import { FrameDecoder, wholeSequence } from '../segments/format/frame.ts'
import { FRAME, KIND, TAG, UNIT } from '../segments/format/layout.ts'
import type { SegmentKey } from '../segments/scan.ts'
import type { Hole } from '../segments/stretches.ts'
import { Window, windowBytes } from '../segments/window.ts'
import type { Finding } from './evidence.ts'

/** Findings up to a number of them; the rest is only counted, so that a ruined log does not take all memory. */
export class Findings {
  readonly list: Finding[] = []
  count = 0
  private readonly max: number

  constructor(max: number) {
    this.max = max
  }

  get isFull(): boolean {
    return this.list.length >= this.max
  }

  add(finding: Finding): void {
    this.count += 1
    if (!this.isFull) this.list.push(finding)
  }

  addAll(others: Findings): void {
    for (const finding of others.list) this.add(finding)
    this.count += others.count - others.list.length
  }
}

/** What a compressed payload was before; undefined of others, and where it does not become that: a finding. Throws UNSUPPORTED_FORMAT. */
export function checkPayload(
  place: CompressedPlace,
  decoder: FrameDecoder,
  offset: number,
  sequence: number,
  into: Findings,
): Uint8Array | undefined {
  if ((decoder.tag & TAG.compressed) === 0) return undefined
  const { source, payloadStart, payloadEnd, originalBytes } = decoder
  try {
    return originalPayload(place, sequence, source.subarray(payloadStart, payloadEnd), originalBytes)
  } catch (error) {
    if (!(error instanceof SeglogError) || error.code !== 'CORRUPT') throw error
    into.add({ code: 'CORRUPT', message: error.message, file: place.path, offset, from: sequence, to: sequence })
    return undefined
  }
}

/** A hole and the records that are missing in it: from `from` to `to`, none where `to` is one below. */
export interface Missing {
  readonly hole: Hole
  readonly from: number
  readonly to: number
}

/**
 * Says what is damaged in a hole, each frame by itself as far as headers can be believed, so that each damaged record is a
 * finding with its place. What follows a header that cannot be believed is one finding.
 */
export function* explainHole(
  path: string,
  handle: Handle,
  key: SegmentKey,
  missing: Missing,
  into: Findings,
): Steps<void> {
  const { hole, to } = missing
  let { from } = missing
  const decoder = new FrameDecoder()
  // The last hole of a file ends with its last byte that is not zero, before the padding.
  const end = Math.ceil(hole.end / UNIT) * UNIT
  const window = new Window(windowBytes(hole.end - hole.start))
  for (let at = hole.start; at < hole.end; at += decoder.length) {
    if (!window.holds(at, FRAME.size)) yield* window.load(handle, at, FRAME.size, hole.end)
    const finding = decoder.read(window.block, at - window.start, window.length, at, key.salt)
    const sequence = wholeSequence(decoder.sequenceLow, key.firstSequence)
    const isOrdered = sequence >= from && sequence <= Math.max(from, to + 1)
    if (finding === 'frame') {
      const message = `a frame of record ${sequence} stands where it does not belong`
      into.add({ code: 'CORRUPT', message, file: path, offset: at, ...range(from, to) })
      return
    }
    if (!decoder.headerSound || at + decoder.length > end || !isOrdered) {
      into.add({ code: 'CORRUPT', message: describe(hole, at), file: path, offset: at, ...range(from, to) })
      return
    }
    const isRecord = decoder.kind === KIND.record
    const message = isRecord ? `record ${sequence} is damaged` : `${describeControl(decoder.kind)} is damaged`
    into.add({ code: 'CORRUPT', message, file: path, offset: at, ...(isRecord ? range(sequence, sequence) : {}) })
    if (isRecord) from = sequence + 1
  }
  if (from > to) return
  const message = `records ${from} to ${to} should stand here and do not`
  into.add({ code: 'GAP', message, file: path, offset: hole.end, ...range(from, to) })
}

function describe(hole: Hole, at: number): string {
  const bytes = `${hole.end - at} bytes`
  if (hole.finding === 'zeros' && at === hole.start) return `${bytes} begin with zeros where a frame should be`
  return `${bytes} are no valid frame`
}

function describeControl(kind: number): string {
  return kind === KIND.dictionary
    ? 'a dictionary frame (values of records that use it cannot be decoded)'
    : 'a control frame'
}

export function range(from: number, to: number): { readonly from?: number; readonly to?: number } {
  return from <= to ? { from, to } : {}
}
