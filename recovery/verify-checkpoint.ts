import type { Handle } from '../segments/env/environment.ts'
import type { Steps } from '../segments/env/steps.ts'
import { withFileIfThere } from '../segments/files.ts'
import { decodeHeader } from '../segments/format/header.ts'
import { FRAMES_START, KIND } from '../segments/format/layout.ts'
import { SegmentScanner } from '../segments/scan.ts'
import { fileOf } from './archive.ts'
import { ownHeader, readHead } from './inspect-segments.ts'
import type { ChainBegin } from './verify-chain.ts'
import type { Survey } from './verify-survey.ts'

/**
 * Where the chain can be checked from with the least to do, so that what stands behind record `sequence` is behind it: the
 * last checkpoint of the last segment, or the start of that. Undefined where no segment can be begun with.
 */
export function* newestCheckpoint(view: Survey, sequence: number): Steps<ChainBegin | undefined> {
  const { directory, manifest, sealed, unsealed } = view
  const places = sealed.map((line) => ({
    ordinal: line.ordinal,
    path: fileOf(directory, line),
    end: line.dataBytes,
  }))
  places.push(...unsealed.map(({ ordinal, path, size }) => ({ ordinal, path, end: size })))
  for (const { ordinal, path, end } of places.reverse()) {
    const place = { ordinal, end, logId: manifest.logId }
    const begin = yield* withFileIfThere(path, (handle) => beginIn(handle, place, sequence))
    if (begin !== undefined) return begin
  }
  return undefined
}

function* beginIn(
  handle: Handle,
  { ordinal, end, logId }: { readonly ordinal: number; readonly end: number; readonly logId: string },
  sequence: number,
): Steps<ChainBegin | undefined> {
  const { size, head } = yield* readHead(handle)
  const finding = ownHeader(decodeHeader(head), logId, ordinal)
  // One without a header does not say what it begins from.
  if (finding.found !== 'header' || finding.header.firstSequence > sequence + 1) return undefined
  let offset = 0
  yield* new SegmentScanner(handle, Math.min(size, end), finding.header, FRAMES_START, {
    frame: ({ kind }, at, next) => {
      if (kind === KIND.checkpoint && next <= sequence) offset = at
    },
    hole: () => undefined,
  }).run('search')
  return { ordinal, offset }
}
