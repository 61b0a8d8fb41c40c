import { SeglogError } from '../../segments/errors.ts'
import { keysInBlock } from '../../segments/format/key-block.ts'
import { type Entry, StoredEntry } from '../read/entry.ts'
import type { KeyDefinition, NamedDefinition } from './definitions.ts'
import { type KeyValue, canonicalKey, isKey } from './key-value.ts'

/** Told each key of a value. */
export type KeySink = (key: KeyValue) => void

/** Told the canonical bytes of each key of a record. */
export type CanonicalSink = (canonical: Uint8Array) => void

/**
 * Gives the keys that a record has by one definition. Those that a function made when it was appended count as they were
 * then; a record from before the definition is given to the function now.
 */
export function eachKeyOf<T>(definition: KeyDefinition<T>, entry: Entry<T>, sink: CanonicalSink): void {
  const block = entry instanceof StoredEntry ? entry.keyBlock : undefined
  const stored = block && definition.mark !== undefined ? keysInBlock(block, definition.mark) : undefined
  if (stored !== undefined) for (const key of stored) sink(key)
  else eachKey(definition, entry.value, (key) => sink(canonicalKey(key)))
}

/** Gives the keys that one definition finds in a value. */
export function eachKey<T>(definition: KeyDefinition<T>, value: T, sink: KeySink): void {
  const { stored, of } = definition
  if ('path' in stored) {
    walk(value, stored.path, 0, sink)
    return
  }
  if (of === undefined) throw missingFunction(definition)
  const keys = of(value)
  if (keys === undefined) return
  if (isKey(keys)) {
    sink(keys)
    return
  }
  if (!Array.isArray(keys)) throw notAKey(definition, keys)
  for (const key of keys as readonly unknown[]) {
    if (!isKey(key)) throw notAKey(definition, key)
    sink(key)
  }
}

/** Own properties only: what a value inherits is not stored with it. Elements of lists take the place of the list. */
function walk(value: unknown, path: readonly string[], depth: number, sink: KeySink): void {
  if (Array.isArray(value)) {
    for (const element of value as readonly unknown[]) walk(element, path, depth, sink)
    return
  }
  if (depth === path.length) {
    if (isKey(value)) sink(value)
    return
  }
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return
  const name = path[depth]!
  if (Object.hasOwn(value, name)) walk((value as Record<string, unknown>)[name], path, depth + 1, sink)
}

function missingFunction(definition: NamedDefinition): SeglogError {
  const message = `keys of kind ${definition.kind} are made by a function. Open the log with keys: { ${definition.kind}: { version, of } }.`
  return new SeglogError('INVALID_ARGUMENT', message, { expected: definition.stored })
}

function notAKey(definition: NamedDefinition, found: unknown): SeglogError {
  const message = `the function of the keys ${definition.kind} must give a text, a finite number, a bigint, a Uint8Array, a list of these, or undefined`
  return new SeglogError('INVALID_ARGUMENT', message, { found })
}
