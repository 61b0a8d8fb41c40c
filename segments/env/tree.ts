import type { DirectoryEntry, FileStatus, SystemError } from './environment.ts'
import { PAGE_BYTES, PagedBytes, Slabs } from './pages.ts'
import { type ErrorName, systemError } from './system-error.ts'

/** Files and directories in memory: what `memory` and `simulated` have in common, without handles, time or faults. */

export interface FileNode {
  readonly kind: 'file'
  readonly number: number
  readonly bytes: PagedBytes
  size: number
}

export interface DirectoryNode {
  readonly kind: 'directory'
  readonly number: number
  readonly entries: Map<string, TreeNode>
}

/** What is neither: it can be seen, renamed and removed, and never opened. */
export interface OtherNode {
  readonly kind: 'other'
  readonly number: number
  readonly is: OtherKind
  /** Of a socket: whether somebody accepts, and on which host: the kernels of others know of no listener. */
  listening: boolean
  host?: string
}

/** What a path may lead to that no call can open. */
export type OtherKind = 'link' | 'pipe' | 'socket'

export type TreeNode = FileNode | DirectoryNode | OtherNode

/** Told of each change after it was made, in order; how durability is remembered and watchers are called. */
export interface TreeObserver {
  wrote(file: FileNode, position: number, bytes: Uint8Array, sizeBefore: number, durable: boolean): void
  resized(file: FileNode, sizeBefore: number): void
  /** `node` now stands under this name, or nothing does. */
  named(directory: DirectoryNode, name: string, node: TreeNode | undefined): void
  /** A sync was asked for and succeeded. */
  synced(node: FileNode | DirectoryNode): void
}

export class FileTree {
  readonly root: DirectoryNode
  /** Bytes of storage that the files may use together. */
  capacity = Infinity
  readonly slabs: Slabs
  readonly #observers: TreeObserver[] = []
  #nextNumber: number

  constructor(root?: DirectoryNode, nextNumber = 2, slabs = new Slabs()) {
    this.root = root ?? { kind: 'directory', number: 1, entries: new Map() }
    this.#nextNumber = nextNumber
    this.slabs = slabs
  }

  get nextNumber(): number {
    return this.#nextNumber
  }

  observe(observer: TreeObserver): () => void {
    this.#observers.push(observer)
    return () => {
      const at = this.#observers.indexOf(observer)
      if (at >= 0) this.#observers.splice(at, 1)
    }
  }

  /** What stands at this path; undefined when only its last name is missing. */
  find(path: string, syscall: string): TreeNode | undefined {
    const names = namesOf(path)
    const last = names.pop()
    if (last === undefined) return this.root
    return this.#walk(names, path, syscall).entries.get(last)
  }

  existing(path: string, syscall: string): TreeNode {
    const node = this.find(path, syscall)
    if (!node) throw systemError('ENOENT', syscall, path)
    return node
  }

  directory(path: string, syscall: string): DirectoryNode {
    const node = this.existing(path, syscall)
    if (node.kind !== 'directory') throw systemError('ENOTDIR', syscall, path)
    return node
  }

