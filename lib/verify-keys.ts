import type { Finding } from '../recovery/evidence.ts'
import { Watch } from '../recovery/verify-progress.ts'
import type { VerifyReport } from '../recovery/verify.ts'
import type { Environment } from '../segments/env/environment.ts'
import { type Steps, step } from '../segments/env/steps.ts'
import { SeglogError, hasCode } from '../segments/errors.ts'
import type { SidecarSection } from '../segments/format/sidecar.ts'
import type { Manifest, SealedLine } from '../segments/format/manifest.ts'
import { sidecarName } from '../segments/format/names.ts'
import { KeyPairs, PAIR } from '../segments/key-pairs.ts'
import type { Sidecar } from '../segments/sidecar.ts'
import { FINDINGS_MAX, type VerifyOptions } from './operations.ts'
import type { Entry } from './read/entry.ts'
import { later } from './read/later.ts'
import type { Reading } from './read/reading.ts'
import type { SegmentRef } from './read/segment-ref.ts'
import { addKeys } from './keys/built-tables.ts'
import type { KeyDefinition } from './keys/definitions.ts'
import { isUnreadable, readableRecords } from './keys/readable.ts'

/** What the tables of keys are compared with: the records of a log that is open. */
export interface KeyCheckSource<T> {
  readonly env: Environment
  readonly reading: Reading<T>
  readonly definitions: readonly KeyDefinition<T>[]
  readonly manifest: Manifest
}

/** A table of a sidecar, and the same made of the records. */
interface Compared<T> {
  readonly definition: KeyDefinition<T>
  readonly table: SidecarSection
  readonly pairs: KeyPairs
}

/**
 * Adds what is wrong with the tables of keys of live sealed segments to a report: each is made again of the records and
 * compared. A table that is not there is nothing to find, and keys of a function are compared where it was given. With
 * `from: 'checkpoint'` nothing is, because what lies before is not read.
 */
export async function withKeys<T>(
  report: VerifyReport,
  source: KeyCheckSource<T>,
  { from, findingsMax = FINDINGS_MAX, onProgress, signal }: VerifyOptions,
): Promise<VerifyReport> {
  const definitions = source.definitions.filter(({ stored, of }) => 'path' in stored || of !== undefined)
  if (from === 'checkpoint' || definitions.length === 0) return report
  const watch = new Watch(() => source.env.monotonicMs(), onProgress, signal)
  const lines = source.manifest.segments.filter(isLive)
  watch.expect(lines.reduce((sum, { dataBytes }) => sum + dataBytes, 0))
  const found: Finding[] = []
  for (const line of lines) {
    watch.mayGoOn()
    watch.enter(line.dataBytes)
    found.push(...(await checkSegment({ ...source, definitions }, line)))
  }
  watch.end()
  return {
    ...report,
    findings: [...report.findings, ...found].slice(0, findingsMax),
    findingsCount: report.findingsCount + found.length,
    durationMs: report.durationMs + watch.durationMs,
  }
}

async function checkSegment<T>(source: KeyCheckSource<T>, line: SealedLine): Promise<Finding[]> {
  const { env, reading, definitions } = source
  const ref = await refOf(source, line)
  const sidecar = ref && (await later(env, reading.sidecarOf(ref)))
  if (ref === undefined || sidecar === undefined) return []
  const compared = definitions.flatMap((definition): Compared<T>[] => {
    const { kind, fingerprint } = definition
    const table = sidecar.keyTables.find((each) => each.name === kind && each.fingerprint === fingerprint)
    return table === undefined ? [] : [{ definition, table, pairs: new KeyPairs() }]
  })
  if (compared.length === 0) return []
  const unreadable = await take(reading, ref, compared)
  const findings: Finding[] = []
  for (const { definition, table, pairs } of compared) {
    const index = await later(env, firstDifference(sidecar, table, pairs.sorted(), unreadable))
    if (index === undefined) continue
    const message = `the table of the keys ${definition.kind} says something else than the records. Remove this file: it is made anew`
    const file = `${ref.path.slice(0, ref.path.lastIndexOf('/'))}/${sidecarName(ref.ordinal)}`
    const sequence = ref.firstSequence + index
    findings.push({ code: 'SIDECAR', message, file, from: sequence, to: sequence })
  }
  return findings
}

/** Makes the tables of what can be read; gives the indexes of the records that cannot, whose keys nothing tells. */
async function take<T>(reading: Reading<T>, ref: SegmentRef, compared: readonly Compared<T>[]): Promise<Set<number>> {
  const unreadable = new Set<number>()
  const definitions = compared.map(({ definition }) => definition)
  const tables = compared.map(({ pairs }) => pairs)
  for await (const entry of readableRecords(reading, ref, (sequence) => unreadable.add(sequence - ref.firstSequence))) {
    if (canBeDecoded(entry)) addKeys(definitions, tables, entry, ref.firstSequence)
    else unreadable.add(entry.sequence - ref.firstSequence)
  }
  return unreadable
}

function canBeDecoded(entry: Entry<unknown>): boolean {
  try {
    void entry.value
    return true
  } catch (error) {
    if (!hasCode(error, 'CORRUPT') && !hasCode(error, 'DECODE')) throw error
    return false
  }
}

/** The index of the first record of which the two tell different things; a damaged page is not for here to tell. */
function* firstDifference(
  sidecar: Sidecar,
  table: SidecarSection,
  sorted: Uint32Array,
  unreadable: ReadonlySet<number>,
): Steps<number | undefined> {
  let at = 0
  for (let number = 0; number < table.pageCount; number++) {
    const page = yield* sidecar.keyPage(table, number)
    if (page === undefined) return undefined
    for (let item = 0; item < page.count; item++) {
      const index = page.indexAt(item)
      if (unreadable.has(index)) continue
      if (sorted[at] !== page.hashAt(item) || sorted[at + 1] !== index) return Math.min(index, sorted[at + 1] ?? index)
      at += PAIR
    }
  }
  return sorted[at + 1]
}

/** Undefined where the segment is missing, or was archived in the meantime. */
async function refOf<T>({ env, reading }: KeyCheckSource<T>, line: SealedLine): Promise<SegmentRef | undefined> {
  try {
    const ref = await later(env, reading.view.segmentOf(line.firstSequence))
    // Of a missing file each record would be looked for by itself.
    return (await later(env, step({ do: 'stat', path: ref.path }))) === undefined ? undefined : ref
  } catch (error) {
    if (error instanceof SeglogError && isUnreadable(error)) return undefined
    throw error
  }
}

function isLive(line: Manifest['segments'][number]): line is SealedLine {
  return line.state === 'sealed' && line.lastSequence >= line.firstSequence
}
