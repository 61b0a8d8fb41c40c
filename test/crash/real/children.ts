import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'

/** How a child ended. */
export interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface ChildOptions {
  /** A program and its words to run node with, such as `strace -f`. */
  readonly under?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

/** A process that runs one of the programs of this directory and talks in lines. */
export class Child {
  readonly process: ChildProcess
  /** All that it ever said. */
  readonly lines: string[] = []
  readonly ended: Promise<End>
  private waiting: (() => void)[] = []
  private over = false

  constructor(program: string, settings: unknown, options: ChildOptions = {}) {
    const node = [
      process.execPath,
      '--import',
      'tsx',
      path.join(import.meta.dirname, program),
      JSON.stringify(settings),
    ]
    const [command, ...words] = [...(options.under ?? []), ...node]
    const spawnOptions: SpawnOptions = {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...options.environment },
    }
    this.process = spawn(command!, words, spawnOptions)
    const reader = createInterface({ input: this.process.stdout! })
    reader.on('line', (line) => {
      this.lines.push(line)
      this.wake()
    })
    // A child that is gone cannot be told anything; that shows in how it ended.
    this.process.stdin!.on('error', () => undefined)
    // Not 'exit': what it said before it died may still be on its way then.
    this.ended = Promise.all([once(this.process, 'close'), once(reader, 'close')]).then(([[code, signal]]) => {
      this.over = true
      this.wake()
      return { code: code as number | null, signal: signal as NodeJS.Signals | null }
    })
  }

  tell(word: string): void {
    this.process.stdin!.write(`${word}\n`)
  }

  /** The first line that begins so; undefined when it ended without one. */
  async line(start: string): Promise<string | undefined> {
    for (;;) {
      const found = this.lines.find((line) => line.startsWith(start))
      if (found !== undefined || this.over) return found
      await new Promise<void>((resolve) => this.waiting.push(resolve))
    }
  }

  /** What follows this word, as JSON; throws when it ended without saying so. */
  async told<T>(word: string): Promise<T> {
    const line = await this.line(`${word} `)
    if (line === undefined) throw new Error(`the child ended without "${word}": ${this.lines.slice(-3).join(' | ')}`)
    return JSON.parse(line.slice(word.length + 1)) as T
  }

  async kill(): Promise<End> {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill('SIGKILL')
    return this.ended
  }

  /** How it ends; kills it when that takes longer. */
  async endWithin(limitMs: number): Promise<End | 'hangs'> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'hangs'>((resolve) => (timer = setTimeout(() => resolve('hangs'), limitMs)))
    const end = await Promise.race([this.ended, late])
    clearTimeout(timer)
    if (end === 'hangs') await this.kill()
    return end
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve()
  }
}

/** Says a thing to the parent; on Linux a pipe takes it before this returns, so a kill after it cannot take it back. */
export function say(word: string, value?: unknown): void {
  process.stdout.write(value === undefined ? `${word}\n` : `${word} ${JSON.stringify(value)}\n`)
}

/** What the parent wanted of this program. */
export function settingsOf<T>(): T {
  return JSON.parse(process.argv[2] ?? '{}') as T
}
