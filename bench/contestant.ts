import type { Answer } from './measure/apart.ts'
import { type Contestant, Unsound, runHere } from './measure/contest.ts'
import { TARGETS } from './targets.ts'

/** One contestant of a contest whose contestants have a process each: runs a round whenever it is told its number. */
const [target, at, index] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4])]
const { contests } = await TARGETS.get(target)!()
const contest = await contests![at]!()
const contestant = contest!.contestants[index] as Contestant

process.on('message', (round) => {
  runHere(contestant, round as number).then(tell, (error: unknown) => {
    if (!(error instanceof Unsound)) throw error
    tell({ unsound: error.message })
  })
})

function tell(answer: Answer): void {
  process.send!(answer)
}
