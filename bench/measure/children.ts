import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { check } from './contest.ts'

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
