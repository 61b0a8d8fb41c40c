import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, describe } from 'vitest'
import { bytes } from '../../lib/codecs/bytes.ts'
import type { Log } from '../../lib/log.ts'
import { type OpenLogOptions, openLogWith, openReadOnly } from '../../lib/open.ts'
import type { ReadOnlyLog } from '../../lib/read-only.ts'
import type { Environment } from '../../segments/env/environment.ts'
import { memoryEnvironment } from '../../segments/env/memory.ts'
import { nodeEnvironment } from '../../segments/env/node.ts'
import { simulate } from '../../segments/env/simulated.ts'

export const SEGMENT_BYTES = 4096

/** A place for logs, and what tests do there past the log. */
export interface World {
  readonly env: Environment
  readonly directory: string
  /** Waits for work that may need the clock. */
  readonly wait: <T>(work: Promise<T>) => Promise<T>
  /** A process that comes after this one was killed; undefined where a world has no such thing. */
  readonly killed: (() => Environment) | undefined
  readonly dispose: () => void
}

export const WORLDS: readonly (readonly [name: string, make: () => World])[] = [
  ['node', nodeWorld],
  ['memory', () => plain(memoryEnvironment({ seed: 1 }))],
  ['simulated', simulatedWorld],
]

function nodeWorld(): World {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'seglog-log-'))
  return {
    ...plain(nodeEnvironment()),
    directory: path.join(directory, 'log'),
    // Again where a log that a test left open made a file meanwhile.
    dispose: () => fs.rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 }),
  }
}

function simulatedWorld(): World {
  const sim = simulate(7)
  return { ...plain(sim), wait: (work) => sim.drive(work), killed: () => sim.kill(1) }
}

function plain(env: Environment): World {
  return { env, directory: '/log', wait: (work) => work, killed: undefined, dispose: () => undefined }
}

type Options<T> = Omit<OpenLogOptions<T>, 'environment'>

/** Opens the log of a world; small segments and bytes unless told otherwise. */
export function open<T = Uint8Array>(world: World, options: Options<T> = {}): Promise<Log<T>> {
  const { env: environment } = world
  const codec = options.codec ?? (bytes() as never)
  const small = { segmentBytes: SEGMENT_BYTES, ...options, codec, environment }
  return world.wait(openLogWith<T>(world.directory, small, SEGMENT_BYTES))
}

/** Opens it for reading, as another process would. */
export function openToRead(world: World): Promise<ReadOnlyLog<Uint8Array>> {
  return world.wait(openReadOnly<Uint8Array>(world.directory, { codec: bytes(), environment: world.env }))
}

/** The suite over every world; `world()` is the one of the test that runs. */
export function everywhere(suite: (world: () => World, name: string) => void): void {
  describe.each(WORLDS)('%s', (name, make) => {
    let world: World | undefined
    afterEach(() => {
      world?.dispose()
      world = undefined
    })
    suite(() => (world ??= make()), name)
  })
}

export function record(number: number, length = 100): Uint8Array {
  const made = new Uint8Array(length).fill(number)
  new DataView(made.buffer).setUint32(0, number)
  return made
}

export function numberOf(value: Uint8Array): number {
  return new DataView(value.buffer, value.byteOffset).getUint32(0)
}

export async function fill(log: Log<Uint8Array>, count: number): Promise<void> {
  for (let n = 1; n <= count; n++) log.append(record(log.lastSequence + 1))
  await log.sync()
}

export function numbers(entries: Iterable<{ readonly sequence: number; readonly value: Uint8Array }>): string {
  return Array.from(entries, ({ sequence, value }) => `${sequence}:${numberOf(value)}`).join(' ')
}

export function expected(from: number, to: number): string {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => `${from + i}:${from + i}`).join(' ')
}

/** Names and contents of all files; of the lock only that it is there. */
export function snapshot({ env, directory }: World): Map<string, string> {
  const found = new Map<string, string>()
  for (const { name, kind } of env.call({ do: 'list', path: directory })) {
    found.set(
      name,
      kind === 'file' && !name.startsWith('lock-') ? readFile(env, `${directory}/${name}`).toString('hex') : kind,
    )
  }
  return found
}

export function readFile(env: Environment, path: string): Buffer {
  const handle = env.call({ do: 'open', path, access: 'read' })
  const into = Buffer.alloc(env.call({ do: 'size', handle }))
  env.call({ do: 'read', handle, into, start: 0, length: into.length, position: 0 })
  env.call({ do: 'close', handle })
  return into
}

export function overwrite(env: Environment, path: string, position: number, from: Uint8Array): void {
  const handle = env.call({ do: 'open', path, access: 'write' })
  env.call({ do: 'write', handle, from, start: 0, length: from.length, position })
  env.call({ do: 'sync', handle })
  env.call({ do: 'close', handle })
}

export function codeOf(act: () => unknown): string {
  try {
    act()
    return 'returned'
  } catch (error) {
    return (error as { readonly code: string }).code
  }
}

export function codeLater(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'resolved',
    (error: { readonly code: string }) => error.code,
  )
}
