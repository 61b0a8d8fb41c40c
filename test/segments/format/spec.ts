/** Reads `docs/format.md`: its tables and its vectors. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const SPEC = readFileSync(join(import.meta.dirname, '../../../docs/format.md'), 'utf8')

export type Row = Readonly<Record<string, string>>

/** The `nth` table with exactly these columns below a heading of this text, up to the next heading. */
export function table(heading: string, columns: readonly string[], nth = 0): Row[] {
  const section = SPEC.split(/^#+ /m).find((text) => text.startsWith(`${heading}\n`))
  if (section === undefined) throw new Error(`docs/format.md has no heading ${heading}`)
  const tables = section.match(/(?:^\|.*\n)+/gm) ?? []
  const found = tables.map(rowsOf).filter(([head]) => head!.join() === columns.join())[nth]
  if (found === undefined) throw new Error(`${heading} has no table ${nth} of ${columns.join()}`)
  return found.slice(2).map((cells) => Object.fromEntries(cells.map((cell, index) => [columns[index]!, cell])))
}

function rowsOf(text: string): string[][] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replace(/^`(.*)`$/, '$1')),
    )
}

function fenced(language: string, name: string): string {
  const start = SPEC.indexOf(`\`\`\`${language} name=${name}\n`)
  if (start === -1) throw new Error(`docs/format.md has no ${language} named ${name}`)
  const from = SPEC.indexOf('\n', start) + 1
  return SPEC.slice(from, SPEC.indexOf('```', from))
}

export const vector = (name: string): Buffer => Buffer.from(fenced('hex', name).replace(/\s/g, ''), 'hex')
export const meaning = <T>(name: string): T => JSON.parse(fenced('json', name)) as T
export const text = (name: string): string => fenced('text', name)

/** Names of all vectors in this language. */
export function vectorNames(language: string): string[] {
  return [...SPEC.matchAll(new RegExp(`^\`\`\`${language} name=(\\S+)$`, 'gm'))].map((match) => match[1]!)
}

/** As much CBOR as the vectors need: small integers, texts, arrays, maps and shapes, with lengths up to 255. */
export function plainCbor(bytes: Buffer, shapes: readonly (readonly string[])[]): unknown {
  let at = 0
  const item = (): unknown => {
    const first = bytes[at++]!
    let count = first & 31
    if (count === 24) count = bytes[at++]!
    else if (count === 25) count = (bytes[at++]! << 8) | bytes[at++]!
    const items = (length: number): unknown[] => Array.from({ length }, item)
    const pairs = (keys: readonly string[], values: unknown[]): object =>
      Object.fromEntries(values.map((value, index) => [keys[index]!, value]))
    switch (first >> 5) {
      case 0:
        return count
      case 3:
        return bytes.toString('utf8', at, (at += count))
      case 4:
        return items(count)
      case 5:
        return Object.fromEntries(Array.from({ length: count }, () => [item() as string, item()]))
      case 6:
        return pairs(shapes[count - 0xe000]!, item() as unknown[])
      default:
        throw new Error(`not in the vectors: ${first}`)
    }
  }
  const value = item()
  if (at !== bytes.length) throw new Error('bytes follow the value')
  return value
}
