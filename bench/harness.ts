import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** One of the things that are measured in turn. A larger figure is better when the unit is a rate, worse when it is a time. */
export interface Contestant {
  readonly name: string
  /** One round; gives its figure. What it prepares and cleans up itself is not timed by anyone else. */
  readonly run: (round: number) => Promise<number> | number
}

export interface Contest {
  readonly title: string
  /** What a figure is, with its unit. */
  readonly unit: string
  readonly rounds: number
  /** The first one is ours; `ratioTo` names the one that the others are compared with, by default the second. */
  readonly contestants: readonly Contestant[]
  readonly ratios?: readonly Ratio[]
}

/** `of` divided by `to`, round by round. */
export interface Ratio {
  readonly label: string
  readonly of: string
  readonly to: string
}

/** `--quick` does less of everything: to see that it runs, not to quote from. */
export const isQuick = process.argv.includes('--quick')

/** Only the parts whose title begins so: `--only P2`. */
export function isWanted(title: string): boolean {
  const at = process.argv.indexOf('--only')
  const wanted = at < 0 ? undefined : process.argv[at + 1]
  return wanted === undefined || wanted.split(',').some((name) => title.startsWith(name))
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/**
 * Runs the contestants round by round, A B C A B C: what slows the machine for a while slows all of them. The first round
 * warms up and does not count. Ratios are medians of the ratios of rounds, which noise touches less than that of medians.
 */
export async function compete(contest: Contest): Promise<void> {
  if (!isWanted(contest.title)) return
  const { contestants, rounds } = contest
  const figures = new Map<string, number[]>(contestants.map(({ name }) => [name, []]))
  for (let round = 0; round <= rounds; round++) {
    for (const { name, run } of contestants) {
      collectGarbage()
      const figure = await run(round)
      if (round > 0) figures.get(name)!.push(figure)
    }
  }
  print(contest, figures)
}

function print(contest: Contest, figures: ReadonlyMap<string, readonly number[]>): void {
  console.log(`\n### ${contest.title}\n`)
  console.log(`Median, lowest and highest of ${contest.rounds} rounds; ${contest.unit}.\n`)
  const rows = contest.contestants.map(({ name }) => {
    const found = figures.get(name)!
    return [name, show(median(found)), show(Math.min(...found)), show(Math.max(...found))]
  })
  printTable(['', 'median', 'lowest', 'highest'], rows)
  if (contest.ratios === undefined) return
  console.log('')
  printTable(
    ['ratio, in the same round', 'median', 'lowest', 'highest'],
    contest.ratios.map(({ label, of, to }) => {
      const below = figures.get(to)!
      const found = figures.get(of)!.map((figure, round) => figure / below[round]!)
      return [label, fixed(median(found)), fixed(Math.min(...found)), fixed(Math.max(...found))]
    }),
  )
}

export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join(' | ')} |`
  console.log(line(head))
  console.log(
    `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`,
  )
  for (const row of rows) console.log(line(row))
}

function show(figure: number): string {
  if (figure >= 1000) return Math.round(figure).toLocaleString('en')
  return figure >= 100 ? figure.toFixed(0) : figure.toPrecision(3)
}

function fixed(ratio: number): string {
  return ratio.toFixed(2)
}

export function median(figures: readonly number[]): number {
  return quantile(figures, 0.5)
}

/** The figure below which this share of them lies; between two, their mean for a median, else the upper one. */
export function quantile(figures: readonly number[], share: number): number {
  const sorted = Float64Array.from(figures).sort()
  if (share === 0.5 && sorted.length % 2 === 0) return (sorted[sorted.length / 2 - 1]! + sorted[sorted.length / 2]!) / 2
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}

/** Seconds that `body` takes. */
export async function seconds(body: () => Promise<void> | void): Promise<number> {
  const start = performance.now()
  await body()
  return (performance.now() - start) / 1000
}

/** Things per second. */
export async function rate(count: number, body: () => Promise<void> | void): Promise<number> {
  return count / (await seconds(body))
}

/** The same without a promise, for what must not leave this turn of the event loop. */
export function rateNow(count: number, body: () => void): number {
  const start = performance.now()
  body()
  return (count * 1000) / (performance.now() - start)
}

export function check(isRight: boolean, what: string): void {
  if (!isRight) throw new Error(`the bench is wrong, or the log is: ${what}`)
}

const directories: string[] = []

/** A directory on the disk of the system's temporary files, removed when the process ends, also by an error. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'seglog-bench-'))
  directories.push(directory)
  return directory
}

export function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true })
}

process.on('exit', () => directories.forEach(removeDirectory))

export function printMachine(): void {
  const { crc32, cborX } = versions()
  console.log(
    `${os.availableParallelism()} cores (${os.cpus()[0]?.model.trim()}), Linux ${os.release()}, Node ${process.version}, ` +
      `${fileSystem(os.tmpdir())} under ${os.tmpdir()}, cbor-x ${cborX}, crc-32 ${crc32}, ` +
      `${new Date().toISOString().slice(0, 10)}${isQuick ? '; --quick: too short to quote' : ''}`,
  )
}

function versions(): { crc32: string; cborX: string } {
  const lock = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')) as {
    packages: Record<string, { version: string }>
  }
  const version = (name: string): string => lock.packages[`node_modules/${name}`]?.version ?? 'unknown'
  return { crc32: version('crc-32'), cborX: version('cbor-x') }
}

/** The type of the mount with the longest path that leads here. */
function fileSystem(directory: string): string {
  try {
    const mounts = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' '))
      .filter(([, place = '-']) => `${directory}/`.startsWith(place === '/' ? '/' : `${place}/`))
    return mounts.sort((a, b) => b[1]!.length - a[1]!.length)[0]?.[2] ?? 'an unknown file system'
  } catch {
    // Not Linux.
    return 'an unknown file system'
  }
}
