import type { Command, Option } from './command.ts'
import { COMMANDS } from './commands.ts'

/** Options that every command takes. */
export const COMMON: Readonly<Record<string, Option>> = {
  json: { help: 'one JSON object on each line, for programs' },
  help: { short: 'h', help: 'this text' },
}

const EXITS = 'Ends with 0 sound, 1 damaged, 2 could not run, 3 done with loss.'

export function overview(): string {
  const rows = COMMANDS.map(({ name, operands, summary }): Row => [`${name} ${operandsText(operands)}`, summary])
  const text = ['usage: seglog <command> <directory> [options]', '', ...laid(rows), '', EXITS]
  return `${text.join('\n')}\n"seglog <command> --help" has the options and examples of a command.\n`
}

export function helpOf({ name, summary, operands, options, notes, examples }: Command): string {
  const rows = Object.entries({ ...options, ...COMMON }).map(([option, { value, short, help }]): Row => {
    return [`${short === undefined ? '' : `-${short}, `}--${option}${value === undefined ? '' : ` <${value}>`}`, help]
  })
  const parts = [
    [`usage: seglog ${name} ${operandsText(operands)} [options]`, '', `${capital(summary)}.`],
    laid(rows),
    notes,
    laid(examples),
    [EXITS],
  ]
  return parts.map((lines) => lines.join('\n')).join('\n\n') + '\n'
}

type Row = readonly [left: string, right: string]

function laid(rows: readonly Row[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
}

function operandsText(operands: readonly string[]): string {
  return operands.map((name) => `<${name}>`).join(' ')
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
