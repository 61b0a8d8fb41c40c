import { describe, expect, test } from 'vitest'
import type { Environment } from '../../../segments/env/environment.ts'
import { memoryEnvironment } from '../../../segments/env/memory.ts'
import { runNow } from '../../../segments/env/steps.ts'
import { readAll, withFile } from '../../../segments/files.ts'
import { addToDigest, crc32, DIGEST_START, frameSeed } from '../../../segments/format/checksum.ts'
import { canCompress, decompress, methodOf } from '../../../segments/format/compression.ts'
import { FrameDecoder, FrameEncoder, wholeSequence } from '../../../segments/format/frame.ts'
import { decodeHeader, encodeHeader, type SegmentHeader } from '../../../segments/format/header.ts'
import * as layout from '../../../segments/format/layout.ts'
import { decodeLifecycle, encodeLifecycle, type Lifecycle } from '../../../segments/format/lifecycle.ts'
import { decodeManifest, encodeManifest, type Manifest } from '../../../segments/format/manifest.ts'
import { CUT_DIRECTORY, cutName, parseName } from '../../../segments/format/names.ts'
import { encodePrefix, inspectPrefix } from '../../../segments/format/prefix.ts'
import { decodeFooter, isSoundPage, itemsPerPage, type SidecarFooter } from '../../../segments/format/sidecar.ts'
import { decodeSlot, encodeSlot, SLOT_OFFSETS, type Slot } from '../../../segments/format/slots.ts'
import { joinDefinitions } from '../../../segments/definition-stream.ts'
import { decodeLeg, isSoundLeg, type Leg, legBytes, sealLeg } from '../../../segments/format/trail.ts'
import { writeSidecar } from '../../../segments/sidecar-writing.ts'
import { blockWith, offsetsOf } from './bytes.ts'
import { meaning, plainCbor, SPEC, table, text, vector, vectorNames } from './spec.ts'

const FIELD_COLUMNS = ['offset', 'size', 'type', 'name', 'meaning']
const { FRAME, KIND, PREFIX, SEGMENT_HEADER, SLOT, TAG } = layout
const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, '0')

