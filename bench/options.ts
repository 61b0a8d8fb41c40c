/** What `npm run bench -- …` was asked for. */

/** Little of everything, in seconds: to see that it runs, not to quote from. */
export const isQuick = process.argv.includes('--quick')

/** Results as JSON on the standard output; the tables go to the error output. */
export const isJson = process.argv.includes('--json')

/** The figures go to `bench/README.md`, the plots to `docs/`. */
export const isSaved = process.argv.includes('--save')

/** `--only P2,P7`: the targets that are wanted; undefined for all. */
export const wanted = valueOf('--only')?.split(',')

/** `--growth 1e8`: up to how many records a log grows. */
export const growthRecords = Number(valueOf('--growth') ?? (isQuick ? 100_000 : 10_000_000))

/** How often each contestant runs, besides once to warm up: `--rounds 3` where there is little time. */
export const rounds = isQuick ? 2 : Number(valueOf('--rounds') ?? 7)

/** One of two amounts of work. */
export function amount(full: number, quick: number): number {
  return isQuick ? quick : full
}

function valueOf(name: string): string | undefined {
  const at = process.argv.indexOf(name)
  return at < 0 ? undefined : process.argv[at + 1]
}
