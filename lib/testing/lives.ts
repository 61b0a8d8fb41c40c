import { type SimulatedEnvironment, simulate } from '../../segments/env/simulated.ts'
import { type Case, CaseFailed, type Fate } from './case.ts'
import type { Life, Subject } from './subject.ts'

/** A broken promise, before it is known in which history. */
export class Broken extends Error {
  constructor(reason: unknown) {
    super(reason instanceof Error ? reason.message : String(reason), { cause: reason })
    this.name = 'Broken'
  }
}

/** A process that is dead or done, and what the world noted of it. */
export interface Past<N> {
  readonly env: SimulatedEnvironment
  readonly notes: N
}

export const FIRST: Life = { faulty: false, after: 'nothing', goesOn: true }

/** Prepares a process for its fate. */
export function foretell(env: SimulatedEnvironment, fate: Fate | undefined): void {
  if (fate?.diesAt !== undefined) env.calls.dieAt(fate.diesAt, fate.moment ?? 'before')
  if (fate?.failsAt === undefined || fate.outcome === undefined) return
  const from = fate.failsAt
  const fault = { when: (call: { readonly index: number }) => call.index >= from, outcome: fate.outcome }
  env.calls.fault({ ...fault, times: fate.times ?? 1 })
}

/** Runs a process to its end or death; throws `Broken` where a promise is broken. */
export async function runLife(env: SimulatedEnvironment, life: () => Promise<void>): Promise<void> {
  try {
    await env.drive(life())
  } catch (error) {
    if (!env.dead) throw new Broken(error)
  }
  env.calls.clearFaults()
}

/** The machine's next process. */
export function follow(env: SimulatedEnvironment, fate: Fate): SimulatedEnvironment {
  return fate.then === 'kill' ? env.kill(fate.seed) : env.crash(fate.seed, fate.crash)
}

/** The life of a process after one with the fate `before`, when its own is `own`. */
export function lifeAfter(before: Fate, own: Fate | undefined): Life {
  return {
    faulty: own?.failsAt !== undefined,
    after: before.quiet ? 'quiet' : before.then,
    goesOn: own !== undefined && own.quiet !== true,
  }
}

/**
 * Runs a history from its start; rejects with `CaseFailed`. Gives the last process, which is still alive. With `trace`
 * an error tells every call.
 *
 * @example
 * import { LogSubject, runCase } from 'seglog/testing'
 *
 * const { notes } = await runCase(new LogSubject(), {
 *   seed: 1,
 *   commands: [{ do: 'commit', size: 20, wait: true }],
 *   fates: [{ then: 'power cut', seed: 2 }],
 * })
 * notes.acknowledged // → 1
 */
export async function runCase<C, N>(subject: Subject<C, N>, history: Case<C>, trace = false): Promise<Past<N>> {
  const environments: SimulatedEnvironment[] = []
  try {
    return await runLives(subject, history, trace, environments)
  } catch (error) {
    if (!(error instanceof Broken)) throw error
    throw new CaseFailed(history, error.cause, environments.flatMap(traceOf))
  }
}

async function runLives<C, N>(
  subject: Subject<C, N>,
  { seed, commands, fates }: Case<C>,
  trace: boolean,
  environments: SimulatedEnvironment[],
): Promise<Past<N>> {
  const notes = subject.begin()
  let env = simulate(seed, { trace })
  environments.push(env)
  foretell(env, fates[0])
  await runLife(env, () => subject.work(env, commands, notes, { ...FIRST, faulty: fates[0]?.failsAt !== undefined }))
  for (const [index, fate] of fates.entries()) {
    env = follow(env, fate)
    environments.push(env)
    const own = fates[index + 1]
    foretell(env, own)
    await runLife(env, () => subject.reopen(env, notes, lifeAfter(fate, own)))
  }
  return { env, notes }
}

function traceOf(env: SimulatedEnvironment, index: number): string[] {
  const lines = env.calls.trace.map(({ index: at, do: what, path, to, position, length, mode, failed }) => {
    const where = [
      path,
      to && `-> ${to}`,
      position !== undefined && `@${position}`,
      length !== undefined && `#${length}`,
    ]
    const how = [mode === 'started' && '(started)', failed && `FAILED ${failed}`]
    return [`  ${at}`, what, ...where, ...how].filter((part) => part !== undefined && part !== false).join(' ')
  })
  return [`process ${index + 1}:`, ...lines]
}
