import fc from 'fast-check'
import { expect, test } from 'vitest'
import { COUNT_READ_MAX, SECTION, SIDECAR_FOOTER, SIDECAR_SECTION } from '../../../segments/format/layout.ts'
import {
  decodeFooter,
  encodeFooter,
  isSoundPage,
  NO_FINGERPRINT,
  PAGE_BYTES,
  sealPage,
  type SidecarFooter,
} from '../../../segments/format/sidecar.ts'
import { flipBit, mendEnd, mendPrefix } from './bytes.ts'

const AT = SIDECAR_FOOTER.at
const ROW = SIDECAR_SECTION.at
const SECTIONS = [
  { type: SECTION.offsets, firstPage: 0, pageCount: 2, count: 1500, fingerprint: NO_FINGERPRINT, name: '' },
  { type: SECTION.definitions, firstPage: 2, pageCount: 1, count: 40, fingerprint: NO_FINGERPRINT, name: '' },
  { type: SECTION.keys, firstPage: 3, pageCount: 3, count: 1500, fingerprint: 'ab'.repeat(16), name: 'Größe' },
  { type: 77, firstPage: 6, pageCount: 9, count: 1, fingerprint: NO_FINGERPRINT, name: '' },
]
const SAMPLE: SidecarFooter = {
  logId: '0123456789abcdef0123456789abcdef',
  ordinal: 3,
  firstSequence: 101,
  lastSequence: 1600,
  dataBytes: 90_000,
  salt: -9,
  digest: 77,
  head: 'cd'.repeat(32),
  baseTimestamp: 1_700_000_000_000_000_000n,
  lastTimestamp: 1_700_000_000_000_000_009n,
  pageSalt: 1234,
  sections: SECTIONS,
}

test('a footer comes back as it was written', () => {
  const bytes = encodeFooter(SAMPLE)
  expect(bytes.length).toBe(PAGE_BYTES)
  expect(decodeFooter(bytes)).toEqual({ found: 'footer', footer: SAMPLE })
  const empty = {
    ...SAMPLE,
    lastSequence: 100,
    sections: SECTIONS.slice(0, 2).map((section) => ({ ...section, firstPage: 0, pageCount: 0, count: 0 })),
  }
  expect(decodeFooter(encodeFooter(empty))).toEqual({ found: 'footer', footer: empty })
})

test('any flipped bit of a footer is seen, and none makes a newer version', () => {
  const bytes = encodeFooter(SAMPLE)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const { found } = decodeFooter(flipBit(bytes, bit))
    if (found !== (bit < AT.version * 8 ? 'foreign' : 'damaged')) expect({ bit, found }).toBe('damaged')
  }
})

test('a footer of a newer version is told from damage', () => {
  const bytes = encodeFooter(SAMPLE)
  bytes.writeUInt16LE(1, AT.version)
  expect(decodeFooter(mendPrefix(bytes))).toEqual({ found: 'newer' })
})

test('zeros were never written, and zeros before other bytes are damage', () => {
  expect(decodeFooter(Buffer.alloc(PAGE_BYTES))).toEqual({ found: 'zeros' })
  expect(decodeFooter(encodeFooter(SAMPLE).fill(0, 0, AT.logId))).toEqual({ found: 'damaged' })
})

const section = (index: number, field: keyof typeof ROW, value: number) => (bytes: Buffer) =>
  void bytes.writeUInt32LE(value, AT.sections + index * SIDECAR_SECTION.size + ROW[field])
const u64 = (field: 'ordinal' | 'firstSequence' | 'lastSequence' | 'dataBytes', value: number) => (bytes: Buffer) =>
  void bytes.writeBigUInt64LE(BigInt(value), AT[field])

test.each([
  ['an ordinal of 0', u64('ordinal', 0)],
  ['an ordinal beyond what can be', u64('ordinal', COUNT_READ_MAX + 1)],
  ['a first sequence of 0', u64('firstSequence', 0)],
  ['records that end before they begin', u64('lastSequence', 99)],
  ['more records than its offsets', u64('lastSequence', 1601)],
  ['more records than fit into the segment', u64('dataBytes', 1500 * 24 - 1)],
  ['more sections than there is room for', (bytes: Buffer) => void bytes.writeUInt32LE(33, AT.sectionCount)],
  ['no section of definitions', (bytes: Buffer) => void bytes.writeUInt32LE(1, AT.sectionCount)],
  ['two sections of offsets', section(3, 'type', SECTION.offsets)],
  ['two sections of definitions', section(2, 'type', SECTION.definitions)],
  ['a section that does not begin where the one before ends', section(1, 'firstPage', 3)],
  ['more items than its pages hold', section(2, 'count', 1534)],
  ['more pages than its items need', section(2, 'pageCount', 4)],
  ['more definitions than bytes in the segment', section(1, 'count', 90_001)],
])('a footer that says %s is damaged, however sound its check', (_, lie) => {
  const bytes = encodeFooter(SAMPLE)
  lie(bytes)
  expect(decodeFooter(mendEnd(bytes))).toEqual({ found: 'damaged' })
})

test('any bytes: none throws, and no row leads beyond the pages that it claims', () => {
  const words = fc.array(fc.tuple(fc.nat(PAGE_BYTES / 4 - 2), fc.nat(0xffffffff)), { maxLength: 20 })
  fc.assert(
    fc.property(words, (changes) => {
      const bytes = encodeFooter(SAMPLE)
      for (const [word, value] of changes) if (word >= 4) bytes.writeUInt32LE(value, word * 4)
      const finding = decodeFooter(mendEnd(bytes))
      if (finding.found !== 'footer') return
      const { sections, dataBytes } = finding.footer
      for (const { type, count } of sections) if (type < SECTION.keys) expect(count).toBeLessThanOrEqual(dataBytes)
    }),
    { numRuns: 1000 },
  )
})

test('a page is sound in its own place of its own sidecar, and nowhere else', () => {
  const bytes = Buffer.alloc(PAGE_BYTES)
  for (const content of [0, 7]) {
    bytes.fill(content)
    sealPage(bytes, 5, -9)
    expect(isSoundPage(bytes, 5, -9)).toBe(true)
    expect(isSoundPage(bytes, 4, -9)).toBe(false)
    expect(isSoundPage(bytes, 5, -8)).toBe(false)
    expect(isSoundPage(bytes.subarray(0, -1), 5, -9)).toBe(false)
    for (let bit = 0; bit < bytes.length * 8; bit += 7) {
      if (isSoundPage(flipBit(bytes, bit), 5, -9)) expect(`a flip of bit ${bit}`).toBe('seen')
    }
  }
  expect(isSoundPage(Buffer.alloc(PAGE_BYTES), 0, 0)).toBe(false)
})
