import {
  BYTE_VALUES,
  type Command,
  LogSubject,
  openSimulated,
  runCase,
  simulate,
  type SimulatedEnvironment,
} from '../../lib/testing.ts'
import { FRAME, SEGMENT_HEADER, WIDE_BYTES } from '../../segments/format/layout.ts'
import type { SeglogError } from '../../segments/errors.ts'

/** A small log in a simulated world, and what the cases of `bugs-of-others.test.ts` do with it. */
type OpenLog = Awaited<ReturnType<typeof openSimulated>>['log']

export const SETUP = { directory: '/log', segmentBytes: 1024, values: BYTE_VALUES }
export const SIZE = 40

/** Where the frame of a record of `SIZE` bytes stands, in a segment of nothing else; the first is the larger one. */
export function frameAt(index: number): number {
  const frame = FRAME.size + SIZE
  return index === 0 ? SEGMENT_HEADER.size : SEGMENT_HEADER.size + WIDE_BYTES + index * frame
}

export function segment(ordinal: number): string {
  return `/log/segment-${String(ordinal).padStart(10, '0')}.log`
}

export const synced = { do: 'commit', size: SIZE, wait: true } as const
export const written = { do: 'commit', size: SIZE, level: 'written', wait: true } as const
export const large = { do: 'commit', size: 400, wait: true } as const

/** A process that did this and is still there, its log open. */
export async function after(commands: readonly Command[], seed = 1): Promise<SimulatedEnvironment> {
  return (await runCase(new LogSubject(SETUP), { seed, commands, fates: [] })).env
}

/** A new log, for cases that hold its world still. */
export async function fresh(seed = 1): Promise<{ readonly env: SimulatedEnvironment; readonly log: OpenLog }> {
  const env = simulate(seed)
  return { env, log: await open(env) }
}

export function record(): Uint8Array {
  return new Uint8Array(SIZE).fill(7)
}

/** The same, with every call noted. */
export async function traced(commands: readonly Command[]): Promise<SimulatedEnvironment> {
  const env = simulate(1, { trace: true })
  const subject = new LogSubject(SETUP)
  await env.drive(subject.work(env, commands, subject.begin(), { faulty: false, after: 'nothing', goesOn: true }))
  return env
}

export async function open(env: SimulatedEnvironment): Promise<OpenLog> {
  return (await env.drive(openSimulated(env, SETUP))).log
}

/** The code with which it is refused, now or later. */
export async function refused(work: () => unknown): Promise<string> {
  try {
    await work()
  } catch (error) {
    return (error as SeglogError).code
  }
  throw new Error('this should have been refused')
}

/** What a walk gives, and the code of the error that ends it. */
export function walk(log: OpenLog): { readonly sequences: number[]; readonly error: string | undefined } {
  const sequences: number[] = []
  try {
    for (const { sequence } of log.read()) sequences.push(sequence)
  } catch (error) {
    return { sequences, error: (error as SeglogError).code }
  }
  return { sequences, error: undefined }
}

/** Puts bytes over those of a file, durably. */
export function overwrite(env: SimulatedEnvironment, path: string, at: number, bytes: Uint8Array): void {
  const content = env.files.read(path)
  content.set(bytes, at)
  env.files.write(path, content)
}

export function shorten(env: SimulatedEnvironment, path: string, size: number): void {
  env.files.write(path, env.files.read(path).subarray(0, size))
}

export function garbage(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 151 + 77) & 0xff)
}
