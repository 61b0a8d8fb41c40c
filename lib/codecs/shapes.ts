import { decodeDefinition, encodeDefinition, SHAPE_ID_MAX, SHAPE_KEYS_MAX } from '../../segments/format/dictionary.ts'
import type { Structures } from './cbor-x.ts'

/** With 128 and fewer cbor-x was sound over random nested records; with some 200 it corrupted 6 % of them. */
export const SHAPES_MAX = SHAPE_ID_MAX + 1

/**
 * Definitions may take this many bytes and a quarter of what their records take. A log whose objects are maps with
 * ever-new keys meets this limit (or that of the number of shapes) soon, and then learns no more in this segment.
 */
const DEFINITION_BYTES_FREE = 16 * 1024

/**
 * The shapes that an encoder has learnt. cbor-x adds new ones to `structures` and changes none (`NO_KEYS` sees to that,
 * and the guard would refuse a record with more values than its shape had keys), so its length tells what is new. A
 * record may hold fewer values than its shape has keys: `{a}` after `{a,b}` shares the id.
 */
export class ShapeTable {
  /** The table that cbor-x works on. */
  readonly structures: Structures = []
  /** How many keys each shape has, -1 where there is none. */
  readonly fields: Int32Array = new Int32Array(SHAPES_MAX).fill(-1)
  /** How often cbor-x looked at the root of its search tree: once at the start, then once for each record. */
  #lookups = 0
  #rebuilt = false
  #locked = false
  #known: Structures = []
  #knownBefore: Structures = []
  #definitionBytes = 0

  /** `known`: definitions that already stand in the segment; a table that went on from its own is the same again. */
  constructor(known: readonly Uint8Array[] = []) {
    for (const payload of known) {
      const definition = decodeDefinition(payload)
      if (definition !== undefined) this.structures[definition.id] = [...definition.keys]
      this.#definitionBytes += payload.length
    }
    this.#known = this.structures.slice()
    this.#knownBefore = this.#known
    this.#measure()
    this.keep([], 0)
    let root: unknown
    Object.defineProperty(this.structures, 'transitions', {
      get: () => {
        this.#lookups++
        return root
      },
      set: (value: unknown) => {
        root = value
        this.#rebuilt = true
      },
    })
  }

  /** Before each value: what `forget` goes back to. */
  begin(): void {
    this.#knownBefore = this.#known
    this.count()
  }

  /** Before each encode: `records` counts from here. */
  count(): void {
    this.#lookups = 0
    this.#rebuilt = false
  }

  /** How many objects cbor-x wrote as records since `count`. Exact only when the table is `settled`. */
  get records(): number {
    return this.#lookups - 1
  }

  /** Whether the last encode taught it nothing, and did not rebuild the search tree either. */
  get settled(): boolean {
    return !this.#rebuilt && (this.#locked || this.structures.length === this.#known.length)
  }

  /**
   * Whether it learns no more. What cbor-x then defines in line the guard refuses, and the record is written plain;
   * cbor-x cleans up by itself.
   */
  get locked(): boolean {
    return this.#locked
  }

  /** Takes over the new shapes, and gives their definitions. Undefined when readers would refuse one. */
  learn(): Uint8Array[] | undefined {
    if (this.#locked) return []
    const first = this.#known.length
    const fresh = this.structures.slice(first)
    if (fresh.some((keys) => keys.length > SHAPE_KEYS_MAX)) return undefined
    this.#known = this.structures.slice()
    this.#measure()
    return fresh.map((keys, index) => encodeDefinition(first + index, keys))
  }

  /** The value was written, and `definitions` are going out. */
  keep(definitions: readonly Uint8Array[], recordBytes: number): void {
    for (const definition of definitions) this.#definitionBytes += definition.length
    const isOverBudget = this.#definitionBytes > DEFINITION_BYTES_FREE + recordBytes / 4
    if (this.#locked || !(isOverBudget || this.#known.length === SHAPES_MAX)) return
    this.#locked = true
    // No id is free, so cbor-x defines new shapes in line, and leaves the ids of known ones as they are.
    this.structures.length = SHAPES_MAX
  }

  /** Back to the table of `begin`. cbor-x rebuilds its search tree from it at its next encode. */
  forget(): void {
    if (!this.#locked) {
      this.#known = this.#knownBefore
      this.structures.length = this.#known.length
      this.#measure()
    }
    Object.assign(this.structures, { transitions: null })
  }

  #measure(): void {
    for (let id = 0; id < SHAPES_MAX; id++) this.fields[id] = this.#known[id]?.length ?? -1
  }
}
