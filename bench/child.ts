import { competeApart } from './measure/apart.ts'
import type { Result } from './measure/contest.ts'
import { printed } from './measure/tables.ts'
import { isJson } from './options.ts'
import { TARGETS } from './targets.ts'

/** One target, in a process of its own: what another one compiled, cached or left as garbage is not felt here. */
const target = process.argv[2]!
const { measure, contests = [] } = await TARGETS.get(target)!()
const results: Result[] = (await measure?.()) ?? []
for (const [at, contestOf] of contests.entries()) {
  const contest = await contestOf()
  if (contest !== undefined) results.push(await competeApart(target, at, contest))
}
for (const result of results) {
  if (isJson) console.error(`${printed(result)}\n`)
  else console.log(`${printed(result)}\n`)
  process.send!(result)
}
process.disconnect()
