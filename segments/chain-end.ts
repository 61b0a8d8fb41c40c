import { SegmentChain } from './chain.ts'
import { NO_HEAD, chainStart } from './format/chain.ts'
import type { Predecessor } from './format/header.ts'
import { FRAMES_START } from './format/layout.ts'
import type { Stretch } from './stretches.ts'

/**
 * The chain up to `end`, as the frames before it say; `before`: the hash of the last frame before the first of them, which
 * stands for theirs where none of them has one.
 */
export function chainUpTo(
  stretches: readonly Stretch[],
  end: number,
  before: Uint8Array,
  firstSequence: number,
): SegmentChain {
  const accepted = stretches.filter((stretch) => stretch.wholeEnd <= end)
  const head = accepted.findLast((stretch) => stretch.head !== undefined)?.head
  const checkpoint = accepted.findLast((stretch) => stretch.checkpoint !== undefined)?.checkpoint
  return new SegmentChain(head ?? before, checkpoint?.end ?? FRAMES_START, checkpoint?.sequence ?? firstSequence - 1)
}

/** Head at the end of a segment that is not written any more, as its line has it; that of a log without a chain if no frame has one. */
export function headAtEnd(stretches: readonly Stretch[], end: number): string {
  return (
    stretches.findLast((stretch) => stretch.wholeEnd <= end && stretch.head !== undefined)?.head?.toString('hex') ??
    NO_HEAD
  )
}

/** The hash before the first frame of a segment: what its header says, or, in the first of a log, the start of the chain. */
export function headBefore(logId: string, predecessor: Pick<Predecessor, 'head'> | undefined): Buffer {
  return predecessor === undefined ? chainStart(logId) : Buffer.from(predecessor.head, 'hex')
}
