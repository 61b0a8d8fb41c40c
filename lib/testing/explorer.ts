import { Random } from '../../segments/env/random.ts'
import { type DeathMoment, type FaultOutcome, simulate } from '../../segments/env/simulated.ts'
import { type Case, CaseFailed, type Fate, QUIET } from './case.ts'
import { Deadline } from './deadline.ts'
import { Broken, FIRST, follow, foretell, lifeAfter, type Past, runLife } from './lives.ts'
import { shrink } from './shrink.ts'
import type { Subject } from './subject.ts'

/** Which histories are tried, and how many ends each of them has. */
export interface ExploreOptions<C> {
  /** Everything follows from it. */
  readonly seed: number
  readonly commands: readonly C[]
  /** A process dies in each so many-th call, the first one chosen by the seed; default 1. */
  readonly every?: number
  /** The first call in which it dies, for those who know the ones before it; default the first. */
  readonly from?: number
  /** Where in a call; default before and during it. What is there after a call is there before the next one. */
  readonly moments?: readonly DeathMoment[]
  /** How many power cuts with seeds of their own follow each death, beside one that loses all and one that keeps all. Default 2. */
  readonly outcomes?: number
  /** At each death, how many times the process that reopens dies too, at calls that the seed chooses. Default 2. */
  readonly nested?: number
  /** Instead, the process that reopens dies at each of its calls; with `faults`, each of its calls fails. */
  readonly nestedAtEach?: boolean
  /** Calls fail in this way, each in turn, instead of processes dying. */
  readonly faults?: readonly FaultOutcome[]
  /** About so many crashes and reopenings: where they would be more, calls are left out, all over. */
  readonly casesMax?: number
  /** Stops after this many milliseconds of real time. */
  readonly withinMs?: number
  /** Real time for making a failing case smaller; default 10 s, 0 for not at all. */
  readonly shrinkMs?: number
}

/** What an exploration went through. */
export interface Exploration {
  /** How many crashes were followed by a reopening. */
  readonly cases: number
  /** Different places in which a process died or a call failed. */
  readonly points: number
  /** Calls of the commands when nothing goes wrong. */
  readonly calls: number
  /** Whether time ran out before everything was explored. */
  readonly isPartial: boolean
}

/**
 * Runs the commands once for each place in which the process may die, and each of those with several outcomes of the
 * crash; reopens, dies again in the reopening, reopens. Rejects with `CaseFailed` and the smallest failing history it
 * finds.
 *
 * @example
 * import { explore, LogSubject } from 'seglog/testing'
 *
 * const commands = [{ do: 'commit', size: 20, wait: true }] as const
 * const { isPartial } = await explore(new LogSubject(), { seed: 1, commands, every: 20 }) // → { isPartial: false }
 */
export async function explore<C, N>(subject: Subject<C, N>, options: ExploreOptions<C>): Promise<Exploration> {
  const explorer = new Explorer(subject, options)
  try {
    return await explorer.run()
  } catch (error) {
    if (!(error instanceof Broken)) throw error
    const failed = new CaseFailed(explorer.current, error.cause, [])
    throw await shrink(subject, failed, new Deadline(options.shrinkMs ?? 10_000))
  }
}

class Explorer<C, N> {
  /** What is being run, for the day it fails. */
  current: Case<C>
  private readonly subject: Subject<C, N>
  private readonly options: ExploreOptions<C>
  private readonly random: Random
  private readonly points = new Set<string>()
  private readonly deadline: Deadline
  private cases = 0
  private isPartial = false
  /** Calls that a reopening makes, as far as seen. */
  private reopenCalls = 1

  constructor(subject: Subject<C, N>, options: ExploreOptions<C>) {
    this.subject = subject
    this.options = options
    this.random = new Random(options.seed, 77)
    this.current = { seed: options.seed, commands: options.commands, fates: [] }
    this.deadline = new Deadline(options.withinMs ?? Infinity)
  }

  async run(): Promise<Exploration> {
    const { from = 1, moments = ['before', 'during'], faults } = this.options
    const whole = await this.die(undefined)
    const calls = whole.env.calls.count
    await this.branches(whole, {})
    const every = this.stride(calls, this.cases * (faults ?? moments).length)
    if (this.options.nestedAtEach) for (const outcome of faults ?? []) await this.failReopenings(whole, outcome)
    for (let at = from + (this.options.seed % every); at <= calls && !this.mustStop(); at += every) {
      if (faults) for (const outcome of faults) await this.failAt(at, outcome)
      else for (const moment of moments) await this.dieAt(at, moment)
    }
    return { cases: this.cases, points: this.points.size, calls, isPartial: this.isPartial }
  }

  /** `cases`: how many each call takes, more or less. */
  private stride(calls: number, cases: number): number {
    const { every = 1, casesMax = Infinity } = this.options
    return Math.max(every, Math.ceil((calls * cases) / casesMax))
  }

  /** Asked only where there is more to be explored. */
  private mustStop(): boolean {
    this.isPartial ||= this.deadline.isPast
    return this.isPartial
  }

  private async dieAt(at: number, moment: DeathMoment): Promise<void> {
    const past = await this.die({ diesAt: at, moment, then: 'power cut', seed: 0 })
    this.points.add(`${at} ${moment}`)
    await this.branches(past, { diesAt: at, moment })
  }

