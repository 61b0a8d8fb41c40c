import { Random } from '../../segments/env/random.ts'
import { simulate } from '../../segments/env/simulated.ts'
import { type Case, CaseFailed, type Fate } from './case.ts'
import type { Deadline } from './deadline.ts'
import { Broken, FIRST, runCase, runLife } from './lives.ts'
import type { Subject } from './subject.ts'

/**
 * Makes a failing history smaller as long as it fails: fewer fates, fewer commands, an earlier death, plainer crashes.
 * Whatever still fails counts, for whatever reason.
 */
export async function shrink<C, N>(
  subject: Subject<C, N>,
  failed: CaseFailed<C>,
  deadline: Deadline,
): Promise<CaseFailed<C>> {
  let best = failed
  for (let better: CaseFailed<C> | undefined = best; better !== undefined;) {
    better = await smaller(subject, best, deadline)
    if (better !== undefined) best = better
  }
  return (await failure(subject, best.history, true)) ?? best
}

async function smaller<C, N>(
  subject: Subject<C, N>,
  { history }: CaseFailed<C>,
  deadline: Deadline,
): Promise<CaseFailed<C> | undefined> {
  for (const candidate of candidates(history)) {
    if (deadline.isPast) return undefined
    const exact = await failure(subject, candidate, false)
    if (exact !== undefined) return exact
    if (candidate.commands.length === history.commands.length) continue
    // With other commands the calls have other numbers: every death is tried.
    const found = await anywhere(subject, candidate, deadline)
    if (found !== undefined) return found
  }
  return undefined
}

/** The same fates, with the first death in any call and other seeds. */
async function anywhere<C, N>(
  subject: Subject<C, N>,
  history: Case<C>,
  deadline: Deadline,
): Promise<CaseFailed<C> | undefined> {
  const first = history.fates[0]
  const at = first?.diesAt ?? first?.failsAt
  if (first === undefined || at === undefined) return undefined
  const random = new Random(history.seed, 78)
  const calls = await callsOf(subject, history)
  for (let call = 1; call <= calls; call++) {
    for (let attempt = 0; attempt < 2; attempt++) {
      if (deadline.isPast) return undefined
      const moved = { ...first, ...(first.diesAt === undefined ? { failsAt: call } : { diesAt: call }) }
      const fates = [moved, ...history.fates.slice(1)].map((fate) =>
        attempt === 0 || fate.quiet ? fate : { ...fate, seed: random.below(1_000_000) },
      )
      const found = await failure(subject, { ...history, fates }, false)
      if (found !== undefined) return found
    }
  }
  return undefined
}

async function callsOf<C, N>(subject: Subject<C, N>, { seed, commands }: Case<C>): Promise<number> {
  const env = simulate(seed)
  try {
    await runLife(env, () => subject.work(env, commands, subject.begin(), FIRST))
  } catch (error) {
    if (!(error instanceof Broken)) throw error
  }
  return env.calls.count
}

function* candidates<C>(history: Case<C>): Generator<Case<C>> {
  const { commands, fates } = history
  for (let index = fates.length - 1; index > 0; index--) yield { ...history, fates: without(fates, index, 1) }
  for (let size = commands.length; size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at + size <= commands.length; at += size) {
      yield { ...history, commands: without(commands, at, size) }
    }
  }
  for (const [index, fate] of fates.entries()) {
    for (const plainer of plainerFates(fate)) yield { ...history, fates: fates.with(index, plainer) }
  }
}

function plainerFates({ crash, ...fate }: Fate): Fate[] {
  if (fate.quiet) return []
  const plainer: Fate[] = []
  if (crash?.garbage) plainer.push(fate)
  if (crash?.unsynced === undefined && fate.then === 'power cut') {
    plainer.push({ ...fate, seed: 1, crash: { unsynced: 'lost' } }, { ...fate, seed: 1, crash: { unsynced: 'kept' } })
  }
  if (fate.moment === 'during') plainer.push({ ...fate, moment: 'before', ...(crash ? { crash } : {}) })
  return plainer
}

function without<T>(list: readonly T[], at: number, count: number): T[] {
  return [...list.slice(0, at), ...list.slice(at + count)]
}

async function failure<C, N>(
  subject: Subject<C, N>,
  history: Case<C>,
  trace: boolean,
): Promise<CaseFailed<C> | undefined> {
  try {
    await runCase(subject, history, trace)
    return undefined
  } catch (error) {
    if (error instanceof CaseFailed) return error as CaseFailed<C>
    // What breaks without anything going wrong is no smaller case of this.
    return undefined
  }
}
