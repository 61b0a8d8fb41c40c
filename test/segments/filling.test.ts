import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Filling, type PayloadEncoder } from '../../segments/filling.ts'
import { crc32 } from '../../segments/format/checksum.ts'
import { Block, FrameDecoder } from '../../segments/format/frame.ts'
import { decodeHeader } from '../../segments/format/header.ts'
import { CHAIN, KIND, SEGMENT_HEADER, TAG, UNIT } from '../../segments/format/layout.ts'
import { BufferPool, GROUP_BYTES, type Group } from '../../segments/group.ts'
import { Segment } from '../../segments/segment.ts'

const SALT = 77
const encoder: PayloadEncoder = {
  encode: (value) => value as Uint8Array,
  takeDefinitions: () => undefined,
  plain: false,
}

interface Made {
  readonly filling: Filling
  readonly segment: Segment
  readonly closed: Group[]
}

function filling(segmentBytes = 64 * 1024, using = encoder): Made {
  const segment = new Segment({ ordinal: 1, salt: SALT, segmentBytes }, '/log/segment', undefined, 10)
  const closed: Group[] = []
  let ms = 1000
  const context = {
    identity: { logId: 'ab'.repeat(16), epoch: 1, codec: 'bytes', chain: CHAIN.none },
    pool: new BufferPool(2),
    checkpoints: { checkpointRecords: Infinity, checkpointBytes: Infinity },
    clock: { nowMs: () => (ms += 1) },
    receiver: { groupClosed: (group: Group) => closed.push(group) },
  }
  return { filling: new Filling(context, segment, using, 0n), segment, closed }
}

interface Frame {
  readonly offset: number
  readonly kind: number
  readonly sequence: number
  readonly claimed: number
  readonly ends: boolean
  readonly payload: string
}

/** What a group holds, as a reader will find it. */
function framesOf(group: Group): Frame[] {
  const block = new Block(Math.ceil(group.length / UNIT) * UNIT)
  block.bytes.set(group.buffer.subarray(0, group.length))
  const decoder = new FrameDecoder()
  const frames: Frame[] = []
  let at = group.start === 0 ? SEGMENT_HEADER.size : 0
  while (at < group.length) {
    const offset = group.start + at
    expect(decoder.read(block, at, group.length, offset, SALT)).toBe('frame')
    frames.push({
      offset,
      kind: decoder.kind,
      sequence: decoder.sequenceLow,
      claimed: offset - decoder.claim * UNIT,
      ends: (decoder.tag & TAG.batchEnd) !== 0,
      payload: decoder.source.toString('latin1', decoder.payloadStart, decoder.payloadEnd),
    })
    at += decoder.length
  }
  return frames
}

const place = (
  made: Made,
  text: string,
  flags: number = TAG.batchEnd,
  grouping: 'any group' | 'same group' = 'any group',
) => made.filling.place(made.filling.encode(Buffer.from(text)), flags, undefined, grouping, undefined)

describe('groups of a segment', () => {
  test('the header goes out with the first group, which claims nothing but the header', () => {
    const made = filling()
    place(made, 'a')
    place(made, 'b')
    const group = made.filling.takeGroup()!
    expect([group.start, group.end, group.lastSequence]).toEqual([0, made.segment.end, 11])
    expect(decodeHeader(group.buffer.subarray(0, SEGMENT_HEADER.size))).toMatchObject({
      found: 'header',
      header: { firstSequence: 10, salt: SALT, predecessor: undefined },
    })
    expect(framesOf(group)).toMatchObject([
      { sequence: 10, claimed: SEGMENT_HEADER.size, payload: 'a', offset: SEGMENT_HEADER.size },
      { sequence: 11, claimed: SEGMENT_HEADER.size, payload: 'b' },
    ])
    expect([0, 1].map((index) => made.segment.offsets.at(index) * UNIT)).toEqual(
      framesOf(group).map((each) => each.offset),
    )
  })

  test('a group claims all before it when that goes out synced, else only what the one before claims', () => {
    const made = filling()
    const ends: number[] = []
    const claims: number[] = []
    for (const synced of [true, false, false, true, true]) {
      place(made, 'x')
      place(made, 'y')
      const group = made.filling.takeGroup()!
      if (synced) group.askSync()
      claims.push(...new Set(framesOf(group).map((each) => each.claimed)))
      ends.push(group.end)
    }
    expect(claims).toEqual([SEGMENT_HEADER.size, ends[0], ends[0], ends[0], ends[3]])
  })

  test('a full group is closed for a record, and grows for a batch', () => {
    const made = filling(16 * GROUP_BYTES)
    const third = 'x'.repeat(GROUP_BYTES / 3)
    for (let i = 0; i < 7; i++) place(made, third)
    expect(made.closed.map((group) => framesOf(group).length)).toEqual([2, 2, 2])
    for (let i = 0; i < 6; i++) place(made, third, i === 5 ? TAG.batchEnd : 0, 'same group')
    expect(made.closed.length).toBe(3)
    expect(framesOf(made.filling.takeGroup()!).map((each) => each.ends)).toEqual([
      true,
      false,
      false,
      false,
      false,
      false,
      true,
    ])
  })

  test('what does not fit changes nothing, to the last unit', () => {
    const made = filling(512)
    // The first frame: header, whole timestamp, payload.
    expect(place(made, 'x'.repeat(256 - 24 - 8 + 1))).toBe(false)
    expect([made.filling.group, made.segment.isUsed, made.segment.end]).toEqual([undefined, false, SEGMENT_HEADER.size])
    expect(place(made, 'x'.repeat(256 - 24 - 8))).toBe(true)
    expect(made.segment.end).toBe(512)
    expect(place(made, '')).toBe(false)
    expect([made.segment.lastSequence, made.filling.group!.length]).toEqual([10, 512])
  })
})

