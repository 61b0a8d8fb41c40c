import { closeSync, fsyncSync, mkdtempSync, openSync, readdirSync, rmSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const directories = new Set<string>()

/** A directory on the disk of the system's temporary files, removed when the process ends, also by an error. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'seglog-bench-'))
  directories.add(directory)
  return directory
}

export function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true })
  directories.delete(directory)
}

export async function inDirectory<R>(body: (directory: string) => Promise<R> | R): Promise<R> {
  const directory = temporaryDirectory()
  try {
    return await body(directory)
  } finally {
    removeDirectory(directory)
  }
}

/** Bytes of all files below that are named so. */
export function bytesIn(directory: string, name = /./): number {
  let bytes = 0
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (entry.isFile() && name.test(entry.name)) bytes += statSync(path.join(entry.parentPath, entry.name)).size
  }
  return bytes
}

/** Makes all files below durable, so that nobody who is timed later pays for them. */
export function syncFiles(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue
    const handle = openSync(path.join(entry.parentPath, entry.name), 'r')
    fsyncSync(handle)
    closeSync(handle)
  }
}

process.on('exit', () => [...directories].forEach(removeDirectory))
process.on('SIGINT', () => process.exit(130))
process.on('SIGTERM', () => process.exit(143))
