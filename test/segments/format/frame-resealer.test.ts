import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DIGEST_START, addToDigest } from '../../../segments/format/checksum.ts'
import { Block, resealFrame } from '../../../segments/format/frame.ts'
import { FrameResealer } from '../../../segments/format/frame-resealer.ts'
import { encode, payloadOf, SAMPLE, salt, sample, type Sample } from './frame-samples.ts'

/** One behind the other, as in a segment. */
function together(samples: readonly Sample[], oldSalt: number): { readonly block: Block; readonly lengths: number[] } {
  let offset = 256
  const frames = samples.map((it) => {
    const frame = encode({ ...it, offset, salt: oldSalt })
    offset += frame.length
    return frame
  })
  const block = new Block(offset - 256)
  Buffer.concat(frames).copy(block.bytes)
  return { block, lengths: frames.map((frame) => frame.length) }
}

function agrees(samples: readonly Sample[], oldSalt: number, newSalt: number): void {
  const { block, lengths } = together(samples, oldSalt)
  const one = Buffer.from(block.bytes)
  const resealer = new FrameResealer(newSalt)
  let at = 0
  for (const length of lengths) {
    const crc = resealFrame(one, at, length, 256 + at, newSalt)
    expect(resealer.reseal(block, at, length, 256 + at)).toBe(crc)
    at += length
  }
  expect(block.bytes.equals(one)).toBe(true)
  for (const limit of [block.bytes.length, at - 8]) agreesAtOnce(samples, oldSalt, newSalt, limit)
}

/** In one run, up to a limit within the last frame or behind it. */
function agreesAtOnce(samples: readonly Sample[], oldSalt: number, newSalt: number, limit: number): void {
  const [run, one] = [together(samples, oldSalt), together(samples, oldSalt)]
  const resealer = new FrameResealer(newSalt)
  const found = new FrameResealer(newSalt).resealRun(run.block, run.block.bytes.length, 256, limit, DIGEST_START)
  let [at, digest] = [0, DIGEST_START]
  for (const length of one.lengths) {
    if (at + length > limit) break
    digest = addToDigest(digest, resealer.reseal(one.block, at, length, 256 + at))
    at += length
  }
  expect(found).toMatchObject({ end: at, digest })
  if (at < limit) expect(found.needed).toBe(one.lengths.at(-1))
  expect(run.block.bytes.equals(one.block.bytes)).toBe(true)
}

test('frames resealed one after the other are those resealed one by one', () => {
  const some = fc.array(sample, { minLength: 1, maxLength: 20 })
  fc.assert(fc.property(some, salt, salt, agrees), { numRuns: 300 })
})

test('also of lengths that come again, on both sides of what is remembered, and for the same salt', () => {
  const lengths = [0, 1, 100, 0, 4055, 4056, 4064, 4072, 4072, 100, 4064, 9000, 9000]
  const samples = lengths.map((length, n) => ({ ...SAMPLE, payload: payloadOf(length, n) }))
  for (const newSalt of [8, -1, 7, 0]) agrees(samples, 7, newSalt)
})
