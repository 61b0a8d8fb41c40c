import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { check } from './contest.ts'

const home = fileURLToPath(new URL('../../', import.meta.url))

/** Builds the package as users get it, from where `import 'seglog'` finds it in this checkout. */
export function build(): void {
  const { status, stdout, stderr } = spawnSync('npm', ['run', 'build'], { cwd: home, encoding: 'utf8' })
  check(status === 0, `the package can be built: ${stdout}${stderr}`)
}

/** Runs a program in plain JavaScript in a new process, with the package that was built, and gives what it says. */
export function answerOf(program: string, ...words: string[]): unknown {
  const run = ['--input-type=module', '--eval', program, '--', ...words]
  const { status, stdout, stderr } = spawnSync(process.execPath, run, { cwd: home, encoding: 'utf8' })
  check(status === 0, `the program ends well: ${stderr}`)
  return JSON.parse(stdout)
}

/** Runs one of the programs beside this file in a new process, and gives what it says. */
export function childAnswer(program: string, ...words: string[]): unknown {
  const { status, stdout, stderr } = runChild(program, ...words)
  check(status === 0, `${program} ends well: ${stderr}`)
  return JSON.parse(stdout)
}

export function runChild(program: string, ...words: string[]): SpawnSyncReturns<string> {
  const file = fileURLToPath(new URL(program, import.meta.url))
  return spawnSync(process.execPath, ['--import', 'tsx', file, ...words], { encoding: 'utf8', maxBuffer: 1 << 24 })
}
