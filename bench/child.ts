import { printed } from './measure/tables.ts'
import { isJson } from './options.ts'
import { TARGETS } from './targets.ts'

/** One target, in a process of its own: what another one compiled, cached or left as garbage is not felt here. */
const { measure } = await TARGETS.get(process.argv[2]!)!()
for (const result of await measure()) {
  if (isJson) console.error(`${printed(result)}\n`)
  else console.log(`${printed(result)}\n`)
  process.send!(result)
}
process.disconnect()
