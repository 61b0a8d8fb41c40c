import { invalid } from '../../segments/errors.ts'
import type { RunIdentity, RunStatus } from '../../segments/format/manifest.ts'
import { isName, parseName } from '../../segments/format/names.ts'

/** What a caller says of a new run; it is kept as it is, and seglog makes nothing of it. */
export interface RunDraft {
  /** Which program writes the run. Up to 1,024 characters. */
  readonly build?: string
  /** With which configuration. Up to 1,024 characters. */
  readonly configurationHash?: string
  /** A JSON object of your own: numbers, texts, booleans, nulls, lists and objects of them; at most 32 KiB as JSON. */
  readonly fields?: Readonly<Record<string, unknown>>
  /**
   * The run of the same instance that this one goes on from: it must have ended or be recovered. Default: the last such
   * run. null: none.
   */
  readonly parent?: string | null
}

/** How a run can end. */
export type SealedStatus = Exclude<RunStatus, 'running'>

const SEALED: readonly string[] = ['ended', 'crashed-recovered', 'quarantined']
const TEXT_CHARACTERS_MAX = 1024
const FIELDS_BYTES_MAX = 32 * 1024
const LEVELS_MAX = 32
/** Names that Windows keeps for itself, with or without an ending. */
const RESERVED = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i

/** A name of an instance, a run or a stream: a directory of its own, and never one of the names inside a log. */
export function checkName(what: string, found: unknown): string {
  if (isName(found) && !RESERVED.test(found) && parseName(found).kind === 'foreign') return found
  const expected =
    'up to 128 letters, digits, dots, dashes and underscores, and no name that seglog or the system keeps for itself'
  throw invalid(what, expected, found)
}

export function checkSealedStatus(found: unknown): SealedStatus {
  if (SEALED.includes(found as string)) return found as SealedStatus
  throw invalid('status', `one of ${SEALED.join(', ')}`, found)
}

/** The identity of a run that starts now; `parent` is settled already. */
export function identityOf(
  instance: string,
  run: string,
  draft: RunDraft,
  parent: string | null,
  startedAt: string,
): RunIdentity {
  const { build, configurationHash, fields = {} } = draft
  return {
    instance,
    run,
    parent,
    startedAt,
    endedAt: null,
    build: textOrNull('build', build),
    configurationHash: textOrNull('configurationHash', configurationHash),
    fields: checkFields(fields),
  }
}

function textOrNull(name: string, found: string | undefined): string | null {
  if (found === undefined) return null
  if (typeof found === 'string' && found.length <= TEXT_CHARACTERS_MAX) return found
  throw invalid(name, `a text of at most ${TEXT_CHARACTERS_MAX} characters`, found)
}

/** A copy that shares nothing with the caller's object. What JSON would change on its way is refused. */
function checkFields(fields: unknown): Readonly<Record<string, unknown>> {
  if (!isPlain(fields)) throw invalid('fields', 'an object', fields)
  checkJson('fields', fields, 0)
  const json = JSON.stringify(fields)
  if (Buffer.byteLength(json) > FIELDS_BYTES_MAX) {
    throw invalid('fields', `at most ${FIELDS_BYTES_MAX} bytes as JSON`, Buffer.byteLength(json))
  }
  return JSON.parse(json) as Record<string, unknown>
}

function checkJson(path: string, value: unknown, level: number): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return
  if (typeof value === 'number' && Number.isFinite(value) && !Object.is(value, -0)) return
  const isList = Array.isArray(value)
  if (level >= LEVELS_MAX || !(isList || isPlain(value))) throw invalid(path, 'what JSON keeps as it is', value)
  const keys = Reflect.ownKeys(value as object).filter((key) => !(isList && key === 'length'))
  if (isList && keys.length !== value.length) throw invalid(path, 'a list without holes or names', value)
  for (const key of keys) {
    if (typeof key === 'symbol') throw invalid(path, 'an object without symbols', value)
    const member = Object.getOwnPropertyDescriptor(value, key)
    checkJson(`${path}.${key}`, member?.value as unknown, level + 1)
  }
}

/** A method `toJSON` is refused as any function is, so nothing speaks for an object but its members. */
function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}
