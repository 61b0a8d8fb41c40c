import fs from 'node:fs'
import type { Listener } from './environment.ts'
import { asSystemError } from './system-error.ts'

/** How often a directory counts as changed once the system no longer tells. */
const BLIND_INTERVAL_MS = 20

/** What the system says when it has no watch to give; the directory itself is fine. */
const NO_WATCH_LEFT: ReadonlySet<string> = new Set(['ENOSPC', 'EMFILE', 'ENFILE', 'ENOSYS'])

/**
 * Watches a directory. When the system has no watch left to give, or loses the one it gave, `changed` is called at an
 * interval instead: that is "too often", which the contract allows, and a follower never sleeps through a change. A
 * directory that cannot be watched because of what it is (missing, not readable) is an error.
 */
export function watch(directory: string, changed: () => void): Listener {
  let blind: NodeJS.Timeout | undefined
  let closed = false
  const goBlind = (): void => {
    blind ??= setInterval(changed, BLIND_INTERVAL_MS).unref()
  }
  let watcher: fs.FSWatcher | undefined
  try {
    watcher = fs.watch(directory, { persistent: false }, () => changed())
    watcher.on('error', () => {
      if (closed) return
      watcher?.close()
      goBlind()
      changed()
    })
  } catch (error) {
    if (!NO_WATCH_LEFT.has(asSystemError(error).code)) throw error
    goBlind()
  }
  return {
    close: () => {
      closed = true
      watcher?.close()
      clearInterval(blind)
    },
  }
}
