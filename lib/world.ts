import type { Environment } from '../segments/env/environment.ts'
import { nodeEnvironment } from '../segments/env/node.ts'
import { invalid, mustBeObject } from '../segments/errors.ts'

/** All that a world has. A row each, so that the compiler misses one that is new. */
const MEMBERS: Readonly<Record<keyof Environment, 'a function' | 'an object'>> = {
  call: 'a function',
  start: 'a function',
  nowMs: 'a function',
  monotonicMs: 'a function',
  after: 'a function',
  defer: 'a function',
  randomBytes: 'a function',
  absolute: 'a function',
  identity: 'an object',
  startTimeOf: 'a function',
  listen: 'a function',
  probe: 'a function',
  watch: 'a function',
  stayAlive: 'a function',
}

/** The given world, or the real one. One that lacks something would say so in the middle of an opening. */
export function theWorld(given: Environment | undefined): Environment {
  if (given === undefined) return nodeEnvironment()
  mustBeObject('environment', given)
  const members = given as unknown as Readonly<Record<string, unknown>>
  for (const [name, expected] of Object.entries(MEMBERS)) {
    const found = members[name]
    const what = `environment.${name}`
    if (expected === 'an object') mustBeObject(what, found)
    else if (typeof found !== 'function') throw invalid(what, expected, found)
  }
  return given
}
