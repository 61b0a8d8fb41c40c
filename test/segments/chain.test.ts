import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ChainHasher, chainStart } from '../../segments/format/chain.ts'
import { KIND, TAG } from '../../segments/format/layout.ts'
import { meaning } from './format/spec.ts'

interface ChainVector {
  readonly logId: string
  readonly start: string
  readonly frames: readonly {
    readonly kind: keyof typeof KIND
    readonly flags: readonly 'plain'[]
    readonly sequence: number
    readonly timestamp: string
    readonly payload?: string
    readonly payloadBytes?: number
    readonly hash: string
  }[]
}

interface Links {
  readonly kind: number
  readonly isPlain: boolean
  readonly sequence: number
  readonly timestamp: bigint
  readonly payload: Uint8Array
}

/** The hash as the specification words it, with nothing of ours. */
function plainHash(previous: Buffer, { kind, isPlain, sequence, timestamp, payload }: Links): Buffer {
  const numbers = Buffer.alloc(17)
  numbers.writeBigUInt64LE(BigInt(sequence), 0)
  numbers.writeBigUInt64LE(timestamp, 8)
  numbers.writeUInt8(isPlain ? kind + 16 : kind, 16)
  return createHash('sha256').update(previous).update(numbers).update(payload).digest()
}

const byRule = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, index) => index % 251))

describe('the hash of a frame', () => {
  const { logId, start, frames } = meaning<ChainVector>('chain')
  const links = frames.map((frame) => ({
    kind: KIND[frame.kind],
    isPlain: frame.flags.includes('plain'),
    flags: frame.flags.includes('plain') ? TAG.plain | TAG.batchEnd : TAG.batchEnd,
    sequence: frame.sequence,
    timestamp: BigInt(frame.timestamp),
    payload: frame.payload === undefined ? byRule(frame.payloadBytes!) : Buffer.from(frame.payload, 'hex'),
    hash: frame.hash,
  }))

  test('D13 is that of the vectors, which an independent computation gives too', () => {
    expect(chainStart(logId).toString('hex')).toBe(start)
    let plain: Buffer = Buffer.from(logId + '00'.repeat(16), 'hex')
    const head = chainStart(logId)
    const hasher = new ChainHasher()
    for (const link of links) {
      plain = plainHash(plain, link)
      expect(plain.toString('hex')).toBe(link.hash)
      hasher.next(head, { ...link, timeDelta: 0 }, link.payload, 0, link.payload.length)
      expect(head.toString('hex')).toBe(link.hash)
    }
  })

  test('is the same for a whole time and for a delta, and for a payload wherever it lies', () => {
    const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n - 2n ** 48n })
    const delta = fc.maxSafeNat().map((value) => value % 2 ** 48)
    const parts = [u64, delta, fc.maxSafeNat(), fc.uint8Array({ maxLength: 200 }), fc.nat(40), fc.boolean()] as const
    fc.assert(
      fc.property(...parts, (base, timeDelta, sequence, payload, before, isPlain) => {
        const timestamp = base + BigInt(timeDelta)
        const previous = byRule(32)
        const kind = KIND.record
        const flags = isPlain ? 0xffff : 0xffff ^ TAG.plain
        const expected = plainHash(previous, { kind, isPlain, sequence, timestamp, payload }).toString('hex')
        const hasher = new ChainHasher()
        hasher.baseTimestamp = base
        const around = Buffer.concat([Buffer.alloc(before, 1), payload, Buffer.alloc(9, 2)])
        for (const whole of [undefined, timestamp]) {
          const head = Buffer.from(previous)
          hasher.next(
            head,
            { kind, flags, sequence, timeDelta, timestamp: whole },
            around,
            before,
            before + payload.length,
          )
          expect(head.toString('hex')).toBe(expected)
        }
      }),
    )
  })
})
