import type { Entry } from '../read/entry.ts'
import type { KeyValue } from '../keys/key-value.ts'
import type { ReadOptions } from '../read/range.ts'
import type { ReadOnlyLog } from '../read-only.ts'
import { UsageError } from './command.ts'

/** `kind=value`, as it is typed. */
export interface TypedKey {
  readonly kind: string
  /** All that the value may mean: who types `17` means the text, the number or the bigint. */
  readonly values: readonly KeyValue[]
}

export function parseKey(text: string): TypedKey {
  const at = text.indexOf('=')
  if (at < 1) throw new UsageError(`--key takes kind=value, not ${JSON.stringify(text)}`)
  const value = text.slice(at + 1)
  const values: KeyValue[] = [value]
  if (/^-?\d+(\.\d+)?$/.test(value)) values.push(Number(value))
  if (/^-?\d+$/.test(value)) values.push(BigInt(value))
  if (/^0x([0-9a-f]{2})+$/i.test(value)) values.push(Buffer.from(value.slice('0x'.length), 'hex'))
  return { kind: text.slice(0, at), values }
}

/** Records with this key within a range, in its order. */
export function* lookupRange<T>(
  log: ReadOnlyLog<T>,
  key: TypedKey,
  range: ReadOptions,
): Generator<Entry<T>, undefined> {
  const { from = 1, to = Infinity, fromTime = 0n, limit = Infinity, reverse = false } = range
  let count = 0
  for (const entry of merged(
    key.values.map((value) => log.lookupAll(key.kind, value, { reverse })),
    reverse,
  )) {
    const { sequence } = entry
    if (reverse ? sequence < from : sequence > to) return undefined
    if (sequence < from || sequence > to || entry.timestampNs < fromTime) continue
    yield entry
    count += 1
    if (count === limit) return undefined
  }
  return undefined
}

/** Entries of several walks in the order of all of them, each once. */
function* merged<T>(walks: readonly Iterable<Entry<T>>[], reverse: boolean): Generator<Entry<T>, undefined> {
  const iterators = walks.map((walk) => walk[Symbol.iterator]())
  const heads = iterators.map((iterator) => iterator.next())
  for (;;) {
    const waiting = heads.flatMap((head) => (head.done ? [] : [head.value.sequence]))
    if (waiting.length === 0) return undefined
    const next = reverse ? Math.max(...waiting) : Math.min(...waiting)
    let given: Entry<T> | undefined
    for (const [at, head] of heads.entries()) {
      if (head.done || head.value.sequence !== next) continue
      given ??= head.value
      heads[at] = iterators[at]!.next()
    }
    yield given!
  }
}
