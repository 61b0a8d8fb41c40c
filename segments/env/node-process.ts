import fs from 'node:fs'
import os from 'node:os'
import type { ProcessIdentity } from './environment.ts'

/** Who this process is. On systems without /proc the pid and the host are all there is. */
export function processIdentity(): ProcessIdentity {
  return {
    pid: process.pid,
    startTime: startTimeOf(process.pid) ?? '',
    bootId: whereThereIsOne(() => fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    pidNamespace: whereThereIsOne(() => fs.readlinkSync('/proc/self/ns/pid')),
    host: os.hostname(),
  }
}

/**
 * Start time of a process, '' when it is there but cannot be seen, undefined when it is not there. A missing directory
 * in /proc proves nothing (a mount with hidepid shows only one's own processes), so the kernel is asked as well.
 */
export function startTimeOf(pid: number): string | undefined {
  try {
    return startTimeIn(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return exists(pid) ? '' : undefined
  }
}

/** Field 22. Field 2 is the program's name in parentheses, which may itself hold spaces and parentheses. */
export function startTimeIn(stat: string): string {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[22 - 3] ?? ''
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/** Any failure means "not known here", which takes a proof away and never makes one. */
function whereThereIsOne(read: () => string): string {
  try {
    return read()
  } catch {
    return ''
  }
}