describe('the tables of docs/format.md are those of the code', () => {
  const structures = [
    ['Prefix', PREFIX],
    ['Segment header', SEGMENT_HEADER],
    ['Frame', FRAME],
    ['Hash chain', layout.CHAIN_LINK],
    ['Durable slots', SLOT],
    ['Sidecar', layout.SIDECAR_PAGE],
    ['Sidecar section', layout.SIDECAR_SECTION],
    ['Sidecar footer', layout.SIDECAR_FOOTER],
    ['Trail', layout.TRAIL_LEG],
  ] as const

  test.each(structures)('fields: %s', (heading, structure) => {
    const rows = table(heading, FIELD_COLUMNS)
    const total = rows.pop()!
    expect(rows.map(({ offset, size, type, name }) => ({ offset, size, type, name }))).toEqual(
      structure.fields.map((field) => ({
        offset: String(structure.at[field.name as keyof typeof structure.at]),
        size: String(field.size),
        type: field.type,
        name: field.name,
      })),
    )
    expect(total).toMatchObject({ offset: String(structure.size), meaning: 'total' })
  })

  test.each(structures)('types have the size that they say: %s', (_, structure) => {
    for (const { type, size } of structure.fields) if (type !== 'bytes') expect(`u${size * 8}`).toBe(type)
  })

  test('limits', () => {
    const rows = table('Limits', ['name', 'value', 'meaning'])
    expect(rows.length).toBe(28)
    const constants = layout as unknown as Record<string, unknown>
    for (const { name, value } of rows)
      expect({ name, value: Number(value) }).toEqual({ name, value: constants[name!] })
  })

  test('magics', () => {
    const rows = table('Limits', ['magic', 'bytes', 'starts'])
    const magics = ['SEGMENT_MAGIC', 'SLOT_MAGIC', 'SIDECAR_MAGIC', 'TRAIL_MAGIC', 'MANIFEST_MAGIC'] as const
    expect(rows.map((row) => [row.magic, Buffer.from(row.bytes!.replace(/ /g, ''), 'hex').toString('latin1')])).toEqual(
      magics.map((name) => [name, layout[name]]),
    )
  })

  test('bits of the tag', () => {
    const rows = table('Frame', ['bits', 'mask', 'name', 'meaning'])
    const { padShift, ...masks } = TAG
    expect(Object.fromEntries(rows.map(({ name, mask }) => [name, Number(mask)]))).toEqual(masks)
    for (const { bits, mask } of rows) {
      const [low, high = low] = bits!.split('–').map(Number) as [number, number?]
      expect(Number(mask)).toBe((1 << (high + 1)) - (1 << low))
    }
    expect(rows.find(({ name }) => name === 'padMask')!.bits).toMatch(new RegExp(`^${padShift}–`))
    expect(rows.reduce((all, { mask }) => all + Number(mask), 0)).toBe(0xffff)
  })

  test('kinds', () => {
    const rows = table('Frame', ['kind', 'name', 'meaning'])
    expect(Object.fromEntries(rows.map(({ kind, name }) => [name, Number(kind)]))).toEqual(KIND)
  })

  test('types of sections', () => {
    const rows = table('Sidecar', ['type', 'name', 'item', 'count', 'items'])
    const column = (which: string): unknown[] => rows.map((row) => [row.name, Number(row[which])])
    expect(column('type')).toEqual(Object.entries(layout.SECTION))
    expect(column('item')).toEqual(Object.entries(layout.SECTION_ITEM_BYTES))
    for (const { type, items } of rows) {
      const told = /([\d,]+)( of them)? in a page$/.exec(items!)!
      expect(Number(told[1]!.replace(',', ''))).toBe(itemsPerPage(Number(type)))
    }
  })

  test('names of files', () => {
    const rows = table('Directory', ['name', 'number', 'what it is'])
    const kinds = rows.map(({ name, number }) => {
      const parsed = parseName(name!.replace('…', 'x'))
      expect('number' in parsed).toBe(number !== '')
      return parsed.kind
    })
    expect(kinds).toEqual([
      'manifest',
      'slots',
      'segment',
      'sidecar',
      'trail',
      'lock',
      'socket',
      'cut',
      'archive',
      'temporary',
    ])
    const pattern = `segment-<ordinal>-at-<offset>-epoch-<epoch>.cut`
    expect(SPEC).toContain(`\`${CUT_DIRECTORY}\` | | directory: what recoveries cut, kept aside, as \`${pattern}\``)
    expect(cutName(3, 512, 4)).toBe(
      pattern.replace('<ordinal>', '0000000003').replace('<offset>', '512').replace('<epoch>', '4'),
    )
  })

  test('numbers of compressions and chains', () => {
    const rows = table('Segment header', FIELD_COLUMNS)
    const meaningOf = (name: string): string =>
      rows.find((row) => row.name === name)!.meaning!.replace('SHA-256', 'sha256')
    const list = (numbers: Readonly<Record<string, number>>): string =>
      Object.entries(numbers)
        .map(([name, number]) => `${number} ${name}`)
        .join(', ')
    expect(meaningOf('compression').split(':')[0]).toBe(list(layout.COMPRESSION))
    expect(meaningOf('chain').split(':')[0]).toBe(list(layout.CHAIN))
  })

  test('members of a manifest: each one that is listed is required, and no other', () => {
    const { body } = JSON.parse(text('manifest')) as {
      body: Record<string, unknown> & { segments: object[]; anchors: object[]; run: object }
    }
    const columns = ['member', 'type', 'meaning']
    const refused = (changed: object): boolean =>
      decodeManifest(encodeManifest(changed as Manifest)).found === 'damaged'
    const requiredOf = (object: object, put: (part: object) => object): string[] =>
      Object.keys(object).filter((name) => refused(put({ ...object, [name]: undefined })))
    const listed = table('Manifest', columns)
    const required = listed.filter(({ meaning }) => !meaning!.startsWith('not always there'))
    expect(requiredOf(body, (part) => part)).toEqual(required.map((row) => row.member))
    expect(listed.length - required.length).toBe(1)
    const [sealed, open] = body.segments as [object, object]
    const open1 = requiredOf(open, (part) => ({ ...body, segments: [sealed, part] }))
    expect(open1).toEqual(table('Manifest', columns, 1).map((row) => row.member))
    const sealed1 = requiredOf(sealed, (part) => ({ ...body, segments: [part, open] }))
    expect(sealed1).toEqual(table('Manifest', columns, 2).map((row) => row.member))
    const anchor1 = requiredOf(body.anchors[0]!, (part) => ({ ...body, anchors: [part] }))
    expect(anchor1).toEqual(table('Manifest', columns, 3).map((row) => row.member))
    const run1 = requiredOf(body.run, (run) => ({ ...body, run }))
    expect(run1).toEqual(table('Manifest', columns, 4).map((row) => row.member))
  })
})

