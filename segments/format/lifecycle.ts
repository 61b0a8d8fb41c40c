import type { Manifest, RunIdentity, RunStatus } from './manifest.ts'
import { isRunIdentity, isStatus } from './manifest-members.ts'

/** What the payload of a lifecycle frame says: the status of a run from here on, and who it is. */
export interface Lifecycle {
  readonly status: RunStatus
  /** Null in a log that is no run of a store. */
  readonly run: RunIdentity | null
}

/** JSON in UTF-8: rare, and it holds what a caller put into the identity. */
export function encodeLifecycle({ status, run }: Lifecycle): Buffer {
  return Buffer.from(JSON.stringify({ status, run }))
}

/** Undefined where the payload is none. */
export function decodeLifecycle(payload: Uint8Array): Lifecycle | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(payload).toString('utf8'))
  } catch {
    return undefined
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined
  const { status, run } = parsed as Record<string, unknown>
  const isOne = isStatus(status) && (run === null || isRunIdentity(run))
  return isOne ? { status: status as RunStatus, run: run as Manifest['run'] } : undefined
}
