import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { KNOWN_TEXT_MAX, knownText } from '../../../lib/codecs/known-texts.ts'
import { SHORT_TEXT_MAX, shortText } from '../../../lib/codecs/short-text.ts'

/** As the engine reads them; nothing where a byte is beyond ASCII. */
function plainly(bytes: Uint8Array): string | undefined {
  return bytes.some((byte) => byte > 0x7f) ? undefined : Buffer.from(bytes).toString('latin1')
}

function read(bytes: Uint8Array): string | undefined {
  // With other bytes around it, which are none of its own.
  const around = Buffer.alloc(bytes.length + 5, 0xff)
  around.set(bytes, 3)
  const view = new DataView(around.buffer, around.byteOffset, around.length)
  return bytes.length <= KNOWN_TEXT_MAX ? knownText(view, 3, bytes.length) : shortText(view, 3, bytes.length)
}

const lengths = Array.from({ length: SHORT_TEXT_MAX + 1 }, (_, length) => length)

describe.each(lengths)('a text of %i bytes', (length) => {
  const text = Uint8Array.from({ length }, (_, index) => 0x21 + index)

  test('is read, and read again', () => {
    expect(read(text)).toBe(plainly(text))
    expect(read(text)).toBe(plainly(text))
  })

  test('is another with any other byte in any place, and none of ASCII with some', () => {
    for (let at = 0; at < length; at++) {
      for (let byte = 0; byte < 256; byte++) {
        const other = text.with(at, byte)
        expect(read(other)).toBe(plainly(other))
        expect(read(text)).toBe(plainly(text))
      }
    }
  })
})

test('texts that take the place of others are not taken for them', { timeout: 60_000 }, () => {
  const few = fc.uint8Array({ max: 3, maxLength: SHORT_TEXT_MAX })
  const any = fc.uint8Array({ max: 127, maxLength: SHORT_TEXT_MAX })
  fc.assert(
    fc.property(fc.oneof(few, any), (bytes) => {
      expect(read(bytes)).toBe(plainly(bytes))
    }),
    { numRuns: 30_000 },
  )
  // More than there are places, and again in the same order.
  for (let n = 0; n < 40_000; n++) expect(read(Buffer.from(`${n % 20_000}`))).toBe(`${n % 20_000}`)
})
