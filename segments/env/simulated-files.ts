import type { Disk } from './disk.ts'
import { type FileNode, type FileTree, type OtherKind } from './tree.ts'

/**
 * Files of a simulated machine as a test sees and changes them, past all calls: nothing is counted, and nothing fails
 * but what cannot be: a path that is not there is a `SystemError`, ENOENT.
 *
 * @example
 * import { simulate } from 'seglog/testing'
 *
 * const { files } = simulate(1)
 * files.makeDirectory('/data')
 * files.write('/data/a', new Uint8Array([1, 2, 3]))
 * files.flip('/data/a', 0)
 * files.read('/data/a') // → Uint8Array(3) [ 0, 2, 3 ]
 * files.paths() // → [ '/data/a' ]
 * files.remove('/data/a')
 * files.has('/data/a') // → false
 */
export class SimulatedFiles {
  readonly #tree: FileTree
  readonly #disk: Disk

  constructor(tree: FileTree, disk: Disk) {
    this.#tree = tree
    this.#disk = disk
  }

  /** Whether anything stands at this path. Throws nothing. */
  has(path: string): boolean {
    return this.#tree.status(path) !== undefined
  }

  /**
   * Paths of all files and other things that are not directories, sorted. Throws a `SystemError` for a directory that
   * is not there.
   */
  paths(directory = ''): string[] {
    return this.#tree.list(directory).flatMap(({ name, kind }) => {
      const path = `${directory}/${name}`
      return kind === 'directory' ? this.paths(path) : [path]
    })
  }

  /** What a process reads: a copy. Throws a `SystemError` where there is no such file. */
  read(path: string): Uint8Array {
    const file = this.#file(path)
    const bytes = new Uint8Array(file.size)
    this.#tree.read(file, 0, bytes)
    return bytes
  }

  /**
   * What is on the disk at this moment: a copy. Undefined where the name is not durable. Throws nothing.
   *
   * @example
   * machine.call({ do: 'open', path: '/new', access: 'create' })
   * machine.files.has('/new') // → true
   * machine.files.readDisk('/new') // → undefined
   */
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

  /**
   * Makes or replaces a file, durable at once with its name. Its directory must be there, else it throws a
   * `SystemError`. The bytes are copied.
   */
  write(path: string, bytes: Uint8Array): void {
    const node = this.#tree.find(path, 'open')
    const file = node?.kind === 'file' ? node : this.#tree.createFile(path)
    this.#tree.resize(file, 0)
    this.#tree.write(file, 0, bytes, false)
    this.#tree.sync(file)
    this.#syncNames(path)
  }

  /** Makes a directory with all above it, durable at once. Throws a `SystemError` where a file is in the way. */
  makeDirectory(path: string): void {
    const names = path.split('/').filter((name) => name !== '')
    for (let count = 1; count <= names.length; count++) {
      const above = `/${names.slice(0, count).join('/')}`
      if (!this.#tree.find(above, 'mkdir')) this.#tree.createDirectory(above)
    }
    this.#syncNames(path)
  }

  /** Removes a name, durably. Throws a `SystemError` where it is not there. */
  remove(path: string): void {
    this.#tree.unlink(path)
    this.#syncNames(path)
  }

  /**
   * Places what no call may open: a link, a pipe, or a socket behind which nobody listens. Durable at once. Throws a
   * `SystemError` where the name is taken.
   *
   * @example
   * machine.files.placeOther('/link', 'link')
   * machine.call({ do: 'open', path: '/link', access: 'read' }) // throws ELOOP
   */
  placeOther(path: string, is: OtherKind): void {
    this.#tree.createOther(path, is)
    this.#syncNames(path)
  }

  /**
   * Bit rot: turns one bit of a file round, on the disk and in the cache. Bit 0 is the lowest of the first byte. Throws
   * `RangeError` behind its end, and a `SystemError` where there is no such file.
   */
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

  /**
   * Makes everything durable as it is now. Throws nothing.
   *
   * @example
   * machine.call({ do: 'open', path: '/new', access: 'create' })
   * machine.files.syncAll()
   * machine.files.readDisk('/new') // → Uint8Array(0) []
   */
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
