import { decodeDefinition, encodeDefinition, SHAPE_ID_MAX, SHAPE_KEYS_MAX } from '../../segments/format/dictionary.ts'

export const SHAPES_MAX = SHAPE_ID_MAX + 1

/**
 * Definitions may take this many bytes and a quarter of what their records take. A log whose objects are maps with
 * ever-new keys meets this limit (or that of the number of shapes) soon, and then learns no more in this segment.
 */
const DEFINITION_BYTES_FREE = 16 * 1024

/** A step in the tree of keys: it stands for the objects whose keys so far are those on the way here. */
export class ShapeNode {
  readonly parent: ShapeNode | undefined
  readonly key: string
  /** The shape of the objects that have no more keys, -1 when there is none. */
  id = -1
  /** The step that was taken last: nearly always the one that is taken next. */
  lastKey: string | undefined
  lastChild: ShapeNode | undefined
  /** All steps, once there is a second one: an object of 60,000 keys should not cost as many maps. */
  children: Map<string, ShapeNode> | undefined

  constructor(parent: ShapeNode | undefined, key: string) {
    this.parent = parent
    this.key = key
  }
}

function keysOf(last: ShapeNode): string[] {
  const keys: string[] = []
  for (let node = last; node.parent !== undefined; node = node.parent) keys.push(node.key)
  return keys.reverse()
}

/** The shapes that an encoder has learnt: each is the keys of an object in their order, and never changes. */
export class ShapeTable {
  /** The keys of each shape. */
  readonly structures: (readonly string[])[] = []
  root = new ShapeNode(undefined, '')
  /** Whether it learns no more. Objects of other shapes are then written as maps. */
  private locked = false
  private definitionBytes = 0
  /** How many of the shapes have gone out, or are about to; those behind are of the value at hand. */
  private kept = 0
  /** Whether the tree has steps that lead to no shape that is kept. */
  private grown = false
  /** Whether such steps belong to objects that were written as maps. */
  private stray = false

  /** `known`: definitions that already stand in the segment; a table that went on from its own is the same again. */
  constructor(known: readonly Uint8Array[] = []) {
    for (const payload of known) {
      const definition = decodeDefinition(payload)
      if (definition !== undefined) this.structures[definition.id] = definition.keys
      this.definitionBytes += payload.length
    }
    this.kept = this.structures.length
    this.plant()
    this.lockIfFull(0)
  }

  /** The step from a node along a key; undefined when it leads nowhere and no more is learnt. */
  step(node: ShapeNode, key: string): ShapeNode | undefined {
    if (node.lastKey === key) return node.lastChild
    const known = node.children?.get(key)
    if (known === undefined && this.locked) return undefined
    const child = known ?? this.branch(node, key)
    node.lastKey = key
    node.lastChild = child
    return child
  }

  /** Gives the objects that end at a node an id; -1 where the table is full or readers would refuse the definition. */
  learn(node: ShapeNode): number {
    if (this.locked) return -1
    const keys = keysOf(node)
    if (this.structures.length >= SHAPES_MAX || keys.length > SHAPE_KEYS_MAX) {
      this.stray = true
      return -1
    }
    node.id = this.structures.length
    this.structures.push(keys)
    return node.id
  }

  /** The value was written, in so many bytes of records all in all; gives the definitions that must go out before it. */
  keep(recordBytes: number): Uint8Array[] | undefined {
    // The closures below stand in a function of their own: one that makes any takes memory for them at each call.
    if (this.structures.length > this.kept) return this.keepFresh(recordBytes)
    if (this.stray) this.plant()
    return undefined
  }

  private keepFresh(recordBytes: number): Uint8Array[] {
    const { structures, kept } = this
    const fresh = structures.slice(kept).map((keys, index) => encodeDefinition(kept + index, keys))
    for (const definition of fresh) this.definitionBytes += definition.length
    this.kept = structures.length
    this.grown = false
    this.lockIfFull(recordBytes)
    if (this.stray) this.plant()
    return fresh
  }

  /** The value was not written: what was learnt from it is forgotten. */
  forget(): void {
    // A shape may also have been given to a step that was there, on the way to another.
    if (!this.grown && this.structures.length === this.kept) return
    this.structures.length = this.kept
    this.plant()
  }

  private branch(node: ShapeNode, key: string): ShapeNode {
    const child = new ShapeNode(node, key)
    this.grown = true
    if (node.children !== undefined) node.children.set(key, child)
    else if (node.lastKey !== undefined) node.children = new Map([[node.lastKey, node.lastChild!]]).set(key, child)
    return child
  }

  private lockIfFull(recordBytes: number): void {
    const isOverBudget = this.definitionBytes > DEFINITION_BYTES_FREE + recordBytes / 4
    this.locked ||= isOverBudget || this.kept >= SHAPES_MAX
  }

  /** Makes the tree of the shapes that are kept. */
  private plant(): void {
    const isLocked = this.locked
    this.locked = false
    this.root = new ShapeNode(undefined, '')
    this.structures.forEach((keys, id) => {
      let node = this.root
      for (const key of keys) node = this.step(node, key)!
      node.id = id
    })
    this.locked = isLocked
    this.grown = false
    this.stray = false
  }
}
