import { Block, FrameDecoder, FrameEncoder } from '../../segments/format/frame.ts'
import type { FrameDraft } from '../../segments/format/frame-draft.ts'
import { type SegmentHeader, decodeHeader } from '../../segments/format/header.ts'
import { KIND, NO_CLAIM, SEGMENT_HEADER, TAG } from '../../segments/format/layout.ts'
import { type World, overwrite, readFile } from './worlds.ts'

export interface Place {
  readonly offset: number
  readonly length: number
}

export const FIRST = 'segment-0000000001.log'

/** Where the frames of a segment stand, in order, and what it begins with. */
export function framesOf(
  world: World,
  name = FIRST,
): {
  readonly places: Place[]
  readonly salt: number
  readonly bytes: Buffer
  readonly header: SegmentHeader
  readonly compressed: number
} {
  const bytes = readFile(world.env, `${world.directory}/${name}`)
  const finding = decodeHeader(bytes)
  if (finding.found !== 'header') throw new Error(finding.found)
  const { header } = finding
  const { salt } = header
  const block = new Block(Math.ceil(bytes.length / 8) * 8)
  block.bytes.fill(0)
  block.bytes.set(bytes)
  const decoder = new FrameDecoder()
  const places: Place[] = []
  let compressed = 0
  let offset = SEGMENT_HEADER.size
  while (decoder.read(block, offset, bytes.length, offset, salt) === 'frame') {
    places.push({ offset, length: decoder.length })
    if (decoder.tag & TAG.compressed) compressed += 1
    offset += decoder.length
  }
  return { places, salt, bytes, header, compressed }
}

/** Puts a record of this payload in the place of another, which is as long as it comes out. */
export function putRecord(
  world: World,
  sequence: number,
  payload: Uint8Array,
  extensions: Partial<FrameDraft>,
  place: Place | undefined = framesOf(world).places[sequence - 1],
): void {
  const { offset, length } = place!
  const draft = {
    kind: KIND.record,
    flags: TAG.batchEnd,
    claim: NO_CLAIM,
    sequence,
    timeDelta: 0,
    timestamp: undefined,
  }
  const frame = Buffer.alloc(length)
  const made = new FrameEncoder().encode(frame, 0, offset, framesOf(world).salt, { ...draft, ...extensions }, payload)
  if (made !== length) throw new Error(`the frame is ${made} bytes long, its place ${length}`)
  overwrite(world.env, `${world.directory}/${FIRST}`, offset, frame)
}
