import type { Disk } from './disk.ts'
import { type FileNode, type FileTree, type OtherKind } from './tree.ts'

/** Files of a simulated machine as a test sees and changes them, past all calls: nothing is counted, nothing fails. */
export class SimulatedFiles {
  readonly #tree: FileTree
  readonly #disk: Disk

  constructor(tree: FileTree, disk: Disk) {
    this.#tree = tree
    this.#disk = disk
  }

  /** Whether anything stands at this path. */
  has(path: string): boolean {
    return this.#tree.status(path) !== undefined
  }

  /** Paths of all files and other things that are not directories, sorted. */
  paths(directory = ''): string[] {
    return this.#tree.list(directory).flatMap(({ name, kind }) => {
      const path = `${directory}/${name}`
      return kind === 'directory' ? this.paths(path) : [path]
    })
  }

  /** What a process reads: a copy. */
  read(path: string): Uint8Array {
    const file = this.#file(path)
    const bytes = new Uint8Array(file.size)
    this.#tree.read(file, 0, bytes)
    return bytes
  }

  /** What is on the disk at this moment: a copy. Undefined where the name is not durable. */
  readDisk(path: string): Uint8Array | undefined {
    let node = this.#tree.root as FileNode | FileTree['root'] | undefined
    for (const name of path.split('/').filter((part) => part !== '')) {
      const next = node?.kind === 'directory' ? this.#disk.directory(node).entries.get(name) : undefined
      node = next?.kind === 'other' ? undefined : next
    }
    if (node?.kind !== 'file') return undefined
    const disk = this.#disk.file(node)
    const bytes = new Uint8Array(disk.size)
    disk.bytes.read(0, bytes)
    return bytes
  }

  /** Makes or replaces a file, durable at once with its name. Its directory must be there. */
  write(path: string, bytes: Uint8Array): void {
    const node = this.#tree.find(path, 'open')
    const file = node?.kind === 'file' ? node : this.#tree.createFile(path)
    this.#tree.resize(file, 0)
    this.#tree.write(file, 0, bytes, false)
    this.#tree.sync(file)
    this.#syncNames(path)
  }

  /** Makes a directory with all above it, durable at once. */
  makeDirectory(path: string): void {
    const names = path.split('/').filter((name) => name !== '')
    for (let count = 1; count <= names.length; count++) {
      const above = `/${names.slice(0, count).join('/')}`
      if (!this.#tree.find(above, 'mkdir')) this.#tree.createDirectory(above)
    }
    this.#syncNames(path)
  }

  /** Removes a name, durably. */
  remove(path: string): void {
    this.#tree.unlink(path)
    this.#syncNames(path)
  }

  /** Places what no call may open: a link, a pipe, or a socket behind which nobody listens. Durable at once. */
  placeOther(path: string, is: OtherKind): void {
    this.#tree.createOther(path, is)
    this.#syncNames(path)
  }

  /** Bit rot: turns one bit of a file round, on the disk and in the cache. Bit 0 is the lowest of the first byte. */
  flip(path: string, bit: number): void {
    const file = this.#file(path)
    const position = Math.floor(bit / 8)
    if (position >= file.size) throw new RangeError(`${path} has ${file.size} bytes, none at ${position}`)
    for (const bytes of [file.bytes, this.#disk.file(file).bytes]) {
      const byte = new Uint8Array(1)
      bytes.read(position, byte)
      bytes.write(
        position,
        byte.map((value) => value ^ (1 << (bit % 8))),
      )
    }
  }

  /** Makes everything durable as it is now. */
  syncAll(): void {
    for (const node of this.#tree.nodes()) if (node.kind !== 'other') this.#disk.synced(node)
  }

  #file(path: string): FileNode {
    const node = this.#tree.existing(path, 'open')
    if (node.kind !== 'file') throw new TypeError(`${path} is not a file`)
    return node
  }

  #syncNames(path: string): void {
    const names = path.split('/').filter((name) => name !== '')
    let at = this.#tree.root
    for (const name of names) {
      this.#disk.syncEntry(at, name)
      const next = at.entries.get(name)
      if (next?.kind !== 'directory') return
      at = next
    }
  }
}
