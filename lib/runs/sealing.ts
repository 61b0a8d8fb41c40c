import { hasCode } from '../../segments/errors.ts'
import { KIND } from '../../segments/format/layout.ts'
import { encodeLifecycle } from '../../segments/format/lifecycle.ts'
import type { RunIdentity, RunStatus } from '../../segments/format/manifest.ts'
import type { Writer } from '../../segments/writer.ts'
import type { Entry } from '../read/entry.ts'
import type { Notes } from './notes.ts'
import type { SealedStatus } from './identity.ts'

/** Writes into the log itself what its manifest says of the run, for the day that all manifests are lost. */
export function tellLifecycle(writer: Writer, status: RunStatus, run: RunIdentity | null): Promise<void> {
  return writer.control(KIND.lifecycle, encodeLifecycle({ status, run }))
}

/**
 * Seals a log that gets no more appends: everything durable, the lifecycle frame, then the manifest, from which on the
 * log is never written again. Whatever fails before leaves the run as it was, running; its files are closed all the same.
 */
export async function sealLog<T>(
  writer: Writer,
  notes: Notes,
  get: (sequence: number) => Entry<T> | undefined,
  status: SealedStatus,
): Promise<void> {
  try {
    await notes.settle()
    const { lastSequence } = writer
    await writer.whenDurable(lastSequence)
    const { run: identity } = notes.manifest
    const run = identity && { ...identity, endedAt: timeOf(lastSequence, get) }
    await tellLifecycle(writer, status, run)
    await writer.close({ status, run })
  } catch (error) {
    await writer.close().catch(() => undefined)
    throw error
  }
}

/** Time of the last record; null where there is none, and where it is damaged. */
function timeOf<T>(sequence: number, get: (sequence: number) => Entry<T> | undefined): string | null {
  try {
    const last = get(sequence)
    return last === undefined ? null : String(last.timestampNs)
  } catch (error) {
    if (hasCode(error, 'CORRUPT') || hasCode(error, 'GAP')) return null
    throw error
  }
}
