import { joinDefinitions } from './definition-stream.ts'
import type { Environment, Handle } from './env/environment.ts'
import { type Steps, runLater, step } from './env/steps.ts'
import { removeIfThere, writeAll } from './files.ts'
import { NO_HEAD } from './format/chain.ts'
import { FRAMES_START, TRAIL_LEG } from './format/layout.ts'
import { trailName } from './format/names.ts'
import { type Leg, legBytes, sealLeg } from './format/trail.ts'
import type { Group, GroupEnding } from './group.ts'
import type { Segment } from './segment.ts'

/** A point that is durable, up to which a leg can be made. */
interface Due {
  readonly segment: Segment
  readonly end: number
  readonly lastSequence: number
  readonly claimedEnd: number
  readonly ending: GroupEnding
}

/**
 * The only writer of trails. Legs are written in the background, one at a time, of what is durable already; nobody waits
 * for one. What fails ends the trail of its segment, and costs the next opening time.
 */
export class TrailWriter {
  /** Why the last leg could not be written; undefined when it could. */
  failure: unknown
  private readonly env: Environment
  private readonly directory: string
  private readonly logId: string
  /** A leg is made of so many bytes of frames, or more. */
  private readonly trailBytes: number
  /** The segment whose leg is being written. */
  private busyWith: Segment | undefined
  private due: Due | undefined
  private whenQuiet: (() => void) | undefined

  constructor(env: Environment, directory: string, logId: string, trailBytes: number) {
    this.env = env
    this.directory = directory
    this.logId = logId
    this.trailBytes = trailBytes
  }

  /** A segment that will never be long enough for a leg counts nothing for one. */
  adopt(segment: Segment): void {
    if (segment.plan.segmentBytes < this.trailBytes) segment.trail.isOver = true
  }

  /** After a group became durable. */
  advanced({ segment, ending, end, lastSequence, claimEnd: claimedEnd }: Group): void {
    if (ending === undefined) return
    this.due = { segment, end, lastSequence, claimedEnd, ending }
    this.begin()
  }

  /** When a segment is sealed: its sidecar says all that its trail said. */
  *end(segment: Segment): Steps<void> {
    segment.trail.isOver = true
    if (segment.trail.bytes === 0 || this.busyWith === segment) return
    try {
      yield* removeIfThere(this.pathOf(segment))
    } catch (error) {
      // The next opening removes it.
      this.failure = error
    }
  }

  /** Calls `done` when no leg is being written; starts no more. */
  close(done: () => void): void {
    this.whenQuiet = done
    if (this.busyWith === undefined) done()
  }

  private begin(): void {
    const { due } = this
    if (due === undefined || this.busyWith !== undefined || this.whenQuiet !== undefined) return
    const { segment, end } = due
    if (segment.trail.isOver || end - segment.trail.end < this.trailBytes) return
    this.due = undefined
    this.busyWith = segment
    runLater(this.env, this.write(due), (error) => {
      this.failure = error ?? undefined
      if (error) segment.trail.isOver = true
      this.busyWith = undefined
      if (this.whenQuiet !== undefined) this.whenQuiet()
      else this.begin()
    })
  }

  private *write(due: Due): Steps<void> {
    const { segment, end, lastSequence, ending } = due
    const { trail } = segment
    const path = this.pathOf(segment)
    const isNew = trail.bytes === 0
    const bytes = this.legOf(due)
    const handle = yield* step({ do: 'open', path, access: isNew ? 'create' : 'write' })
    yield* writeAndClose(handle, bytes, trail.bytes)
    if (isNew) yield* step({ do: 'syncDirectory', path: this.directory })
    Object.assign(trail, { end, lastSequence, definitions: ending.definitions, bytes: trail.bytes + bytes.length })
    if (trail.isOver) yield* removeIfThere(path)
  }

  private legOf({ segment, end, lastSequence, claimedEnd, ending }: Due): Buffer {
    const { plan, trail, offsets, definitions, firstSequence: firstOfSegment } = segment
    const { lastTimestamp, digest, bytesCrc, chain } = ending
    const hasCheckpoint = chain !== undefined && chain.checkpointEnd > FRAMES_START
    const stream = joinDefinitions(definitions.slice(trail.definitions, ending.definitions))
    const firstSequence = trail.lastSequence + 1
    const leg: Leg = {
      logId: this.logId,
      ordinal: plan.ordinal,
      salt: plan.salt,
      bytesCrc,
      start: trail.end,
      end,
      firstSequence,
      lastSequence,
      claimedEnd,
      lastTimestamp,
      head: chain?.head.toString('hex') ?? NO_HEAD,
      digest,
      definitionBytes: stream.length,
      checkpointEnd: hasCheckpoint ? chain.checkpointEnd : 0,
      checkpointSequence: hasCheckpoint ? chain.checkpointSequence : 0,
    }
    const bytes = Buffer.from(new ArrayBuffer(legBytes(leg)))
    const places = new Uint32Array(bytes.buffer, TRAIL_LEG.size, lastSequence - trail.lastSequence)
    offsets.copyTo(places, firstSequence - firstOfSegment)
    bytes.set(stream, TRAIL_LEG.size + places.byteLength)
    sealLeg(bytes, leg)
    return bytes
  }

  private pathOf(segment: Segment): string {
    return `${this.directory}/${trailName(segment.plan.ordinal)}`
  }
}

function* writeAndClose(handle: Handle, bytes: Buffer, at: number): Steps<void> {
  try {
    yield* writeAll(handle, bytes, 0, bytes.length, at)
    yield* step({ do: 'sync', handle })
  } finally {
    yield* step({ do: 'close', handle })
  }
}
