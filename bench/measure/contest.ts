import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Goal, type Spread, type Verdict, median, ratios, spreadOf, verdictOf } from './statistics.ts'

/** Ours, somebody else's, or what the machine can do at most. */
type Role = 'ours' | 'peer' | 'limit'

/** One of the things that are measured in turn. */
export interface Contestant {
  readonly name: string
  readonly role: Role
  /** One round, 0 to warm up; gives its figure. What it prepares and cleans up is not timed. */
  readonly run: (round: number) => Promise<number> | number
  /** What the first contestant's figure divided by this one's should be. */
  readonly goal?: Goal
  /** What this one's figure should be by itself. */
  readonly ownGoal?: Goal
}

/** What cannot be measured here, and why; its row says so. */
export interface Absent {
  readonly name: string
  readonly role: Role
  readonly absent: string
}

export interface Contest {
  /** `P2` */
  readonly target: string
  readonly title: string
  /** What a figure is, with its unit, and whether more is better. */
  readonly unit: string
  readonly rounds: number
  /** The first one is what is measured; each other row has its ratio to it. */
  readonly contestants: readonly (Contestant | Absent)[]
  readonly notes?: readonly string[]
}

export interface Row {
  readonly name: string
  readonly role: Role
  readonly figures: readonly number[]
  readonly spread: Spread | undefined
  /** Microseconds of processor time for each thing, all threads together; the median. Undefined where a figure is no rate. */
  readonly cpuUs: number | undefined
  /** The first row's figure divided by this one's, within a round. */
  readonly ratio: Spread | undefined
  readonly goal: Goal | undefined
  readonly ownGoal: Goal | undefined
  /** Whether the goals are met; undefined where there are none, or no figures. */
  readonly verdict: Verdict | undefined
  readonly absent: string | undefined
}

export interface Table {
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** What one contest gave; what the tables show and `--json` prints. */
export interface Result {
  readonly target: string
  readonly title: string
  readonly unit: string
  readonly rounds: number
  readonly rows: readonly Row[]
  readonly notes: readonly string[]
  /** More than one figure to a contestant, such as percentiles. */
  readonly tables?: readonly Table[]
  /** Drawn in characters. */
  readonly drawing?: string
  /** Plots, by the name that they get in `docs/`. */
  readonly plots?: Readonly<Record<string, string>>
}

/** A peer does not give back what it was given: it gets no figure, and the others are measured all the same. */
export class Unsound extends Error {}

setFlagsFromString('--expose-gc')
export const collectGarbage = runInNewContext('gc') as (options?: { readonly type: 'minor' }) => void

/**
 * Before each contestant. Not a full collection: fifteen of them in a row leave a process without its compiled code and
 * with the smallest heap that there is, as no user's process is; our appends ran at half their speed so.
 */
function collectYoung(): void {
  collectGarbage({ type: 'minor' })
}

export interface Timed {
  readonly wall: number
  readonly cpu: number
}

/** What one round of a contestant gave. */
export interface Outcome {
  readonly figure: number
  readonly times: Timed | undefined
}

/** Runs a round of the contestant with this number, wherever it runs. */
export type Runner = (index: number, round: number) => Promise<Outcome>

/** What the last timed piece of work took, in seconds; a contestant has at most one in each round. */
let timed: Timed | undefined

function takeTimed(): Timed | undefined {
  const found = timed
  timed = undefined
  return found
}

/** A round of one contestant, in this process. */
export async function runHere({ run }: Contestant, round: number): Promise<Outcome> {
  collectYoung()
  const figure = await run(round)
  return { figure, times: takeTimed() }
}

/**
 * Runs the contestants round by round, A B C A B C: what slows the machine for a while slows all of them. The first round
 * warms up and does not count.
 */
export async function compete(
  contest: Contest,
  run: Runner = (index, round) => runHere(contest.contestants[index] as Contestant, round),
): Promise<Result> {
  const contestants = [...contest.contestants]
  const figures = contestants.map((): number[] => [])
  const cpuTimes = contestants.map((): number[] => [])
  for (let round = 0; round <= contest.rounds; round++) {
    for (const [index, contestant] of contestants.entries()) {
      if ('absent' in contestant) continue
      try {
        const { figure, times } = await run(index, round)
        if (round === 0) continue
        figures[index]!.push(figure)
        if (times !== undefined) cpuTimes[index]!.push(cpuUsOfEach(figure, times))
      } catch (error) {
        if (!(error instanceof Unsound) || contestant.role !== 'peer') throw error
        contestants[index] = { name: contestant.name, role: 'peer', absent: error.message }
        figures[index] = []
      }
    }
  }
  return resultOf({ ...contest, contestants }, figures, cpuTimes)
}

/** A figure is a rate, so rate times wall is how many there were, whatever they are counted in. */
export function cpuUsOfEach(rate: number, { wall, cpu }: Timed): number {
  return (1e6 * cpu) / (rate * wall)
}

/** `figures`: of each contestant, in their order, one for each round. */
export function resultOf(
  contest: Contest,
  figures: readonly (readonly number[])[],
  cpuTimes: readonly (readonly number[])[] = [],
): Result {
  const { target, title, unit, rounds, contestants, notes = [] } = contest
  const rows = contestants.map((contestant, index) => {
    const times = cpuTimes[index] ?? []
    const cpuUs = times.length === 0 ? undefined : median(times)
    return { ...rowOf(contestant, figures[index]!, figures[0]!, index === 0), cpuUs }
  })
  return { target, title, unit, rounds, rows, notes }
}

function rowOf(
  contestant: Contestant | Absent,
  own: readonly number[],
  first: readonly number[],
  isFirst: boolean,
): Omit<Row, 'cpuUs'> {
  const { name, role } = contestant
  const goal = 'goal' in contestant ? contestant.goal : undefined
  const ownGoal = 'ownGoal' in contestant ? contestant.ownGoal : undefined
  const absent = 'absent' in contestant ? contestant.absent : undefined
  const isMeasured = own.length > 0
  const both = isMeasured && !isFirst && first.length === own.length ? ratios(first, own) : undefined
  const verdicts = [
    ...(goal !== undefined && both !== undefined ? [verdictOf(both, goal)] : []),
    ...(ownGoal !== undefined && isMeasured ? [verdictOf(own, ownGoal)] : []),
  ]
  return {
    name,
    role,
    figures: own,
    spread: isMeasured ? spreadOf(own) : undefined,
    ratio: both && spreadOf(both),
    goal,
    ownGoal,
    verdict: (['not met', 'undecided', 'met'] as const).find((verdict) => verdicts.includes(verdict)),
    absent,
  }
}

/** Things per second. */
export async function rate(count: number, body: () => Promise<void> | void): Promise<number> {
  const [start, cpu] = [performance.now(), process.cpuUsage()]
  await body()
  return rateSince(count, start, cpu)
}

/** The same without a promise, for what must not leave this turn of the event loop. */
export function rateNow(count: number, body: () => void): number {
  const [start, cpu] = [performance.now(), process.cpuUsage()]
  body()
  return rateSince(count, start, cpu)
}

function rateSince(count: number, start: number, before: NodeJS.CpuUsage): number {
  const wall = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(before)
  timed = { wall, cpu: (user + system) / 1e6 }
  return count / wall
}

export function check(isRight: boolean, what: string): void {
  if (!isRight) throw new Error(`the bench is wrong, or what it measures is: ${what}`)
}