  createFile(path: string): FileNode {
    const file: FileNode = { kind: 'file', number: this.#nextNumber++, bytes: new PagedBytes(this.slabs), size: 0 }
    this.#create(path, file, 'open', 'EEXIST')
    return file
  }

  createDirectory(path: string): void {
    this.#create(path, { kind: 'directory', number: this.#nextNumber++, entries: new Map() }, 'mkdir', 'EEXIST')
  }

  createOther(path: string, is: OtherKind, whenTaken: ErrorName = 'EEXIST'): OtherNode {
    const node: OtherNode = { kind: 'other', number: this.#nextNumber++, is, listening: false }
    this.#create(path, node, 'bind', whenTaken)
    return node
  }

  link(from: string, to: string): void {
    const node = this.existing(from, 'link')
    if (node.kind === 'directory') throw systemError('EPERM', 'link', from)
    this.#create(to, node, 'link', 'EEXIST')
  }

  rename(from: string, to: string): void {
    const node = this.existing(from, 'rename')
    const source = this.#place(from, 'rename')
    const target = this.#place(to, 'rename')
    const replaced = target.directory.entries.get(target.name)
    // Two names of one file: POSIX wants nothing to happen.
    if (replaced === node) return
    if (node.kind === 'directory') {
      if (contains(node, target.directory)) throw systemError('EINVAL', 'rename', to)
      if (replaced && replaced.kind !== 'directory') throw systemError('ENOTDIR', 'rename', to)
      if (replaced?.kind === 'directory' && replaced.entries.size > 0) throw systemError('ENOTEMPTY', 'rename', to)
    } else if (replaced?.kind === 'directory') throw systemError('EISDIR', 'rename', to)
    this.#name(target.directory, target.name, node)
    this.#name(source.directory, source.name, undefined)
  }

  unlink(path: string): void {
    const node = this.existing(path, 'unlink')
    if (node.kind === 'directory') throw systemError('EISDIR', 'unlink', path)
    const { directory, name } = this.#place(path, 'unlink')
    this.#name(directory, name, undefined)
  }

  list(path: string): DirectoryEntry[] {
    const { entries } = this.directory(path, 'scandir')
    // Without a function that compares, texts are sorted by their code units.
    const names = [...entries.keys()].sort()
    return names.map((name) => ({ name, kind: entries.get(name)!.kind }))
  }

  status(path: string): FileStatus | undefined {
    let node: TreeNode | undefined
    try {
      node = this.find(path, 'lstat')
    } catch (error) {
      // Below a directory that is missing there is nothing either.
      if ((error as { readonly code?: string }).code !== 'ENOENT') throw error
    }
    if (!node) return undefined
    const id = `memory:${node.number}`
    if (node.kind !== 'file') return { kind: node.kind, size: 0, allocated: 0, id }
    return { kind: 'file', size: node.size, allocated: node.bytes.allocated.count * PAGE_BYTES, id }
  }

  read(file: FileNode, position: number, into: Uint8Array): number {
    const count = Math.max(0, Math.min(into.length, file.size - position))
    if (count > 0) file.bytes.read(position, count === into.length ? into : into.subarray(0, count))
    return count
  }

  /** Writes what there is room for, and at least a byte or nothing at all and ENOSPC. */
  write(file: FileNode, position: number, from: Uint8Array, durable: boolean): number {
    const room = this.capacity === Infinity ? from.length : this.#roomFor(file, position, from.length)
    if (room === 0 && from.length > 0) throw systemError('ENOSPC', 'write')
    const bytes = room < from.length ? from.subarray(0, room) : from
    const sizeBefore = file.size
    file.bytes.write(position, bytes)
    if (bytes.length > 0) file.size = Math.max(file.size, position + bytes.length)
    for (const observer of this.#observers) observer.wrote(file, position, bytes, sizeBefore, durable)
    return bytes.length
  }

  resize(file: FileNode, size: number): void {
    const sizeBefore = file.size
    if (size < sizeBefore) file.bytes.cut(size)
    file.size = size
    for (const observer of this.#observers) observer.resized(file, sizeBefore)
  }

  sync(node: FileNode | DirectoryNode): void {
    for (const observer of this.#observers) observer.synced(node)
  }

  /** All that can be reached by a name, each once. */
  nodes(): Set<TreeNode> {
    const found = new Set<TreeNode>([this.root])
    for (const node of found) if (node.kind === 'directory') for (const child of node.entries.values()) found.add(child)
    return found
  }

  /** How many bytes still find room. */
  get space(): number {
    return this.capacity === Infinity ? Infinity : Math.max(0, this.#pagesFree()) * PAGE_BYTES
  }

  #pagesFree(): number {
    let pages = Math.floor(this.capacity / PAGE_BYTES)
    for (const node of this.nodes()) if (node.kind === 'file') pages -= node.bytes.allocated.count
    return pages
  }

  #roomFor(file: FileNode, position: number, length: number): number {
    let pagesFree = this.#pagesFree()
    const first = Math.floor(position / PAGE_BYTES)
    const end = Math.ceil((position + length) / PAGE_BYTES)
    let page = first
    for (; page < end; page++) {
      if (file.bytes.allocated.countWithin(page, page + 1) === 1) continue
      if (pagesFree <= 0) break
      pagesFree--
    }
    return Math.max(0, Math.min(length, page * PAGE_BYTES - position))
  }

  #create(path: string, node: TreeNode, syscall: string, whenTaken: ErrorName): void {
    const place = this.#place(path, syscall, whenTaken)
    if (place.directory.entries.has(place.name)) throw systemError(whenTaken, syscall, path)
    this.#name(place.directory, place.name, node)
  }

  #name(directory: DirectoryNode, name: string, node: TreeNode | undefined): void {
    if (node) directory.entries.set(name, node)
    else directory.entries.delete(name)
    for (const observer of this.#observers) observer.named(directory, name, node)
  }

  #place(path: string, syscall: string, forRoot: ErrorName = 'EBUSY'): { directory: DirectoryNode; name: string } {
    const names = namesOf(path)
    const name = names.pop()
    if (name === undefined) throw systemError(forRoot, syscall, path)
    return { directory: this.#walk(names, path, syscall), name }
  }

  #walk(names: readonly string[], path: string, syscall: string): DirectoryNode {
    let at = this.root
    for (const name of names) {
      const next = at.entries.get(name)
      if (!next) throw systemError('ENOENT', syscall, path)
      if (next.kind !== 'directory') throw systemError('ENOTDIR', syscall, path)
      at = next
    }
    return at
  }
}

/** Names from the root on. A relative path starts there too: there is no current directory. */
function namesOf(path: string): string[] {
  const names: string[] = []
  for (let at = 0; at < path.length;) {
    const slash = path.indexOf('/', at)
    const end = slash === -1 ? path.length : slash
    const name = path.slice(at, end)
    if (name === '..') names.pop()
    else if (name !== '' && name !== '.') names.push(name)
    at = end + 1
  }
  return names
}

function contains(directory: DirectoryNode, node: TreeNode): boolean {
  if (directory === node) return true
  for (const child of directory.entries.values()) if (child.kind === 'directory' && contains(child, node)) return true
  return false
}

export function errorForOpening(node: TreeNode, path: string): SystemError {
  return systemError(node.kind === 'other' && node.is === 'link' ? 'ELOOP' : 'EINVAL', 'open', path)
}
