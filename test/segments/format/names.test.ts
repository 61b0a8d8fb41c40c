import { COUNT_READ_MAX } from '../../../segments/format/layout.ts'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  cutName,
  lockName,
  manifestName,
  parseName,
  segmentName,
  sidecarName,
  socketName,
  trailName,
  temporaryName,
} from '../../../segments/format/names.ts'

const NUMBERED = {
  segment: segmentName,
  sidecar: sidecarName,
  trail: trailName,
  manifest: manifestName,
  lock: lockName,
  socket: socketName,
} as const
const KINDS = Object.keys(NUMBERED) as (keyof typeof NUMBERED)[]
const number = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: COUNT_READ_MAX }))

test('a name with a number comes back as its kind and number', () => {
  fc.assert(
    fc.property(fc.constantFrom(...KINDS), number, (kind, number) => {
      expect(parseName(NUMBERED[kind](number))).toEqual({ kind, number })
    }),
  )
})

test('names sort as their numbers do, up to ten digits', () => {
  const pair = fc.tuple(fc.integer({ min: 1, max: 9_999_999_999 }), fc.integer({ min: 1, max: 9_999_999_999 }))
  fc.assert(fc.property(pair, ([a, b]) => segmentName(a) < segmentName(b) === a < b))
})

test.each([
  ['durable', 'slots'],
  ['cut', 'cut'],
  ['archive', 'archive'],
  [temporaryName('manifest', '0123456789abcdef'), 'temporary'],
  [temporaryName('lock', '0123456789abcdef'.repeat(2)), 'temporary'],
  ['tmp-mine', 'foreign'],
  ['tmp-manifest-a1b2', 'foreign'],
])('%s is known', (name, kind) => {
  expect(parseName(name)).toEqual({ kind })
})

describe('foreign', () => {
  test.each([
    '',
    '.',
    '..',
    'segment-0000000000.log',
    'segment-1.log',
    'segment-000000001.log',
    'segment-00000000001.log',
    'segment-0000000001.LOG',
    'segment-0000000001.log\n',
    'Segment-0000000001.log',
    ' segment-0000000001.log',
    'segment-0000000001.log.bak',
    'segment-000000000a.log',
    'segment--000000001.log',
    'segment-٠٠٠٠٠٠٠٠٠١.log',
    'segment-9007199254740992.log',
    'segment-9007199254740993.log',
    'segment-9007199254740994.log',
    'segment-9999999999999999.log',
    'segment-99999999999999999.log',
    'manifest-0000000001.log',
    'lock-0000000001.sock2',
    'durable2',
    'Durable',
    'cut/',
    cutName(1, 512, 3),
  ])('%j', (name) => {
    expect(parseName(name)).toEqual({ kind: 'foreign' })
  })

  test('any other text: what is recognised is spelled as it would be made', () => {
    const edited = fc
      .tuple(fc.constantFrom(...KINDS), number, fc.nat(), fc.string({ maxLength: 2, unit: 'grapheme' }))
      .map(([kind, number, at, put]) => {
        const name = NUMBERED[kind](number)
        return name.slice(0, at % (name.length + 1)) + put + name.slice((at % (name.length + 1)) + 1)
      })
    fc.assert(
      fc.property(fc.oneof(fc.string(), edited), (name) => {
        const parsed = parseName(name)
        if ('number' in parsed) expect(NUMBERED[parsed.kind](parsed.number)).toBe(name)
      }),
      { numRuns: 2000 },
    )
  })
})
