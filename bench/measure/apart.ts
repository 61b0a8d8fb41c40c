import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Contest, type Outcome, type Result, Unsound, compete } from './contest.ts'

/** What a contestant's process says at the end of a round. */
export type Answer = Outcome | { readonly unsound: string }

/**
 * A contest of stores that share nothing: each runs in a process of its own, as a user's does, which lives through all
 * rounds, and they take turns. In one process they would share a heap, and what the compiler made for one of them would
 * be made for what all of them do.
 */
export async function competeApart(target: string, at: number, contest: Contest): Promise<Result> {
  const running = contest.contestants.map((contestant, index) =>
    'absent' in contestant ? undefined : started(target, at, index),
  )
  try {
    return await compete(contest, (index, round) => answered(running[index]!, round))
  } finally {
    for (const child of running) child?.kill()
  }
}

function started(target: string, at: number, index: number): ChildProcess {
  const program = fileURLToPath(new URL('../contestant.ts', import.meta.url))
  const words = [target, String(at), String(index), ...process.argv.slice(3)]
  return fork(program, words, { execArgv: ['--import', 'tsx'], serialization: 'advanced' })
}

/** The first round waits until the process has begun, which is not timed. */
function answered(child: ChildProcess, round: number): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const died = (): void => reject(new Error('a contestant died, with its message above'))
    child.once('exit', died)
    child.once('message', (answer) => {
      child.off('exit', died)
      const given = answer as Answer
      if ('unsound' in given) reject(new Unsound(given.unsound))
      else resolve(given)
    })
    if (child.exitCode !== null) died()
    else child.send(round)
  })
}
