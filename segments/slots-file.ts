import type { Environment, Handle, Timer } from './env/environment.ts'
import { type Steps, step } from './env/steps.ts'
import { SeglogError, newerFormat } from './errors.ts'
import { readUpTo, withFile, withFileIfThere } from './files.ts'
import { SLOT, SLOTS_FILE_BYTES, SLOT_COUNT } from './format/layout.ts'
import { SLOTS_NAME } from './format/names.ts'
import { SLOT_OFFSETS, type Slot, decodeSlot, encodeSlot, updateSlot } from './format/slots.ts'

/** A log that was idle for so long has its slots synced. */
const IDLE_SYNC_MS = 100

/**
 * The file `durable` of a log that is open for writing. Each group writes a slot, in turn, after it was synced and before
 * anyone is told; that write itself is not synced, so it costs microseconds, is exact after the kill of a process and a
 * true lower bound after a power cut.
 */
export class SlotsFile {
  private readonly env: Environment
  private readonly handle: Handle
  private readonly bytes = Buffer.alloc(SLOT.size)
  private turn: number
  private writes = 0
  private timer: Timer | undefined
  private syncing = false
  /** Told when the sync of an idle log fails. */
  onFailure: ((error: unknown) => void) | undefined
  /** Called when the sync that `close` has to wait for is done. */
  private whenQuiet: (() => void) | undefined

  /** `slot` is what the file holds now, in slot `turn`. */
  constructor(env: Environment, handle: Handle, slot: Slot, turn: number) {
    this.env = env
    this.handle = handle
    this.turn = turn
    encodeSlot(this.bytes, slot)
  }

  /** Throws what the system says; then the log must not acknowledge what the slot was to name. */
  write(ordinal: number, offset: number, sequence: number): void {
    updateSlot(this.bytes, ordinal, offset, sequence)
    const turn = (this.turn + 1) % SLOT_COUNT
    const position = SLOT_OFFSETS[turn]!
    const count = this.env.call({
      do: 'write',
      handle: this.handle,
      from: this.bytes,
      start: 0,
      length: SLOT.size,
      position,
    })
    if (count !== SLOT.size) {
      throw new SeglogError('DISK_FULL', 'a durable slot was written in part', { expected: SLOT.size, found: count })
    }
    this.turn = turn
    this.writes += 1
    this.watch()
  }

  /** Looks again in a while: one timer at a time, none while a sync is under way. */
  private watch(): void {
    if (this.timer !== undefined || this.syncing) return
    const { writes } = this
    this.timer = this.env.after(IDLE_SYNC_MS, () => this.whenIdle(writes))
  }

  private whenIdle(writes: number): void {
    this.timer = undefined
    if (writes !== this.writes) {
      this.watch()
      return
    }
    this.syncing = true
    this.env.start({ do: 'sync', handle: this.handle }, (error) => {
      this.syncing = false
      if (error) this.onFailure?.(error)
      if (this.whenQuiet !== undefined) this.whenQuiet()
      else if (writes !== this.writes) this.watch()
    })
  }

  /** Closes the file once no call holds it; `done` gets what the close says. */
  close(done: (error: unknown) => void): void {
    this.timer?.cancel()
    if (this.syncing) {
      const closeLater = (): void => this.close(done)
      this.whenQuiet = closeLater
      return
    }
    this.whenQuiet = undefined
    let failure: unknown
    try {
      this.env.call({ do: 'close', handle: this.handle })
    } catch (error) {
      failure = error
    }
    done(failure)
  }
}

/** Both slots of a file, by place; undefined where a slot is no evidence. */
export function* readSlots(path: string): Steps<readonly (Slot | 'newer' | undefined)[]> {
  return yield* withFile(path, 'read', slotsOf)
}

function* slotsOf(handle: Handle): Steps<readonly (Slot | 'newer' | undefined)[]> {
  const bytes = Buffer.allocUnsafe(SLOTS_FILE_BYTES)
  const length = yield* readUpTo(handle, bytes, 0, bytes.length, 0)
  return SLOT_OFFSETS.map((offset) => decodeSlot(bytes.subarray(offset, Math.min(length, offset + SLOT.size))))
}

/** The slot of this log that says most; undefined where none is any evidence, or no file is there under that name. */
export function* newestSlot(directory: string, logId: string): Steps<Slot | undefined> {
  const path = `${directory}/${SLOTS_NAME}`
  const slots = (yield* withFileIfThere(path, slotsOf)) ?? []
  if (slots.includes('newer')) throw newerFormat(path)
  return latestSlot(slots, logId)
}

/** Writes one slot and makes it durable: the last step of opening. */
export function* writeFirstSlot(handle: Handle, slot: Slot, turn: number): Steps<void> {
  const bytes = Buffer.alloc(SLOT.size)
  encodeSlot(bytes, slot)
  const count = yield* step({
    do: 'write',
    handle,
    from: bytes,
    start: 0,
    length: SLOT.size,
    position: SLOT_OFFSETS[turn]!,
  })
  if (count !== SLOT.size) throw new SeglogError('DISK_FULL', 'a durable slot was written in part', { found: count })
  yield* step({ do: 'sync', handle })
}

/** The slot that says most: the latest epoch, then the highest sequence, then the later place. */
export function latestSlot(slots: readonly (Slot | 'newer' | undefined)[], logId: string): Slot | undefined {
  let latest: Slot | undefined
  for (const slot of slots) {
    if (slot === undefined || slot === 'newer' || slot.logId !== logId) continue
    if (latest === undefined || isLater(slot, latest)) latest = slot
  }
  return latest
}

function isLater(a: Slot, b: Slot): boolean {
  if (a.epoch !== b.epoch) return a.epoch > b.epoch
  if (a.sequence !== b.sequence) return a.sequence > b.sequence
  return a.ordinal !== b.ordinal ? a.ordinal > b.ordinal : a.offset >= b.offset
}
