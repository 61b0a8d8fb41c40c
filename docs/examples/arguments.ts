import { parseArgs } from 'node:util'

import { generatedDefault } from './feed.ts'

export interface Arguments {
  input: string | undefined
  messages: number | undefined
  kills: number
  seed: number
  /** A fresh temporary directory when undefined. */
  directory: string | undefined
}

/** The user asked for something that cannot be done; the message says what. */
export class ArgumentError extends Error {}

export const usage = `npm start -- [options]

Feeds a small exchange gateway, kills it again and again, damages one of its snapshots, and checks that its log lost
nothing that it acknowledged and that its books and events are those of a run without kills.

  --input FILE      messages of a recorded feed (Binance futures or Independent Reserve; plain or .gz);
                    without it, a generated flow of orders
  --messages N      at most so many messages (default: the whole file, or ${generatedDefault} generated ones)
  --kills N         how often the gateway is killed (default 5)
  --seed S          of the generated flow and of the moments of the kills (default 1)
  --directory DIR   where log and snapshots go: an empty or new directory, kept at the end
                    (default: a temporary one, removed when the verdict is yes)
  --help            this text`

/** `'help'` when that is what was asked for. */
export function parseArguments(given: string[]): Arguments | 'help' {
  const { values } = parse(given)
  if (values.help === true) return 'help'
  return {
    input: filled('--input', values.input),
    messages: values.messages === undefined ? undefined : integer('--messages', values.messages, 1, 10_000_000),
    kills: integer('--kills', values.kills ?? '5', 0, 1000),
    seed: integer('--seed', values.seed ?? '1', 0, 2 ** 32 - 1),
    directory: filled('--directory', values.directory),
  }
}

function parse(args: string[]) {
  const text = { type: 'string' } as const
  const options = { input: text, messages: text, kills: text, seed: text, directory: text, help: { type: 'boolean' } }
  try {
    return parseArgs({ args, options: options as typeof options & { help: { type: 'boolean' } } })
  } catch (error) {
    throw new ArgumentError((error as Error).message, { cause: error })
  }
}

function integer(name: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN
  if (value >= min && value <= max) return value
  throw new ArgumentError(`${name} must be an integer from ${min} to ${max}, not ${JSON.stringify(text)}`)
}

function filled(name: string, text: string | undefined): string | undefined {
  if (text === '') throw new ArgumentError(`${name} must not be empty`)
  return text
}
