import fc from 'fast-check'
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { decodeManifest, encodeManifest, type Manifest, type RunIdentity } from '../../../segments/format/manifest.ts'
import { flipBit } from './bytes.ts'

const SEALED = {
  state: 'sealed',
  ordinal: 4,
  salt: -9,
  firstSequence: 10,
  lastSequence: 20,
  dataBytes: 4096,
  digest: 7,
  head: '0'.repeat(64),
  baseTimestamp: '1700000000000000000',
  lastTimestamp: '1700000000000000001',
} as const
const OPEN = { state: 'open', ordinal: 5, salt: 11, segmentBytes: 65_536 } as const
const ANCHOR = { sequence: 15, ref: 'snapshots/15', hash: 'ab', at: '1700000000000000000' }
const CURSOR = { sequence: 0, at: '1700000000000000000' }
const RUN: RunIdentity = {
  instance: 'desk-1',
  run: '2023-11-14',
  parent: null,
  startedAt: '1700000000000000000',
  endedAt: null,
  build: null,
  configurationHash: null,
  fields: {},
}
const MANIFEST: Manifest = {
  generation: 3,
  logId: 'ab'.repeat(16),
  epoch: 2,
  createdAt: '1700000000000000000',
  status: 'running',
  options: { segmentBytes: 65_536, codec: 'cbor-shapes', compression: 'none', chain: 'none' },
  highWatermark: { ordinal: 4, offset: 4096, sequence: 20 },
  clean: null,
  segments: [SEALED, OPEN],
  lost: [{ from: 12, to: 13 }],
  keys: {},
  anchors: [],
  cursors: {},
  run: null,
}

/** A manifest of any body and version, with a check that matches. */
function forge(body: string, version = '0000'): Buffer {
  const crc = crc32(body, crc32(version)).toString(16).padStart(8, '0')
  return Buffer.from(`{"magic":"seglog-manifest","version":"${version}","crc":"${crc}","body":${body}}\n`)
}

const forged = (changed: object): string => decodeManifest(forge(JSON.stringify({ ...MANIFEST, ...changed }))).found
const reasonOf = (bytes: Buffer): string => {
  const finding = decodeManifest(bytes)
  return finding.found === 'damaged' ? finding.reason : finding.found
}

test('a manifest comes back as it was written, and is JSON', () => {
  const variants: object[] = [
    {},
    { segments: [] },
    { status: 'ended', clean: MANIFEST.highWatermark, lost: [] },
    {
      segments: [
        { ...SEALED, damaged: true },
        { ...SEALED, ordinal: 5, state: 'archived', place: '/é' },
      ],
    },
    { keys: { id: { path: ['a', 'b'] }, note: { version: '1', later: 'kept' } } },
    { run: RUN },
    {
      run: {
        ...RUN,
        parent: 'x',
        endedAt: '0',
        build: 'ü',
        configurationHash: '',
        fields: { z: 1, a: [null, { '': 1e21 }] },
      },
    },
    { anchors: [ANCHOR, { ...ANCHOR, sequence: 16, later: 'kept' }] },
    { cursors: { billing: CURSOR, 'A.b_c-9': { ...CURSOR, sequence: 7 }, constructor: CURSOR } },
  ]
  for (const variant of variants) {
    const manifest = { ...MANIFEST, ...variant }
    expect(decodeManifest(encodeManifest(manifest))).toEqual({ found: 'manifest', manifest })
    expect(encodeManifest(manifest)).toEqual(forge(JSON.stringify(manifest)))
    expect(JSON.parse(encodeManifest(manifest).toString())).toMatchObject({ body: manifest })
  }
})

test('members that this version does not know are kept, at every level', () => {
  const later = { ...MANIFEST, later: { a: [1, 'ü'] }, segments: [{ ...SEALED, later: 1 }, OPEN] }
  const finding = decodeManifest(encodeManifest(later))
  expect(finding).toEqual({ found: 'manifest', manifest: later })
  const next = finding.found === 'manifest' ? { ...finding.manifest, generation: 4 } : MANIFEST
  expect(decodeManifest(encodeManifest(next))).toEqual({ found: 'manifest', manifest: { ...later, generation: 4 } })
})

test('any flipped bit is seen, and none makes a newer version', () => {
  const bytes = encodeManifest(MANIFEST)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const { found } = decodeManifest(flipBit(bytes, bit))
    const isMagic = bit >= 10 * 8 && bit < 25 * 8
    expect({ bit, found }).toEqual({ bit, found: isMagic ? 'foreign' : 'damaged' })
  }
})

test('a cut at any length is no manifest, with zeros behind it or without', () => {
  const bytes = encodeManifest(MANIFEST)
  for (let length = 0; length < bytes.length; length++) {
    const found = length < 25 ? 'foreign' : 'damaged'
    expect(decodeManifest(bytes.subarray(0, length)).found).toBe(found)
    const torn = Buffer.concat([bytes.subarray(0, length), Buffer.alloc(bytes.length - length)])
    expect(decodeManifest(torn).found).toBe(found)
  }
})

test('bytes behind the end are damage', () => {
  for (const more of ['\n', ' ', '}\n', '\0']) {
    const bytes = Buffer.concat([encodeManifest(MANIFEST), Buffer.from(more)])
    expect(decodeManifest(bytes).found).toBe('damaged')
  }
})

test('a newer version is told from damage, whatever its body', () => {
  for (const version of ['0001', '0010', '9999']) {
    expect(decodeManifest(forge(JSON.stringify(MANIFEST), version))).toEqual({ found: 'newer' })
    expect(decodeManifest(forge('not even JSON', version))).toEqual({ found: 'newer' })
  }
  expect(decodeManifest(forge(JSON.stringify(MANIFEST), '0000')).found).toBe('manifest')
  expect(reasonOf(forge('{}', '000x'))).toContain('version')
})

