import { type Steps, step } from './env/steps.ts'
import { SeglogError } from './errors.ts'
import type { Group } from './group.ts'
import type { Segment, SegmentHandles } from './segment.ts'

/**
 * Where a procedure runs. The two never share an open file: of two syncs on one, the first may swallow the error of the
 * other's write-back.
 */
type When = 'later' | 'now'

/**
 * Writes one group, after the syncs that it depends on; durable when it is `synced` or written `now`. A write that took
 * fewer bytes than it was given has met a full disk or a limit, whatever the next one would say, and is never completed
 * in the same file.
 */
export function* writeGroup(group: Group, lagging: readonly Segment[], when: When): Steps<void> {
  const { segment, buffer: from, length, start: position } = group
  const own = lagging.includes(segment)
  const others = own ? lagging.filter((other) => other !== segment) : lagging
  if (others.length > 0) yield* syncSegments(others, when)
  const handles = handlesOf(segment)
  const later = group.synced && !own ? handles.group : handles.plain
  const count = yield* step({
    do: 'write',
    handle: when === 'now' ? handles.direct : later,
    from,
    start: 0,
    length,
    position,
  })
  if (count !== length) {
    throw new SeglogError('DISK_FULL', 'a group was written in part: the disk is full, or a limit was met', {
      file: segment.path,
      offset: position,
      expected: length,
      found: count,
    })
  }
  if (own) yield* syncSegments([segment], when)
}

export function* syncSegments(segments: readonly Segment[], when: When): Steps<void> {
  for (const segment of segments) {
    const handles = handlesOf(segment)
    yield* step({ do: 'sync', handle: when === 'now' ? handles.direct : handles.plain })
  }
}

/** The segments of these groups, each once, in order. */
export function segmentsOf(groups: readonly Group[]): readonly Segment[] {
  // Nearly always, and with each synchronous commit.
  if (groups.length === 0) return NONE
  return [...new Set(groups.map((group) => group.segment))]
}

const NONE: readonly Segment[] = []

/**
 * Segments that hold bytes written without a sync, which must be durable before this group is: all of them when it is
 * synced, and those before its own in any case (the header of a used successor proves its predecessor whole).
 */
export function laggingBehind(group: Group, unsynced: readonly Group[]): readonly Segment[] {
  const segments = segmentsOf(unsynced)
  return group.synced || segments.length === 0 ? segments : segments.filter((segment) => segment !== group.segment)
}

function handlesOf(segment: Segment): SegmentHandles {
  if (segment.handles === undefined) {
    throw new SeglogError('IO', 'a segment is to be written before it is ready', { file: segment.path })
  }
  return segment.handles
}
