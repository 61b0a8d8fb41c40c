/**
 * A sidecar in bytes: pages of sections, then a footer that fills the last page. Every page has a check of its own, so
 * that one can be read and trusted without the others.
 */
import { assert } from './assert.ts'
import { crc32, frameSeed } from './checksum.ts'
import {
  COUNT_READ_MAX,
  FINGERPRINT_BYTES,
  FRAME,
  KIND_NAME_BYTES,
  SECTION,
  SECTION_ITEM_BYTES,
  SIDECAR_FOOTER,
  SIDECAR_MAGIC,
  SIDECAR_PAGE,
  SIDECAR_SECTION,
  SIDECAR_SECTIONS_MAX,
} from './layout.ts'
import { encodePrefix, inspectPrefix, isZero } from './prefix.ts'
import { readU64, writeU64 } from './u64.ts'

/** What a sealed segment is: a sidecar is of use only if it says the same. */
export interface SegmentIdentity {
  /** 32 hex digits. */
  readonly logId: string
  readonly ordinal: number
  readonly salt: number
  readonly firstSequence: number
  /** One below `firstSequence` when the segment holds no record. */
  readonly lastSequence: number
  /** Length of the segment's file. */
  readonly dataBytes: number
  readonly digest: number
  /** Last hash of the chain, 64 hex digits. */
  readonly head: string
  /** Nanoseconds since 1970: base of time deltas, which no record is before, and time of the last record. */
  readonly baseTimestamp: bigint
  readonly lastTimestamp: bigint
}

export interface SidecarFooter extends SegmentIdentity {
  /** In the checks of the pages; drawn anew for each file, so that one never takes a page of another for its own. */
  readonly pageSalt: number
  /** In the order in which they stand in the file, from its start on, without a gap. */
  readonly sections: readonly SidecarSection[]
}

export interface SidecarSection {
  /** One of `SECTION`, or one that this version does not know. */
  readonly type: number
  readonly firstPage: number
  readonly pageCount: number
  /** Records, bytes of definitions, or pairs. */
  readonly count: number
  /** Of a key table: what its definition said, 32 hex digits, and the name of the kind. Zeros and '' in others. */
  readonly fingerprint: string
  readonly name: string
}

export type FooterFinding =
  | { readonly found: 'footer'; readonly footer: SidecarFooter }
  | { readonly found: 'zeros' | 'foreign' | 'damaged' | 'newer' }

export const PAGE_BYTES = SIDECAR_PAGE.size
const CONTENT_BYTES = SIDECAR_PAGE.at.crc
export const NO_FINGERPRINT = '0'.repeat(FINGERPRINT_BYTES * 2)

/** How many items of a section of this type a page holds; undefined for a type that this version does not know. */
export function itemsPerPage(type: number): number | undefined {
  const name = (Object.keys(SECTION) as (keyof typeof SECTION)[]).find((each) => SECTION[each] === type)
  return name && Math.floor(CONTENT_BYTES / SECTION_ITEM_BYTES[name])
}

/** Gives a page its check, as it shall stand in place `page` of the sidecar with this salt of pages. */
export function sealPage(bytes: Buffer, page: number, pageSalt: number): void {
  bytes.writeInt32LE(crc32(bytes.subarray(0, CONTENT_BYTES), pageSeed(page, pageSalt)), SIDECAR_PAGE.at.crc)
}

/** Whether these are the bytes of that page of that sidecar. */
export function isSoundPage(bytes: Buffer, page: number, pageSalt: number): boolean {
  if (bytes.length !== PAGE_BYTES || isZero(bytes, 0, PAGE_BYTES)) return false
  return bytes.readInt32LE(SIDECAR_PAGE.at.crc) === crc32(bytes.subarray(0, CONTENT_BYTES), pageSeed(page, pageSalt))
}

function pageSeed(page: number, pageSalt: number): number {
  return frameSeed(pageSalt, page * PAGE_BYTES)
}

const AT = SIDECAR_FOOTER.at
const ROW = SIDECAR_SECTION.at

export function encodeFooter(footer: SidecarFooter): Buffer {
  assert(footer.sections.length <= SIDECAR_SECTIONS_MAX, 'the sections of a sidecar fit its footer')
  const bytes = Buffer.alloc(SIDECAR_FOOTER.size)
  encodePrefix(bytes, 0, SIDECAR_MAGIC, SIDECAR_FOOTER.size)
  bytes.write(footer.logId, AT.logId, 'hex')
  writeU64(bytes, footer.ordinal, AT.ordinal)
  writeU64(bytes, footer.firstSequence, AT.firstSequence)
  writeU64(bytes, footer.lastSequence, AT.lastSequence)
  writeU64(bytes, footer.dataBytes, AT.dataBytes)
  bytes.writeInt32LE(footer.salt, AT.salt)
  bytes.writeInt32LE(footer.digest, AT.digest)
  bytes.writeBigUInt64LE(footer.baseTimestamp, AT.baseTimestamp)
  bytes.writeBigUInt64LE(footer.lastTimestamp, AT.lastTimestamp)
  bytes.write(footer.head, AT.head, 'hex')
  bytes.writeUInt32LE(footer.sections.length, AT.sectionCount)
  bytes.writeInt32LE(footer.pageSalt, AT.pageSalt)
  for (const [index, section] of footer.sections.entries()) encodeSection(bytes, rowAt(index), section)
  bytes.writeInt32LE(crc32(bytes.subarray(0, AT.crc)), AT.crc)
  return bytes
}

