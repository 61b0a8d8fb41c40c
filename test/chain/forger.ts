import { rebuildSidecars } from '../../recovery/sidecars.ts'
import { Watch } from '../../recovery/verify-progress.ts'
import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { runNow } from '../../segments/env/steps.ts'
import { addToDigest, DIGEST_START } from '../../segments/format/checksum.ts'
import { FrameEncoder } from '../../segments/format/frame.ts'
import { encodeHeader, type Predecessor } from '../../segments/format/header.ts'
import { FRAMES_START, KIND, SLOT } from '../../segments/format/layout.ts'
import { decodeManifest, encodeManifest, type Manifest, type SegmentLine } from '../../segments/format/manifest.ts'
import { parseName } from '../../segments/format/names.ts'
import { encodeSlot, SLOT_OFFSETS } from '../../segments/format/slots.ts'
import { DIR, manifests, names, SLOTS } from '../recovery/world.ts'
import { type PlainFrame, putFrame, plainHash, plainStart, type PlainSegment, readSegments } from './frames.ts'

/** What a segment is once it is written anew. */
interface Written {
  readonly segment: PlainSegment
  readonly bytes: Buffer
  readonly digest: number
}

/**
 * Somebody who can write to the directory and knows the format: changes frames of a closed log as `change` does, then writes
 * all anew so that every CRC, digest, header, line, slot and sidecar agrees. Hashes of the chain stay as `change` left them,
 * and so do heads where they stand beside frames: those follow from the last frame.
 */
export function forge(env: SimulatedEnvironment, change: (segments: PlainSegment[]) => void): void {
  const segments = readSegments(env)
  change(segments)
  const written: Written[] = []
  for (const segment of segments) {
    const made = write(env, segment, written.at(-1))
    if (made !== undefined) written.push(made)
  }
  mendManifests(env, written)
  mendSlots(env, written)
  for (const name of names(env)) {
    if (parseName(name).kind === 'sidecar') env.call({ do: 'unlink', path: `${DIR}/${name}` })
  }
  runNow(env, rebuildSidecars(env, DIR, new Watch(() => env.monotonicMs())))
}

/** Undefined of one that nothing is left of. */
function write(env: SimulatedEnvironment, segment: PlainSegment, before: Written | undefined): Written | undefined {
  const { path, frames } = segment
  const isSealed = env.files.read(path).length < segment.header.segmentBytes
  if (frames.length === 0) {
    env.call({ do: 'unlink', path })
    return undefined
  }
  const predecessor = before && predecessorOf(before)
  const header = { ...segment.header, firstSequence: frames[0]!.sequence, predecessor }
  const bytes = Buffer.alloc(2 * header.segmentBytes)
  encodeHeader(header).copy(bytes)
  const encoder = new FrameEncoder()
  let end = FRAMES_START
  let digest = DIGEST_START
  for (const frame of frames) {
    end += putFrame(encoder, bytes, end, header, frame)
    digest = addToDigest(digest, encoder.crc)
  }
  const length = isSealed ? end : Math.max(end, header.segmentBytes)
  env.files.write(path, bytes.subarray(0, length))
  return { segment: { ...segment, header }, bytes: bytes.subarray(0, end), digest }
}

function predecessorOf({ segment, bytes, digest }: Written): Predecessor {
  return { ordinal: segment.ordinal, bytes: bytes.length, digest, head: headOf(segment) }
}

function headOf({ frames }: PlainSegment): string {
  return frames.at(-1)!.hash?.toString('hex') ?? '0'.repeat(64)
}

const lastSequenceOf = ({ frames }: PlainSegment): number =>
  frames.at(-1)!.sequence - (isRecord(frames.at(-1)!) ? 0 : 1)

const isRecord = ({ kind }: PlainFrame): boolean => kind === KIND.record

function mendManifests(env: SimulatedEnvironment, written: readonly Written[]): void {
  const last = written.at(-1)!
  const end = { ordinal: last.segment.ordinal, offset: last.bytes.length, sequence: lastSequenceOf(last.segment) }
  for (const path of manifests(env)) {
    const finding = decodeManifest(Buffer.from(env.files.read(path)))
    if (finding.found !== 'manifest') throw new Error(`${path} cannot be read`)
    const { manifest } = finding
    const segments = manifest.segments.flatMap((line) => mendLine(line, written, end.ordinal))
    const clean = manifest.clean && end
    const highWatermark = manifest.clean ? end : { ordinal: 0, offset: 0, sequence: 0 }
    env.files.write(path, encodeManifest({ ...manifest, segments, highWatermark, clean } satisfies Manifest))
  }
}

function mendLine(line: SegmentLine, written: readonly Written[], last: number): SegmentLine[] {
  if (line.state === 'open')
    return line.ordinal < last || written.some((each) => each.segment.ordinal === line.ordinal) ? [line] : []
  const found = written.find(({ segment }) => segment.ordinal === line.ordinal)
  if (found === undefined) return []
  const { segment, bytes, digest } = found
  const lastTimestamp = String(segment.frames.at(-1)!.timestamp)
  const { firstSequence } = segment.header
  const sequences = { firstSequence, lastSequence: lastSequenceOf(segment) }
  return [{ ...line, ...sequences, dataBytes: bytes.length, digest, head: headOf(segment), lastTimestamp }]
}

function mendSlots(env: SimulatedEnvironment, written: readonly Written[]): void {
  const { segment, bytes } = written.at(-1)!
  const file = Buffer.from(env.files.read(SLOTS))
  const { logId, epoch } = segment.header
  const position = { ordinal: segment.ordinal, offset: bytes.length, sequence: lastSequenceOf(segment) }
  for (const at of SLOT_OFFSETS) encodeSlot(file.subarray(at, at + SLOT.size), { logId, epoch, ...position })
  env.files.write(SLOTS, file)
}

// ---- what a forger does

/** The place of a record: its segment, and where its frame is in it. */
export function placeOf(segments: readonly PlainSegment[], sequence: number): { frames: PlainFrame[]; at: number } {
  for (const { frames } of segments) {
    const at = frames.findIndex((frame) => isRecord(frame) && frame.sequence === sequence)
    if (at >= 0) return { frames, at }
  }
  throw new Error(`there is no record ${sequence}`)
}

export function frameOf(segments: readonly PlainSegment[], sequence: number): PlainFrame {
  const { frames, at } = placeOf(segments, sequence)
  return frames[at]!
}

/** Numbers records anew from 1 on, and control frames after the next one. */
export function renumber(segments: readonly PlainSegment[]): void {
  let next = 1
  for (const { frames } of segments) {
    for (const frame of frames) {
      frame.sequence = next
      if (isRecord(frame)) next += 1
    }
  }
}

/** Makes all hashes anew from this record on. */
export function rehash(segments: readonly PlainSegment[], from: number): void {
  let head = plainStart(segments[0]!.header.logId)
  for (const { frames } of segments) {
    for (const frame of frames) {
      const isBefore = frame.sequence < from
      head = isBefore ? frame.hash! : plainHash(head, frame)
      frame.hash = head
    }
  }
}

/** A change of the value that leaves the length as it is. */
export function edit(frame: PlainFrame): void {
  const at = frame.payload.length - 1
  frame.payload = Buffer.from(frame.payload)
  frame.payload[at] = frame.payload[at] === 0x41 ? 0x42 : 0x41
}
