import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Result } from './measure/contest.ts'
import { machine } from './measure/machine.ts'
import { summary } from './measure/tables.ts'
import { isJson, isSaved, wanted } from './options.ts'
import { install } from './peers/packages.ts'
import { save } from './save.ts'
import { TARGETS } from './targets.ts'

/** `npm run bench`: installs the peers when needed, measures one target after the other, and sums up. */
const say = isJson ? console.error : console.log
const targets = [...TARGETS.keys()].filter((target) => wanted === undefined || wanted.includes(target))
const unknown = wanted?.filter((target) => !TARGETS.has(target)) ?? []
if (unknown.length > 0) {
  console.error(`There is no ${unknown.join(', ')}; there are ${[...TARGETS.keys()].join(', ')}.`)
  process.exit(2)
}

install()
const on = machine()
say(`${on}\n`)
const results: Result[] = []
const failed: string[] = []
for (const target of targets) {
  if (!(await measured(target))) failed.push(target)
  // At once, so that who stops a long run keeps what it has measured.
  if (isSaved) save(on, results)
}
if (isJson) console.log(JSON.stringify({ machine: on, results, failed }, undefined, 1))
else say(`## Summary\n\n${summary(results)}`)
if (failed.length > 0) {
  console.error(`Failed, with a message above: ${failed.join(', ')}.`)
  process.exitCode = 1
}

/** Whether it came to its end; one that fails does not keep the others from being measured. */
function measured(target: string): Promise<boolean> {
  const child = fileURLToPath(new URL('child.ts', import.meta.url))
  return new Promise((resolve) => {
    const running = fork(child, [target, ...process.argv.slice(2)], { execArgv: ['--import', 'tsx'] })
    running.on('message', (result) => results.push(result as Result))
    running.on('exit', (code) => resolve(code === 0))
  })
}