/** Checks in this order: prefix, length, CRC, fields. */
export function decodeFooter(bytes: Buffer): FooterFinding {
  const prefix = inspectPrefix(bytes, 0, SIDECAR_MAGIC)
  if (prefix === 'zeros' && !isZero(bytes, 0, bytes.length)) return { found: 'damaged' }
  if (prefix !== 'ok') return { found: prefix }
  if (bytes.length < SIDECAR_FOOTER.size) return { found: 'damaged' }
  if (bytes.readInt32LE(AT.crc) !== crc32(bytes.subarray(0, AT.crc))) return { found: 'damaged' }
  const sectionCount = bytes.readUInt32LE(AT.sectionCount)
  if (sectionCount > SIDECAR_SECTIONS_MAX) return { found: 'damaged' }
  const footer: SidecarFooter = {
    logId: bytes.toString('hex', AT.logId, AT.ordinal),
    ordinal: readU64(bytes, AT.ordinal),
    firstSequence: readU64(bytes, AT.firstSequence),
    lastSequence: readU64(bytes, AT.lastSequence),
    dataBytes: readU64(bytes, AT.dataBytes),
    salt: bytes.readInt32LE(AT.salt),
    digest: bytes.readInt32LE(AT.digest),
    baseTimestamp: bytes.readBigUInt64LE(AT.baseTimestamp),
    lastTimestamp: bytes.readBigUInt64LE(AT.lastTimestamp),
    head: bytes.toString('hex', AT.head, AT.sectionCount),
    pageSalt: bytes.readInt32LE(AT.pageSalt),
    sections: Array.from({ length: sectionCount }, (_, index) => decodeSection(bytes, rowAt(index))),
  }
  return isPlausible(footer) ? { found: 'footer', footer } : { found: 'damaged' }
}

const rowAt = (index: number): number => AT.sections + index * SIDECAR_SECTION.size

function encodeSection(bytes: Buffer, at: number, section: SidecarSection): void {
  assert(Buffer.byteLength(section.name) < KIND_NAME_BYTES, 'the name of a kind fits its field')
  bytes.writeUInt32LE(section.type, at + ROW.type)
  bytes.writeUInt32LE(section.firstPage, at + ROW.firstPage)
  bytes.writeUInt32LE(section.pageCount, at + ROW.pageCount)
  bytes.writeUInt32LE(section.count, at + ROW.count)
  bytes.write(section.fingerprint, at + ROW.fingerprint, 'hex')
  bytes.write(section.name, at + ROW.name)
}

function decodeSection(bytes: Buffer, at: number): SidecarSection {
  return {
    type: bytes.readUInt32LE(at + ROW.type),
    firstPage: bytes.readUInt32LE(at + ROW.firstPage),
    pageCount: bytes.readUInt32LE(at + ROW.pageCount),
    count: bytes.readUInt32LE(at + ROW.count),
    fingerprint: bytes.toString('hex', at + ROW.fingerprint, at + ROW.name),
    name: bytes.toString('utf8', at + ROW.name, at + SIDECAR_SECTION.size).replace(/\0+$/, ''),
  }
}

/** A CRC can be mended by a program with a defect of its own; counts that lie must not decide how much is read or kept. */
function isPlausible({ ordinal, firstSequence, lastSequence, dataBytes, sections }: SidecarFooter): boolean {
  if (![ordinal, firstSequence, lastSequence, dataBytes].every((value) => value <= COUNT_READ_MAX)) return false
  const records = lastSequence - firstSequence + 1
  // Each record is a frame, and so is each definition.
  if (ordinal < 1 || firstSequence < 1 || records < 0 || records > dataBytes / FRAME.size) return false
  const ofType = (type: number): SidecarSection[] => sections.filter((section) => section.type === type)
  const [offsets, ...moreOffsets] = ofType(SECTION.offsets)
  const [definitions, ...moreDefinitions] = ofType(SECTION.definitions)
  if (offsets?.count !== records || definitions === undefined || definitions.count > dataBytes) return false
  if (moreOffsets.length > 0 || moreDefinitions.length > 0) return false
  let page = 0
  for (const section of sections) {
    const perPage = itemsPerPage(section.type)
    if (section.firstPage !== page) return false
    if (perPage !== undefined && section.pageCount !== Math.ceil(section.count / perPage)) return false
    page += section.pageCount
  }
  return true
}