interface FrameMeaning {
  offset: number
  length: number
  crc: string
  kind: keyof typeof KIND
  flags: ('batchEnd' | 'compressed' | 'chained' | 'keys' | 'plain')[]
  padding: number
  claim: number
  sequence: number
  timestamp: string
  wide: boolean
  hash?: string
  originalBytes?: number
  keys?: string
  payload: string
}

interface HeaderMeaning extends Omit<SegmentHeader, 'baseTimestamp'> {
  baseTimestamp: string
}

const HEADER = meaning<HeaderMeaning>('segment-header')
const SMALL_FRAMES = ['dictionary', 'record', 'batch-first', 'batch-last', 'wide'].map((name) => `frame-${name}`)

/** Large frames are given by rule. */
const rule = (payloadBytes: number): Buffer => Buffer.from(Array.from({ length: payloadBytes }, (_, i) => i % 251))

function wholeFrame(name: string): { bytes: Buffer; means: FrameMeaning } {
  const { value: _1, payloadBytes, payloadRule: _2, ...means } = meaning<FrameMeaning & Record<string, unknown>>(name)
  if (payloadBytes === undefined) return { bytes: vector(name), means }
  const payload = rule(payloadBytes as number)
  return { bytes: Buffer.concat([vector(name), payload]), means: { ...means, payload: payload.toString('hex') } }
}

function readFrame(decoder: FrameDecoder, bytes: Buffer, at: number, offset: number): FrameMeaning {
  const block = blockWith(bytes)
  const finding = decoder.read(block, at, bytes.length, offset, HEADER.salt)
  expect(finding).toBe('frame')
  const flags = (['batchEnd', 'compressed', 'chained', 'keys', 'plain'] as const).filter((f) => decoder.tag & TAG[f])
  const { source, hashStart, keysStart, keysEnd } = decoder
  return {
    offset,
    length: decoder.length,
    crc: hex(decoder.crc),
    kind: Object.entries(KIND).find(([, number]) => number === decoder.kind)![0] as FrameMeaning['kind'],
    flags,
    padding: (decoder.tag & TAG.padMask) >> TAG.padShift,
    claim: decoder.claim,
    sequence: wholeSequence(decoder.sequenceLow, HEADER.firstSequence),
    timestamp: String(decoder.timestamp ?? BigInt(HEADER.baseTimestamp) + BigInt(decoder.timeDelta)),
    wide: decoder.timestamp !== undefined,
    ...(flags.includes('chained') && { hash: source.toString('hex', hashStart, hashStart + layout.CHAIN_HEAD_BYTES) }),
    ...(flags.includes('compressed') && { originalBytes: decoder.originalBytes }),
    ...(flags.includes('keys') && { keys: source.toString('hex', keysStart, keysEnd) }),
    payload: source.toString('hex', decoder.payloadStart, decoder.payloadEnd),
  }
}

