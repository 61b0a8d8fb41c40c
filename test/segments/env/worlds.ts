import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Access, Call, Environment, Handle, ResultOf, SystemError } from '../../../segments/env/environment.ts'
import { memoryEnvironment } from '../../../segments/env/memory.ts'
import { nodeEnvironment } from '../../../segments/env/node.ts'
import { simulate, type SimulationOptions } from '../../../segments/env/simulated.ts'

/** An environment under test with an empty directory in it. */
export interface World {
  readonly env: Environment
  readonly directory: string
  /** Puts something there that is neither a file nor a directory; undefined where a world has no such thing. */
  readonly placeLink?: (name: string, target: string) => void
  readonly placePipe?: (name: string) => void
  /** Lets virtual time pass; in real worlds it passes by itself. */
  readonly pass: (ms: number) => Promise<void>
  readonly dispose: () => void
}

export const WORLDS: readonly (readonly [name: string, make: () => World])[] = [
  ['node', () => nodeWorld()],
  ['node, write and sync', () => nodeWorld('sync')],
  ['memory', memoryWorld],
  ['simulated', () => simulatedWorld({ landing: 'seeded' })],
  ['simulated, prompt and traced', () => simulatedWorld({ landing: 'prompt', trace: true })],
]

function nodeWorld(durableWrites?: 'sync'): World {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'seglog-env-'))
  return {
    env: nodeEnvironment(durableWrites ? { durableWrites } : {}),
    directory,
    placeLink: (name, target) => fs.symlinkSync(path.join(directory, target), path.join(directory, name)),
    placePipe: (name) => void execFileSync('mkfifo', [path.join(directory, name)]),
    pass: sleep,
    dispose: () => fs.rmSync(directory, { recursive: true, force: true }),
  }
}

function memoryWorld(): World {
  const env = memoryEnvironment({ seed: 1 })
  env.call({ do: 'makeDirectory', path: '/log' })
  return { env, directory: '/log', pass: sleep, dispose: () => undefined }
}

function simulatedWorld(options: SimulationOptions): World {
  const env = simulate(7, options)
  env.files.makeDirectory('/log')
  return {
    env,
    directory: '/log',
    placeLink: (name) => env.files.placeOther(`/log/${name}`, 'link'),
    placePipe: (name) => env.files.placeOther(`/log/${name}`, 'pipe'),
    pass: (ms) => env.advance(ms),
    dispose: () => undefined,
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Short verbs over one environment, for tests. */
export class Files {
  readonly env: Environment
  readonly directory: string

  constructor(env: Environment, directory: string) {
    this.env = env
    this.directory = directory
  }

  at(name: string): string {
    return `${this.directory}/${name}`
  }

  open(name: string, access: Access, durable = false): Handle {
    return this.env.call({ do: 'open', path: this.at(name), access, durable })
  }

  write(handle: Handle, position: number, content: string | Uint8Array): number {
    return this.env.call(writing(handle, position, content))
  }

  read(handle: Handle, position: number, length: number): string {
    const into = new Uint8Array(length)
    const count = this.env.call({ do: 'read', handle, into, start: 0, length, position })
    return text(into.subarray(0, count))
  }

  sync(handle: Handle): void {
    this.env.call({ do: 'sync', handle })
  }

  size(handle: Handle): number {
    return this.env.call({ do: 'size', handle })
  }

  close(handle: Handle): void {
    this.env.call({ do: 'close', handle })
  }

  syncDirectory(): void {
    this.env.call({ do: 'syncDirectory', path: this.directory })
  }

  create(name: string, content = ''): void {
    const handle = this.open(name, 'create')
    if (content) this.write(handle, 0, content)
    this.close(handle)
  }

  /** Content of a whole file, undefined when there is none. */
  content(name: string): string | undefined {
    const status = this.env.call({ do: 'stat', path: this.at(name) })
    if (!status) return undefined
    const handle = this.open(name, 'read')
    const content = this.read(handle, 0, status.size + 1)
    this.close(handle)
    return content
  }

  names(): string[] {
    return this.env.call({ do: 'list', path: this.directory }).map((entry) => entry.name)
  }

  /** The code of the error with which this call fails now. */
  codeNow(call: Call): string | undefined {
    try {
      this.env.call(call)
      return undefined
    } catch (error) {
      return checked(error).code
    }
  }

  later<C extends Call>(call: C): Promise<ResultOf<C>> {
    return new Promise((resolve, reject) => {
      this.env.start(call, (error, result) => (error ? reject(error) : resolve(result)))
    })
  }

  async codeLater(call: Call): Promise<string | undefined> {
    return this.later(call).then(
      () => undefined,
      (error: unknown) => checked(error).code,
    )
  }
}

export function writing(
  handle: Handle,
  position: number,
  content: string | Uint8Array,
): Extract<Call, { do: 'write' }> {
  const from = typeof content === 'string' ? new TextEncoder().encode(content) : content
  return { do: 'write', handle, from, start: 0, length: from.length, position }
}

export function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

function checked(error: unknown): SystemError {
  const failed = error as SystemError
  if (typeof failed.code !== 'string' || !(failed.errno < 0)) throw new Error('not a system error', { cause: error })
  return failed
}
