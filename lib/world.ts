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

/** Options of a call on something that is open, with the world that it is in: it has no other. */
export function withWorld<O extends object>(options: O, environment: Environment): O & { environment: Environment } {
  mustBeObject('options', options)
  mustLeave(options, 'environment', 'what is open has its own')
  return { ...options, environment }
}

/** An option that is known elsewhere, and would be passed over here. */
export function mustLeave(options: object, name: string, reason: string): void {
  const found: unknown = (options as Readonly<Record<string, unknown>>)[name]
  if (found !== undefined) throw invalid(name, `left out: ${reason}`, found)
}
