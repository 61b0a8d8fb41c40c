import { openReadOnly } from '../../lib/open.ts'
import type { ReadOnlyLog } from '../../lib/read-only.ts'
import { cbor } from '../../lib/codecs/cbor.ts'
import { GuardedEnvironment } from '../../lib/testing/guarded.ts'
import type { Call, Done, ResultOf } from '../../segments/env/environment.ts'
import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { DIR, type Item } from '../recovery/world.ts'

/** What a reader may do to files; everything else would be writing. */
const READING: readonly Call['do'][] = ['open', 'read', 'size', 'close', 'list', 'stat']

/** The world of a reader in which another process takes some steps before each call of it. */
export class Interleaved extends GuardedEnvironment {
  /** What the other process does before the next call. */
  before: () => void = () => undefined
  calls = 0
  private readonly open = new Set<number>()

  /** Handles that were not closed. */
  get openFiles(): number {
    return this.open.size
  }

  override call<C extends Call>(call: C): ResultOf<C> {
    this.meet(call)
    const result = this.inner.call(call)
    this.note(call, result)
    return result
  }

  override start<C extends Call>(call: C, done: Done<ResultOf<C>>): void {
    this.meet(call)
    super.start(call, (error, result) => {
      if (!error) this.note(call, result)
      done(error, result)
    })
  }

  private meet(call: Call): void {
    if (!READING.includes(call.do) || (call.do === 'open' && call.access !== 'read')) {
      throw new Error(`a reader does not ${call.do}`)
    }
    this.calls += 1
    this.before()
  }

  private note(call: Call, result: unknown): void {
    if (call.do === 'open') this.open.add(result as number)
    if (call.do === 'close') this.open.delete(call.handle)
  }
}

/** Opens the log of a simulated machine for reading, in a process of its own. */
export async function readerOf(
  sim: SimulatedEnvironment,
  before: () => void = () => undefined,
): Promise<{ readonly env: Interleaved; readonly reader: ReadOnlyLog<Item> }> {
  const own = sim.spawn(1)
  const env = new Interleaved(own)
  env.before = before
  const reader = await own.drive(openReadOnly<Item>(DIR, { environment: env, codec: cbor<Item>() }))
  return { env, reader }
}

/** The numbers of a walk, and how it ended. */
export function walk(entries: Iterable<{ readonly sequence: number; readonly value: Item }>): {
  readonly numbers: readonly number[]
  readonly error: string | undefined
} {
  const numbers: number[] = []
  try {
    for (const { sequence, value } of entries) numbers.push(value.n === sequence ? sequence : -sequence)
  } catch (error) {
    return { numbers, error: (error as { readonly code?: string }).code ?? String(error) }
  }
  return { numbers, error: undefined }
}

export const upTo = (last: number, from = 1): number[] => Array.from({ length: last - from + 1 }, (_, i) => from + i)
