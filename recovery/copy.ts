import type { Handle } from '../segments/env/environment.ts'
import { type Steps, step } from '../segments/env/steps.ts'
import { SeglogError } from '../segments/errors.ts'
import { makeFile, withFile, writeAll } from '../segments/files.ts'
import { DIGEST_START, addToDigest } from '../segments/format/checksum.ts'
import { FrameDecoder } from '../segments/format/frame.ts'
import { FrameResealer } from '../segments/format/frame-resealer.ts'
import { type SegmentHeader, encodeHeader } from '../segments/format/header.ts'
import { FRAMES_START } from '../segments/format/layout.ts'
import type { Stretch } from '../segments/stretches.ts'
import { writeZeros } from '../segments/segment-files.ts'
import { Window, windowBytes } from '../segments/window.ts'
import { copyWhole } from './copy-whole.ts'

const PIECE_BYTES = 1024 * 1024

export interface CopyRequest {
  readonly from: string
  readonly to: string
  /** Salt of the old file. */
  readonly salt: number
  readonly stretches: readonly Stretch[]
  /** Where the accepted part ends. */
  readonly end: number
  /** Of the bytes of the first stretch, where that is known. */
  readonly bytesCrc: number | undefined
  /** Header of the new file; undefined where nothing is accepted: then it is all zeros. */
  readonly header: SegmentHeader | undefined
  /** Length of the new file. */
  readonly segmentBytes: number
}

/** What the copy holds: the digest of its frames, and the CRC-32 of all bytes of that part. */
export interface Copied {
  readonly digest: number
  readonly bytesCrc: number | undefined
}

/**
 * Copies the accepted part of a segment into a new file under a new salt, fills the rest with zeros, and syncs it; returns
 * what it holds. Each frame is verified as it is copied, by itself or all at once; bytes of holes go along as they are, and stay invalid: a copy must
 * never make damage look sound. Offsets do not change, so claims and slots stay true.
 */
export function* copySegment(request: CopyRequest): Steps<Copied> {
  return yield* makeFile(request.to, (target) => fillCopy(request, target))
}

function* fillCopy(request: CopyRequest, target: Handle): Steps<Copied> {
  let copied: Copied = { digest: DIGEST_START, bytesCrc: undefined }
  let end = 0
  if (request.header !== undefined) {
    const header = encodeHeader(request.header)
    yield* writeAll(target, header, 0, header.length, 0)
    copied = yield* withFile(request.from, 'read', (source) => copyAccepted(request, source, target))
    end = request.end
  }
  yield* writeZeros(target, end, request.segmentBytes)
  yield* step({ do: 'sync', handle: target })
  return copied
}

function* copyAccepted(request: CopyRequest, source: Handle, target: Handle): Steps<Copied> {
  const { header, stretches, end, bytesCrc } = request
  const salt = header!.salt
  const first = stretches[0]
  if (bytesCrc === undefined || first?.start !== FRAMES_START || first.wholeEnd !== end) {
    return yield* copyFrames(request, source, target, salt)
  }
  const copied = yield* copyWhole(source, target, salt, { end, checkedEnd: first.end, bytesCrc })
  if (copied === undefined) throw changed(request, undefined)
  return copied
}

function* copyFrames(request: CopyRequest, source: Handle, target: Handle, salt: number): Steps<Copied> {
  const window = new Window(windowBytes(request.end, PIECE_BYTES))
  const piece: Piece = { window, decoder: new FrameDecoder(), resealer: new FrameResealer(salt), digest: DIGEST_START }
  let at = FRAMES_START
  for (const stretch of request.stretches) {
    if (stretch.start >= request.end) break
    yield* copyRaw(source, target, at, stretch.start)
    at = stretch.start
    const stop = Math.min(stretch.end, request.end)
    while (at < stop) {
      // A piece ends where a frame does: the window is loaded anew from there.
      yield* window.load(source, at, Math.min(PIECE_BYTES, stop - at), stop)
      let end = resealPiece(piece, request, at)
      if (end === at) {
        yield* window.load(source, at, piece.decoder.length, stop)
        end = resealPiece(piece, request, at)
        if (end === at) throw changed(request, at)
      }
      yield* writeAll(target, window.block.bytes, 0, end - at, at)
      at = end
    }
  }
  yield* copyRaw(source, target, at, request.end)
  return { digest: piece.digest, bytesCrc: undefined }
}

interface Piece {
  readonly window: Window
  readonly decoder: FrameDecoder
  readonly resealer: FrameResealer
  /** Of all frames so far, as they are in the copy. */
  digest: number
}

/** Verifies and seals anew the frames of a window from its start on that lie in it as a whole; returns where they end. */
function resealPiece(piece: Piece, request: CopyRequest, start: number): number {
  const { window, decoder, resealer } = piece
  const { block, length } = window
  let { digest } = piece
  let at = 0
  while (at < length) {
    const offset = start + at
    const finding = decoder.read(block, at, length, offset, request.salt)
    if (finding === 'short') break
    if (finding !== 'frame') throw changed(request, offset)
    digest = addToDigest(digest, resealer.reseal(block, at, decoder.length, offset))
    at += decoder.length
  }
  piece.digest = digest
  return start + at
}

/** Copies bytes as they are; fewer where the source is shorter. */
export function* copyRaw(source: Handle, target: Handle, from: number, to: number): Steps<void> {
  const window = new Window(windowBytes(to - from))
  for (let at = from; at < to;) {
    yield* window.load(source, at, 1, to)
    if (window.length === 0) return
    yield* writeAll(target, window.block.bytes, 0, window.length, at)
    at += window.length
  }
}

function changed(request: CopyRequest, offset: number | undefined): SeglogError {
  return new SeglogError('IO', 'a frame read differently than a moment before: the disk is not to be trusted', {
    file: request.from,
    ...(offset !== undefined && { offset }),
  })
}