describe('a mark', () => {
  test('takes back a part of a batch, whatever group it was in, and the segment goes on as if it had not been', () => {
    for (const before of [0, 1, 3]) {
      const [made, oracle] = [filling(), filling()]
      for (const each of [made, oracle]) for (let i = 0; i < before; i++) place(each, `r${i}`)
      const mark = made.filling.mark()
      for (let i = 0; i < 4; i++) place(made, 'batch', 0, 'same group')
      made.filling.reset(mark)
      for (const each of [made, oracle]) place(each, 'after')
      const [one, other] = [made.filling.takeGroup()!, oracle.filling.takeGroup()!]
      expect(framesOf(one)).toEqual(framesOf(other))
      expect([made.segment.end, made.segment.lastSequence, made.segment.offsets.length]).toEqual([
        oracle.segment.end,
        oracle.segment.lastSequence,
        oracle.segment.offsets.length,
      ])
    }
  })

  test('definitions that were learned in what is taken back still go out before the next record', () => {
    let pending: Uint8Array[] | undefined
    const learning: PayloadEncoder = {
      encode: (value) => {
        pending = [Buffer.from(`def ${String(value)}`)]
        return value as Uint8Array
      },
      takeDefinitions: () => pending,
      plain: false,
    }
    const made = filling(64 * 1024, learning)
    place(made, 'a')
    const mark = made.filling.mark()
    place(made, 'b', 0, 'same group')
    made.filling.reset(mark)
    expect(made.segment.definitions.length).toBe(1)
    place(made, 'c')
    const kinds = framesOf(made.filling.takeGroup()!).map(({ kind, payload, sequence }) => [kind, payload, sequence])
    const { record, dictionary } = KIND
    expect(kinds).toEqual([
      [dictionary, 'def a', 10],
      [record, 'a', 10],
      [dictionary, 'def b', 11],
      [dictionary, 'def c', 11],
      [record, 'c', 11],
    ])
    expect(made.segment.definitions.map(String)).toEqual(['def a', 'def b', 'def c'])
  })

  test('what a codec throws becomes ENCODE with its cause, and leaves nothing behind', () => {
    const cause = new TypeError('no')
    const made = filling(64 * 1024, {
      ...encoder,
      encode: () => {
        throw cause
      },
    })
    expect(() => made.filling.encode(1)).toThrow(expect.objectContaining({ code: 'ENCODE', cause }))
    expect([made.filling.group, made.segment.isUsed]).toEqual([undefined, false])
  })
})

describe('the CRC that goes into a trail', () => {
  const lengths = fc.oneof(fc.nat(300), fc.integer({ min: 1900, max: 2100 }), fc.constantFrom(4096, 9000))
  const steps = fc.array(
    fc.oneof(
      fc.record({ do: fc.constant('place' as const), length: lengths }),
      fc.record({ do: fc.constant('take back' as const), length: lengths }),
      fc.record({ do: fc.constant('close the group' as const), length: fc.constant(0) }),
    ),
    { maxLength: 30, minLength: 1 },
  )

  test('is that of the bytes of all frames, whatever their lengths, and also where some were taken back', () => {
    fc.assert(
      fc.property(steps, (taken) => {
        const made = filling(1024 * 1024)
        const close = (): void => {
          const group = made.filling.takeGroup()
          if (group !== undefined) made.closed.push(group)
        }
        for (const { do: what, length } of taken) {
          const mark = made.filling.mark()
          if (what === 'close the group') close()
          else place(made, 'x'.repeat(length))
          if (what === 'take back') made.filling.reset(mark)
        }
        close()
        const frames = made.closed.map((group) =>
          group.buffer.subarray(group.start === 0 ? SEGMENT_HEADER.size : 0, group.length),
        )
        expect(made.segment.bytesCrc).toBe(crc32(Buffer.concat(frames)))
      }),
    )
  })
})
