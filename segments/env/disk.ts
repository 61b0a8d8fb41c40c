import { isZero, PagedBytes, type Slabs } from './pages.ts'
import type { DirectoryNode, FileNode, TreeNode, TreeObserver } from './tree.ts'

/**
 * What of a tree is durable, and what was changed since. The tree itself is the page cache: what running processes see.
 */

export interface DiskFile {
  readonly bytes: PagedBytes
  size: number
  /** In the order in which they were made. */
  unsynced: FileChange[]
}

export type FileChange =
  | {
      readonly kind: 'write'
      readonly position: number
      readonly bytes: Uint8Array
      /** Whether the file became longer by it. */
      readonly grew: boolean
      /** Made by a durable write: on disk by itself, listed because it lies over unsynced changes made before it. */
      readonly durable: boolean
    }
  | { readonly kind: 'resize'; readonly size: number }

export interface DiskDirectory {
  readonly entries: Map<string, TreeNode>
  /** In order; undefined removes the name. A rename is two of these. */
  unsynced: EntryChange[]
}

export interface EntryChange {
  readonly name: string
  readonly node: TreeNode | undefined
}

/** Unsynced zeros are kept as views of this, not as copies. */
const ZEROS = new Uint8Array(1 << 16)

export class Disk implements TreeObserver {
  readonly #slabs: Slabs
  readonly #files = new Map<FileNode, DiskFile>()
  readonly #directories = new Map<DirectoryNode, DiskDirectory>()

  constructor(slabs: Slabs) {
    this.#slabs = slabs
  }

  file(node: FileNode): DiskFile {
    let file = this.#files.get(node)
    if (!file) this.#files.set(node, (file = { bytes: new PagedBytes(this.#slabs), size: 0, unsynced: [] }))
    return file
  }

  directory(node: DirectoryNode): DiskDirectory {
    let directory = this.#directories.get(node)
    if (!directory) this.#directories.set(node, (directory = { entries: new Map(), unsynced: [] }))
    return directory
  }

  putFile(node: FileNode, file: DiskFile): void {
    this.#files.set(node, file)
  }

  putDirectory(node: DirectoryNode, directory: DiskDirectory): void {
    this.#directories.set(node, directory)
  }

  wrote(node: FileNode, position: number, bytes: Uint8Array, sizeBefore: number, durable: boolean): void {
    if (bytes.length === 0) return
    const file = this.file(node)
    const grew = position + bytes.length > sizeBefore
    if (durable && file.unsynced.length === 0) apply({ kind: 'write', position, bytes, grew, durable }, file)
    else file.unsynced.push({ kind: 'write', position, bytes: keep(bytes), grew, durable })
  }

  resized(node: FileNode, sizeBefore: number): void {
    if (node.size !== sizeBefore) this.file(node).unsynced.push({ kind: 'resize', size: node.size })
  }

  named(directory: DirectoryNode, name: string, node: TreeNode | undefined): void {
    this.directory(directory).unsynced.push({ name, node })
  }

  synced(node: FileNode | DirectoryNode): void {
    if (node.kind === 'file') {
      const file = this.file(node)
      for (const change of file.unsynced) apply(change, file)
      file.unsynced = []
    } else {
      const directory = this.directory(node)
      for (const { name, node: entry } of directory.unsynced) setEntry(directory.entries, name, entry)
      directory.unsynced = []
    }
  }

  /** A sync that failed, after which the system takes the changes for written: they are seen, and never reach the disk. */
  drop(node: FileNode | DirectoryNode): void {
    if (node.kind === 'file') {
      const file = this.file(node)
      // What a durable write made durable stays so.
      for (const change of file.unsynced) if (change.kind === 'write' && change.durable) apply(change, file)
      file.unsynced = []
    } else this.directory(node).unsynced = []
  }

  /** Makes one entry durable, and no other. */
  syncEntry(directory: DirectoryNode, name: string): void {
    const disk = this.directory(directory)
    setEntry(disk.entries, name, directory.entries.get(name))
    disk.unsynced = disk.unsynced.filter((change) => change.name !== name)
  }
}

function apply(change: FileChange, file: DiskFile): void {
  if (change.kind === 'write') {
    file.bytes.write(change.position, change.bytes)
    file.size = Math.max(file.size, change.position + change.bytes.length)
  } else {
    if (change.size < file.size) file.bytes.cut(change.size)
    file.size = change.size
  }
}

export function setEntry(entries: Map<string, TreeNode>, name: string, node: TreeNode | undefined): void {
  if (node) entries.set(name, node)
  else entries.delete(name)
}

function keep(bytes: Uint8Array): Uint8Array {
  // Copied into Node's pool where they are few: a buffer of their own costs five times as much.
  return bytes.length <= ZEROS.length && isZero(bytes) ? ZEROS.subarray(0, bytes.length) : Buffer.from(bytes)
}
