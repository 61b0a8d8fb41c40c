import {
  type Check,
  isCount,
  isEpoch,
  isFilled,
  isHex,
  isInt32,
  isNanoseconds,
  isObject,
  isPositive,
  isSegmentBytes,
  isText,
  listOf,
  members,
  oneOf,
  optional,
  orNull,
  wrongMember,
} from './checks.ts'
import { isName } from './names.ts'

const isPosition = members({
  ordinal: isCount,
  offset: isCount,
  sequence: isCount,
})

const isOpenLine = members({
  state: oneOf('open'),
  ordinal: isPositive,
  salt: isInt32,
  segmentBytes: isSegmentBytes,
  compression: optional(isText),
})

const isSealedLine = members({
  state: oneOf('sealed', 'archived'),
  ordinal: isPositive,
  salt: isInt32,
  firstSequence: isPositive,
  lastSequence: isCount,
  dataBytes: isCount,
  digest: isInt32,
  head: isHex(64),
  baseTimestamp: isNanoseconds,
  lastTimestamp: isNanoseconds,
  damaged: optional(oneOf(true)),
  place: optional(isText),
  compression: optional(isText),
})

const isAnchor = members({
  sequence: isPositive,
  ref: isFilled,
  hash: isFilled,
  at: isNanoseconds,
})

const isCursorState = members({ sequence: isCount, at: isNanoseconds })

/** Also the identity in a lifecycle frame. */
export const isRunIdentity = members({
  instance: isName,
  run: isName,
  parent: orNull(isName),
  startedAt: isNanoseconds,
  endedAt: orNull(isNanoseconds),
  build: orNull(isText),
  configurationHash: orNull(isText),
  fields: isObject,
})

export const isStatus = oneOf('running', 'ended', 'crashed-recovered', 'quarantined')

const isPath: Check = (value) => listOf(isText)(value) && (value as unknown[]).length > 0
const isPathDefinition = members({ path: isPath, upTo: optional(isPositive) })
const isVersionDefinition = members({ version: isText, upTo: optional(isPositive) })
const isDefinition: Check = (value) => isPathDefinition(value) || isVersionDefinition(value)

const wrongMemberOf = wrongMember({
  generation: isPositive,
  logId: isHex(32),
  epoch: isEpoch,
  createdAt: isNanoseconds,
  status: isStatus,
  options: members({
    segmentBytes: isSegmentBytes,
    codec: isText,
    compression: isText,
    chain: isText,
  }),
  highWatermark: isPosition,
  clean: orNull(isPosition),
  segments: (value) =>
    listOf((line) => isOpenLine(line) || isSealedLine(line))(value) &&
    ascends(value as { ordinal: number }[], 'ordinal'),
  lost: listOf(members({ from: isPositive, to: isPositive })),
  keys: (value) => isObject(value) && Object.values(value as object).every(isDefinition),
  anchors: (value) => listOf(isAnchor)(value) && ascends(value as { sequence: number }[], 'sequence'),
  cursors: (value) =>
    isObject(value) && Object.entries(value as object).every(([name, state]) => isName(name) && isCursorState(state)),
  run: orNull(isRunIdentity),
  unfinished: optional(oneOf('copy', 'salvage')),
})

/**
 * Ordinals not without a gap: a manifest that was rebuilt after all were lost cannot list a segment that was lost with
 * them.
 */
function ascends<N extends string>(list: readonly { readonly [name in N]: number }[], by: N): boolean {
  return list.every((item, index) => index === 0 || item[by] > list[index - 1]![by])
}

/** Name of the first member of a manifest's body that is missing or out of range. */
export function findWrongMember(value: unknown): string | undefined {
  return isObject(value) ? wrongMemberOf(value as Record<string, unknown>) : 'body'
}