  /** The call fails once, or from then on for ever; the process goes on, and ends or dies some time later. */
  private async failAt(at: number, outcome: FaultOutcome): Promise<void> {
    const { random } = this
    for (const times of [1, Infinity]) {
      const dies = random.chance(1 / 3) ? { diesAt: at + 1 + random.below(20), moment: 'before' as const } : {}
      const fault = { failsAt: at, outcome, times: times === Infinity ? 1e9 : times, ...dies }
      this.points.add(`${at} ${JSON.stringify(outcome)} ${times}`)
      const cut = { ...fault, then: 'power cut' as const, seed: this.seed() }
      const past = await this.die(cut)
      await this.tail(past, [cut, QUIET, this.anyEnd()])
      await this.tail(past, [{ ...cut, crash: { unsynced: 'lost' } }, this.anyFault(outcome), QUIET])
      await this.tail(past, [{ ...cut, then: 'kill', seed: this.seed() }, QUIET])
    }
  }

  /** After a power cut, each call of the process that reopens fails: once, and from then on. */
  private async failReopenings(past: Past<N>, outcome: FaultOutcome): Promise<void> {
    for (let at = 1; at <= this.reopenCalls && !this.mustStop(); at++) {
      for (const times of [1, 1e9]) {
        const fails = { ...this.anyEnd(), failsAt: at, outcome, times }
        this.points.add(`${at} ${JSON.stringify(outcome)} ${times} of a reopening`)
        await this.tail(past, [this.cut({}), fails, QUIET])
      }
    }
  }

  /** Runs the first process. */
  private async die(fate: Fate | undefined): Promise<Past<N>> {
    const { seed, commands } = this.options
    this.current = { seed, commands, fates: fate ? [fate] : [] }
    const env = simulate(seed)
    const notes = this.subject.begin()
    foretell(env, fate)
    const life = { ...FIRST, faulty: fate?.failsAt !== undefined }
    await runLife(env, () => this.subject.work(env, commands, notes, life))
    return { env, notes }
  }

  /** What may come after one death. A killed machine lives on and changes, so the kill comes last. */
  private async branches(past: Past<N>, died: Pick<Fate, 'diesAt' | 'moment'>): Promise<void> {
    const { outcomes = 2, nested = 2, nestedAtEach } = this.options
    const cut = { ...died, then: 'power cut' as const }
    await this.tail(past, [{ ...cut, seed: 1, crash: { unsynced: 'lost' } }, QUIET, this.anyEnd()])
    await this.tail(past, [{ ...cut, seed: 1, crash: { unsynced: 'kept' } }, QUIET, this.anyEnd()])
    for (let count = 0; count < outcomes; count++) await this.tail(past, [this.cut(died), QUIET, this.anyEnd()])
    const deaths = nestedAtEach && !this.options.faults ? this.reopenCalls : nested
    for (let count = 0; count < deaths; count++) {
      const at = deaths > nested ? count + 1 : 1 + this.random.below(this.reopenCalls)
      await this.tail(past, [this.cut(died), this.death(at), QUIET])
    }
    const again = this.random.chance(1 / 2) ? this.death(1 + this.random.below(this.reopenCalls)) : QUIET
    await this.tail(past, [{ ...died, then: 'kill', seed: this.seed() }, again, QUIET])
  }

  /** Goes on from a dead process through these fates; the first one is its own. */
  private async tail(past: Past<N>, fates: readonly Fate[]): Promise<void> {
    if (this.mustStop()) return
    const { seed, commands } = this.options
    const notes = this.subject.copy(past.notes)
    let { env } = past
    for (const [index, fate] of fates.entries()) {
      const own = fates[index + 1]
      this.current = { seed, commands, fates: fates.slice(0, index + 2) }
      env = follow(env, fate)
      foretell(env, own)
      await runLife(env, () => this.subject.reopen(env, notes, lifeAfter(fate, own)))
      this.cases += 1
      if (own?.diesAt !== undefined && env.dead) this.points.add(`${own.diesAt} ${own.moment} of a reopening`)
      else if (own !== undefined && !own.quiet) this.sawReopening(env.calls.count, own)
    }
  }

  /** The first failure may come in each of them and the one behind; who is given five bytes a read makes thousands more. */
  private sawReopening(calls: number, { failsAt = Infinity }: Fate): void {
    this.reopenCalls = Math.max(this.reopenCalls, Math.min(calls, failsAt + 1))
  }

  private cut(died: Pick<Fate, 'diesAt' | 'moment'>): Fate {
    const garbage = this.random.chance(1 / 3)
    return { ...died, then: 'power cut', seed: this.seed(), ...(garbage ? { crash: { garbage } } : {}) }
  }

  private death(at: number): Fate {
    const moment = this.random.pick<DeathMoment>(['before', 'during', 'after'])
    return { ...this.anyEnd(), diesAt: at, moment }
  }

  private anyEnd(): Fate {
    return { then: this.random.chance(1 / 4) ? 'kill' : 'power cut', seed: this.seed() }
  }

  private anyFault(outcome: FaultOutcome): Fate {
    const times = this.random.chance(1 / 2) ? 1 : 1e9
    return { ...this.anyEnd(), failsAt: 1 + this.random.below(this.reopenCalls), outcome, times }
  }

  private seed(): number {
    return this.random.below(1_000_000)
  }
}