describe('with a check that matches, a member that is missing or out of range is named', () => {
  const position = MANIFEST.highWatermark
  const numbers = [-1, 0.5, 2 ** 53, '1', null, [], undefined]
  const positive = [0, ...numbers]
  const times = ['', '-1', '1.5', '1e3', ' 1', '18446744073709551616', '0'.repeat(21), 5, null, undefined]
  const texts = [5, null, undefined, {}]
  const hex = (length: number): unknown[] => ['', '0'.repeat(length - 1), 'A'.repeat(length), 'g'.repeat(length), 0]
  const objects = [undefined, null, [], 'x', 1]
  const int32 = [2 ** 31, -(2 ** 31) - 1, 0.5, '0', null, undefined]
  const cases: Record<string, readonly unknown[]> = {
    generation: positive,
    logId: hex(32),
    epoch: numbers,
    createdAt: times,
    status: ['', 'Running', 'closed', null, undefined],
    options: [
      ...objects,
      ...positive.map((segmentBytes) => ({ ...MANIFEST.options, segmentBytes })),
      ...['codec', 'compression', 'chain'].flatMap((name) =>
        texts.map((bad) => ({ ...MANIFEST.options, [name]: bad })),
      ),
    ],
    highWatermark: [
      ...objects,
      ...['ordinal', 'offset', 'sequence'].flatMap((name) => numbers.map((bad) => ({ ...position, [name]: bad }))),
    ],
    clean: [undefined, false, 0, {}, { ...position, offset: -8 }],
    lost: [undefined, null, {}, [null], [{}], [{ from: 1 }], [{ from: 0, to: 1 }], [{ from: 1, to: 2 ** 53 }]],
    keys: [
      ...objects,
      { id: 'id' },
      { id: {} },
      { id: { path: [] } },
      { id: { path: ['a', 1] } },
      { id: { version: 1 } },
    ],
  }
  const names = ['', '.', '..', 'a.', '.a', '-a', 'a/b', 'a b', 'ü', 'a\0', 'x'.repeat(129), 5, undefined]
  const line = (good: object, bad: Record<string, readonly unknown[]>): object[][] =>
    Object.entries(bad).flatMap(([name, values]) => values.map((value) => [{ ...good, [name]: value }]))
  const each = (good: object, bad: Record<string, readonly unknown[]>): object[] =>
    line(good, bad).map(([item]) => item!)
  cases.run = [
    undefined,
    [],
    'x',
    1,
    {},
    ...each(RUN, {
      instance: [...names, null],
      run: [...names, null],
      parent: names,
      startedAt: times,
      endedAt: times.filter((bad) => bad !== null),
      build: [5, undefined],
      configurationHash: [5, undefined],
      fields: objects,
    }),
  ]
  cases.anchors = [
    undefined,
    null,
    {},
    'x',
    [null],
    [ANCHOR, ANCHOR],
    [ANCHOR, { ...ANCHOR, sequence: 14 }],
    ...line(ANCHOR, { sequence: positive, ref: ['', ...texts], hash: ['', ...texts], at: times }),
  ]
  cases.cursors = [
    ...objects,
    ...names.filter((bad) => typeof bad === 'string').map((name) => ({ [name]: CURSOR })),
    ...[null, 5, {}, []].map((state) => ({ billing: state })),
    ...each(CURSOR, { sequence: numbers, at: times }).map((state) => ({ billing: state })),
  ]
  cases.segments = [
    undefined,
    null,
    {},
    [null],
    [[]],
    [{}],
    [{ ...SEALED, ordinal: 6 }, OPEN],
    [SEALED, SEALED],
    [OPEN, SEALED],
    ...line(OPEN, { state: ['sealed', 'Open', undefined], ordinal: positive, salt: int32, segmentBytes: positive }),
    ...line(SEALED, {
      state: ['open', 'gone', undefined],
      ordinal: positive,
      salt: int32,
      firstSequence: positive,
      lastSequence: numbers,
      dataBytes: numbers,
      digest: int32,
      head: hex(64),
      baseTimestamp: times,
      lastTimestamp: times,
      damaged: [false, null, 'true'],
      place: [null, 5, {}],
    }),
  ]

  test('each member has its cases', () => {
    expect(Object.keys(cases).sort()).toEqual(Object.keys(MANIFEST).sort())
    expect(forged({})).toBe('manifest')
  })

  test.each(Object.keys(cases))('%s', (name) => {
    for (const bad of cases[name]!) {
      const reason = reasonOf(forge(JSON.stringify({ ...MANIFEST, [name]: bad })))
      expect({ bad, reason }).toEqual({ bad, reason: `its member ${name} is missing or out of range` })
    }
  })
})

describe('any bytes get an answer', () => {
  test('without a check', () => {
    const answers = ['foreign', 'damaged']
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(answers).toContain(decodeManifest(Buffer.from(bytes)).found)
      }),
    )
  })

  test('behind a check that matches', () => {
    const body = fc.oneof(
      fc.string(),
      fc.json(),
      fc.constantFrom('', '[', '{}', 'null', '1', '"x"', '['.repeat(100_000)),
    )
    fc.assert(
      fc.property(body, (body) => {
        expect(decodeManifest(forge(body)).found).toBe('damaged')
      }),
    )
  })

  test('with any value in place of a member', () => {
    const change = fc.tuple(fc.constantFrom(...Object.keys(MANIFEST)), fc.jsonValue())
    fc.assert(
      fc.property(change, ([name, value]) => {
        expect(forged({ [name]: value })).toMatch(/^(manifest|damaged)$/)
      }),
    )
  })
})
