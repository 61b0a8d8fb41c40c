import { KEY_LENGTH_BYTES, KEY_MARK_BYTES } from './layout.ts'

/** Keys of one kind that a function gave for a record: canonical bytes, none where it gave none. */
export interface MarkedKeys {
  /** The first bytes of the definition's fingerprint, as a number. */
  readonly mark: number
  readonly keys: readonly Uint8Array[]
}

const ITEM_BYTES = KEY_MARK_BYTES + KEY_LENGTH_BYTES

/** The mark of a definition, from the 32 hex digits of its fingerprint. */
export function markOf(fingerprint: string): number {
  return Buffer.from(fingerprint.slice(0, KEY_MARK_BYTES * 2), 'hex').readUInt32LE(0)
}

/** A kind without a key has one item without bytes: so it is told from a kind that the record knows nothing of. */
export function encodeKeyBlock(kinds: readonly MarkedKeys[]): Buffer {
  const items = kinds.flatMap(({ mark, keys }) => (keys.length === 0 ? [NO_KEY] : keys).map((key) => ({ mark, key })))
  const block = Buffer.alloc(items.reduce((sum, { key }) => sum + ITEM_BYTES + key.length, 0))
  let at = 0
  for (const { mark, key } of items) {
    at = block.writeUInt32LE(mark, at)
    at = block.writeUInt32LE(key.length, at)
    block.set(key, at)
    at += key.length
  }
  return block
}

const NO_KEY = new Uint8Array()

/** The keys that a block holds for a definition; undefined where it says nothing of it, or is none. */
export function keysInBlock(block: Buffer, mark: number): Buffer[] | undefined {
  let keys: Buffer[] | undefined
  for (let at = 0; at < block.length;) {
    if (at + ITEM_BYTES > block.length) return undefined
    const start = at + ITEM_BYTES
    const end = start + block.readUInt32LE(at + KEY_MARK_BYTES)
    if (end > block.length) return undefined
    if (block.readUInt32LE(at) === mark) {
      keys ??= []
      if (end > start) keys.push(block.subarray(start, end))
    }
    at = end
  }
  return keys
}
