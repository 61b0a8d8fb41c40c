import { Disk, type DiskDirectory } from './disk.ts'
import { type DirectoryNode, type FileNode, FileTree, type TreeNode } from './tree.ts'

/** A tree and its disk once more; pages are shared until written, so this costs per file and not per byte. */
export class TreeCopy {
  readonly tree: FileTree
  readonly disk: Disk
  readonly #from: Disk
  readonly #copies = new Map<TreeNode, TreeNode>()

  constructor(tree: FileTree, disk: Disk) {
    this.#from = disk
    this.disk = new Disk(tree.slabs)
    this.tree = new FileTree(this.of(tree.root), tree.nextNumber, tree.slabs)
    this.tree.capacity = tree.capacity
    this.tree.observe(this.disk)
  }

  /** The copy of a node, also of one that has no name any more. */
  of<N extends TreeNode>(node: N): N {
    const known = this.#copies.get(node)
    if (known) return known as N
    if (node.kind === 'directory') return this.#directory(node) as TreeNode as N
    const copy = node.kind === 'file' ? this.#file(node) : { ...node, listening: false }
    this.#copies.set(node, copy)
    return copy as N
  }

  #file(node: FileNode): FileNode {
    const disk = this.#from.file(node)
    const copy: FileNode = { kind: 'file', number: node.number, bytes: node.bytes.clone(), size: node.size }
    this.disk.putFile(copy, { bytes: disk.bytes.clone(), size: disk.size, unsynced: disk.unsynced.slice() })
    return copy
  }

  #directory(node: DirectoryNode): DirectoryNode {
    const copy: DirectoryNode = { kind: 'directory', number: node.number, entries: new Map() }
    this.#copies.set(node, copy)
    for (const [name, entry] of node.entries) copy.entries.set(name, this.of(entry))
    const from = this.#from.directory(node)
    const disk: DiskDirectory = {
      entries: new Map(),
      unsynced: from.unsynced.map((change) => ({ name: change.name, node: change.node && this.of(change.node) })),
    }
    for (const [name, entry] of from.entries) disk.entries.set(name, this.of(entry))
    this.disk.putDirectory(copy, disk)
    return copy
  }
}
