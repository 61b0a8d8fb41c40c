import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'

/** In memory where there is such a place, for tests of many openings that are not about the disk. */
export const FAST_PLACE = fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir()

/** A directory that is gone after the test. */
export function temporaryDirectory(place = os.tmpdir()): string {
  const directory = fs.mkdtempSync(path.join(place, 'seglog-real-'))
  onTestFinished(() => fs.rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Why tests that need this program cannot run here; undefined where they can. */
export function whyNot(command: string, ...words: readonly string[]): string | undefined {
  const { status, error, stderr } = spawnSync(command, words, { encoding: 'utf8' })
  if (error !== undefined) return `${command} cannot be run: ${error.message}`
  return status === 0 ? undefined : `"${[command, ...words].join(' ')}" fails: ${stderr.trim()}`
}

/** Says why, where tests are skipped; for `describe.skipIf`. */
export function skipped(what: string, reason: string | undefined): boolean {
  if (reason !== undefined) console.log(`skipped on this machine: ${what}: ${reason}`)
  return reason !== undefined
}

export type SmallDisk = 'tmpfs' | 'ext4'

/** Mounts a small file system until the test is over; gives the directory. Throws where that is not possible. */
export function mountSmall(kind: SmallDisk, bytes: number): string {
  const base = fs.mkdtempSync(path.join(os.tmpdir(), 'seglog-disk-'))
  const target = path.join(base, 'mounted')
  fs.mkdirSync(target)
  try {
    if (kind === 'tmpfs') {
      must('mount', '-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', target)
    } else {
      const image = path.join(base, 'image')
      fs.writeFileSync(image, '')
      fs.truncateSync(image, bytes)
      must('mkfs.ext4', '-q', '-m', '0', image)
      must('mount', '-o', 'loop', image, target)
    }
  } catch (error) {
    fs.rmSync(base, { recursive: true, force: true })
    throw error
  }
  onTestFinished(() => unmount(base, target))
  return target
}

/** Why such a disk cannot be mounted here; undefined where it can. */
export function whyNoDisk(kind: SmallDisk): string | undefined {
  const script =
    kind === 'tmpfs'
      ? 'd=$(mktemp -d) && mount -t tmpfs -o size=64k tmpfs "$d" && umount "$d" && rmdir "$d"'
      : 'd=$(mktemp -d) && i=$(mktemp) && truncate -s 4M "$i" && mkfs.ext4 -q "$i" && mount -o loop "$i" "$d" && ' +
        'umount "$d" && rmdir "$d" && rm "$i"'
  return whyNot('sh', '-c', script)
}

function must(command: string, ...words: readonly string[]): void {
  const reason = whyNot(command, ...words)
  if (reason !== undefined) throw new Error(reason)
}

/** Lazily where a test that failed has left a log open. Never removes what is still mounted. */
function unmount(base: string, target: string): void {
  if (whyNot('umount', target) !== undefined) must('umount', '-l', target)
  fs.rmSync(base, { recursive: true, force: true })
}

export function freeBytes(directory: string): number {
  const { bavail, bsize } = fs.statfsSync(directory)
  return bavail * bsize
}

/** Fills a disk until at most so much is free; gives what makes room again. */
export function fillDisk(directory: string, leaveBytes = 0): () => void {
  const filler = path.join(directory, 'filler')
  const handle = fs.openSync(filler, 'a')
  try {
    for (const piece of [65_536, 4096, 1024]) {
      while (freeBytes(directory) >= leaveBytes + piece && fits(handle, piece)) continue
    }
  } finally {
    fs.fsyncSync(handle)
    fs.closeSync(handle)
  }
  return () => fs.rmSync(filler)
}

function fits(handle: number, bytes: number): boolean {
  try {
    return fs.writeSync(handle, Buffer.alloc(bytes)) === bytes
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    return false
  }
}

/** Files and links that this process has open. */
export function openHandles(): number {
  return fs.readdirSync('/proc/self/fd').length
}
