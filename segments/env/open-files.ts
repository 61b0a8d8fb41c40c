import type { Access, Call, Handle, ResultOf } from './environment.ts'
import { systemError } from './system-error.ts'
import { errorForOpening, type FileNode, type FileTree } from './tree.ts'

export interface OpenFile {
  readonly path: string
  readonly file: FileNode
  readonly access: Access
  readonly durable: boolean
}

/** The open files of one process over a tree: performs calls. */
export class OpenFiles {
  readonly #tree: FileTree
  /** By handle; a number is given out again after `close`, the lowest first as POSIX wants, so misuse is seen. */
  readonly #open: (OpenFile | undefined)[]

  constructor(tree: FileTree, open: (OpenFile | undefined)[] = []) {
    this.#tree = tree
    this.#open = open
  }

  /** The same handles over a copy of the tree; none of them writes durably. */
  copy(tree: FileTree, copyOf: (file: FileNode) => FileNode): OpenFiles {
    const open = this.#open.map((open) => open && { ...open, file: copyOf(open.file), durable: false })
    return new OpenFiles(tree, open)
  }

  perform<C extends Call>(call: C): ResultOf<C> {
    return this.#perform(call) as ResultOf<C>
  }

  /** As `perform`, but a write through a durable handle is durable only after a sync. */
  performUnsynced(call: Extract<Call, { do: 'write' }>): number {
    return this.#write(call, false)
  }

  pathOf(handle: Handle): string {
    return this.#open[handle]?.path ?? '(closed)'
  }

  get(handle: Handle, syscall: string): OpenFile {
    const open = this.#open[handle]
    if (!open) throw systemError('EBADF', syscall)
    return open
  }

  #perform(call: Call): unknown {
    const tree = this.#tree
    switch (call.do) {
      case 'open':
        return this.#openFile(call.path, call.access, call.durable ?? false)
      case 'read': {
        const { file } = this.get(call.handle, 'read')
        return tree.read(file, call.position, partOf(call.into, call.start, call.length))
      }
      case 'write':
        return this.#write(call, true)
      case 'sync':
        return tree.sync(this.get(call.handle, 'fdatasync').file)
      case 'truncate': {
        const { file, access } = this.get(call.handle, 'ftruncate')
        if (access === 'read') throw systemError('EINVAL', 'ftruncate')
        return tree.resize(file, call.size)
      }
      case 'size':
        return this.get(call.handle, 'fstat').file.size
      case 'close':
        this.get(call.handle, 'close')
        this.#open[call.handle] = undefined
        return undefined
      case 'rename':
        return tree.rename(call.from, call.to)
      case 'link':
        return tree.link(call.from, call.to)
      case 'unlink':
        return tree.unlink(call.path)
      case 'makeDirectory':
        return tree.createDirectory(call.path)
      case 'list':
        return tree.list(call.path)
      case 'stat':
        return tree.status(call.path)
      case 'space':
        if (tree.status(call.path) === undefined) throw systemError('ENOENT', 'statfs', call.path)
        return tree.space
      case 'syncDirectory':
        return tree.sync(tree.directory(call.path, 'fsync'))
    }
  }

  #write(call: Extract<Call, { do: 'write' }>, asOpened: boolean): number {
    const { file, access, durable } = this.get(call.handle, 'write')
    if (access === 'read') throw systemError('EBADF', 'write')
    return this.#tree.write(file, call.position, partOf(call.from, call.start, call.length), asOpened && durable)
  }

  #openFile(path: string, access: Access, durable: boolean): number {
    const file = access === 'create' ? this.#tree.createFile(path) : this.#tree.existing(path, 'open')
    if (file.kind !== 'file') throw errorForOpening(file, path)
    // 0, 1 and 2 are never ours; a handle of 0 would hide a forgotten one.
    let handle = 3
    while (this.#open[handle]) handle++
    this.#open[handle] = { path, file, access, durable }
    return handle
  }
}

/** Most calls are about all of their buffer, and need no view of it. */
function partOf(bytes: Uint8Array, start: number, length: number): Uint8Array {
  return length === bytes.length ? bytes : bytes.subarray(start, start + length)
}
