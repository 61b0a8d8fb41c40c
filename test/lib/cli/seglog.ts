import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

import { openLog } from '../../../lib/index.ts'
import { type Order, order } from './orders.ts'

export const MAIN = join(import.meta.dirname, '../../../lib/cli/main.ts')
/** By its place, because the command also runs in other directories. */
export const LOADER = import.meta.resolve('tsx')
const WRITER = join(import.meta.dirname, 'writer-child.ts')

/** What a spawned command said, and what its shell was told. */
export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface SpawnHow {
  readonly uid?: number
  readonly cwd?: string
  /** Called with all output so far and the process, whenever there is more of it. */
  readonly onOutput?: (stdout: string, child: ChildProcess) => void
}

/** Runs the command from source. */
export async function seglog(words: readonly string[], { onOutput, ...how }: SpawnHow = {}): Promise<Outcome> {
  const child = spawn(process.execPath, ['--import', LOADER, MAIN, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...how,
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    onOutput?.(stdout, child)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}

const made: string[] = []
afterAll(() => made.forEach((directory) => rmSync(directory, { recursive: true })))

/** A directory that is gone when the tests of the file are done. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'seglog-cli-'))
  made.push(directory)
  return directory
}

export const RECORDS = 4000

/** A closed log of several segments. */
export async function makeLog(): Promise<string> {
  const directory = join(temporaryDirectory(), 'log')
  const log = await openLog<Order>(directory, { segmentBytes: 64 * 1024, keys: { order: 'order' } })
  for (let sequence = 1; sequence <= RECORDS; sequence++) log.append(order(sequence))
  await log.close()
  return directory
}

/** Turns a bit round. */
export function flip(file: string, offset: number): void {
  const handle = openSync(file, 'r+')
  const byte = Buffer.alloc(1)
  readSync(handle, byte, 0, 1, offset)
  byte[0]! ^= 4
  writeSync(handle, byte, 0, 1, offset)
  closeSync(handle)
}

/** A process that has a log open and commits to it until it is ended. */
export class Writer {
  readonly directory: string
  private readonly child: ChildProcess

  private constructor(directory: string, child: ChildProcess) {
    this.directory = directory
    this.child = child
  }

  static async start(directory: string): Promise<Writer> {
    const child = spawn(process.execPath, ['--import', 'tsx', WRITER, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    return new Writer(directory, child)
  }

  get pid(): number {
    return this.child.pid!
  }

  async kill(): Promise<void> {
    const exit = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await exit
  }
}