function writeFrame(means: FrameMeaning): Buffer {
  const target = Buffer.alloc(means.length, 0xee)
  const timestamp = BigInt(means.timestamp)
  const draft = {
    kind: KIND[means.kind],
    flags: means.flags.reduce((flags, name) => flags | TAG[name], 0),
    claim: means.claim,
    sequence: means.sequence,
    timeDelta: Number(timestamp - BigInt(HEADER.baseTimestamp)),
    timestamp: means.wide ? timestamp : undefined,
    hash: means.hash === undefined ? undefined : Buffer.from(means.hash, 'hex'),
    originalBytes: means.originalBytes,
    keys: means.keys === undefined ? undefined : Buffer.from(means.keys, 'hex'),
  }
  const payload = Buffer.from(means.payload, 'hex')
  new FrameEncoder().encode(target, 0, means.offset, HEADER.salt, draft, payload)
  return target
}

describe('the vectors of docs/format.md decode to what stands beside them, and back', () => {
  test('each vector has a test', () => {
    // Those of keys stand in test/lib/keys/key-value.test.ts and key-block.test.ts.
    const sidecar = ['offsets', 'definitions', 'keys', 'footer'].map((part) => `sidecar-${part}`)
    const tested = [
      'prefix',
      'segment-header',
      ...SMALL_FRAMES,
      'zero-frame',
      'frame-large',
      'frame-extended',
      'frame-lifecycle',
      'frame-compressed',
      'slot',
      ...sidecar,
      'trail-leg',
    ]
    expect(vectorNames('hex').sort()).toEqual(tested.sort())
    expect(vectorNames('json').sort()).toEqual(
      [...tested, 'compressed-payloads', 'seed', 'chain', 'digest', 'keys', 'key-block', 'fingerprints'].sort(),
    )
    expect(vectorNames('text')).toEqual(['manifest'])
  })

  test('prefix', () => {
    const means = meaning<{ magic: string; version: number; size: number }>('prefix')
    expect(inspectPrefix(vector('prefix'), 0, means.magic)).toBe('ok')
    const bytes = Buffer.alloc(PREFIX.size)
    encodePrefix(bytes, 0, means.magic, means.size)
    expect(bytes).toEqual(vector('prefix'))
    expect(means.version).toBe(layout.FORMAT_VERSION)
  })

  test('segment header', () => {
    const header = { ...HEADER, baseTimestamp: BigInt(HEADER.baseTimestamp) }
    expect(decodeHeader(vector('segment-header'))).toEqual({ found: 'header', header })
    expect(encodeHeader(header)).toEqual(vector('segment-header'))
  })

  test.each([...SMALL_FRAMES, 'frame-large', 'frame-extended', 'frame-lifecycle', 'frame-compressed'])('%s', (name) => {
    const { bytes, means } = wholeFrame(name)
    expect(readFrame(new FrameDecoder(), bytes, 0, means.offset)).toEqual(means)
    expect(writeFrame(means)).toEqual(bytes)
  })

  test('compressed payloads', () => {
    const { payload, ...streams } = meaning<Record<string, string>>('compressed-payloads')
    expect(['none', ...Object.keys(streams)]).toEqual(Object.keys(layout.COMPRESSION))
    for (const [name, stored] of Object.entries(streams)) {
      const method = methodOf(name)!
      // What a Node without zstd says is tested beside the readers.
      if (!canCompress(method)) continue
      const original = decompress(method, Buffer.from(stored, 'hex'), Buffer.byteLength(payload!))
      expect(Buffer.from(original as Uint8Array).toString()).toBe(payload)
    }
    const frame = meaning<FrameMeaning & { value: unknown }>('frame-compressed')
    expect(frame.payload).toBe(streams['deflate'])
    expect([frame.originalBytes, frame.value]).toEqual([Buffer.byteLength(payload!), JSON.parse(payload!)])
  })

  test('what a lifecycle frame says', () => {
    const { payload, value } = meaning<FrameMeaning & { value: Lifecycle }>('frame-lifecycle')
    expect(decodeLifecycle(Buffer.from(payload, 'hex'))).toEqual(value)
    expect(encodeLifecycle(value).toString('hex')).toBe(payload)
  })

  test('the header, the frames and zeros are a segment', () => {
    const zeros = vector('zero-frame')
    const segment = Buffer.concat([vector('segment-header'), ...SMALL_FRAMES.map(vector), zeros])
    const { start, steps } = meaning<{ start: string; steps: { crc: string; digest: string }[] }>('digest')
    const decoder = new FrameDecoder()
    const shapes: string[][] = []
    let offset: number = SEGMENT_HEADER.size
    let digest = DIGEST_START
    expect(hex(digest)).toBe(start)
    for (const [index, name] of SMALL_FRAMES.entries()) {
      const { payload, ...found } = readFrame(decoder, segment, offset, offset)
      const { value, ...means } = meaning<FrameMeaning & { value: unknown }>(name)
      expect({ ...found, payload }).toEqual(means)
      if (means.kind === 'dictionary') {
        expect(JSON.parse(Buffer.from(payload, 'hex').toString())).toEqual(value)
        const [id, keys] = value as [number, string[]]
        shapes[id] = keys
      } else expect(plainCbor(Buffer.from(payload, 'hex'), shapes)).toEqual(value)
      digest = addToDigest(digest, decoder.crc)
      expect({ crc: hex(decoder.crc), digest: hex(digest) }).toEqual(steps[index])
      offset += decoder.length
    }
    expect(SMALL_FRAMES.length).toBe(steps.length)
    expect(SPEC).toContain(`At offset ${offset} follow zeros`)
    expect(decoder.read(blockWith(segment), offset, segment.length, offset, HEADER.salt)).toBe('zeros')
    expect(zeros).toEqual(Buffer.alloc(FRAME.size))
  })

  test('seeds', () => {
    const seeds = meaning<{ salt: number; offset: number; seed: string }[]>('seed')
    for (const { salt, offset, seed } of seeds) expect(hex(frameSeed(salt | 0, offset))).toBe(seed)
    const example = /Worked example: salt `(\w+)`, offset (\d+)\.[^]*? = `(\w+)`\.\n/.exec(SPEC)!
    expect(frameSeed(Number(example[1]) | 0, Number(example[2])) >>> 0).toBe(Number(example[3]))
  })

  test('slot', () => {
    const slot = meaning<Slot>('slot')
    expect(decodeSlot(vector('slot'))).toEqual(slot)
    const bytes = Buffer.alloc(SLOT.size)
    encodeSlot(bytes, slot)
    expect(bytes).toEqual(vector('slot'))
    expect(SPEC).toContain(`one slot at offset ${SLOT_OFFSETS.join(', one at ')}, the rest zeros`)
  })

  test('sidecar', () => {
    const { page: last, crc: _, ...footer } = meaning<{ page: number; crc: string } & SidecarFooter>('sidecar-footer')
    const times = { baseTimestamp: BigInt(footer.baseTimestamp), lastTimestamp: BigInt(footer.lastTimestamp) }
    const identity = { ...footer, ...times }
    const { offsets } = meaning<{ offsets: number[] }>('sidecar-offsets')
    const definitions = meaning<{ definitions: string[] }>('sidecar-definitions').definitions
    const { pairs } = meaning<{ pairs: [string, number][] }>('sidecar-keys')
    const content = {
      offsets: offsetsOf(offsets.map((offset) => offset / layout.UNIT)),
      definitions: definitions.map((payload) => Buffer.from(payload, 'hex')),
      keyTables: footer.sections
        .filter(({ type }) => type === layout.SECTION.keys)
        .map(({ name, fingerprint }) => ({
          name,
          fingerprint,
          pairs: Uint32Array.from(pairs.flatMap(([hash, index]) => [Number(`0x${hash}`), index])),
        })),
    }
    const pages = ['offsets', 'definitions', 'keys', 'footer'].map((part) => {
      const { crc } = meaning<{ crc: string }>(`sidecar-${part}`)
      const bytes = Buffer.concat([vector(`sidecar-${part}`)], layout.SIDECAR_PAGE.size)
      bytes.writeUInt32LE(Number(`0x${crc}`), layout.SIDECAR_PAGE.at.crc)
      return bytes
    })
    const pageSalt = Buffer.alloc(4)
    pageSalt.writeInt32LE(footer.pageSalt)
    const randomBytes = (count: number): Buffer => (count === pageSalt.length ? pageSalt : Buffer.alloc(count))
    const env: Environment = Object.assign(memoryEnvironment(), { randomBytes })
    env.call({ do: 'makeDirectory', path: '/log' })
    runNow(env, writeSidecar(env, '/log', identity, content))
    const path = '/log/segment-0000000007.idx'
    const bytes = runNow(
      env,
      withFile(path, 'read', (handle) => readAll(handle, path, 2 ** 20)),
    )
    expect(bytes).toEqual(Buffer.concat(pages))
    expect(decodeFooter(pages[last]!)).toEqual({ found: 'footer', footer: identity })
    expect(pages.map((bytes, page) => isSoundPage(bytes, page, footer.pageSalt))).toEqual([true, true, true, false])
    expect(isSoundPage(pages[0]!, 1, footer.pageSalt)).toBe(false)
  })

  test('trail', () => {
    const { offsets, definitions, ...told } = meaning<Leg & { offsets: number[]; definitions: string[] }>('trail-leg')
    const leg = { ...told, lastTimestamp: BigInt(told.lastTimestamp) }
    const bytes = vector('trail-leg')
    expect(decodeLeg(bytes)).toEqual(leg)
    expect([legBytes(leg), isSoundLeg(bytes)]).toEqual([bytes.length, true])
    const made = Buffer.alloc(bytes.length)
    offsets.forEach((offset, index) => made.writeUInt32LE(offset / layout.UNIT, layout.TRAIL_LEG.size + index * 4))
    const stream = joinDefinitions(definitions.map((payload) => Buffer.from(payload, 'hex')))
    made.set(stream, layout.TRAIL_LEG.size + offsets.length * 4)
    sealLeg(made, leg)
    expect(made).toEqual(bytes)
    const frames = ['frame-dictionary', 'frame-record', 'frame-batch-first', 'frame-batch-last'].map(vector)
    expect(crc32(Buffer.concat(frames))).toBe(leg.bytesCrc)
    const { steps } = meaning<{ steps: { digest: string }[] }>('digest')
    expect(hex(leg.digest)).toBe(steps[frames.length - 1]!.digest)
  })

  test('manifest', () => {
    const bytes = Buffer.from(text('manifest'))
    const { body } = JSON.parse(text('manifest')) as { body: Manifest }
    expect(decodeManifest(bytes)).toEqual({ found: 'manifest', manifest: body })
    expect(encodeManifest(body)).toEqual(bytes)
    const places = /`VVVV` stands at byte (\d+), `CCCCCCCC` at byte (\d+), `BODY` from byte (\d+) on/.exec(SPEC)!
    const [version, crc, start] = places.slice(1).map(Number) as [number, number, number]
    expect(bytes.toString('latin1', version, version + 4)).toBe('0000')
    expect(bytes.toString('latin1', crc, crc + 8)).toMatch(/^[0-9a-f]{8}$/)
    expect(JSON.parse(bytes.toString('utf8', start, bytes.length - 2))).toEqual(body)
  })
})
