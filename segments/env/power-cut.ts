import { Disk, type DiskDirectory, type DiskFile, type FileChange, setEntry } from './disk.ts'
import type { PagedBytes } from './pages.ts'
import type { Random } from './random.ts'
import { type DirectoryNode, type FileNode, FileTree, type TreeNode } from './tree.ts'

/** What a power cut leaves of a tree: all that was synced, and of the rest any part. */

/** What becomes of changes that were not synced. */
export interface CrashOptions {
  /**
   * `any` (the default): each sector, length and name may be there or not, by the seed. `lost`: none is there. `kept`:
   * all are there.
   */
  readonly unsynced?: 'any' | 'lost' | 'kept'
  /**
   * Whether sectors in the middle of being written may hold garbage. Only bytes that the write would have changed are
   * touched: a rewrite with identical bytes is taken to be harmless.
   */
  readonly garbage?: boolean
}

/** What drives write at once; a part of one is written only where a seed says "torn". */
const SECTOR_BYTES = 512

/** Of the seeds of `any`, this share loses everything and the same share keeps everything: the likely ends in life. */
const EXTREME_SHARE = 1 / 8

/** How often a sector that is not there whole is there in part. */
const TORN_SHARE = 1 / 2

export function cutPower(
  tree: FileTree,
  disk: Disk,
  random: Random,
  options: CrashOptions,
): { readonly tree: FileTree; readonly disk: Disk } {
  const cut = new PowerCut(disk, new Disk(tree.slabs), random, options)
  const root = cut.survivor(tree.root) as DirectoryNode
  const left = new FileTree(root, tree.nextNumber, tree.slabs)
  left.capacity = tree.capacity
  return { tree: left, disk: cut.diskAfter }
}

class PowerCut {
  readonly diskAfter: Disk
  readonly #disk: Disk
  readonly #random: Random
  readonly #garbage: boolean
  readonly #unsynced: 'any' | 'lost' | 'kept'
  /** One file may have several names, also after the cut. */
  readonly #survivors = new Map<TreeNode, TreeNode>()

  constructor(disk: Disk, diskAfter: Disk, random: Random, options: CrashOptions) {
    this.#disk = disk
    this.diskAfter = diskAfter
    this.#random = random
    this.#garbage = options.garbage ?? false
    const mood = options.unsynced ?? 'any'
    const drawn = random.next() / 0x1_0000_0000
    this.#unsynced = mood !== 'any' ? mood : drawn < EXTREME_SHARE ? 'lost' : drawn < 2 * EXTREME_SHARE ? 'kept' : 'any'
  }

  survivor(node: TreeNode): TreeNode {
    const known = this.#survivors.get(node)
    if (known) return known
    if (node.kind === 'directory') return this.#directory(node)
    const left = node.kind === 'file' ? this.#file(node) : { ...node, listening: false }
    this.#survivors.set(node, left)
    return left
  }

  #directory(node: DirectoryNode): DirectoryNode {
    const left: DirectoryNode = { kind: 'directory', number: node.number, entries: new Map() }
    this.#survivors.set(node, left)
    const disk = this.#disk.directory(node)
    for (const [name, entry] of this.#entries(disk)) left.entries.set(name, this.survivor(entry))
    this.diskAfter.putDirectory(left, { entries: new Map(left.entries), unsynced: [] })
    return left
  }

  #entries(disk: DiskDirectory): Map<string, TreeNode> {
    if (disk.unsynced.length === 0) return disk.entries
    const entries = new Map(disk.entries)
    for (const { name, node } of disk.unsynced) if (this.#happened(1 / 2)) setEntry(entries, name, node)
    return entries
  }

  #file(node: FileNode): FileNode {
    const disk = this.#disk.file(node)
    const bytes = disk.bytes.clone()
    const size = disk.unsynced.length === 0 ? disk.size : this.#replay(disk, bytes)
    // The cache of the new boot holds what the disk holds.
    const left: FileNode = { kind: 'file', number: node.number, bytes, size }
    this.diskAfter.putFile(left, { bytes: bytes.clone(), size, unsynced: [] })
    return left
  }

  /** Makes of the unsynced changes what the cut left of them; returns the length. */
  #replay(disk: DiskFile, bytes: PagedBytes): number {
    let lengthsLeft = this.#lengthsThatHappened(disk.unsynced)
    let size = disk.size
    let end = size
    for (const change of disk.unsynced) {
      if (change.kind === 'resize') {
        if (lengthsLeft-- <= 0) continue
        bytes.cut(change.size)
        size = change.size
        continue
      }
      const changeEnd = change.position + change.bytes.length
      if (change.durable) bytes.write(change.position, change.bytes)
      else this.#writePart(bytes, change.position, change.bytes)
      end = Math.max(end, changeEnd)
      if (change.durable || (change.grew && lengthsLeft-- > 0)) size = Math.max(size, changeEnd)
    }
    if (end > size) bytes.cut(size)
    return size
  }

  /** Lengths reach the disk in order (file systems journal them), so some first ones of them happened. */
  #lengthsThatHappened(changes: readonly FileChange[]): number {
    let lengths = 0
    for (const change of changes) if (change.kind === 'resize' || (change.grew && !change.durable)) lengths++
    if (this.#unsynced !== 'any') return this.#unsynced === 'kept' ? lengths : 0
    const ending = this.#random.below(3)
    return ending === 0 ? 0 : ending === 1 ? lengths : this.#random.below(lengths + 1)
  }

  #writePart(bytes: PagedBytes, position: number, from: Uint8Array): void {
    const share = this.#shareOfWrite()
    if (share === 1) return bytes.write(position, from)
    if (share === 0) return
    const end = position + from.length
    for (let at = position; at < end;) {
      const next = Math.min(end, at - (at % SECTOR_BYTES) + SECTOR_BYTES)
      const sector = from.subarray(at - position, next - position)
      if (this.#random.chance(share)) bytes.write(at, sector)
      else if (this.#random.chance(TORN_SHARE)) this.#tear(bytes, at, sector)
      at = next
    }
  }

  /** Each write for itself is lost, whole or in part, so that a later one may be there without an earlier one. */
  #shareOfWrite(): number {
    if (this.#unsynced !== 'any') return this.#unsynced === 'kept' ? 1 : 0
    const kind = this.#random.below(4)
    return kind === 0 ? 0 : kind === 1 ? 1 : kind === 2 ? 1 / 2 : this.#random.next() / 0x1_0000_0000
  }

  /** A part of a sector: some bytes of it, from anywhere to anywhere, or garbage over what would have changed. */
  #tear(bytes: PagedBytes, at: number, sector: Uint8Array): void {
    if (this.#garbage && this.#random.chance(1 / 2)) return this.#spoil(bytes, at, sector)
    const from = this.#random.chance(1 / 2) ? 0 : this.#random.below(sector.length)
    const to = this.#random.chance(1 / 3) ? sector.length : from + this.#random.below(sector.length - from + 1)
    bytes.write(at + from, sector.subarray(from, to))
  }

  #spoil(bytes: PagedBytes, at: number, sector: Uint8Array): void {
    const old = new Uint8Array(sector.length)
    bytes.read(at, old)
    let from = 0
    while (from < sector.length && old[from] === sector[from]) from++
    let to = sector.length
    while (to > from && old[to - 1] === sector[to - 1]) to--
    bytes.write(at + from, this.#random.bytes(to - from))
  }

  #happened(share: number): boolean {
    return this.#unsynced === 'any' ? this.#random.chance(share) : this.#unsynced === 'kept'
  }
}
