import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { Block, FrameDecoder, wholeSequence } from '../../segments/format/frame.ts'
import { decodeHeader } from '../../segments/format/header.ts'
import { KIND, SEGMENT_HEADER } from '../../segments/format/layout.ts'
import { SLOTS, fill, item, machine, manifests, openNow, segment } from './world.ts'

/** A log so small that each of its bits can be turned round: twelve records in three segments, and a spare behind unless power was cut. */

export const SMALL_BYTES = 768
export const LAST = 12
/** Records 11 and 12 are one batch, written last. */
export const LAST_GROUP = 11

/** How it ended. `killed`: the slot is exact. `power cut`: the slot is that after record 9. */
export type Ending = 'closed' | 'killed' | 'power cut'

export async function smallLog(ending: Ending): Promise<SimulatedEnvironment> {
  const env = machine()
  const log = openNow(env, { segmentBytes: SMALL_BYTES })
  let slots: Uint8Array = new Uint8Array()
  for (const first of [1, 5, 9]) {
    if (first > 1) log.roll()
    fill(log, first, 5)
    await env.settle()
    slots = env.files.read(SLOTS)
    fill(log, first + 1, 5)
    log.commitBatchSync([item(first + 2, 5), item(first + 3, 5)])
    // The manifest that lists the spare would prove the last group.
    if (ending !== 'power cut' || first < 9) await env.settle()
  }
  if (ending === 'closed') await env.drive(log.close())
  if (ending === 'power cut') env.files.write(SLOTS, slots)
  const dead = env.kill(1)
  dead.files.syncAll()
  return dead
}

/** What stands at a byte of a file. */
export type Region =
  | { readonly kind: 'header' | 'dictionary' | 'zeros'; readonly ordinal: number }
  | { readonly kind: 'record'; readonly ordinal: number; readonly sequence: number }
  | { readonly kind: 'newest manifest' | 'older manifest' | 'slots' }

export interface Place {
  readonly file: string
  readonly start: number
  readonly end: number
  readonly region: Region
}

/** All bytes of a log, named, in order. */
export function places(env: SimulatedEnvironment): Place[] {
  const found: Place[] = []
  for (let ordinal = 1; env.files.paths('/log').includes(segment(ordinal)); ordinal++) {
    found.push(...placesOf(env, ordinal))
  }
  for (const [index, file] of manifests(env).entries()) {
    const kind = index === 0 ? 'newest manifest' : 'older manifest'
    found.push({ file, start: 0, end: env.files.read(file).length, region: { kind } })
  }
  found.push({ file: SLOTS, start: 0, end: env.files.read(SLOTS).length, region: { kind: 'slots' } })
  return found
}

function placesOf(env: SimulatedEnvironment, ordinal: number): Place[] {
  const file = segment(ordinal)
  const bytes = Buffer.from(env.files.read(file))
  const finding = decodeHeader(bytes.subarray(0, SEGMENT_HEADER.size))
  if (finding.found !== 'header') return [{ file, start: 0, end: bytes.length, region: { kind: 'zeros', ordinal } }]
  const { salt, firstSequence } = finding.header
  const block = new Block(Math.ceil(bytes.length / 8) * 8)
  block.bytes.set(bytes)
  const decoder = new FrameDecoder()
  const found: Place[] = [{ file, start: 0, end: SEGMENT_HEADER.size, region: { kind: 'header', ordinal } }]
  let at = SEGMENT_HEADER.size
  while (decoder.read(block, at, bytes.length, at, salt) === 'frame') {
    const end = at + decoder.length
    const sequence = wholeSequence(decoder.sequenceLow, firstSequence)
    const isRecord = decoder.kind === KIND.record
    const region: Region = isRecord ? { kind: 'record', ordinal, sequence } : { kind: 'dictionary', ordinal }
    found.push({ file, start: at, end, region })
    at = end
  }
  if (at < bytes.length) found.push({ file, start: at, end: bytes.length, region: { kind: 'zeros', ordinal } })
  return found
}
