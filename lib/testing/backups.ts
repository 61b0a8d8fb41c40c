import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { SeglogError } from '../../segments/errors.ts'
import { type BackupNote, fail } from './ledger.ts'
import { refusalOf } from './oracle.ts'
import { type LogSetup, openSimulated } from './session.ts'

/** Opens a copy or salvage: one that was done is a log that was closed, with every record; any other is none, or whole. */
export async function checkBackup(env: SimulatedEnvironment, setup: LogSetup, note: BackupNote): Promise<void> {
  const { directory, done } = note
  if (done === undefined && !isBegun(env, directory)) return
  try {
    const { log } = await openSimulated(env, { ...setup, directory })
    const { recovery, highWatermark: last } = log
    if (done !== undefined && last !== done) fail(`${directory} was said to end at ${done}, and ends at ${last}`)
    if (last < note.atLeast) fail(`${directory} ends at ${last}, ${note.atLeast} was acknowledged when it was begun`)
    if (recovery.end !== 'closed' && recovery.end !== 'clean') fail(`${directory} opens as ${recovery.end}`)
    if (recovery.findings.length > 0) fail(`${directory} has ${JSON.stringify(recovery.findings)}`)
    let mayLose = note.lost === undefined ? note.mayLose : 0
    for (let sequence = log.firstSequence; sequence <= last; sequence++) {
      const expected = note.records![sequence - 1]
      if (note.lost?.includes(sequence) === true) {
        const said = refusalOf(() => log.get(sequence))
        if (said?.code !== 'GAP') fail(`record ${sequence} of ${directory} was lost, and reading it says ${said?.code}`)
        continue
      }
      if (mayLose > 0 && refusalOf(() => log.get(sequence))?.code === 'GAP') {
        mayLose -= 1
        continue
      }
      const found = log.get(sequence)
      if (expected === undefined || found === undefined) fail(`record ${sequence} of ${directory} is missing`)
      const instead = setup.values.mismatch(expected, found.value)
      if (instead !== undefined)
        fail(`record ${sequence} of ${directory} is ${instead}, not ${JSON.stringify(expected)}`)
    }
    await log.close()
  } catch (error) {
    const isRefused = error instanceof SeglogError && REFUSALS.includes(error.code)
    if (done !== undefined || !isRefused) throw error
  }
}

/** What one that was not finished says of itself. */
const REFUSALS: readonly string[] = ['CORRUPT', 'NOT_A_LOG']

/** Before the first manifest has its name there is nothing that anybody could take for a log. */
function isBegun(env: SimulatedEnvironment, directory: string): boolean {
  if (!env.files.has(directory)) return false
  return env.files.paths(directory).some((path) => !path.startsWith(`${directory}/tmp-`))
}
