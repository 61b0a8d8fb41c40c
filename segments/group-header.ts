import { encodeHeader } from './format/header.ts'
import type { Group } from './group.ts'
import type { Segment } from './segment.ts'

/** What stands in every segment header of a log. */
export interface LogIdentity {
  readonly logId: string
  readonly epoch: number
  readonly codec: string
  /** Of `CHAIN`. */
  readonly chain: number
}

/** The header of a segment, which goes out with its first group. */
export function headerOf(segment: Segment, identity: LogIdentity): Buffer {
  const { ordinal, salt, segmentBytes } = segment.plan
  const { firstSequence, baseTimestamp, predecessor, compression } = segment
  const { logId, epoch, codec, chain } = identity
  return encodeHeader({
    logId,
    ordinal,
    firstSequence,
    baseTimestamp,
    segmentBytes,
    salt,
    epoch,
    codec,
    compression,
    chain,
    predecessor,
  })
}

/** Makes the header of a group that was not sent yet agree with a file that came out smaller than planned. */
export function rewriteHeader(group: Group, identity: LogIdentity): void {
  if (group.start === 0) group.buffer.set(headerOf(group.segment, identity), 0)
}
