import { printable } from './text.ts'
import type { World } from './world.ts'

/** From so many characters on what was printed is handed on. */
const BUFFER_LENGTH = 32 * 1024

const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const
export type Style = keyof typeof STYLES

/** A cell of a table; numbers stand to the right. */
export type Cell = string | number

/** Prints the answer of a command: lines and tables for people, or a JSON object on each line. */
export class Printer {
  readonly form: 'text' | 'json'
  private readonly world: World
  private buffer = ''

  constructor(world: World, form: 'text' | 'json') {
    this.world = world
    this.form = form
  }

  /** Whether it is time to `flush`. */
  get isFull(): boolean {
    return this.buffer.length >= BUFFER_LENGTH
  }

  /** A line for people; nothing where JSON is asked for. */
  line(text = ''): void {
    if (this.form === 'text') this.buffer += `${text}\n`
  }

  /** A line for programs; nothing where text is asked for. The value must be one that JSON keeps. */
  object(value: object): void {
    if (this.form === 'json') this.buffer += `${JSON.stringify(value)}\n`
  }

  /** A line that is JSON already. */
  json(text: string): void {
    if (this.form === 'json') this.buffer += `${text}\n`
  }

  /** Colours a text that was made printable, where colours are wanted. */
  styled(text: string, style: Style): string {
    return this.world.colours === 'on' ? `\u001b[${STYLES[style]}m${text}\u001b[0m` : text
  }

  /** Rows below a line of titles. */
  table(titles: readonly string[], rows: readonly (readonly Cell[])[]): void {
    const texts = rows.map((row) => row.map((cell) => printable(String(cell))))
    const widths = titles.map((title, at) => Math.max(title.length, ...texts.map((row) => row[at]!.length)))
    const isRight = titles.map((_, at) => rows.length > 0 && rows.every((row) => typeof row[at] === 'number'))
    const lay = (cells: readonly string[]): string =>
      cells
        .map((cell, at) => (isRight[at] ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!)))
        .join('  ')
        .trimEnd()
    this.line(this.styled(lay(titles), 'bold'))
    for (const row of texts) this.line(lay(row))
  }

  /** Names and what they are, one below the other. */
  facts(pairs: readonly (readonly [name: string, value: Cell | undefined])[]): void {
    const known = pairs.filter(([, value]) => value !== undefined)
    const width = Math.max(...known.map(([name]) => name.length))
    for (const [name, value] of known) {
      this.line(`${this.styled(name.padEnd(width), 'dim')}  ${printable(String(value))}`)
    }
  }

  /** Resolves when all is handed on. */
  async flush(): Promise<void> {
    const text = this.buffer
    this.buffer = ''
    if (text !== '') await this.world.stdout.write(text)
  }
}
