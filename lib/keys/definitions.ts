import { SeglogError, invalid } from '../../segments/errors.ts'
import { markOf } from '../../segments/format/key-block.ts'
import { FINGERPRINT_BYTES } from '../../segments/format/layout.ts'
import { sha256 } from '../../segments/format/sha256.ts'
import type { ManifestStore } from '../../segments/manifest-store.ts'
import type { Steps } from '../../segments/env/steps.ts'
import type { Manifest, StoredDefinition } from '../../segments/format/manifest.ts'
import type { KeyValue } from './key-value.ts'

/** A key that no path finds; stored with each record, so `version` names what it does and changes when that does. */
export interface KeyFunction<T = unknown> {
  readonly version: string
  /** The key or keys of a value; undefined or an empty list for none. Called before the record is numbered; may throw. */
  of(this: void, value: T): KeyValue | readonly KeyValue[] | undefined
}

/**
 * How records are found by a key of some kind: the name of a property, the names of nested ones, or a function. Where a
 * list is on the way or at the end, each of its elements counts. Null gives a kind up that the log has.
 */
export type KeyOption<T> = string | readonly string[] | KeyFunction<T> | null

/** For each kind of keys how they are found in a value; `null` gives a kind up. */
export type KeyOptions<T> = Readonly<Record<string, KeyOption<T>>>

/** A definition without the means to apply it. */
export interface NamedDefinition {
  readonly kind: string
  readonly stored: StoredDefinition
  /** 32 hex digits that name the definition in sidecars and frames: the same for the same kind and path or version. */
  readonly fingerprint: string
  /** Of a function: what its keys are told by in key blocks. */
  readonly mark: number | undefined
}

export interface KeyDefinition<T> extends NamedDefinition {
  /** Undefined for a path, and for a function that who opened the log did not give. */
  readonly of: KeyFunction<T>['of'] | undefined
}

const KIND_PATTERN = /^[A-Za-z][A-Za-z0-9_.-]{0,62}$/
const KINDS_MAX = 16
const PATH_MAX = 16

/** Kinds that an opening adds or changes, and as null those that it gives up. */
export type KeyChanges<T> = ReadonlyMap<string, KeyDefinition<T> | null>

/** Options checked once, before anything is opened. */
export function resolveKeys<T>(options: KeyOptions<T> | undefined): KeyChanges<T> {
  if (options === undefined) return new Map()
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw invalid('keys', 'an object', options)
  const entries = Object.entries(options)
  if (entries.length > KINDS_MAX) throw invalid('keys', `at most ${KINDS_MAX} kinds`, entries.length)
  return new Map(entries.map(([kind, option]) => [kind, option === null ? null : definitionOf(kind, option)]))
}

function definitionOf<T>(kind: string, option: Exclude<KeyOption<T>, null>): KeyDefinition<T> {
  if (!KIND_PATTERN.test(kind)) throw invalid('a kind of keys', 'a letter, then letters, digits, _ . or -', kind)
  if (typeof option === 'string') return byPath(kind, [option])
  if (Array.isArray(option)) return byPath(kind, option as readonly string[])
  const { version, of } = option as KeyFunction<T>
  if (typeof version !== 'string' || version === '' || typeof of !== 'function') {
    throw invalid(`keys.${kind}`, 'the name of a property, a list of names, or { version, of }', option)
  }
  return { ...stored(kind, { version }), of }
}

function byPath<T>(kind: string, path: readonly string[]): KeyDefinition<T> {
  const isSound = path.length >= 1 && path.length <= PATH_MAX && path.every((name) => typeof name === 'string')
  if (!isSound) throw invalid(`keys.${kind}`, `a list of 1 to ${PATH_MAX} names of properties`, path)
  return { ...stored(kind, { path: [...path] }), of: undefined }
}

function stored(kind: string, definition: StoredDefinition): NamedDefinition {
  const fingerprint = fingerprintOf(kind, definition)
  return { kind, stored: definition, fingerprint, mark: 'version' in definition ? markOf(fingerprint) : undefined }
}

/** Half of the SHA-256 of kind and definition as JSON: tables of another definition are then not used. */
export function fingerprintOf(kind: string, definition: StoredDefinition): string {
  const text = 'path' in definition ? [kind, 'path', ...definition.path] : [kind, 'version', definition.version]
  return sha256(JSON.stringify(text)).slice(0, FINGERPRINT_BYTES * 2)
}

/** The definitions of a log that was opened with these options: those it has, but for what the options say. */
function mergeKeys<T>(changes: KeyChanges<T>, manifest: Manifest): readonly KeyDefinition<T>[] {
  const merged = new Map<string, KeyDefinition<T>>()
  for (const [kind, definition] of Object.entries(manifest.keys)) {
    merged.set(kind, { ...stored(kind, definition), of: undefined })
  }
  for (const [kind, definition] of changes) {
    if (definition === null) merged.delete(kind)
    else merged.set(kind, definition)
  }
  return [...merged.values()]
}

/** The definitions of a log that is opened for reading: those of the manifest, with the functions that the options give. */
export function readKeys<T>(given: KeyChanges<T>, manifest: Manifest): readonly KeyDefinition<T>[] {
  const definitions = mergeKeys<T>(new Map(), manifest)
  for (const [kind, each] of given) {
    const known = definitions.find((definition) => definition.kind === kind)
    if (each === null || known?.fingerprint !== each.fingerprint) {
      throw invalid(`keys.${kind}`, 'as the log has it: who only reads cannot change it', each?.stored ?? null)
    }
  }
  return definitions.map((definition) => given.get(definition.kind) ?? definition)
}

/** Who writes must have the functions of all kinds: else new records would be without their keys. */
function mustHaveFunctions<T>(definitions: readonly KeyDefinition<T>[]): void {
  const without = definitions.find((each) => 'version' in each.stored && each.of === undefined)
  if (without === undefined) return
  const message =
    `the log has keys of kind ${without.kind}, made by a function. Open it with keys: { ${without.kind}: { version, of } },` +
    ` or give the kind up with keys: { ${without.kind}: null }.`
  throw new SeglogError('INVALID_ARGUMENT', message, { expected: without.stored, found: undefined })
}

/**
 * What the manifest is to hold, or undefined where it holds that already. What is new, or not as before, is still to be
 * built for the records that are there.
 */
function changedKeys(
  definitions: readonly NamedDefinition[],
  manifest: Manifest,
  upTo: number,
): Manifest['keys'] | undefined {
  const now = manifest.keys
  const isKnown = ({ kind, fingerprint }: NamedDefinition): boolean =>
    now[kind] !== undefined && fingerprintOf(kind, now[kind]) === fingerprint
  if (Object.keys(now).length === definitions.length && definitions.every(isKnown)) return undefined
  const entries = definitions.map((each) => {
    const fresh = upTo === 0 ? each.stored : { ...each.stored, upTo }
    return [each.kind, isKnown(each) ? now[each.kind]! : fresh] as const
  })
  return Object.fromEntries(entries)
}

/** The definitions of a log that is opened for writing; those that are new or changed are in the manifest when it returns. */
export function* adoptKeys<T>(manifests: ManifestStore, changes: KeyChanges<T>): Steps<readonly KeyDefinition<T>[]> {
  const definitions = mergeKeys(changes, manifests.latest)
  mustHaveFunctions(definitions)
  const keys = changedKeys(definitions, manifests.latest, manifests.position().sequence)
  if (keys !== undefined) yield* manifests.update((manifest) => ({ ...manifest, keys }))
  return definitions
}
