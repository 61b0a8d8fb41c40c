import { competeApart } from './measure/apart.ts'
import { type Result, compete } from './measure/contest.ts'
import { printed } from './measure/tables.ts'
import { isJson, isQuick } from './options.ts'
import { TARGETS } from './targets.ts'

/** One target, in a process of its own: what another one compiled, cached or left as garbage is not felt here. */
const target = process.argv[2]!
const { measure, contests = [] } = await TARGETS.get(target)!()
const results: Result[] = (await measure?.()) ?? []
for (const [at, contestOf] of contests.entries()) {
  const contest = await contestOf()
  if (contest === undefined) continue
  // Processes of their own make figures to quote from; starting them takes longer than all else that a quick run does.
  results.push(await (isQuick ? compete(contest) : competeApart(target, at, contest)))
}
for (const result of results) {
  if (isJson) console.error(`${printed(result)}\n`)
  else console.log(`${printed(result)}\n`)
  process.send!(result)
}
process.disconnect()
