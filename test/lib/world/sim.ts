import { expect } from 'vitest'
import { bytes } from '../../../lib/codecs/bytes.ts'
import type { Log } from '../../../lib/log.ts'
import type { Entry } from '../../../lib/read/entry.ts'
import { type OpenLogOptions, openLogWith } from '../../../lib/open.ts'
import { type SimulatedEnvironment, type SimulationOptions, simulate } from '../../../segments/env/simulated.ts'
import { Watched } from './watched.ts'

/** As small as segments can usefully be: some 28 records of 100 bytes. */
export const SEGMENT_BYTES = 4096

export type ByteLog = Log<Uint8Array>
type Options = Omit<OpenLogOptions<Uint8Array>, 'environment' | 'codec'>

/** A log on a simulated machine, watched. */
export interface Subject {
  readonly sim: SimulatedEnvironment
  readonly env: Watched
  readonly log: ByteLog
}

export async function subject(seed: number, options: Options = {}, simulation?: SimulationOptions): Promise<Subject> {
  return on(simulate(seed, simulation), options)
}

/** Opens the log of a machine. */
export async function on(sim: SimulatedEnvironment, options: Options = {}): Promise<Subject> {
  const env = new Watched(sim)
  const log = await sim.drive(
    openLogWith('/log', { segmentBytes: SEGMENT_BYTES, ...options, codec: bytes(), environment: env }, SEGMENT_BYTES),
  )
  return { sim, env, log }
}

/** A record that shows its number. */
export function record(number: number, length = 100): Uint8Array {
  const made = new Uint8Array(length).fill(number)
  new DataView(made.buffer).setUint32(0, number)
  return made
}

export function numberOf(value: Uint8Array): number {
  return new DataView(value.buffer, value.byteOffset).getUint32(0)
}

/** Sees that the log holds the records 1 to `count`: in one walk, in one back, and one by one. */
export function expectRecords(log: ByteLog, count: number): void {
  const numbers = Array.from({ length: count }, (_, index) => index + 1)
  const show = (entry: Entry<Uint8Array> | undefined): string =>
    entry === undefined ? '-' : `${entry.sequence}:${numberOf(entry.value)}`
  const expected = numbers.map((n) => `${n}:${n}`)
  expect(Array.from(log.read(), show).join(' ')).toBe(expected.join(' '))
  expect(Array.from(log.read({ reverse: true }), show).join(' ')).toBe(expected.toReversed().join(' '))
  expect(numbers.map((n) => show(log.get(n))).join(' ')).toBe(expected.join(' '))
}

/** What became of a promise by now, without waiting for it. */
export function outcome(promise: Promise<unknown>): { readonly is: () => string } {
  let found = 'pending'
  promise.then(
    () => (found = 'resolved'),
    (error: { readonly code: string }) => (found = error.code),
  )
  return { is: () => found }
}

export function codeOf(act: () => unknown): string {
  try {
    act()
    return 'returned'
  } catch (error) {
    return (error as { readonly code: string }).code
  }
}

/** Closes, and sees that nothing was done that may not be done, and that no file is left open. */
export async function closeClean({ sim, env, log }: Subject): Promise<string> {
  const closing = outcome(log.close())
  await sim.advance(1000)
  expect(env.breaches).toEqual([])
  expect(env.outstanding.size).toBe(0)
  expect(env.openFiles).toEqual([])
  return closing.is()
}
