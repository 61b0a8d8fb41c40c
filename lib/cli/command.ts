import type { WatchOptions } from '../operations.ts'
import type { Printer } from './printer.ts'
import type { World } from './world.ts'

/** What the shell is told; a table in `docs/operating.md` shows the same. */
export const EXIT = { sound: 0, damaged: 1, notRun: 2, loss: 3 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** One option of a command; `value` names what stands behind it, and is undefined for one that stands alone. */
export interface Option {
  readonly value?: string
  readonly short?: string
  readonly help: string
}

/** One command of `seglog`: what its help says, and what it does. */
export interface Command {
  readonly name: string
  /** One line, without a full stop. */
  readonly summary: string
  /** Names of what must stand behind it, such as `directory`. */
  readonly operands: readonly string[]
  /** Whether its directory must be there; that of a command that makes one need not. Default `there`. */
  readonly directory?: 'there' | 'perhaps'
  readonly options: Readonly<Record<string, Option>>
  /** What else its help says, a sentence each. */
  readonly notes: readonly string[]
  /** Lines to type, each with what it does. */
  readonly examples: readonly (readonly [line: string, meaning: string])[]
  run(request: Request): Promise<ExitCode>
}

/** A command as it was typed, checked, with the means to answer. */
export interface Request {
  readonly operands: readonly string[]
  readonly options: Options
  readonly world: World
  readonly out: Printer
  /** For long work: shows its progress, and ends it where the command is ended. */
  readonly watch: WatchOptions
  /** Shows how far a command has come that does not know how long it will take. */
  readonly tell: (text: string) => void
}

/** What was typed is not what a command takes. */
export class UsageError extends Error {}

/** An error that knows better than its code what to type next. */
export class Advised extends Error {
  readonly next: string

  constructor(cause: unknown, next: string) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.next = next
  }
}

/** Options as they were typed. */
export class Options {
  private readonly values: Readonly<Record<string, string | boolean | undefined>>

  constructor(values: Readonly<Record<string, string | boolean | undefined>>) {
    this.values = values
  }

  has(name: string): boolean {
    return this.values[name] === true
  }

  text(name: string): string | undefined {
    const value = this.values[name]
    return typeof value === 'string' ? value : undefined
  }

  /** Throws UsageError for anything but a whole number from `min` on. */
  whole(name: string, min: number): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const value = Number(text)
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= min) return value
    throw new UsageError(`--${name} takes a whole number from ${min} on, not ${JSON.stringify(text)}`)
  }
}
